//! The ways out, each as a chain of hops that can be opened.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Page, breakable};
use crate::finding::Hop;
use crate::report::graph::{Look, Picture, Route};
use crate::report::html::markup::{escaped, prose};
use crate::report::line_of;
use crate::report::paths::{NAMED, few, leads_to};

/// A way that workloads of one namespace take for the same reasons.
pub(super) struct Entry<'a> {
    pub look: Look,
    /// As the first group takes it.
    pub route: &'a Route,
    /// The nodes that each group comes over.
    pub chains: Vec<&'a [usize]>,
    /// `namespace/Kind/name` of all who take it.
    pub workloads: Vec<&'a str>,
}

impl<'a> Entry<'a> {
    /// The namespace of those who take it.
    pub fn namespace(&self) -> &'a str {
        let name = self.workloads.first().copied().unwrap_or_default();
        name.split_once('/').map_or(name, |(namespace, _)| namespace)
    }
}

/// The ways that are told: the worst first, else in the order of the workloads. What groups of a namespace do for the same
/// reasons is told once.
pub(super) fn entries(picture: &Picture) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut known: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for route in &picture.routes {
        let Some(&group) = route.nodes.first() else { continue };
        let node = &picture.nodes[group];
        let look = Look::of(route);
        // The first hop has the name of the workload.
        let names: Vec<&str> = route.hops.iter().skip(1).map(|(hop, ..)| hop.name.as_str()).collect();
        let reasons: Vec<&str> = route.hops.iter().map(|(hop, ..)| hop.reason.as_str()).collect();
        let key = (
            node.namespace.as_deref(),
            look,
            route.exit.via,
            route.exit.tier,
            route.exit.class,
            &route.exit.host,
            names,
            reasons,
        );
        let alike = known.entry(key).or_default();
        let same = alike.iter().copied().find(|&entry| entries[entry].route.destinations == route.destinations);
        let index = same.unwrap_or_else(|| {
            alike.push(entries.len());
            entries.push(Entry { look, route, chains: Vec::new(), workloads: Vec::new() });
            entries.len() - 1
        });
        entries[index].chains.push(&route.nodes);
        entries[index].workloads.extend(node.workloads.iter().map(String::as_str));
    }
    entries.sort_by_key(|entry| entry.look);
    entries
}

impl Page<'_> {
    /// All ways, one after the other.
    pub(super) fn ways(&self) -> String {
        let ways: String = self.entries.iter().map(|entry| self.way(entry)).collect();
        let none = "<p>There is none of those that were asked for.</p>\n";
        format!(
            "<section id=\"ways\" aria-labelledby=\"ways-title\" tabindex=\"-1\">\n<h2 id=\"ways-title\">Ways out</h2>\n{}</section>\n",
            if ways.is_empty() { none } else { &ways }
        )
    }

    fn way(&self, entry: &Entry<'_>) -> String {
        let Entry { look, route, chains, workloads } = entry;
        let word = look.as_str();
        let numbers = |nodes: &&[usize]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let chains: Vec<String> = chains.iter().map(numbers).collect();
        let destinations: Vec<_> = route.destinations.iter().collect();
        let to = escaped(&leads_to(route.exit.class, route.exit.host.as_deref(), &destinations));
        let mut text = format!(
            "<article class=\"way {word}\" data-look=\"{word}\" data-namespace=\"{}\" data-via=\"{}\" data-chains=\"{}\">\n",
            escaped(entry.namespace()),
            route.exit.via.as_str(),
            chains.join(","),
        );
        let _ = write!(
            text,
            "<h3><span class=\"badge\">{word}</span> {} <span class=\"quiet\">&rarr;</span> {to}</h3>\n\
             <p class=\"quiet\">via {}, tier {}{}</p>\n{}<ol class=\"hops\">\n",
            breakable(&few(workloads.iter())),
            route.exit.via.as_str(),
            route.exit.tier.as_str(),
            if chains.len() > 1 { "; the hops are those of the first" } else { "" },
            others(workloads),
        );
        for (hop, _, node) in &route.hops {
            let _ = writeln!(text, "<li>{}</li>", self.hop(hop, self.picture.is_missing(*node)));
        }
        text + "</ol>\n</article>\n"
    }

    /// A hop, as a link to its lines. What is not in the input has none.
    fn hop(&self, hop: &Hop, is_missing: bool) -> String {
        let decision = hop.decision.as_str();
        let said = format!(
            "<strong>{}</strong> <span class=\"decision\">{decision}</span> <span class=\"why\">{}</span>",
            breakable(&hop.name),
            prose(&hop.reason)
        );
        match self.link(hop.at).filter(|_| !is_missing) {
            None => format!("<span class=\"hop {decision}\">{said}</span>"),
            Some(link) => {
                let line = breakable(&line_of(hop.at, self.sources));
                format!("<a class=\"hop {decision}\" href=\"{link}\">{said} <span class=\"place\">{line}</span></a>")
            }
        }
    }
}

/// Everybody, where not all are named.
fn others(workloads: &[&str]) -> String {
    if workloads.len() <= NAMED {
        return String::new();
    }
    let all: String = workloads.iter().map(|name| format!("<li>{}</li>", escaped(name))).collect();
    format!("<details><summary>all {}</summary><ul>{all}</ul></details>\n", workloads.len())
}
