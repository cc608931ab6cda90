//! What a change opens and closes, for people, for a comment on a pull request, and for scripts.

mod json;

use std::fmt::Write as _;

use super::hops::hops;
use super::markdown::{code, prose};
use super::palette::{Palette, clean, wrapped};
use super::paths::{Move, Moves, Snapshot, compare};
use super::relative::Paths;
use super::{Place, Terminal, counted, markdown, object_name, terminal};
use crate::finding::Level;
use crate::rule::Rule;
use crate::source::Sources;
use crate::triage::{Difference, Report, Reported};

pub use json::json;

/// How many ways out are listed of a kind.
const WAYS: usize = 20;

/// One of the two states: what it is called, and what was found in it.
pub struct Side<'a> {
    pub name: &'a str,
    pub report: &'a Report,
    pub ways: &'a Snapshot,
    pub sources: &'a Sources,
}

/// What is compared, and what came of it.
pub struct Change<'a> {
    pub old: Side<'a>,
    pub new: Side<'a>,
    pub difference: Difference<'a>,
    pub moves: Moves,
}

impl<'a> Change<'a> {
    /// Compares two states.
    #[must_use]
    pub fn new(old: Side<'a>, new: Side<'a>) -> Self {
        let difference = crate::triage::difference(old.report, new.report);
        let moves = compare(old.ways, new.ways);
        Self { old, new, difference, moves }
    }

    /// Whether something opened: a finding that fails an audit, or a way out for code in a workload that no policy means.
    #[must_use]
    pub fn fails(&self) -> bool {
        let report = self.new.report;
        let is_open = report.fail_on != Level::Off && self.moves.opened.iter().any(Move::is_at_hand);
        is_open || self.difference.opened.iter().any(|reported| report.fails(reported))
    }

    /// The ways out that moved, with what happened to them; the last ones are of the earlier state.
    fn moved(&self) -> [(&'static str, &[Move], &Side<'a>); 4] {
        let Moves { opened, approved, undecided, closed } = &self.moves;
        [
            ("opened", opened, &self.new),
            ("opened as policy allows", approved, &self.new),
            ("no longer decided", undecided, &self.new),
            ("closed", closed, &self.old),
        ]
    }

    /// `2 opened, 1 closed, 14 kept`.
    fn counts(&self) -> String {
        let Difference { opened, closed, silenced, kept } = &self.difference;
        let ignored =
            if silenced.is_empty() { String::new() } else { format!(", {} ignored from now on", silenced.len()) };
        let findings =
            format!("findings: {} opened, {} closed{ignored}, {} kept", opened.len(), closed.len(), kept.len());
        let moved = self.moved().into_iter().filter(|(_, moves, _)| !moves.is_empty());
        let moved: Vec<String> = moved.map(|(word, moves, _)| format!("{} {word}", moves.len())).collect();
        format!("{findings}; ways out: {}", if moved.is_empty() { "the same".to_owned() } else { moved.join(", ") })
    }

    /// What makes the comparison say less than it seems to.
    fn caveats(&self) -> Vec<String> {
        let unread = |side: &Side<'_>| {
            let count = side.report.inputs.unparsed.len();
            let said = format!("{} of {} could not be read and went unaudited", counted(count, "document"), side.name);
            (count > 0).then_some(said)
        };
        [&self.old, &self.new].into_iter().filter_map(unread).collect()
    }
}

/// For people: what opened with its lines, the rest in brief.
#[must_use]
pub fn text(change: &Change<'_>, options: &Terminal) -> String {
    let palette = Palette::new(options.color);
    let Difference { opened, closed, silenced, .. } = &change.difference;
    let mut text = String::new();
    for reported in opened {
        text.push_str(&terminal::drawn(reported, change.new.sources, options));
        text.push('\n');
    }
    let mut list = |title: String, findings: &[&Reported], side: &Side<'_>| {
        if !findings.is_empty() {
            let _ = writeln!(text, "  {title}");
            text.extend(findings.iter().map(|reported| brief(reported, side.sources, options)));
            text.push('\n');
        }
    };
    list(palette.green("closed findings:"), closed, &change.old);
    list(palette.bold("ignored from now on:"), silenced, &change.new);
    for (word, moves, side) in change.moved() {
        text.push_str(&ways(word, moves, side, options));
    }
    for caveat in change.caveats() {
        let _ = writeln!(text, "  {}", palette.red(&clean(&caveat)));
    }
    let _ = writeln!(text, "  {} to {}: {}", clean(change.old.name), clean(change.new.name), change.counts());
    text
}

/// The ways out that something happened to: what opened without being meant to with its hops, the others in brief.
fn ways(word: &str, moves: &[Move], side: &Side<'_>, options: &Terminal) -> String {
    let palette = Palette::new(options.color);
    let title = match word {
        "opened" => palette.red("ways out opened:"),
        word => palette.bold(&format!("ways out {word}:")),
    };
    let mut text = if moves.is_empty() { String::new() } else { format!("  {title}\n") };
    for moved in moves.iter().take(WAYS) {
        let lines = wrapped(&format!("{}: {}", clean(&moved.whose()), moved.said()), options.width.saturating_sub(8));
        text += &format!("    - {}\n", lines.join("\n      "));
        if word == "opened" {
            text += &hops(&moved.witness, side.sources, options);
        }
    }
    if let Some(more) = moves.len().checked_sub(WAYS).filter(|more| *more > 0) {
        text += &format!("    and {more} more (--format json lists them)\n");
    }
    if moves.is_empty() { text } else { text + "\n" }
}

fn brief(reported: &Reported, sources: &Sources, options: &Terminal) -> String {
    let finding = &reported.finding;
    let position = clean(&Place::new(finding.at, sources).position()).into_owned();
    let said = format!("{position}: {} {}: {}", reported.level.as_str(), finding.rule, clean(&super::said(reported)));
    let reason = reported.ignore.as_ref().map(|ignore| format!(", because {}", clean(&ignore.reason)));
    let lines = wrapped(&format!("{said}{}", reason.unwrap_or_default()), options.width.saturating_sub(8));
    format!("    - {}\n", lines.join("\n      "))
}

/// For a comment on a pull request.
#[must_use]
pub fn comment(change: &Change<'_>, rules: &[&'static Rule], paths: &Paths) -> String {
    let Difference { opened, closed, silenced, .. } = &change.difference;
    let verdict = if change.fails() { "opens a way that was closed" } else { "opens nothing" };
    let mut text = format!("## palisade: this change {verdict}\n\n");
    let _ = writeln!(text, "{} → {}: {}.", code(change.old.name), code(change.new.name), change.counts());
    for caveat in change.caveats() {
        let _ = writeln!(text, "\n**{}**", prose(&caveat));
    }
    let mut section = |title: &str, items: Vec<String>| {
        if items.is_empty() {
            return;
        }
        let _ = writeln!(text, "\n### {title}\n");
        for (index, item) in items.iter().enumerate() {
            if text.len() + item.len() > markdown::LIMIT {
                let _ = writeln!(
                    text,
                    "\n{} more: a comment holds no more than this.",
                    counted(items.len() - index, "finding")
                );
                break;
            }
            text.push_str(item);
        }
    };
    section(
        "Opened",
        opened.iter().map(|reported| markdown::item(reported, change.new.sources, rules, paths)).collect(),
    );
    section("Closed", closed.iter().map(|reported| line(reported, "")).collect());
    for (word, moves, _) in change.moved() {
        section(&format!("Ways out {word}"), moves.iter().map(|moved| way(moved, word == "opened")).collect());
    }
    let reason = |reported: &&Reported| {
        let reason = reported.ignore.as_ref().map(|ignore| format!(", because {}", prose(&ignore.reason)));
        line(reported, &reason.unwrap_or_default())
    };
    section("Ignored from now on", silenced.iter().map(reason).collect());
    text
}

fn way(moved: &Move, with_hops: bool) -> String {
    let mut text = format!("- {}: {}\n", code(&moved.whose()), prose(&moved.said()));
    for (index, hop) in moved.witness.iter().enumerate().filter(|_| with_hops) {
        let said = format!("{}: **{}**, {}", code(&hop.name), hop.decision.as_str(), prose(&hop.reason));
        let _ = writeln!(text, "  {}. {said}", index + 1);
    }
    text
}

fn line(reported: &Reported, more: &str) -> String {
    let object =
        reported.object.as_ref().map(|object| format!(" in {}", code(&object_name(object)))).unwrap_or_default();
    format!("- {}{object}: {}{more}\n", code(reported.finding.rule), prose(&super::said(reported)))
}
