//! The estate as a graph: who is where, what decides, and which ways lead out (contract: `graph`). The picture is made
//! once; each format writes it down.

mod dot;
mod html;
mod json;
mod mermaid;
mod picture;

pub use dot::dot;
pub use html::html;
pub use json::json;
pub use mermaid::mermaid;
pub use picture::{Kind, Node, Picture, Route, picture};

pub(super) use dot::quoted;

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::exits::{Verdict, Via};
use crate::finding::Object;
use crate::report::{line_of, object_name};
use crate::source::Sources;

/// How a line of the drawing looks, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    Open,
    Unknown,
    Approved,
    Closed,
}

impl Look {
    const ALL: [Self; 4] = [Self::Open, Self::Unknown, Self::Approved, Self::Closed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Unknown => "unknown",
            Self::Approved => "approved",
            Self::Closed => "closed",
        }
    }

    fn of(route: &Route) -> Self {
        match (route.exit.verdict, route.exit.approved) {
            (Verdict::Open, false) => Self::Open,
            (Verdict::Open, true) => Self::Approved,
            (Verdict::Unknown, _) => Self::Unknown,
            (Verdict::Closed, _) => Self::Closed,
        }
    }
}

impl Node {
    /// The object of a control, where its name does not say it already.
    fn object_beside_name(&self) -> Option<&Object> {
        self.object.as_ref().filter(|object| !self.name.ends_with(&format!(" {}", object.name)))
    }

    /// What is written on it, line by line. Of alike workloads, the first; of a control, which one it is; and where that
    /// is, as names of pools and policies are not unique.
    fn label(&self, sources: &Sources) -> Vec<String> {
        let more = self.workloads.len().saturating_sub(1);
        let name = if more == 0 { self.name.clone() } else { format!("{} and {more} alike", self.name) };
        let object = self.object_beside_name().map(object_name);
        let is_placed = matches!(self.kind, Kind::Control | Kind::Gateway | Kind::NodePool);
        let line = self.at.filter(|_| is_placed).map(|at| line_of(at, sources));
        [Some(name), object, line].into_iter().flatten().collect()
    }
}

impl Picture {
    /// Whether a node stands for a layer of which nothing is in the input.
    fn is_missing(&self, node: usize) -> bool {
        self.nodes[node].kind == Kind::Missing
    }

    /// The nodes that are drawn by themselves, each with its number.
    fn free(&self) -> impl Iterator<Item = (usize, &Node)> {
        let is_free = |node: &Node| node.kind != Kind::Namespace && node.namespace.is_none();
        self.nodes.iter().enumerate().filter(move |(_, node)| is_free(node))
    }

    /// The namespaces, each with its number and what is drawn in it.
    fn namespaces(&self) -> impl Iterator<Item = (usize, &Node, Vec<(usize, &Node)>)> {
        let mut inside: BTreeMap<&str, Vec<(usize, &Node)>> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            inside.entry(node.namespace.as_deref().unwrap_or_default()).or_default().push((index, node));
        }
        let namespaces = self.nodes.iter().enumerate().filter(|(_, node)| node.kind == Kind::Namespace);
        namespaces.map(move |(index, node)| (index, node, inside.remove(node.name.as_str()).unwrap_or_default()))
    }
}

/// The lines of the drawing: what ways that look alike have in common is one line. The words at the first line of a way
/// say how it leads out.
fn lines(picture: &Picture) -> BTreeMap<(usize, usize, Look), String> {
    let mut lines: BTreeMap<(usize, usize, Look), BTreeSet<Via>> = BTreeMap::new();
    for route in &picture.routes {
        for (index, pair) in route.nodes.windows(2).enumerate() {
            if let [from, to] = *pair {
                let ways = lines.entry((from, to, Look::of(route))).or_default();
                ways.extend((index == 0).then_some(route.exit.via));
            }
        }
    }
    let words = |ways: BTreeSet<Via>| ways.into_iter().map(Via::as_str).collect::<Vec<_>>().join(", ");
    lines.into_iter().map(|(line, ways)| (line, words(ways))).collect()
}
