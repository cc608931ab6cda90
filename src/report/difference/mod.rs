//! What a change opens and closes, for people, for a comment on a pull request, and for scripts.

mod json;

use std::fmt::Write as _;

use super::markdown::{code, prose};
use super::palette::{Palette, clean, wrapped};
use super::relative::Paths;
use super::{Place, Terminal, counted, markdown, object_name, terminal};
use crate::rule::Rule;
use crate::source::Sources;
use crate::triage::{Difference, Report, Reported};

pub use json::json;

/// One of the two states: what it is called, and what was found in it.
pub struct Side<'a> {
    pub name: &'a str,
    pub report: &'a Report,
    pub sources: &'a Sources,
}

/// What is compared, and what came of it.
pub struct Change<'a> {
    pub old: Side<'a>,
    pub new: Side<'a>,
    pub difference: Difference<'a>,
}

impl<'a> Change<'a> {
    /// Compares two states.
    #[must_use]
    pub fn new(old: Side<'a>, new: Side<'a>) -> Self {
        let difference = crate::triage::difference(old.report, new.report);
        Self { old, new, difference }
    }

    /// Whether something opened that fails an audit.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.difference.opened.iter().any(|reported| self.new.report.fails(reported))
    }

    /// `2 opened, 1 closed, 14 kept`.
    fn counts(&self) -> String {
        let Difference { opened, closed, silenced, kept } = &self.difference;
        let ignored =
            if silenced.is_empty() { String::new() } else { format!(", {} ignored from now on", silenced.len()) };
        format!("{} opened, {} closed{ignored}, {} kept", opened.len(), closed.len(), kept.len())
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
    list(palette.green("closed:"), closed, &change.old);
    list(palette.bold("ignored from now on:"), silenced, &change.new);
    for caveat in change.caveats() {
        let _ = writeln!(text, "  {}", palette.red(&clean(&caveat)));
    }
    let _ = writeln!(text, "  {} to {}: {}", clean(change.old.name), clean(change.new.name), change.counts());
    text
}

fn brief(reported: &Reported, sources: &Sources, options: &Terminal) -> String {
    let finding = &reported.finding;
    let position = clean(&Place::new(finding.at, sources).position()).into_owned();
    let said = format!("{position}: {} {}: {}", reported.level.as_str(), finding.rule, clean(&finding.message));
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
    let reason = |reported: &&Reported| {
        let reason = reported.ignore.as_ref().map(|ignore| format!(", because {}", prose(&ignore.reason)));
        line(reported, &reason.unwrap_or_default())
    };
    section("Ignored from now on", silenced.iter().map(reason).collect());
    text
}

fn line(reported: &Reported, more: &str) -> String {
    let object =
        reported.object.as_ref().map(|object| format!(" in {}", code(&object_name(object)))).unwrap_or_default();
    format!("- {}{object}: {}{more}\n", code(reported.finding.rule), prose(&reported.finding.message))
}
