//! The report as SARIF 2.1.0, within the limits of GitHub's code scanning. Nothing else knows SARIF.

mod line_hash;
mod shape;
mod uri;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::palette::escaped;
use super::relative::Paths;
use super::{Place, rule_uri};
use crate::config::Ignore;
use crate::finding::{Confidence, Finding, Label, Level, Severity};
use crate::rule::Rule;
use crate::source::{Location, Replacement as Edit, SourceId, Sources};
use crate::triage::{Repair, Report, Reported, Verdict};
use line_hash::line_hashes;
use shape::{
    Artifact, ArtifactChange, CodeFlow, Configuration, Content, Descriptor, DescriptorProperties, Document, Driver,
    Fingerprints, Fix, Invocation, Message, Notification, Physical, Region, ResultProperties, ResultShape, Run,
    RunProperties, SarifLocation, Suppression, Text, ThreadFlow, ThreadFlowLocation, Tool,
};
pub use uri::file_uri;
use uri::uri;

/// How many results GitHub shows; it takes more, but drops those after by its own order.
const RESULT_LIMIT: usize = 5_000;
/// How many places GitHub shows along a code flow.
const FLOW_LIMIT: usize = 1_000;
/// How many places GitHub shows of a result, the primary one included.
const RELATED_LIMIT: usize = 99;
const TAG_LIMIT: usize = 10;
const DESCRIPTION_LIMIT: usize = 1024;

/// How the log is written.
#[derive(Clone, Debug, Default)]
pub struct Sarif {
    pub paths: Paths,
    /// Write silenced findings too, as suppressed results. GitHub shows these as open alerts.
    pub suppressed: bool,
}

/// Writes the report as one compact SARIF document. `rules` are all rules, whether they found something or not.
#[must_use]
pub fn sarif(report: &Report, sources: &Sources, rules: &[&'static Rule], options: &Sarif) -> String {
    let is_written = |reported: &&Reported| options.suppressed || reported.ignore.is_none();
    let candidates: Vec<&Reported> = super::all(report).into_iter().filter(is_written).collect();
    let shown = shown(&candidates);
    let log = Log { sources, rules, options, hashes: hashes(&shown, sources) };
    let document = Document {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver: driver(rules) },
            invocations: [log.invocation(report, candidates.len() - shown.len())],
            column_kind: "unicodeCodePoints",
            results: shown.iter().map(|reported| log.result(report, reported)).collect(),
            properties: estates(report),
        }],
    };
    // Only maps with keys that are no strings and failing writers are errors; the shapes have neither.
    serde_json::to_string(&document).map(|text| escaped(text + "\n")).unwrap_or_default()
}

fn estates(report: &Report) -> Option<RunProperties<'_>> {
    let estates: Vec<&str> = report.inputs.estates.iter().map(|(name, _)| name.as_str()).collect();
    (!estates.is_empty()).then_some(RunProperties { estates })
}

/// The findings that are written: all, or the worst where there are too many; in the order of the report.
fn shown<'r>(findings: &[&'r Reported]) -> Vec<&'r Reported> {
    let mut order: Vec<usize> = (0..findings.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse((findings[index].level, findings[index].finding.severity)));
    order.truncate(RESULT_LIMIT);
    order.sort_unstable();
    order.into_iter().map(|index| findings[index]).collect()
}

type LineHashes = BTreeMap<SourceId, BTreeMap<usize, String>>;

/// The hashes of all lines with a result, each file read once.
fn hashes(shown: &[&Reported], sources: &Sources) -> LineHashes {
    let mut wanted: BTreeMap<SourceId, BTreeSet<usize>> = BTreeMap::new();
    for Location { source, span } in shown.iter().map(|reported| reported.finding.at) {
        wanted.entry(source).or_default().insert(sources[source].line_column(span.start).line);
    }
    wanted.into_iter().map(|(source, lines)| (source, line_hashes(sources[source].text(), &lines))).collect()
}

/// What every part of the log looks things up in.
struct Log<'a> {
    sources: &'a Sources,
    rules: &'a [&'static Rule],
    options: &'a Sarif,
    hashes: LineHashes,
}

impl<'a> Log<'a> {
    fn result(&self, report: &Report, reported: &'a Reported) -> ResultShape<'a> {
        let finding = &reported.finding;
        let related = related(reported);
        ResultShape {
            rule_id: finding.rule,
            rule_index: self.rules.iter().position(|rule| rule.id == finding.rule),
            level: reported.level.as_str(),
            message: Text { text: message(finding, &related) },
            locations: [SarifLocation { id: None, physical_location: self.place(finding.at), message: None }],
            related_locations: related
                .iter()
                .enumerate()
                .map(|(index, label)| self.location(label.at, Some(index + 1), label.message.clone()))
                .collect(),
            code_flows: self.code_flow(finding).into_iter().collect(),
            partial_fingerprints: self.fingerprints(reported),
            baseline_state: super::baseline_state(report, reported),
            fixes: reported.repair.iter().map(|repair| self.fix(repair)).collect(),
            suppressions: reported.ignore.iter().map(|ignore| self.suppression(ignore)).collect(),
            properties: ResultProperties {
                variant: finding.variant,
                severity: finding.severity.as_str(),
                confidence: finding.confidence.as_str(),
                resource: reported.object.as_ref().map(shape::resource),
                help: &finding.help,
                estates: &reported.estates,
            },
        }
    }

    fn fingerprints(&self, reported: &'a Reported) -> Fingerprints<'a> {
        let Location { source, span } = reported.finding.at;
        let line = self.sources[source].line_column(span.start).line;
        let hash = self.hashes.get(&source).and_then(|hashes| hashes.get(&line)).cloned();
        Fingerprints { finding: &reported.fingerprint, primary_location_line_hash: hash }
    }

    fn fix(&self, repair: &'a Repair) -> Fix<'a> {
        let replacement = |edit: &'a Edit| shape::Replacement {
            deleted_region: self.place(edit.at).region,
            inserted_content: Content { text: &edit.text },
        };
        // The edits are in the order of their places, so those of a file follow each other.
        let files = repair.replacements.chunk_by(|one, other| one.at.source == other.at.source);
        let change = |edits: &'a [Edit]| ArtifactChange {
            artifact_location: self.place(edits[0].at).artifact_location,
            replacements: edits.iter().map(replacement).collect(),
        };
        Fix { description: Text { text: sentence(&repair.title) }, artifact_changes: files.map(change).collect() }
    }

    fn suppression(&self, ignore: &'a Ignore) -> Suppression<'a> {
        Suppression {
            kind: if ignore.is_comment() { "inSource" } else { "external" },
            status: "accepted",
            justification: &ignore.reason,
            location: SarifLocation { id: None, physical_location: self.place(ignore.at), message: None },
        }
    }

    fn code_flow(&self, finding: &Finding) -> Option<CodeFlow> {
        let hops = finding.witness.iter().take(FLOW_LIMIT);
        let locations: Vec<_> = hops
            .map(|hop| {
                let said = format!("{}: {}, {}", hop.name, hop.decision.as_str(), hop.reason);
                ThreadFlowLocation { location: self.location(hop.at, None, said) }
            })
            .collect();
        (!locations.is_empty()).then_some(CodeFlow { thread_flows: [ThreadFlow { locations }] })
    }

    fn location(&self, at: Location, id: Option<usize>, text: String) -> SarifLocation {
        SarifLocation { id, physical_location: self.place(at), message: Some(Text { text }) }
    }

    fn place(&self, at: Location) -> Physical {
        let Place { source, start, end } = Place::new(at, self.sources);
        Physical {
            artifact_location: Artifact { uri: uri(source.path(), &self.options.paths) },
            region: Region {
                start_line: start.line,
                start_column: start.column,
                end_line: end.line,
                end_column: end.column,
                byte_offset: at.span.start,
                byte_length: at.span.end.saturating_sub(at.span.start),
            },
        }
    }

    fn invocation(&self, report: &Report, cut: usize) -> Invocation {
        let is_complete = report.verdict != Verdict::Incomplete;
        let unparsed_level = if is_complete { Level::Warning } else { Level::Error };
        let inputs = &report.inputs;
        let note = |level: Level, at: Location, said: &str| Notification {
            level: level.as_str(),
            message: Text { text: said.to_owned() },
            locations: vec![SarifLocation { id: None, physical_location: self.place(at), message: None }],
        };
        let cut = (cut > 0).then(|| Notification {
            level: Level::Warning.as_str(),
            message: Text {
                text: format!("{cut} findings of lower severity are left out: GitHub shows {RESULT_LIMIT}"),
            },
            locations: Vec::new(),
        });
        let unread = inputs.unread(self.sources);
        let unparsed = unread.iter().map(|document| {
            note(unparsed_level, document.at, &format!("document not understood, and not audited: {}", document.reason))
        });
        let problems = inputs.problems.iter().map(|problem| note(Level::Warning, problem.at, &problem.message));
        Invocation {
            execution_successful: is_complete,
            exit_code: report.verdict.exit_code(),
            tool_execution_notifications: cut.into_iter().chain(unparsed).chain(problems).collect(),
        }
    }
}

/// The other places of a finding: its own, then those of the findings that it explains.
fn related(reported: &Reported) -> Vec<Label> {
    let explained = reported
        .absorbed
        .iter()
        .map(|part| Label { at: part.finding.at, message: format!("{}: {}", part.finding.rule, part.finding.message) });
    reported.finding.related.iter().cloned().chain(explained).take(RELATED_LIMIT).collect()
}

/// What is said of the primary place, then a link to each other one.
fn message(finding: &Finding, related: &[Label]) -> String {
    let mut text = format!("{}.", finding.message.replace("](", "]\\("));
    for (index, label) in related.iter().enumerate() {
        let escaped = label.message.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
        let _ = write!(text, " [{escaped}]({}).", index + 1);
    }
    text
}

fn driver(rules: &[&'static Rule]) -> Driver {
    Driver {
        name: env!("CARGO_PKG_NAME"),
        semantic_version: env!("CARGO_PKG_VERSION"),
        information_uri: env!("CARGO_PKG_REPOSITORY"),
        rules: rules.iter().map(|rule| descriptor(rule)).collect(),
    }
}

fn descriptor(rule: &Rule) -> Descriptor {
    let security = std::iter::once("security").chain([rule.topic]);
    Descriptor {
        id: rule.id,
        name: rule.id.split('-').map(capitalized).collect(),
        short_description: Text { text: sentence(rule.summary) },
        full_description: Text { text: sentence(&lead(rule)) },
        help: Message { text: rule.page, markdown: rule.page },
        help_uri: rule_uri(rule),
        default_configuration: Configuration { level: rule.severity.level().as_str() },
        properties: DescriptorProperties {
            security_severity: security_severity(rule.severity),
            precision: precision(rule.confidence),
            tags: security.chain(rule.controls.iter().copied()).take(TAG_LIMIT).collect(),
        },
    }
}

/// The first paragraph of a page, on one line.
fn lead(rule: &Rule) -> String {
    let mut paragraphs =
        rule.page.split("\n\n").map(str::trim).filter(|text| !text.is_empty() && !text.starts_with('#'));
    paragraphs.next().unwrap_or(rule.summary).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

/// A description as GitHub wants it: capitalized, with a full stop, and not too long.
fn sentence(text: &str) -> String {
    let text: String = capitalized(text).chars().take(DESCRIPTION_LIMIT - 1).collect();
    if text.ends_with('.') { text } else { text + "." }
}

/// A number from each of GitHub's bands.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
        Severity::Info => "0.5",
    }
}

fn precision(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}
