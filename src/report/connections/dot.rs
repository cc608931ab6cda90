//! Connections as a graph for Graphviz; what is not certain is dashed.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::text::{side_text, spoken_text};
use super::{Listing, Side};
use crate::report::clean;
use crate::report::graph::quoted;

/// Where the input is several estates, each has a frame of its own, and its name is part of those of its nodes.
pub(super) fn write(listings: &[Listing], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "digraph connections {{")?;
    writeln!(out, "  rankdir=LR;")?;
    writeln!(out, "  node [shape=box];")?;
    for (index, listing) in listings.iter().enumerate() {
        if listing.estate.is_empty() {
            of_estate(listing, out)?;
            continue;
        }
        writeln!(out, "  subgraph cluster_{index} {{\n  label={};", quoted(&clean(&listing.estate)))?;
        of_estate(listing, out)?;
        writeln!(out, "  }}")?;
    }
    writeln!(out, "}}")
}

fn of_estate(listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    let node = |side| node(listing, side);
    for named in &listing.workloads {
        writeln!(out, "  {};", node(Side::Workload(named)))?;
    }
    let mut outside = BTreeSet::new();
    for entry in listing.entries() {
        for side in [entry.from, entry.to] {
            if matches!(side, Side::Addresses(_)) && outside.insert(side_text(side)) {
                writeln!(out, "  {} [shape=ellipse];", node(side))?;
            }
        }
        let (from, to) = (node(entry.from), node(entry.to));
        if !entry.spoken.allowed.is_empty() {
            writeln!(out, "  {from} -> {to} [label={}];", quoted(&spoken_text(&entry.spoken.allowed)))?;
        }
        if !entry.spoken.unknown.is_empty() {
            let label = quoted(&spoken_text(&entry.spoken.unknown));
            writeln!(out, "  {from} -> {to} [label={label}, style=dashed];")?;
        }
    }
    Ok(())
}

/// The name of a node.
fn node(listing: &Listing, side: Side<'_>) -> String {
    let name = side_text(side);
    quoted(&if listing.estate.is_empty() { name } else { format!("{}: {name}", clean(&listing.estate)) })
}
