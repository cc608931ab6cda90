//! The estate as a graph: who is where, what decides, and which ways lead out (contract: `graph`). The picture is made
//! once; each format writes it down.

mod dot;
mod json;
mod mermaid;
mod picture;

pub use dot::dot;
pub use json::json;
pub use mermaid::mermaid;
pub use picture::{Kind, Node, Picture, Route, picture};

pub(super) use dot::quoted;

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::exits::{Verdict, Via};

/// How a line of the drawing looks, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    Open,
    Unknown,
    Approved,
    Closed,
}

impl Look {
    fn of(route: &Route) -> Self {
        match (route.verdict, route.approved) {
            (Verdict::Open, false) => Self::Open,
            (Verdict::Open, true) => Self::Approved,
            (Verdict::Unknown, _) => Self::Unknown,
            (Verdict::Closed, _) => Self::Closed,
        }
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
                ways.extend((index == 0).then_some(route.via));
            }
        }
    }
    let words = |ways: BTreeSet<Via>| ways.into_iter().map(Via::as_str).collect::<Vec<_>>().join(", ");
    lines.into_iter().map(|(line, ways)| (line, words(ways))).collect()
}
