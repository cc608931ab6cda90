//! The picture as a flowchart for Mermaid, which Markdown on GitHub and GitLab draws.

use std::fmt::Write as _;

use super::{Kind, Look, Picture, lines};
use crate::report::palette::clean;

/// Writes the picture as a flowchart: a subgraph for each namespace; what is open is red, what is approved green, what is
/// unknown or closed is dotted.
#[must_use]
pub fn mermaid(picture: &Picture) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (index, node) in picture.nodes.iter().enumerate() {
        match node.kind {
            Kind::Namespace => {
                let _ = writeln!(text, "  subgraph n{index}[{}]", quoted(&node.name));
                let own = picture.nodes.iter().enumerate();
                for (index, group) in own.filter(|(_, group)| group.namespace() == Some(&node.name)) {
                    let _ = writeln!(text, "    n{index}[{}]", quoted(&group.label()));
                }
                text.push_str("  end\n");
            }
            Kind::Workloads => {}
            kind => {
                let (open, close) = brackets(kind);
                let _ = writeln!(text, "  n{index}{open}{}{close}", quoted(&node.label()));
            }
        }
    }
    let mut styles = String::new();
    for (number, ((from, to, look), words)) in lines(picture).into_iter().enumerate() {
        let (arrow, color) = match look {
            Look::Open => ("==>", "red"),
            Look::Approved => ("-->", "green"),
            Look::Unknown => ("-.->", "orange"),
            Look::Closed => ("-.->", "gray"),
        };
        let words = if words.is_empty() { words } else { format!("|{}|", quoted(&words)) };
        let _ = writeln!(text, "  n{from} {arrow}{words} n{to}");
        let _ = writeln!(styles, "  linkStyle {number} stroke:{color}");
    }
    text + &styles
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

/// Text in quotes, with everything that could mean something to Mermaid or to HTML by its number.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || " ./_-:,()'*".contains(c);
    let escaped = |c: char| if plain(c) { c.to_string() } else { format!("#{};", u32::from(c)) };
    format!("\"{}\"", clean(text).chars().map(escaped).collect::<String>())
}
