//! Connections as a graph for Graphviz; what is not certain is dashed.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::text::{side_text, spoken_text};
use super::{Listing, Side};
use crate::report::graph::quoted;

pub(super) fn write(listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "digraph connections {{")?;
    writeln!(out, "  rankdir=LR;")?;
    writeln!(out, "  node [shape=box];")?;
    for named in &listing.workloads {
        writeln!(out, "  {};", quoted(&side_text(Side::Workload(named))))?;
    }
    let mut outside = BTreeSet::new();
    for entry in listing.entries() {
        for side in [entry.from, entry.to] {
            if matches!(side, Side::Addresses(_)) && outside.insert(side_text(side)) {
                writeln!(out, "  {} [shape=ellipse];", quoted(&side_text(side)))?;
            }
        }
        let (from, to) = (quoted(&side_text(entry.from)), quoted(&side_text(entry.to)));
        if !entry.spoken.allowed.is_empty() {
            writeln!(out, "  {from} -> {to} [label={}];", quoted(&spoken_text(&entry.spoken.allowed)))?;
        }
        if !entry.spoken.unknown.is_empty() {
            let label = quoted(&spoken_text(&entry.spoken.unknown));
            writeln!(out, "  {from} -> {to} [label={label}, style=dashed];")?;
        }
    }
    writeln!(out, "}}")
}
