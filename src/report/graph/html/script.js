"use strict";
const form = document.querySelector("form");
const state = document.getElementById("shown");
const all = document.getElementById("all");
const thinned = document.getElementById("thinned");
const panel = document.getElementById("panel");
const columns = document.querySelector(".columns");
const picture = columns.querySelector("svg");
const stroke = picture.firstElementChild;
// More lines than this are a carpet: then only open ways have theirs, and those of what is chosen.
const LINES = 400;
const LOOKS = ["closed", "approved", "unknown", "open"];
const ways = [...document.querySelectorAll(".way")].map((element) => ({
  element,
  look: element.dataset.look,
  chains: element.dataset.chains.split(",").map((chain) => chain.split(" ")),
  words: element.textContent.toLowerCase(),
}));
const nodes = new Map([...columns.querySelectorAll(".node")].map((node) => [node.id.slice(1), node]));
let chosen = null;
let opened = null;

const leadsOver = (way, id) => way.chains.some((chain) => chain.includes(id));

function filter() {
  const looks = new Set([...form.querySelectorAll("input[name=look]:checked")].map((box) => box.value));
  const { namespace, via, words } = form.elements;
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const way of ways) {
    const { dataset } = way.element;
    way.fits = looks.has(way.look) && (!namespace.value || namespace.value === dataset.namespace)
      && (!via.value || via.value === dataset.via) && wanted.every((word) => way.words.includes(word));
    way.shown = way.fits && (chosen === null || leadsOver(way, chosen));
    way.element.hidden = !way.shown;
    count += way.shown;
  }
  const name = chosen === null ? "" : nodes.get(chosen).querySelector("strong").textContent;
  all.hidden = chosen === null;
  all.textContent = `over ${name} \u2715`;
  all.setAttribute("aria-label", `Only ways over ${name} are shown: show all`);
  state.textContent = count === ways.length ? "" : `${count} of ${ways.length} ways out`;
  draw();
}

// What stands for a node on the map: itself, or the title of what it is folded into.
function anchor(id) {
  const node = nodes.get(id);
  let shown = node;
  for (let fold = node.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    if (!fold.open) shown = fold.querySelector("summary");
  }
  return shown;
}

// Where a line goes: straight over to the next column, beside its own, and above all columns that it passes by, so that
// it leads behind nothing that it has nothing to do with.
function course(from, to, look) {
  const ground = columns.getBoundingClientRect();
  const [start, end] = [from.getBoundingClientRect(), to.getBoundingClientRect()];
  const [left, top] = [ground.left - columns.scrollLeft, ground.top];
  const edge = (from.closest(".namespace") ?? from).getBoundingClientRect().right;
  const [x1, y1, y2] = [edge - left, start.top + start.height / 2 - top, end.top + end.height / 2 - top];
  const step = column(to) - column(from);
  const x2 = (step === 0 ? end.right : end.left) - left;
  const tip = step === 0 ? 6 : -6;
  const arrow = `M${x2 + tip},${y2 - 4}L${x2},${y2}L${x2 + tip},${y2 + 4}`;
  if (step === 0) return `M${x1},${y1}C${x1 + 20},${y1} ${x2 + 20},${y2} ${x2},${y2}${arrow}`;
  if (step === 1) return `M${x1},${y1}C${(x1 + x2) / 2},${y1} ${(x1 + x2) / 2},${y2} ${x2},${y2}${arrow}`;
  const lane = heading.getBoundingClientRect().bottom - top + 6 + 4 * LOOKS.indexOf(look);
  return `M${x1},${y1}C${x1 + 18},${y1} ${x1 + 2},${lane} ${x1 + 20},${lane}L${x2 - 20},${lane}`
    + `C${x2 - 2},${lane} ${x2 - 18},${y2} ${x2},${y2}${arrow}`;
}

const heading = columns.querySelector(".column h3");
const order = [...columns.querySelectorAll(".column")];
const column = (element) => order.indexOf(element.closest(".column"));
const numbers = new Map();
const number = (element) => numbers.get(element) ?? numbers.set(element, numbers.size).get(element);

function draw() {
  const used = new Set(ways.filter((way) => way.shown).flatMap((way) => way.chains.flat()));
  for (const [id, node] of nodes) {
    node.classList.toggle("off", !used.has(id));
    node.setAttribute("aria-current", String(id === chosen));
  }
  picture.replaceChildren();
  thinned.hidden = true;
  if (getComputedStyle(picture).display === "none") return;
  const lines = new Map();
  for (const way of ways.filter((way) => way.shown)) {
    // Of a way that leads over what is chosen, only those chains do that have it.
    for (const chain of way.chains.filter((chain) => chosen === null || chain.includes(chosen))) {
      const ends = chain.map(anchor);
      ends.slice(1).forEach((to, index) => {
        const from = ends[index];
        if (from !== to) lines.set(`${number(from)} ${number(to)} ${way.look}`, [from, to, way.look]);
      });
    }
  }
  let kept = [...lines.values()];
  thinned.hidden = kept.length <= LINES || chosen !== null;
  if (!thinned.hidden) kept = kept.filter(([, , look]) => look === "open");
  kept.sort((one, other) => LOOKS.indexOf(one[2]) - LOOKS.indexOf(other[2]));
  // First everything is measured, then everything is drawn: each change of the page makes the next measure dear.
  const courses = kept.map(([from, to, look]) => [look, course(from, to, look)]);
  picture.append(...courses.map(([look, way]) => {
    const line = stroke.cloneNode();
    line.setAttribute("class", look);
    line.setAttribute("d", way);
    return line;
  }));
}

function button(text, act, isOff = false) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.disabled = isOff;
  made.addEventListener("click", act);
  return made;
}

// The hops beside one that can be opened.
function beside(link, by) {
  const row = link.closest(".hops");
  const hops = row ? [...row.querySelectorAll("a.hop")] : [];
  return hops[hops.indexOf(link) + by] ?? null;
}

// Shows the lines behind a hop or a node.
function open(link) {
  if (opened) opened.setAttribute("aria-current", "false");
  opened = link;
  link.setAttribute("aria-current", "true");
  const title = document.createElement("h2");
  title.id = "panel-title";
  title.tabIndex = -1;
  title.textContent = link.querySelector("strong").textContent;
  const bar = document.createElement("div");
  bar.className = "bar";
  bar.append(title);
  if (link.closest(".hops")) {
    const [before, after] = [beside(link, -1), beside(link, 1)];
    bar.append(button("\u2190 before", () => open(before), !before), button("next \u2192", () => open(after), !after));
  }
  bar.append(button("Close", close));
  panel.replaceChildren(bar);
  const why = link.querySelector(".why");
  if (why) {
    const said = document.createElement("p");
    said.append(link.querySelector(".decision").cloneNode(true), ": ", ...why.cloneNode(true).childNodes);
    panel.append(said);
  } else if (nodes.has(link.id.slice(1))) {
    const count = ways.filter((way) => way.fits && leadsOver(way, link.id.slice(1))).length;
    const said = document.createElement("p");
    said.textContent = count === 1 ? "1 way out leads over it." : `${count} ways out lead over it.`;
    panel.append(said);
  }
  const lines = link.hash && document.getElementById(link.hash.slice(1));
  if (lines) panel.append(...lines.cloneNode(true).childNodes);
  panel.hidden = false;
  document.body.classList.add("reading");
  panel.scrollTop = 0;
  link.scrollIntoView({ block: "nearest" });
  title.focus({ preventScroll: true });
}

function close() {
  panel.hidden = true;
  document.body.classList.remove("reading");
  const link = opened;
  opened = null;
  if (link) link.setAttribute("aria-current", "false");
  choose(null);
  if (link) link.focus();
}

function choose(id) {
  chosen = id;
  filter();
}

function follow(event) {
  const link = event.target.closest("a.node, a.hop");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.classList.contains("node")) choose(link.id.slice(1));
  open(link);
}

document.body.classList.add("scripted");
// What stands in no file has no lines to link to, and can be chosen like the others.
for (const node of columns.querySelectorAll("a.node:not([href])")) {
  node.setAttribute("role", "button");
  node.tabIndex = 0;
}
document.addEventListener("click", follow);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && (opened || chosen !== null)) {
    close();
  } else if ((event.key === "Enter" || event.key === " ") && event.target.matches("a.node, a.hop")) {
    follow(event);
  } else if (opened && panel.contains(event.target) && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
    const next = beside(opened, event.key === "ArrowLeft" ? -1 : 1);
    if (next) open(next);
  }
});
all.addEventListener("click", close);
columns.addEventListener("toggle", draw, true);
addEventListener("resize", draw);
form.hidden = ways.length < 2;
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
filter();
