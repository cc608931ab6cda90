//! The picture as a flowchart for Mermaid, which Markdown on GitHub and GitLab draws.

use std::fmt::Write as _;

use super::{Kind, Look, Node, Picture, lines};
use crate::report::palette::clean;
use crate::source::Sources;

/// Writes the picture as a flowchart: a subgraph for each namespace; what is open is red, what is approved green, what is
/// unknown or closed is dotted.
#[must_use]
pub fn mermaid(picture: &Picture, sources: &Sources) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (index, namespace, inside) in picture.namespaces() {
        let _ = writeln!(text, "  subgraph n{index}[\"{}\"]", escaped(&namespace.name));
        for (index, node) in inside {
            let _ = writeln!(text, "    {}", written(index, node, sources));
        }
        text.push_str("  end\n");
    }
    for (index, node) in picture.free() {
        let _ = writeln!(text, "  {}", written(index, node, sources));
    }
    let mut styles = String::new();
    for (number, ((from, to, look), words)) in lines(picture).into_iter().enumerate() {
        let (arrow, color) = match look {
            Look::Open => ("==>", "red"),
            Look::Approved => ("-->", "green"),
            Look::Unknown => ("-.->", "orange"),
            Look::Closed => ("-.->", "gray"),
        };
        let words = if words.is_empty() { words } else { format!("|\"{}\"|", escaped(&words)) };
        let _ = writeln!(text, "  n{from} {arrow}{words} n{to}");
        let _ = writeln!(styles, "  linkStyle {number} stroke:{color}");
    }
    text + &styles
}

fn written(index: usize, node: &Node, sources: &Sources) -> String {
    let (open, close) = brackets(node.kind);
    let lines: Vec<String> = node.label(sources).iter().map(|line| escaped(line)).collect();
    format!("n{index}{open}\"{}\"{close}", lines.join("<br/>"))
}

fn brackets(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Gateway => ("[/", "\\]"),
        Kind::NodePool => ("[[", "]]"),
        Kind::Destination => ("([", "])"),
        Kind::Control => ("{{", "}}"),
        Kind::Missing => (">", "]"),
        Kind::Namespace | Kind::Workloads => ("[", "]"),
    }
}

/// Text within quotes, with everything that could mean something to Mermaid, to Markdown or to HTML by its number.
fn escaped(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || " ./-:,()'".contains(c);
    let escaped = |c: char| if plain(c) { c.to_string() } else { format!("#{};", u32::from(c)) };
    clean(text).chars().map(escaped).collect()
}
