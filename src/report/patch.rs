//! Edits as a unified diff, as `git apply` takes it.

use similar::{ChangeTag, TextDiff};

use super::palette::{Palette, clean};
use crate::source::{Source, Sources};

/// The lines around a change that are shown with it.
const CONTEXT: usize = 3;

/// Writes what has become of each source whose text is another one. Both are the same sources, in the same order.
#[must_use]
pub fn patch(before: &Sources, after: &Sources, color: bool) -> String {
    let pairs = before.iter().zip(after).filter(|(before, after)| before.text() != after.text());
    pairs.map(|(before, after)| of_source(before, after, Palette::new(color))).collect()
}

fn of_source(before: &Source, after: &Source, palette: Palette) -> String {
    let path = clean(before.path().trim_start_matches('/'));
    let mut text = palette.bold(&format!("--- a/{path}\n+++ b/{path}")) + "\n";
    let diff = TextDiff::from_lines(before.text(), after.text());
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        text += &format!("{}\n", palette.cyan(&hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let line = format!("{}{}", change.tag(), shown(change.value()));
            text += &match change.tag() {
                ChangeTag::Equal => line,
                ChangeTag::Delete => palette.red(&line),
                ChangeTag::Insert => palette.green(&line),
            };
            text += line_break(change.value()).unwrap_or("\n\\ No newline at end of file\n");
        }
    }
    text
}

/// The break at the end of a line; none at the end of a file without one.
fn line_break(line: &str) -> Option<&'static str> {
    line.ends_with('\n').then(|| if line.ends_with("\r\n") { "\r\n" } else { "\n" })
}

/// A line without its break, as it may be shown: the byte-order mark is part of what a patch changes.
fn shown(line: &str) -> String {
    let bare = line.trim_end_matches(['\r', '\n']);
    match bare.strip_prefix('\u{feff}') {
        Some(rest) => format!("\u{feff}{}", clean(rest)),
        None => clean(bare).into_owned(),
    }
}
