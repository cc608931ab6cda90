//! The hops of a way out, for people.

use std::fmt::Write as _;

use super::Place;
use super::palette::{Palette, clean, shortened, wrapped};
use super::terminal::{Terminal, worded};
use crate::finding::Hop;
use crate::source::Sources;

/// The hops in order, each with the line that decides.
pub(super) fn hops(hops: &[Hop], sources: &Sources, options: &Terminal) -> String {
    let palette = Palette::new(options.color);
    let mut text = String::new();
    let digits = hops.len().to_string().len();
    let indent = " ".repeat(digits + 6);
    for (index, hop) in hops.iter().enumerate() {
        let place = Place::new(hop.at, sources);
        let name = clean(&hop.name);
        let decision = hop.decision.as_str();
        let head = format!("{name}: {decision},");
        let lines =
            wrapped(&format!("{head} {}", worded(&hop.reason, options)), options.width.saturating_sub(indent.len()));
        let said = lines.join(&format!("\n{indent}"));
        let said = match said.strip_prefix(&head) {
            Some(rest) => format!("{}: {},{rest}", palette.bold(&name), palette.decision(hop.decision, decision)),
            None => said,
        };
        let position = clean(&place.position()).into_owned();
        let room = options.width.saturating_sub(indent.len() + position.chars().count() + 2).max(20);
        let quoted = quoted(&place, room);
        let _ = writeln!(text, "    {:>digits$}. {said}", index + 1);
        let _ = writeln!(text, "{indent}{}  {quoted}", palette.dim(&position));
    }
    text
}

/// The line of a hop, as much of it as there is room for; of a long line, the part around the place.
fn quoted(place: &Place<'_>, room: usize) -> String {
    let line = clean(place.source.line(place.start.line)).into_owned();
    let start = line.chars().take_while(|c| c.is_whitespace()).count();
    let (column, end) = (place.start.column - 1, place.end.column - 1);
    let is_whole = place.end.line == place.start.line && end.saturating_sub(start) + 3 <= room;
    let from = if is_whole { start } else { column.saturating_sub(room / 3).max(start) };
    let rest: String = line.chars().skip(from).collect();
    let cut = if from > start { "..." } else { "" };
    format!("{cut}{}", shortened(rest.trim_end(), room - cut.len()))
}
