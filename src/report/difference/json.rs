//! What a change opens and closes, as JSON.

use serde::Serialize;

use super::{Change, Side};
use crate::report::SCHEMA;
use crate::report::json::{HopShape, Tool, finding, hop_shape};
use crate::report::paths::Move;
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
        exits: Exits {
            opened: moves(&change.moves.opened, &change.new),
            approved: moves(&change.moves.approved, &change.new),
            undecided: moves(&change.moves.undecided, &change.new),
            closed: moves(&change.moves.closed, &change.old),
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
    exits: Exits,
}

#[derive(Serialize)]
struct Exits {
    opened: Vec<serde_json::Value>,
    approved: Vec<serde_json::Value>,
    undecided: Vec<serde_json::Value>,
    closed: Vec<serde_json::Value>,
}

#[derive(Serialize)]
struct MoveShape<'a> {
    workloads: &'a [String],
    tier: &'static str,
    via: &'static str,
    class: &'static str,
    host: Option<&'a str>,
    leads: &'a str,
    witness: Vec<HopShape<'a>>,
}

fn moves(moves: &[Move], side: &Side<'_>) -> Vec<serde_json::Value> {
    let shape = |moved: &Move| {
        let shape = MoveShape {
            workloads: &moved.workloads,
            tier: moved.tier.as_str(),
            via: moved.via.as_str(),
            class: moved.class.as_str(),
            host: moved.host.as_deref(),
            leads: &moved.leads,
            witness: moved.witness.iter().map(|hop| hop_shape(hop, side.sources)).collect(),
        };
        serde_json::to_value(shape).unwrap_or_default()
    };
    moves.iter().map(shape).collect()
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
