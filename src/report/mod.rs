//! Reports to text: pure functions from a report and its sources, one file a format.

mod baseline;
mod catalogue;
pub mod connections;
mod excerpt;
mod json;
mod page;
mod palette;
mod sarif;
mod schema;
mod summary;
mod terminal;

pub use baseline::{baseline, read_baseline};
pub use catalogue::{catalogue, catalogue_json};
pub use json::json;
pub use page::page;
pub use sarif::{Sarif, sarif};
pub use schema::config_schema;
pub use terminal::{Terminal, terminal};

use crate::finding::Object;
use crate::rule::Rule;
use crate::source::{LineColumn, Location, Source, Sources};
use crate::triage::{Report, Reported};

/// The version of the shapes of our own machine-readable outputs.
const SCHEMA: u32 = 1;

/// The web page of a rule.
fn rule_uri(rule: &Rule) -> String {
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

/// `1 finding`, `2 findings`.
fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// `new` or `unchanged`, where there is a baseline to compare with.
fn baseline_state(report: &Report, reported: &Reported) -> Option<&'static str> {
    report.baseline.as_ref()?;
    let is_known = report.known.iter().any(|known| known.order == reported.order);
    Some(if is_known { "unchanged" } else { "new" })
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
    serde_json::to_string_pretty(shape).map(|text| text + "\n").unwrap_or_default()
}
