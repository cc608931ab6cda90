//! The picture for Graphviz.

use std::fmt::Write as _;

use super::{Kind, Look, Node, Picture, lines};
use crate::report::palette::clean;

/// Writes the picture in Graphviz's language: a cluster for each namespace; what is open is red, what is approved green,
/// what is unknown dashed, what is closed dotted.
#[must_use]
pub fn dot(picture: &Picture) -> String {
    let mut text = "digraph estate {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for (index, node) in picture.nodes.iter().enumerate() {
        match node.kind {
            Kind::Namespace => {
                let label = quoted(&node.name);
                let _ = writeln!(text, "  subgraph cluster_{index} {{\n    label={label};");
                let own = picture.nodes.iter().enumerate();
                for (index, group) in own.filter(|(_, group)| group.namespace() == Some(&node.name)) {
                    let _ = writeln!(text, "    n{index} [label={}];", quoted(&group.label()));
                }
                text.push_str("  }\n");
            }
            Kind::Workloads => {}
            kind => {
                let _ = writeln!(text, "  n{index} [label={}, shape={}];", quoted(&node.label()), shape(kind));
            }
        }
    }
    for ((from, to, look), words) in lines(picture) {
        let style = match look {
            Look::Open => "color=red, penwidth=2",
            Look::Approved => "color=darkgreen",
            Look::Unknown => "color=orange, style=dashed",
            Look::Closed => "color=gray, style=dotted",
        };
        let label = if words.is_empty() { String::new() } else { format!("label={}, ", quoted(&words)) };
        let _ = writeln!(text, "  n{from} -> n{to} [{label}{style}];");
    }
    text + "}\n"
}

fn shape(kind: Kind) -> &'static str {
    match kind {
        Kind::Gateway => "house",
        Kind::NodePool => "component",
        Kind::Destination => "ellipse",
        Kind::Control => "octagon",
        Kind::Missing => "plaintext",
        Kind::Namespace | Kind::Workloads => "box",
    }
}

impl Node {
    /// What is written on it: the first of a group, and how many are alike.
    pub(super) fn label(&self) -> String {
        let more = self.workloads.len().saturating_sub(1);
        if more == 0 { self.name.clone() } else { format!("{} and {more} alike", self.name) }
    }
}

/// Text in quotes, where a backslash is no escape of Graphviz's.
pub(in crate::report) fn quoted(text: &str) -> String {
    format!("\"{}\"", clean(text).replace('\\', "\\\\").replace('"', "\\\""))
}
