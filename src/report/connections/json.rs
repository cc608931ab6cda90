//! Connections as JSON (contract: `connections --format json`), written entry by entry, because there can be many.

use std::io::{self, Write};

use serde::Serialize;

use super::{Entry, Listing, Reason, Side};
use crate::model::Direction;
use crate::report::SCHEMA;
use crate::report::json::{LocationShape, location};
use crate::report::palette::escaped;
use crate::source::Sources;
use crate::traffic::{PortSet, Protocol};

#[derive(Serialize)]
struct EntryShape<'a> {
    /// Absent where the input is one estate.
    #[serde(skip_serializing_if = "str::is_empty")]
    estate: &'a str,
    from: SideShape<'a>,
    to: SideShape<'a>,
    allowed: Vec<SpokenShape>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<ReasonShape<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SideShape<'a> {
    Workload {
        workload: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        pods: Option<&'a str>,
    },
    Addresses {
        addresses: Vec<String>,
    },
}

#[derive(Serialize)]
struct SpokenShape {
    protocol: String,
    ports: String,
}

#[derive(Serialize)]
struct ReasonShape<'a> {
    direction: &'static str,
    traffic: String,
    decision: &'static str,
    reason: &'a str,
    location: LocationShape<'a>,
}

pub(super) fn write(listings: &[Listing], sources: &Sources, groups: bool, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{{\n  \"schema\": {SCHEMA},\n  \"connections\": [")?;
    entries(listings, Listing::entries, |entry| Some(&entry.spoken.allowed), sources, out)?;
    write!(out, "],\n  \"unknown\": [")?;
    entries(listings, Listing::entries, |entry| Some(&entry.spoken.unknown), sources, out)?;
    write!(out, "],\n  \"denied\": [")?;
    entries(listings, Listing::denied, |_| None, sources, out)?;
    write!(out, "],\n  \"notes\": {}", line(&super::notes(listings))?)?;
    if groups {
        write!(out, ",\n  \"groups\": [")?;
        let groups = listings.iter().flat_map(|listing| listing.groups.iter().map(move |group| (listing, group)));
        for (index, (listing, group)) in groups.enumerate() {
            let names: Vec<&str> =
                group.workloads.iter().map(|&index| listing.workloads[index].name.as_str()).collect();
            write!(out, "{}\n    {}", if index == 0 { "" } else { "," }, line(&names)?)?;
        }
        write!(out, "\n  ]")?;
    }
    writeln!(out, "\n}}")
}

/// Writes the entries that speak something of one sort; all of them where no sort is asked for.
fn entries<'l, I: Iterator<Item = Entry<'l>>>(
    listings: &'l [Listing],
    entries: impl Fn(&'l Listing) -> I,
    sort: impl Fn(&Entry<'l>) -> Option<&'l [(Protocol, PortSet)]>,
    sources: &'l Sources,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut separator = "";
    for (listing, entry) in listings.iter().flat_map(|listing| entries(listing).map(move |entry| (listing, entry))) {
        let spoken = sort(&entry);
        if spoken.is_none_or(|spoken| !spoken.is_empty()) {
            write!(out, "{separator}\n    {}", line(&shape(listing, &entry, spoken.unwrap_or_default(), sources))?)?;
            separator = ",";
        }
    }
    if separator.is_empty() { Ok(()) } else { write!(out, "\n  ") }
}

fn line(shape: &impl Serialize) -> io::Result<String> {
    serde_json::to_string(shape).map(escaped).map_err(io::Error::from)
}

fn shape<'a>(
    listing: &'a Listing,
    entry: &Entry<'a>,
    spoken: &[(Protocol, PortSet)],
    sources: &'a Sources,
) -> EntryShape<'a> {
    let allowed =
        spoken.iter().map(|(protocol, ports)| SpokenShape { protocol: protocol.to_string(), ports: ports.to_string() });
    EntryShape {
        estate: &listing.estate,
        from: side(entry.from),
        to: side(entry.to),
        allowed: allowed.collect(),
        reasons: entry.reasons.iter().map(|reason| reason_shape(reason, sources)).collect(),
    }
}

fn side(side: Side<'_>) -> SideShape<'_> {
    match side {
        Side::Workload(named) => SideShape::Workload { workload: &named.name, pods: named.pods.as_deref() },
        Side::Addresses(addresses) => SideShape::Addresses {
            addresses: addresses.ranges().map(|(first, last)| format!("{first}-{last}")).collect(),
        },
    }
}

fn reason_shape<'a>(reason: &'a Reason, sources: &'a Sources) -> ReasonShape<'a> {
    ReasonShape {
        direction: if reason.direction == Direction::Egress { "egress" } else { "ingress" },
        traffic: reason.traffic.to_string(),
        decision: reason.decision.as_str(),
        reason: &reason.reason,
        location: location(reason.at, sources),
    }
}
