//! The picture for Graphviz.

use std::fmt::Write as _;

use super::{Kind, Look, Node, Picture, lines};
use crate::report::palette::clean;
use crate::source::Sources;

/// Writes the picture in Graphviz's language: a cluster for each namespace; what is open is red, what is approved green,
/// what is unknown dashed, what is closed dotted.
#[must_use]
pub fn dot(picture: &Picture, sources: &Sources) -> String {
    let mut text = "digraph estate {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for (index, namespace, inside) in picture.namespaces() {
        let _ = writeln!(text, "  subgraph cluster_{index} {{\n    label={};", quoted(&namespace.name));
        for (index, node) in inside {
            let _ = writeln!(text, "    {}", written(index, node, sources));
        }
        text.push_str("  }\n");
    }
    for (index, node) in picture.free() {
        let _ = writeln!(text, "  {}", written(index, node, sources));
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

fn written(index: usize, node: &Node, sources: &Sources) -> String {
    let lines: Vec<String> = node.label(sources).iter().map(|line| escaped(line)).collect();
    format!("n{index} [label=\"{}\", shape={}];", lines.join("\\n"), shape(node.kind))
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

/// Text in quotes, where a backslash is no escape of Graphviz's.
pub(in crate::report) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    clean(text).replace('\\', "\\\\").replace('"', "\\\"")
}
