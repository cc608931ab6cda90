//! Reports to text: pure functions from a report and its sources, one file a format.

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

pub use catalogue::{catalogue, catalogue_json};
pub use json::json;
pub use page::page;
pub use sarif::{Sarif, file_uri, sarif};
pub use schema::config_schema;
pub use terminal::{Terminal, terminal};

use crate::rule::Rule;
use crate::source::{LineColumn, Location, Source, Sources};
use crate::triage::{Report, Reported};

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

/// `1 finding`, `2 findings`.
fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// The findings that count and those that are silenced, in one order.
fn all(report: &Report) -> Vec<&Reported> {
    let mut all: Vec<&Reported> = report.findings.iter().chain(&report.suppressed).collect();
    all.sort_by_key(|reported| reported.order);
    all
}

/// A shape of ours as indented JSON with a newline at its end.
fn pretty<T: serde::Serialize>(shape: &T) -> String {
    // Only maps with keys that are no strings and failing writers are errors; the shapes have neither.
    serde_json::to_string_pretty(shape).map(|text| text + "\n").unwrap_or_default()
}
