//! The picture as one page that stands alone: a map of the estate, the ways out hop by hop, and the lines behind each hop.
//! Readable without scripts; the script draws the lines of the map, filters, and opens a hop in place.

mod map;
mod ways;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Kind, Look, Node, Picture};
use crate::report::counted;
use crate::report::html::markup::escaped;
use crate::report::html::{document, passage, unread};
use crate::source::{Location, Sources};
use crate::triage::Inputs;
use ways::Entry;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// Lines above and below a place.
const CONTEXT: usize = 4;

/// Writes the page. What of the input was not understood stands on it.
#[must_use]
pub fn html(picture: &Picture, inputs: &Inputs, sources: &Sources) -> String {
    let page = Page::new(picture, sources);
    let body = [
        &page.head(),
        &unread(inputs, sources, true),
        "</header>\n",
        &page.filter(),
        "<main>\n",
        &page.map(),
        &page.ways(),
        &page.lines(),
        "</main>\n",
        "<aside id=\"panel\" aria-labelledby=\"panel-title\" hidden></aside>\n",
    ];
    document("palisade: ways out", STYLE, &body.concat(), SCRIPT)
}

struct Page<'a> {
    picture: &'a Picture,
    sources: &'a Sources,
    /// The ways, the worst first.
    entries: Vec<Entry<'a>>,
    /// The places that can be looked at, sorted.
    places: Vec<Location>,
    /// The worst way over each node.
    looks: Vec<Option<Look>>,
}

impl<'a> Page<'a> {
    fn new(picture: &'a Picture, sources: &'a Sources) -> Self {
        let entries = ways::entries(picture);
        let mut places: BTreeSet<Location> = picture.nodes.iter().filter_map(|node| node.at).collect();
        let hops = entries.iter().flat_map(|entry| &entry.route.hops);
        places.extend(hops.filter(|hop| !picture.is_missing(hop.2)).map(|(hop, ..)| hop.at));
        let mut looks = vec![None; picture.nodes.len()];
        for entry in &entries {
            for &node in entry.chains.iter().copied().flatten() {
                let worst = looks[node].get_or_insert(entry.look);
                *worst = entry.look.min(*worst);
            }
        }
        Self { picture, sources, entries, places: places.into_iter().collect(), looks }
    }

    fn head(&self) -> String {
        let workloads = self.picture.workloads;
        let of_kind = |kind: Kind| self.picture.nodes.iter().filter(|node| node.kind == kind).count();
        let looks = Look::ALL.into_iter().filter(|&look| self.count(look) > 0);
        let counts: Vec<String> = looks.clone().map(|look| format!("{} {}", self.count(look), look.as_str())).collect();
        // It speaks of what was asked for alone, and claims nothing of the rest.
        let said = match counts.as_slice() {
            _ if workloads == 0 => "no application workload is in the input".to_owned(),
            [] => "no way out to show".to_owned(),
            counts => format!("ways out: {}", counts.join(", ")),
        };
        let worst = looks.min().map_or("quiet", Look::as_str);
        let all = [
            counted(workloads, "workload"),
            counted(of_kind(Kind::Gateway), "egress gateway"),
            counted(of_kind(Kind::NodePool), "node pool"),
        ];
        format!(
            "<header>\n<h1>palisade: <span class=\"said {worst}\">{said}</span></h1>\n\
             <p>{}, as far as the input shows. Ways that are alike are told once.</p>\n\
             <nav><a href=\"#map\">The estate</a> <a href=\"#ways\">Ways out</a></nav>\n",
            all.join(", ")
        )
    }

    fn count(&self, look: Look) -> usize {
        self.entries.iter().filter(|entry| entry.look == look).count()
    }

    /// Shown by the script, which alone can answer it.
    fn filter(&self) -> String {
        let mut boxes = String::new();
        for look in Look::ALL.into_iter().filter(|&look| self.count(look) > 0) {
            let (word, count) = (look.as_str(), self.count(look));
            let _ = writeln!(
                boxes,
                "<label class=\"look {word}\"><input type=\"checkbox\" name=\"look\" value=\"{word}\" checked> {word} ({count})</label>"
            );
        }
        let namespaces: BTreeSet<&str> = self.entries.iter().map(Entry::namespace).collect();
        let vias: BTreeSet<&str> = self.entries.iter().map(|entry| entry.route.exit.via.as_str()).collect();
        let options = |words: BTreeSet<&str>| -> String {
            words.into_iter().map(|word| format!("<option>{}</option>", escaped(word))).collect()
        };
        let select = |name: &str, words| {
            let options = options(words);
            format!("<label>{name} <select name=\"{name}\"><option value=\"\">all</option>{options}</select></label>\n")
        };
        format!(
            "<form hidden aria-label=\"Filter the ways out\">\n{boxes}{}{}\
             <label>words <input type=\"search\" name=\"words\" autocomplete=\"off\"></label>\n\
             <button type=\"button\" id=\"all\" hidden></button>\n\
             <span id=\"shown\" class=\"quiet\" role=\"status\"></span>\n</form>\n",
            select("namespace", namespaces),
            select("via", vias),
        )
    }

    /// The lines of the input, one passage for each place; the script shows them where they are asked for.
    fn lines(&self) -> String {
        let passages = self
            .places
            .iter()
            .enumerate()
            .map(|(number, &at)| format!("<div id=\"at-{number}\">{}</div>\n", passage(at, CONTEXT, self.sources)));
        let passages: String = passages.collect();
        format!(
            "<section id=\"lines\" aria-labelledby=\"lines-title\">\n<h2 id=\"lines-title\">The lines</h2>\n{passages}</section>\n"
        )
    }

    /// Where a link to the lines at a place leads; none for a place that is not on the page.
    fn link(&self, at: Location) -> Option<String> {
        self.places.binary_search(&at).ok().map(|number| format!("#at-{number}"))
    }
}

/// A name or a path as it may stand in the page; where it is too long for its line, it breaks at a slash.
fn breakable(text: &str) -> String {
    escaped(text).replace('/', "/<wbr>")
}

impl Node {
    /// Its name within its namespace.
    fn short_name(&self) -> &str {
        let within = self.namespace.as_deref().and_then(|namespace| self.name.strip_prefix(namespace));
        within.and_then(|rest| rest.strip_prefix('/')).unwrap_or(&self.name)
    }
}
