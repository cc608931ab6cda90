//! The report as Markdown, for a comment on a pull request or the summary of a job.

use std::fmt::Write as _;

use super::palette::clean;
use super::relative::Paths;
use super::{
    Place, apart, by_object, by_topic, counted, level_counts, object_name, rule_of, rule_uri, said, unaudited,
};
use crate::finding::Level;
use crate::rule::Rule;
use crate::source::Sources;
use crate::triage::{Report, Reported};

/// How long a comment on GitHub may be, with room for the last line.
pub(super) const LIMIT: usize = 65_000;

/// Writes the report: what came of it, a table, then the findings of each object, those with errors first.
#[must_use]
pub fn markdown(report: &Report, sources: &Sources, rules: &[&'static Rule], paths: &Paths) -> String {
    let mut text = format!("## palisade: {}\n\n", report.verdict.as_str());
    let (files, documents) = (counted(report.inputs.files, "file"), counted(report.inputs.documents, "document"));
    let _ = writeln!(text, "{} in {files}, {documents}{}.", level_counts(report), besides(report));
    if let Some(estates) = apart(report) {
        let _ = writeln!(text, "\n{}", prose(&estates));
    }
    if !report.findings.is_empty() {
        text.push_str("\n| topic | errors | warnings | notes |\n|---|--:|--:|--:|\n");
        for (topic, counts) in by_topic(report, rules) {
            let [errors, warnings, notes] =
                counts.map(|count| if count == 0 { String::new() } else { count.to_string() });
            let _ = writeln!(text, "| {topic} | {errors} | {warnings} | {notes} |");
        }
    }
    for (place, reason) in unaudited(&report.inputs, sources) {
        let at = code(&format!("{}:{}", paths.text(place.source.path()), place.start.line));
        let _ = writeln!(text, "\n**not audited** {at}: {}", prose(&reason));
    }
    let mut left = report.findings.len();
    for (object, findings) in by_object(report) {
        let title = object.map_or_else(|| "Elsewhere".to_owned(), |object| code(&object_name(object)));
        let heading = format!("\n### {title}\n\n");
        let items: Vec<String> = findings.iter().map(|reported| item(reported, sources, rules, paths)).collect();
        let group = heading + &items.concat();
        if text.len() + group.len() > LIMIT {
            break;
        }
        text.push_str(&group);
        left -= findings.len();
    }
    if left > 0 {
        let _ = writeln!(text, "\n{} more: a comment holds no more than this.", counted(left, "finding"));
    }
    text
}

/// What is not among the findings that count.
fn besides(report: &Report) -> String {
    let known = report.baseline.as_ref().map(|_| format!("; {} known before", report.known.len())).unwrap_or_default();
    let ignored = match report.suppressed.len() {
        0 => String::new(),
        count => format!("; {count} ignored for a reason that is given"),
    };
    let untouched = report.untouched.as_ref().filter(|(count, _)| *count > 0);
    let untouched = untouched.map(|(count, _)| format!("; {count} on lines that have not changed")).unwrap_or_default();
    known + &ignored + &untouched
}

pub(super) fn item(reported: &Reported, sources: &Sources, rules: &[&'static Rule], paths: &Paths) -> String {
    let finding = &reported.finding;
    let place = Place::new(finding.at, sources);
    let at = code(&format!("{}:{}", paths.text(place.source.path()), place.start.line));
    let rule = match rule_of(reported, rules) {
        Some(rule) => format!("[`{}`]({})", rule.id, rule_uri(rule)),
        None => code(finding.rule),
    };
    let sign = match reported.level {
        Level::Error => "\u{1f534}",
        Level::Warning => "\u{1f7e1}",
        Level::Note | Level::Off => "\u{1f535}",
    };
    let mut text = format!("- {sign} **{}** {rule} at {at}  \n  {}\n", reported.level.as_str(), prose(&said(reported)));
    if !finding.help.is_empty() {
        let _ = writeln!(text, "  <br>→ {}", prose(&finding.help));
    }
    if !finding.witness.is_empty() {
        text.push_str("  <details><summary>hop by hop</summary>\n\n");
        for (index, hop) in finding.witness.iter().enumerate() {
            let place = Place::new(hop.at, sources);
            let at = code(&format!("{}:{}", paths.text(place.source.path()), place.start.line));
            let said = format!("{}: **{}**, {}", code(&hop.name), hop.decision.as_str(), prose(&hop.reason));
            let _ = writeln!(text, "  {}. {said} ({at})", index + 1);
        }
        text.push_str("\n  </details>\n");
    }
    text
}

/// A text as code, whatever is in it.
pub(super) fn code(text: &str) -> String {
    let text = clean(text);
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// A sentence whose words in backticks stay code, and the rest plain words.
pub(super) fn prose(text: &str) -> String {
    let text = clean(text);
    let is_paired = text.matches('`').count().is_multiple_of(2);
    let piece =
        |(index, piece): (usize, &str)| if is_paired && index % 2 == 1 { format!("`{piece}`") } else { plain(piece) };
    let pieces = text.split('`').enumerate().map(piece);
    pieces.collect::<Vec<_>>().join(if is_paired { "" } else { "\\`" })
}

fn plain(text: &str) -> String {
    let is_sign = |c: char| matches!(c, '\\' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!');
    let escaped = |c: char| match c {
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        c if is_sign(c) => format!("\\{c}"),
        c => c.to_string(),
    };
    text.chars().map(escaped).collect()
}
