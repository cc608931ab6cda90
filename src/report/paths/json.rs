//! Ways out as JSON (contract: `paths --format json`), written one by one, because there can be many.

use std::io::{self, Write};

use serde::Serialize;

use super::first::Suggested;
use super::listing::{Destination, Listing, Stop, Way};
use crate::analysis::capture::Tier;
use crate::analysis::exits::Class;
use crate::finding::Decision;
use crate::report::SCHEMA;
use crate::report::json::{HopShape, LocationShape, hop_shape, location};
use crate::report::palette::escaped;
use crate::source::Sources;
use crate::traffic::AddressSet;

#[derive(Serialize)]
struct ExitShape<'a> {
    /// Absent where the input is one estate.
    #[serde(skip_serializing_if = "str::is_empty")]
    estate: &'a str,
    workload: &'a str,
    tier: &'static str,
    via: &'static str,
    destination: DestinationShape<'a>,
    verdict: &'static str,
    approved: bool,
    blocked_by: Vec<StopShape<'a>>,
    unknown: Vec<StopShape<'a>>,
    witness: Vec<HopShape<'a>>,
}

#[derive(Serialize)]
pub(in crate::report) struct DestinationShape<'a> {
    class: &'static str,
    host: Option<&'a str>,
    protocol: String,
    ports: Option<String>,
    addresses: Vec<String>,
}

#[derive(Serialize)]
struct StopShape<'a> {
    layer: &'static str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<LocationShape<'a>>,
}

pub(super) fn write(listings: &[Listing<'_>], sources: &Sources, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{{\n  \"schema\": {SCHEMA},\n  \"exits\": [")?;
    let mut separator = "";
    for listing in listings {
        exits(listing, &mut separator, sources, out)?;
    }
    let first: Vec<FirstShape<'_>> = listings.iter().map(|listing| first_shape(listing, sources)).collect();
    let first = escaped(serde_json::to_string(&first)?);
    writeln!(out, "{}],\n  \"first\": {first}\n}}", if separator.is_empty() { "" } else { "\n  " })
}

fn exits(listing: &Listing<'_>, separator: &mut &str, sources: &Sources, out: &mut dyn Write) -> io::Result<()> {
    for (workload, way) in listing.ways() {
        for destination in &way.destinations {
            let line = escaped(serde_json::to_string(&shape(listing.name, &workload, &way, destination, sources))?);
            write!(out, "{separator}\n    {line}")?;
            *separator = ",";
        }
    }
    Ok(())
}

/// What to do first in an estate.
#[derive(Serialize)]
struct FirstShape<'a> {
    /// Absent where the input is one estate.
    #[serde(skip_serializing_if = "str::is_empty")]
    estate: &'a str,
    open: usize,
    single_control: usize,
    edits: Vec<EditShape<'a>>,
    smallest_set: SmallestShape<'a>,
    untried: usize,
}

#[derive(Serialize)]
struct EditShape<'a> {
    edit: &'static str,
    object: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<LocationShape<'a>>,
    closes: usize,
    open_to_stronger: usize,
    open_to: Option<&'static str>,
    second_controls: usize,
    stops_approved: Option<usize>,
}

/// Edits by their numbers in the list, from 0.
#[derive(Serialize)]
struct SmallestShape<'a> {
    edits: &'a [usize],
    closes: usize,
    second_controls: usize,
}

fn first_shape<'a>(Listing { name: estate, first, .. }: &'a Listing<'_>, sources: &'a Sources) -> FirstShape<'a> {
    let edit = |suggested: &'a Suggested| EditShape {
        edit: suggested.kind,
        object: &suggested.object,
        text: &suggested.what,
        location: suggested.at.map(|at| location(at, sources)),
        closes: suggested.closes,
        open_to_stronger: suggested.left,
        open_to: suggested.left_to.map(Tier::as_str),
        second_controls: suggested.seconds,
        stops_approved: suggested.stops,
    };
    let smallest = &first.smallest;
    FirstShape {
        estate,
        open: first.open,
        single_control: first.single,
        edits: first.suggestions.iter().map(edit).collect(),
        smallest_set: SmallestShape {
            edits: &smallest.suggestions,
            closes: smallest.closes,
            second_controls: smallest.seconds,
        },
        untried: first.untried,
    }
}

fn shape<'a>(
    estate: &'a str,
    workload: &'a str,
    way: &'a Way,
    to: &'a Destination,
    sources: &'a Sources,
) -> ExitShape<'a> {
    let exit = &way.exit;
    let stops = |decision| way.stops(decision).map(|stop| stop_shape(stop, sources)).collect();
    ExitShape {
        estate,
        workload,
        tier: exit.tier.as_str(),
        via: exit.via.as_str(),
        destination: destination_shape(exit.class, exit.host.as_deref(), to),
        verdict: exit.verdict.as_str(),
        approved: exit.approved,
        blocked_by: stops(Decision::Deny),
        unknown: stops(Decision::Unknown),
        witness: way.witness.iter().map(|hop| hop_shape(hop, sources)).collect(),
    }
}

/// Where a way leads.
pub(in crate::report) fn destination_shape<'a>(
    class: Class,
    host: Option<&'a str>,
    to: &Destination,
) -> DestinationShape<'a> {
    let ranges = to.addresses.iter().flat_map(AddressSet::ranges);
    let range = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
    DestinationShape {
        class: class.as_str(),
        host,
        protocol: to.protocol.to_string(),
        ports: to.ports.as_ref().map(ToString::to_string),
        addresses: ranges.map(range).collect(),
    }
}

fn stop_shape<'a>(stop: Stop<'a>, sources: &'a Sources) -> StopShape<'a> {
    StopShape { layer: stop.layer.as_str(), reason: stop.reason, location: stop.at.map(|at| location(at, sources)) }
}
