//! Reports to text: pure functions from a report and its sources, one file a format.

mod baseline;
mod catalogue;
pub mod connections;
pub mod difference;
mod excerpt;
mod github;
mod gitlab;
pub mod graph;
mod hops;
mod html;
mod json;
mod junit;
mod markdown;
mod page;
mod palette;
mod patch;
pub mod paths;
mod relative;
mod sarif;
mod schema;
mod summary;
mod terminal;

pub use baseline::{baseline, read_baseline};
pub use catalogue::{catalogue, catalogue_json};
pub use github::github;
pub use gitlab::gitlab;
pub use html::html;
pub use json::json;
pub use junit::junit;
pub use markdown::markdown;
pub use page::page;
pub use palette::clean;
pub use patch::patch;
pub use relative::Paths;
pub use sarif::{Sarif, file_uri, sarif};
pub use schema::config_schema;
pub use terminal::{Terminal, terminal};

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::finding::{Level, Object};
use crate::rule::Rule;
use crate::source::{LineColumn, Location, Source, Sources};
use crate::triage::{Inputs, Report, Reported};

/// The version of the shapes of our own machine-readable outputs.
const SCHEMA: u32 = 1;

/// The web page of a rule.
#[must_use]
pub fn rule_uri(rule: &Rule) -> String {
    format!("{}/blob/main/rules/{}/{}.md", env!("CARGO_PKG_REPOSITORY"), rule.topic, rule.id)
}

/// A place as people and programs name it.
struct Place<'s> {
    source: &'s Source,
    start: LineColumn,
    end: LineColumn,
}

impl<'s> Place<'s> {
    fn new(at: Location, sources: &'s Sources) -> Self {
        let source = &sources[at.source];
        Self { source, start: source.line_column(at.span.start), end: source.line_column(at.span.end) }
    }

    /// `path:line:column`, as editors and terminals understand it.
    fn position(&self) -> String {
        format!("{}:{}:{}", self.source.path(), self.start.line, self.start.column)
    }
}

/// `path:line` of a place.
fn line_of(at: Location, sources: &Sources) -> String {
    let Place { source, start, .. } = Place::new(at, sources);
    format!("{}:{}", source.path(), start.line)
}

/// `1 finding`, `2 findings`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// `new` or `unchanged`, where there is a baseline to compare with.
fn baseline_state(report: &Report, reported: &Reported) -> Option<&'static str> {
    report.baseline.as_ref()?;
    let is_known = report.known.iter().any(|known| known.order == reported.order);
    Some(if is_known { "unchanged" } else { "new" })
}

/// The findings of each object: those with the worst first, else in the order in which the first of each comes.
fn by_object(report: &Report) -> Vec<(Option<&Object>, Vec<&Reported>)> {
    let mut groups: IndexMap<Option<&Object>, Vec<&Reported>> = IndexMap::new();
    for reported in &report.findings {
        groups.entry(reported.object.as_ref()).or_default().push(reported);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, findings)| std::cmp::Reverse(findings.iter().map(|reported| reported.level).max()));
    groups
}

/// How many findings of each level there are, as words: `2 errors, 1 note`.
fn level_counts(report: &Report) -> String {
    let levels = [Level::Error, Level::Warning, Level::Note];
    let counts = levels.into_iter().map(|level| (report.count(level), level));
    let said = counts.filter(|(count, _)| *count > 0).map(|(count, level)| counted(count, level.as_str()));
    let said: Vec<String> = said.collect();
    if said.is_empty() { "no findings".to_owned() } else { said.join(", ") }
}

/// How many findings of each level each topic has, sorted by topic.
fn by_topic(report: &Report, rules: &[&'static Rule]) -> BTreeMap<&'static str, [usize; 3]> {
    let mut topics: BTreeMap<&'static str, [usize; 3]> = BTreeMap::new();
    for reported in &report.findings {
        let topic = rule_of(reported, rules).map_or("", |rule| rule.topic);
        let column = match reported.level {
            Level::Error => 0,
            Level::Warning => 1,
            Level::Note | Level::Off => 2,
        };
        topics.entry(topic).or_default()[column] += 1;
    }
    topics
}

/// The rule of a finding.
fn rule_of(reported: &Reported, rules: &[&'static Rule]) -> Option<&'static Rule> {
    rules.iter().copied().find(|rule| rule.id == reported.finding.rule)
}

/// The message of a finding, and the estates that it is about where these are not all.
#[must_use]
pub fn said(reported: &Reported) -> String {
    let names: Vec<String> = reported.estates.iter().map(|name| format!("`{name}`")).collect();
    let estates = if names.is_empty() { String::new() } else { format!(" (in {})", names.join(", ")) };
    format!("{}{estates}", reported.finding.message)
}

/// The line above what is said of one of several estates.
fn estate_title(name: &str) -> String {
    format!("estate {}", clean(name))
}

/// The estates of the input in a sentence; nothing where it is one.
fn apart(report: &Report) -> Option<String> {
    let names: Vec<String> = report.inputs.estates.iter().map(|(name, _)| format!("`{name}`")).collect();
    let estates = (!names.is_empty()).then(|| counted(names.len(), "estate"))?;
    Some(format!("{estates}, each audited by itself: {}.", names.join(", ")))
}

/// What the outputs that have no place for them say of documents that were not understood: the place and the reason.
fn unaudited<'a>(inputs: &'a Inputs, sources: &'a Sources) -> impl Iterator<Item = (Place<'a>, String)> {
    let said = |reason: &str| format!("document not understood, and not audited: {reason}");
    inputs.unread(sources).into_iter().map(move |unread| (Place::new(unread.at, sources), said(&unread.reason)))
}

/// An object as people name it: `Kind namespace/name`, or `Kind name` where it is in no namespace.
fn object_name(object: &Object) -> String {
    let namespace = object.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{} {namespace}{}", object.kind, object.name)
}

/// The findings that count, those that are known and those that are silenced, in one order.
fn all(report: &Report) -> Vec<&Reported> {
    let mut all: Vec<&Reported> = report.findings.iter().chain(&report.known).chain(&report.suppressed).collect();
    all.sort_by_key(|reported| reported.order);
    all
}

/// A shape of ours as indented JSON with a newline at its end.
fn pretty<T: serde::Serialize>(shape: &T) -> String {
    // Only maps with keys that are no strings and failing writers are errors; the shapes have neither.
    serde_json::to_string_pretty(shape).map(|text| palette::escaped(text + "\n")).unwrap_or_default()
}
