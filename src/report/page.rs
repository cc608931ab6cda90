//! A rule's page for the terminal: the Markdown as it stands, its headings and examples easier to find.

use std::fmt::Write as _;

use super::palette::Palette;
use crate::rule::Rule;

/// The page of a rule, then where it ranks.
#[must_use]
pub fn page(rule: &Rule, color: bool) -> String {
    let palette = Palette::new(color);
    let mut in_example = false;
    let mut text = String::new();
    for line in rule.page.trim_end().lines() {
        let is_fence = line.starts_with("```");
        let styled = match line {
            _ if is_fence => palette.dim(line),
            _ if in_example && is_marker(line) => palette.red(line),
            _ if in_example => palette.cyan(line),
            heading if heading.starts_with('#') => palette.bold(heading),
            line => line.to_owned(),
        };
        in_example ^= is_fence;
        text.push_str(&styled);
        text.push('\n');
    }
    let _ = writeln!(text, "\n{}", palette.dim(&rank(rule)));
    text
}

fn is_marker(line: &str) -> bool {
    line.trim_start().strip_prefix('#').is_some_and(|rest| rest.trim_start().starts_with('^'))
}

fn rank(rule: &Rule) -> String {
    let controls = match rule.controls {
        [] => String::new(),
        controls => format!("; controls: {}", controls.join(", ")),
    };
    format!("severity: {}; confidence: {}{controls}", rule.severity.as_str(), rule.confidence.as_str())
}
