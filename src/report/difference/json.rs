//! What a change opens and closes, as JSON.

use serde::Serialize;

use super::{Change, Side};
use crate::report::SCHEMA;
use crate::report::json::{Tool, finding};
use crate::triage::Reported;

/// Writes the comparison as one JSON document.
#[must_use]
pub fn json(change: &Change<'_>) -> String {
    let side = |side: &Side<'_>| SideShape {
        name: side.name.to_owned(),
        verdict: side.report.verdict.as_str(),
        documents: side.report.inputs.documents,
        unparsed: side.report.inputs.unparsed.len(),
    };
    let shapes = |findings: &[&'_ Reported], side: &Side<'_>| -> Vec<serde_json::Value> {
        // Only maps with keys that are no strings are errors; the shape has none.
        let shape = |reported: &&Reported| {
            serde_json::to_value(finding(side.report, reported, side.sources)).unwrap_or_default()
        };
        findings.iter().map(shape).collect()
    };
    let difference = &change.difference;
    crate::report::pretty(&ChangeShape {
        schema: SCHEMA,
        tool: Tool::this(),
        old: side(&change.old),
        new: side(&change.new),
        verdict: if change.fails() { "fail" } else { "pass" },
        findings: Findings {
            new: shapes(&difference.opened, &change.new),
            gone: shapes(&difference.closed, &change.old),
            silenced: shapes(&difference.silenced, &change.new),
            kept: shapes(&difference.kept, &change.new),
        },
    })
}

#[derive(Serialize)]
struct ChangeShape {
    schema: u32,
    tool: Tool,
    old: SideShape,
    new: SideShape,
    verdict: &'static str,
    findings: Findings,
}

#[derive(Serialize)]
struct SideShape {
    name: String,
    verdict: &'static str,
    documents: usize,
    unparsed: usize,
}

#[derive(Serialize)]
struct Findings {
    new: Vec<serde_json::Value>,
    gone: Vec<serde_json::Value>,
    silenced: Vec<serde_json::Value>,
    kept: Vec<serde_json::Value>,
}
