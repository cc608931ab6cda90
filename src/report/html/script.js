"use strict";
const form = document.querySelector("form");
const state = document.getElementById("shown");
const articles = [...document.querySelectorAll("article")];
const sections = [...document.querySelectorAll("section.object")];
function filter() {
  const levels = new Set([...form.querySelectorAll("input[name=level]:checked")].map((box) => box.value));
  const topic = form.elements.topic.value;
  const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const article of articles) {
    const text = article.dataset.words;
    const fits = levels.has(article.dataset.level) && (!topic || topic === article.dataset.topic)
      && words.every((word) => text.includes(word));
    article.hidden = !fits;
    count += fits;
  }
  for (const section of sections) {
    section.hidden = ![...section.querySelectorAll("article")].some((article) => !article.hidden);
  }
  state.textContent = count === articles.length ? "" : `${count} of ${articles.length} findings`;
}
for (const section of sections) {
  const title = section.querySelector("h2").textContent;
  for (const article of section.querySelectorAll("article")) {
    article.dataset.words = `${title} ${article.textContent}`.toLowerCase();
  }
}
form.hidden = articles.length < 2;
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
// A rule that is linked to opens its page.
function open() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const page = target && target.querySelector("details");
  if (page) page.open = true;
}
addEventListener("hashchange", open);
open();
