//! The report as JSON, for scripts (contract: `check --format json`). Fields may be added; none is renamed or dropped.

use serde::Serialize;

use super::{Place, SCHEMA};
use crate::config::{Ignore, Known};
use crate::finding::{Finding, Hop, Label, Object};
use crate::source::{LineColumn, Location, Sources};
use crate::triage::{Chart, Compared, Inputs, Repair, Report, Reported, Unmodelled};

/// Writes the report as one JSON document.
#[must_use]
pub fn json(report: &Report, sources: &Sources) -> String {
    let document = DocumentShape {
        schema: SCHEMA,
        tool: Tool::this(),
        verdict: report.verdict.as_str(),
        inputs: inputs(&report.inputs, sources),
        baseline: report.baseline.as_ref().map(|baseline| compared(baseline, report)),
        findings: super::all(report).into_iter().map(|reported| finding(report, reported, sources)).collect(),
    };
    super::pretty(&document)
}

#[derive(Serialize)]
struct DocumentShape<'a> {
    schema: u32,
    tool: Tool,
    verdict: &'static str,
    inputs: InputsShape<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<BaselineShape<'a>>,
    findings: Vec<FindingShape<'a>>,
}

#[derive(Serialize)]
struct BaselineShape<'a> {
    path: &'a str,
    unchanged: usize,
    /// What the baseline has and the run has not.
    gone: Vec<GoneShape<'a>>,
}

#[derive(Serialize)]
struct GoneShape<'a> {
    rule: &'a str,
    resource: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
pub(super) struct Tool {
    name: &'static str,
    version: &'static str,
}

impl Tool {
    /// The program and its version.
    pub fn this() -> Self {
        Self { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") }
    }
}

#[derive(Serialize)]
struct InputsShape<'a> {
    files: usize,
    documents: usize,
    resources: usize,
    bytes: usize,
    placed: usize,
    /// The estates that were audited apart; empty where the input is one.
    estates: Vec<EstateShape<'a>>,
    unparsed: Vec<UnparsedShape<'a>>,
    /// Helm charts that nobody rendered, whose templates are among the unparsed.
    charts: Vec<ChartShape<'a>>,
    unmodelled: Vec<UnmodelledShape<'a>>,
    skipped: Vec<SkippedShape<'a>>,
    problems: Vec<ProblemShape<'a>>,
}

#[derive(Serialize)]
struct UnparsedShape<'a> {
    path: &'a str,
    line: usize,
    column: usize,
    reason: &'a str,
}

#[derive(Serialize)]
struct EstateShape<'a> {
    name: &'a str,
    files: usize,
}

#[derive(Serialize)]
struct ChartShape<'a> {
    path: &'a str,
    templates: usize,
    command: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnmodelledShape<'a> {
    api_version: &'a str,
    kind: &'a str,
    count: usize,
}

#[derive(Serialize)]
struct SkippedShape<'a> {
    path: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct ProblemShape<'a> {
    message: &'a str,
    location: LocationShape<'a>,
}

#[derive(Serialize)]
pub(super) struct FindingShape<'a> {
    rule: &'static str,
    variant: &'static str,
    level: &'static str,
    severity: &'static str,
    confidence: &'static str,
    message: &'a str,
    resource: Option<ResourceShape<'a>>,
    location: LocationShape<'a>,
    related: Vec<RelatedShape<'a>>,
    witness: Vec<HopShape<'a>>,
    help: &'a str,
    /// The edit that `check --fix` tries; only where there is exactly one that is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<FixShape<'a>>,
    /// What a path finding explains; `check --all` lists it as findings.
    absorbed: Vec<AbsorbedShape<'a>>,
    fingerprint: &'a str,
    /// The estates that it is about; absent where it is about all of the input.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    estates: &'a [String],
    suppressed: Option<SuppressedShape<'a>>,
    /// `new` or `unchanged`, where there is a baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<&'static str>,
}

#[derive(Serialize)]
struct FixShape<'a> {
    title: &'a str,
    edits: Vec<EditShape<'a>>,
}

/// What stands at a place is replaced by the text; where the place is empty, the text goes in between.
#[derive(Serialize)]
struct EditShape<'a> {
    location: LocationShape<'a>,
    text: &'a str,
}

#[derive(Serialize)]
struct SuppressedShape<'a> {
    /// `settings` or `comment`.
    by: &'static str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    location: LocationShape<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceShape<'a> {
    api_version: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    name: &'a str,
}

#[derive(Serialize)]
struct RelatedShape<'a> {
    message: &'a str,
    location: LocationShape<'a>,
}

#[derive(Serialize)]
struct AbsorbedShape<'a> {
    rule: &'static str,
    variant: &'static str,
    level: &'static str,
    severity: &'static str,
    message: &'a str,
    location: LocationShape<'a>,
    fingerprint: &'a str,
}

#[derive(Serialize)]
pub(super) struct HopShape<'a> {
    hop: &'a str,
    decision: &'static str,
    reason: &'a str,
    location: LocationShape<'a>,
}

#[derive(Serialize)]
pub(super) struct LocationShape<'a> {
    path: &'a str,
    start: PositionShape,
    end: PositionShape,
}

#[derive(Serialize)]
struct PositionShape {
    line: usize,
    column: usize,
    offset: u32,
}

fn inputs<'a>(inputs: &'a Inputs, sources: &'a Sources) -> InputsShape<'a> {
    let unparsed = inputs.unparsed.iter().map(|unparsed| {
        let Place { source, start: LineColumn { line, column }, .. } = Place::new(unparsed.at, sources);
        UnparsedShape { path: source.path(), line, column, reason: &unparsed.reason }
    });
    let problems = inputs.problems.iter();
    let skipped = inputs.skipped.iter();
    InputsShape {
        files: inputs.files,
        documents: inputs.documents,
        resources: inputs.resources,
        bytes: inputs.bytes,
        placed: inputs.placed,
        estates: inputs.estates.iter().map(|(name, files)| EstateShape { name, files: *files }).collect(),
        unparsed: unparsed.collect(),
        charts: inputs.charts.iter().map(chart).collect(),
        unmodelled: inputs.unmodelled.iter().map(unmodelled).collect(),
        skipped: skipped.map(|skipped| SkippedShape { path: &skipped.path, reason: &skipped.reason }).collect(),
        problems: problems
            .map(|problem| ProblemShape { message: &problem.message, location: location(problem.at, sources) })
            .collect(),
    }
}

fn chart(chart: &Chart) -> ChartShape<'_> {
    ChartShape { path: &chart.path, templates: chart.templates, command: chart.command() }
}

fn unmodelled(unmodelled: &Unmodelled) -> UnmodelledShape<'_> {
    UnmodelledShape { api_version: &unmodelled.api_version, kind: &unmodelled.kind, count: unmodelled.count }
}

pub(super) fn finding<'a>(report: &Report, reported: &'a Reported, sources: &'a Sources) -> FindingShape<'a> {
    let Finding { rule, variant, severity, confidence, message, at, related, witness, help, .. } = &reported.finding;
    FindingShape {
        rule,
        variant,
        level: reported.level.as_str(),
        severity: severity.as_str(),
        confidence: confidence.as_str(),
        message,
        resource: reported.object.as_ref().map(resource),
        location: location(*at, sources),
        related: related.iter().map(|label| related_place(label, sources)).collect(),
        witness: witness.iter().map(|hop| hop_shape(hop, sources)).collect(),
        help,
        fix: reported.repair.as_ref().map(|repair| fix(repair, sources)),
        absorbed: reported.absorbed.iter().map(|part| absorbed(part, sources)).collect(),
        fingerprint: &reported.fingerprint,
        estates: &reported.estates,
        suppressed: reported.ignore.as_ref().map(|ignore| suppressed(ignore, sources)),
        baseline: super::baseline_state(report, reported),
    }
}

fn fix<'a>(repair: &'a Repair, sources: &'a Sources) -> FixShape<'a> {
    let edits = repair.replacements.iter();
    let edits = edits.map(|edit| EditShape { location: location(edit.at, sources), text: &edit.text });
    FixShape { title: &repair.title, edits: edits.collect() }
}

fn compared<'a>(baseline: &'a Compared, report: &Report) -> BaselineShape<'a> {
    let gone = |known: &'a Known| GoneShape { rule: &known.rule, resource: &known.resource, message: &known.message };
    let gone = baseline.gone.iter().map(gone).collect();
    BaselineShape { path: &baseline.name, unchanged: report.known.len(), gone }
}

fn suppressed<'a>(ignore: &'a Ignore, sources: &'a Sources) -> SuppressedShape<'a> {
    SuppressedShape {
        by: if ignore.is_comment() { "comment" } else { "settings" },
        reason: &ignore.reason,
        until: ignore.until.map(|until| until.value.to_string()),
        location: location(ignore.at, sources),
    }
}

fn absorbed<'a>(part: &'a Reported, sources: &'a Sources) -> AbsorbedShape<'a> {
    let Finding { rule, variant, severity, message, at, .. } = &part.finding;
    AbsorbedShape {
        rule,
        variant,
        level: part.level.as_str(),
        severity: severity.as_str(),
        message,
        location: location(*at, sources),
        fingerprint: &part.fingerprint,
    }
}

pub(super) fn resource(object: &Object) -> ResourceShape<'_> {
    ResourceShape {
        api_version: &object.api_version,
        kind: &object.kind,
        namespace: object.namespace.as_deref(),
        name: &object.name,
    }
}

fn related_place<'a>(label: &'a Label, sources: &'a Sources) -> RelatedShape<'a> {
    RelatedShape { message: &label.message, location: location(label.at, sources) }
}

pub(super) fn hop_shape<'a>(hop: &'a Hop, sources: &'a Sources) -> HopShape<'a> {
    HopShape {
        hop: &hop.name,
        decision: hop.decision.as_str(),
        reason: &hop.reason,
        location: location(hop.at, sources),
    }
}

pub(super) fn location(at: Location, sources: &Sources) -> LocationShape<'_> {
    let Place { source, start, end } = Place::new(at, sources);
    let position = |LineColumn { line, column }, offset| PositionShape { line, column, offset };
    LocationShape { path: source.path(), start: position(start, at.span.start), end: position(end, at.span.end) }
}
