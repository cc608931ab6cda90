//! Findings as a code quality report of GitLab, which shows in a merge request what is new in it.

use serde::Serialize;

use super::relative::Paths;
use super::{Place, said, unaudited};
use crate::finding::Severity;
use crate::source::{LineColumn, Sources};
use crate::triage::{Report, Reported};

/// Writes the report as one list; GitLab asks for a fingerprint of each entry, and shows what it has not seen before.
#[must_use]
pub fn gitlab(report: &Report, sources: &Sources, paths: &Paths) -> String {
    let unparsed = unaudited(&report.inputs, sources).map(|(place, reason)| {
        let path = paths.text(place.source.path());
        let fingerprint = format!("unparsed {path}");
        Entry {
            description: reason,
            check_name: "unparsed",
            fingerprint,
            severity: "blocker",
            location: location(&place, path),
        }
    });
    let findings = report.findings.iter().map(|reported| entry(reported, sources, paths));
    super::pretty(&unparsed.chain(findings).collect::<Vec<_>>())
}

#[derive(Serialize)]
struct Entry {
    description: String,
    check_name: &'static str,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
    positions: Positions,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
    end: usize,
}

#[derive(Serialize)]
struct Positions {
    begin: Position,
    end: Position,
}

#[derive(Serialize)]
struct Position {
    line: usize,
    column: usize,
}

fn entry(reported: &Reported, sources: &Sources, paths: &Paths) -> Entry {
    let finding = &reported.finding;
    let place = Place::new(finding.at, sources);
    let help = if finding.help.is_empty() { String::new() } else { format!(" ({})", finding.help) };
    Entry {
        description: format!("{}{help}", said(reported)),
        check_name: finding.rule,
        fingerprint: reported.fingerprint.clone(),
        severity: match finding.severity {
            Severity::Critical => "blocker",
            Severity::High => "critical",
            Severity::Medium => "major",
            Severity::Low => "minor",
            Severity::Info => "info",
        },
        location: location(&place, paths.text(place.source.path())),
    }
}

fn location(place: &Place<'_>, path: String) -> Location {
    let position = |LineColumn { line, column }| Position { line, column };
    Location {
        path,
        lines: Lines { begin: place.start.line, end: place.end.line },
        positions: Positions { begin: position(place.start), end: position(place.end) },
    }
}
