//! A report as the editor shows it: diagnostics by file, and what stands behind one of them.

use std::collections::{BTreeMap, HashMap};

use gen_lsp_types::{
    Code, CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location as Place, Message,
    Position, PublishDiagnosticsParams, Range, Uri,
};

use super::estate::Audited;
use super::position::Lines;
use palisade::finding::{Finding, Hop, Level};
use palisade::report::{rule_uri, said};
use palisade::rule::Rule;
use palisade::rules::RULES;
use palisade::source::{Location, Problem, SourceId, Span};
use palisade::triage::Reported;

/// What each diagnostic says it is from.
const SOURCE: &str = "palisade";

/// Turns places of an audit into the editor's, and reads the lines of each source once.
pub struct Places<'a> {
    audited: &'a Audited,
    lines: HashMap<SourceId, Lines<'a>>,
}

impl<'a> Places<'a> {
    pub fn new(audited: &'a Audited) -> Self {
        Self { audited, lines: HashMap::new() }
    }

    /// A place as the editor counts it.
    pub fn range(&mut self, at: Location) -> Range {
        let text = || Lines::new(self.audited.walk.sources[at.source].text());
        self.lines.entry(at.source).or_insert_with(text).range(at.span)
    }

    fn place(&mut self, at: Location) -> Place {
        Place { uri: self.audited.uri(&self.audited.walk.sources[at.source]), range: self.range(at) }
    }
}

/// What is published, by the address of the file. Open documents are among them even where nothing is wrong.
pub fn diagnostics(audited: &Audited) -> BTreeMap<String, PublishDiagnosticsParams> {
    let mut places = Places::new(audited);
    let mut files = BTreeMap::new();
    for (uri, version) in audited.open.values() {
        let (uri, version) = (uri.clone(), Some(*version));
        files.insert(uri.to_string(), PublishDiagnosticsParams { uri, version, diagnostics: Vec::new() });
    }
    for (at, diagnostic) in all(audited, &mut places) {
        let uri = audited.uri(&audited.walk.sources[at.source]);
        let empty = PublishDiagnosticsParams { uri: uri.clone(), version: None, diagnostics: Vec::new() };
        files.entry(uri.to_string()).or_insert(empty).diagnostics.push(diagnostic);
    }
    files
}

fn all(audited: &Audited, places: &mut Places<'_>) -> Vec<(Location, Diagnostic)> {
    let report = match &audited.outcome {
        Ok(report) => report,
        Err(wrong) => return problems(wrong, DiagnosticSeverity::Error, places),
    };
    let mut all: Vec<_> =
        report.findings.iter().map(|reported| (reported.finding.at, finding(reported, places))).collect();
    let unparsed = report.inputs.unparsed.iter();
    let unparsed = unparsed.map(|it| Problem { at: it.at, message: format!("not audited: {}", it.reason) });
    all.extend(problems(&unparsed.collect::<Vec<_>>(), DiagnosticSeverity::Error, places));
    all.extend(problems(&report.inputs.problems, DiagnosticSeverity::Warning, places));
    all
}

fn problems(list: &[Problem], severity: DiagnosticSeverity, places: &mut Places<'_>) -> Vec<(Location, Diagnostic)> {
    let diagnostic = |problem: &Problem| plain(places.range(problem.at), severity, problem.message.clone());
    list.iter().map(|problem| problem.at).zip(list.iter().map(diagnostic)).collect()
}

fn plain(range: Range, severity: DiagnosticSeverity, message: String) -> Diagnostic {
    Diagnostic {
        range,
        severity: Some(severity),
        code: None,
        code_description: None,
        source: Some(SOURCE.to_owned()),
        message: Message::String(message),
        tags: None,
        related_information: None,
        data: None,
    }
}

/// A finding as it is published.
pub fn finding(reported: &Reported, places: &mut Places<'_>) -> Diagnostic {
    let Reported { finding, level, .. } = reported;
    let severity = match level {
        Level::Error => DiagnosticSeverity::Error,
        Level::Warning => DiagnosticSeverity::Warning,
        Level::Note | Level::Off => DiagnosticSeverity::Information,
    };
    let help = if finding.help.is_empty() { String::new() } else { format!("\nhelp: {}", finding.help) };
    let related = related(finding).into_iter();
    let related = related.map(|(at, message)| DiagnosticRelatedInformation { location: places.place(at), message });
    let related: Vec<_> = related.collect();
    Diagnostic {
        code: Some(Code::String(finding.rule.to_owned())),
        code_description: rule(finding.rule).map(|rule| CodeDescription { href: rule_uri(rule).into() }),
        related_information: Some(related).filter(|related| !related.is_empty()),
        ..plain(places.range(finding.at), severity, format!("{}{help}", said(reported)))
    }
}

/// The other places of a finding: what it has to do with, then its way out, hop by hop.
fn related(finding: &Finding) -> Vec<(Location, String)> {
    let labels = finding.related.iter().map(|label| (label.at, label.message.clone()));
    let said = |(number, hop): (usize, &Hop)| {
        (hop.at, format!("{}. {}: {}, {}", number + 1, hop.name, hop.decision.as_str(), hop.reason))
    };
    labels.chain(finding.witness.iter().enumerate().map(said)).collect()
}

/// What is known about a position: the rules that speak there, and the places that they speak of.
#[derive(Default)]
pub struct Behind {
    pub rules: Vec<&'static Rule>,
    /// What they speak about.
    pub range: Option<Range>,
    pub places: Vec<Place>,
}

/// The findings at a position of an open document; where there is none, the rule whose id stands there, as it does in
/// settings and in ignores.
pub fn behind(audited: &Audited, uri: &Uri, position: Position) -> Behind {
    let mut behind = Behind::default();
    let Some(source) = audited.source(uri) else { return behind };
    let offset = Lines::new(source.text()).offset(position);
    let mut places = Places::new(audited);
    let is_there = |at: Location| at.source == source.id() && (at.span.start..=at.span.end).contains(&offset);
    let findings = audited.outcome.iter().flat_map(|report| &report.findings).map(|reported| &reported.finding);
    for finding in findings.filter(|finding| is_there(finding.at)) {
        behind.rules.extend(rule(finding.rule));
        behind.range.get_or_insert(places.range(finding.at));
        behind.places.extend(related(finding).into_iter().map(|(at, _)| places.place(at)));
    }
    if behind.range.is_none() {
        let word = word(source.text(), offset as usize);
        behind.rules.extend(rule(source.slice(word)));
        behind.range = behind.rules.first().map(|_| places.range(source.location(word)));
    }
    behind.rules.sort_by_key(|rule| rule.id);
    behind.rules.dedup_by_key(|rule| rule.id);
    behind
}

/// The word of letters and hyphens around a place.
fn word(text: &str, offset: usize) -> Span {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let (before, after) = text.split_at(text.floor_char_boundary(offset));
    let start = before.trim_end_matches(is_part).len();
    let end = text.len() - after.trim_start_matches(is_part).len();
    let [start, end] = [start, end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
    Span::new(start, end)
}

fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}
