//! What is said on standard error, so that standard output holds the document and nothing else.

use std::fmt::Display;
use std::path::PathBuf;

use super::Check;
use super::written::Format;
use palisade::finding::Level;
use palisade::report::clean;
use palisade::source::{Location, Sources};
use palisade::triage::{Inputs, Report, Verdict};

/// Says something to whoever sits there. What it quotes of the input cannot steer their terminal.
pub fn tell(said: impl Display) {
    for (index, line) in said.to_string().lines().enumerate() {
        let who = if index == 0 { "palisade: " } else { "" };
        eprintln!("{who}{}", clean(line));
    }
}

/// A place as editors and terminals understand it.
pub fn position(at: Location, sources: &Sources) -> String {
    let source = &sources[at.source];
    let start = source.line_column(at.span.start);
    format!("{}:{}:{}", source.path(), start.line, start.column)
}

/// What a reader must know who does not see the report for people.
pub fn closing(report: &Report, sources: &Sources, check: &Check) -> Vec<String> {
    let mut lines = Vec::new();
    if report.inputs.is_empty() {
        lines.push(nothing(&report.inputs, &check.paths));
    }
    if check.outputs.on_stdout() == Some(&Format::Terminal) || check.quiet {
        return lines;
    }
    lines.extend(unparsed(&report.inputs, sources));
    if report.verdict != Verdict::Pass {
        lines.push(verdict(report));
    }
    lines
}

/// What could not be read.
pub fn unparsed(inputs: &Inputs, sources: &Sources) -> impl Iterator<Item = String> {
    let line = |at, reason: &str| format!("{}: not audited: {reason}", position(at, sources));
    inputs.unread(sources).into_iter().map(move |unread| line(unread.at, &unread.reason))
}

/// Why there was nothing to audit.
pub fn nothing(inputs: &Inputs, paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| match path.display().to_string() {
        dash if dash == "-" => "standard input".to_owned(),
        path => path,
    };
    let named: Vec<String> = paths.iter().map(name).collect();
    let paths = if named.is_empty() { ".".to_owned() } else { named.join(", ") };
    let skipped = match inputs.skipped.len() {
        0 => String::new(),
        count => format!("; skipped: {count} (-v lists them)"),
    };
    if inputs.files == 0 && !inputs.estates.is_empty() {
        return format!(
            "nothing to audit in {paths}: what is there is in none of the `estates` of the settings, whose paths are seen from \
             the folder of these"
        );
    }
    let what = match inputs.documents {
        0 => "no YAML, JSON or Terraform document".to_owned(),
        1 => "the only document does not say what `kind` of object it is".to_owned(),
        count => format!("none of the {count} documents says what `kind` of object it is"),
    };
    let help = "name where the manifests are, or pipe them in and name `-`";
    format!("nothing to audit in {paths}: {what}{skipped}; {help}")
}

/// The verdict, with how many findings there are of each level.
pub fn verdict(report: &Report) -> String {
    let levels = [Level::Error, Level::Warning, Level::Note];
    let counts: Vec<String> =
        levels.iter().map(|&level| format!("{}: {}", level.as_str(), report.count(level))).collect();
    format!("{} ({})", report.verdict.as_str(), counts.join(", "))
}
