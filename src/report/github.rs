//! Findings as workflow commands of GitHub Actions: annotations at their lines, and a last line for the log.

use super::palette::clean;
use super::relative::Paths;
use super::{Place, counted, level_counts, said, unaudited};
use crate::finding::Level;
use crate::source::Sources;
use crate::triage::{Report, Verdict};

/// How many annotations of a kind GitHub shows for each step; all of them are in the log.
const SHOWN: usize = 10;

/// Writes a command for each finding, the worst first, since GitHub shows only the first of each kind.
#[must_use]
pub fn github(report: &Report, sources: &Sources, paths: &Paths) -> String {
    let mut text = String::new();
    let level = if report.verdict == Verdict::Incomplete { Level::Error } else { Level::Warning };
    for (place, reason) in unaudited(&report.inputs, sources) {
        text.push_str(&command(level, &place, paths, "palisade", &reason));
    }
    let mut sorted: Vec<_> = report.findings.iter().collect();
    sorted.sort_by_key(|reported| std::cmp::Reverse((reported.level, reported.finding.severity)));
    for reported in sorted {
        let finding = &reported.finding;
        let help = if finding.help.is_empty() { String::new() } else { format!("\nhelp: {}", finding.help) };
        let hops = finding.witness.iter().enumerate().map(|(index, hop)| {
            let at = paths.position(&Place::new(hop.at, sources));
            format!("\n{}. {}: {}, {} ({at})", index + 1, hop.name, hop.decision.as_str(), hop.reason)
        });
        let message = format!("{}{}{help}", said(reported), hops.collect::<String>());
        text.push_str(&command(reported.level, &Place::new(finding.at, sources), paths, finding.rule, &message));
    }
    text + &last(report)
}

/// `::error file=…,line=…::…`
fn command(level: Level, place: &Place<'_>, paths: &Paths, title: &str, said: &str) -> String {
    let kind = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note | Level::Off => "notice",
    };
    let file = property(&paths.text(place.source.path()));
    let (start, end) = (place.start, place.end);
    // Columns are only taken within a line.
    let columns =
        if start.line == end.line { format!(",col={},endColumn={}", start.column, end.column) } else { String::new() };
    let lines = format!("line={},endLine={}", start.line, end.line);
    format!("::{kind} file={file},{lines}{columns},title={}::{}\n", property(title), data(said))
}

/// Text of a command, which ends with its line.
fn data(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(clean).collect();
    lines.join("\n").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value within a command, where colons and commas have a meaning too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn last(report: &Report) -> String {
    let most = [Level::Error, Level::Warning, Level::Note].into_iter().map(|level| report.count(level)).max();
    let cut = match most {
        Some(most) if most > SHOWN => {
            format!("; GitHub annotates the first {SHOWN} of a kind, and this log has them all")
        }
        _ => String::new(),
    };
    let unparsed = match report.inputs.unparsed.len() {
        0 => String::new(),
        count => format!(", {} not audited", counted(count, "document")),
    };
    format!("palisade: {}: {}{unparsed}{cut}\n", report.verdict.as_str(), level_counts(report))
}
