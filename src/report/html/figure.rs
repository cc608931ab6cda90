//! Lines of the input with what is marked in them.

use super::markup::{escaped, prose};
use crate::report::excerpt::{Excerpt, Label, Mark, Window};
use crate::report::palette::clean;
use crate::source::{Location, Sources};

/// The lines around some places, the places marked.
pub(in crate::report) fn figures(marks: &[Mark<'_>], sources: &Sources) -> String {
    drawn(&Excerpt::new(marks, sources))
}

/// One place with so many lines above and below it.
pub(in crate::report) fn passage(at: Location, context: usize, sources: &Sources) -> String {
    drawn(&Excerpt::around(&[Mark { at, label: None, primary: true }], sources, context))
}

fn drawn(excerpt: &Excerpt) -> String {
    excerpt.windows.iter().map(|window| figure(excerpt, window)).collect()
}

/// Some lines of a file with what is marked in them; what is said of a place stands under its line.
fn figure(excerpt: &Excerpt, window: &Window) -> String {
    let mut lines = String::new();
    let mut start = window.range.start;
    let text = excerpt.text.get(window.range.clone()).unwrap_or_default();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let range = start..start + line.trim_end_matches('\n').len();
        let mut labels: Vec<&Label> = excerpt
            .labels
            .iter()
            .filter(|label| range.start <= label.range.start && label.range.end <= range.end)
            .collect();
        labels.sort_by_key(|label| (label.range.start, label.range.end));
        let number = window.first_line + index;
        lines += &format!("<span class=\"number\">{number}</span>{}\n", marked(&excerpt.text, &range, &labels));
        for (label, said) in labels.iter().filter_map(|label| Some((label, label.text.as_ref()?))) {
            let before = excerpt.text.get(range.start..label.range.start).unwrap_or_default();
            let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            lines += &format!("<span class=\"number\"></span>{indent}<span class=\"label\">^ {}</span>\n", prose(said));
        }
        start += line.len();
    }
    format!(
        "<figure><figcaption class=\"place\">{}</figcaption><pre>{lines}</pre></figure>\n",
        escaped(&clean(&window.path))
    )
}

/// A line with its labels as marks; one that begins within another is part of that.
fn marked(text: &str, line: &std::ops::Range<usize>, labels: &[&Label]) -> String {
    let mut html = String::new();
    let mut at = line.start;
    for label in labels.iter().filter(|label| !label.range.is_empty()) {
        if label.range.start < at {
            continue;
        }
        let (before, inside) = (text.get(at..label.range.start), text.get(label.range.clone()));
        let class = if label.primary { " class=\"wrong\"" } else { "" };
        html += &format!(
            "{}<mark{class}>{}</mark>",
            escaped(before.unwrap_or_default()),
            escaped(inside.unwrap_or_default())
        );
        at = label.range.end;
    }
    html + &escaped(text.get(at..line.end).unwrap_or_default())
}
