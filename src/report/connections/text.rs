//! Connections for people, one a line.

use std::io::{self, Write};

use super::{Entry, Listing, Side};
use crate::model::Direction;
use crate::report::{Place, clean, counted, estate_title};
use crate::source::Sources;
use crate::traffic::{PortSet, Protocol};

pub(super) fn write(listings: &[Listing], sources: &Sources, groups: bool, out: &mut dyn Write) -> io::Result<()> {
    for (index, listing) in listings.iter().enumerate() {
        if !listing.estate.is_empty() {
            writeln!(out, "{}{}:", if index == 0 { "" } else { "\n" }, estate_title(&listing.estate))?;
        }
        of_estate(listing, sources, groups, out)?;
    }
    super::notes(listings).into_iter().try_for_each(|note| writeln!(out, "note: {}", clean(note)))
}

fn of_estate(listing: &Listing, sources: &Sources, groups: bool, out: &mut dyn Write) -> io::Result<()> {
    for entry in listing.entries().chain(listing.denied()) {
        line(&entry, out)?;
        for reason in entry.reasons {
            let way = if reason.direction == Direction::Egress { "egress" } else { "ingress" };
            let (place, said) = (Place::new(reason.at, sources).position(), clean(&reason.reason));
            writeln!(out, "    {way}, {}: {said} ({})", reason.traffic, clean(&place))?;
        }
    }
    if groups {
        writeln!(out)?;
        self::groups(listing, out)?;
    }
    Ok(())
}

/// Which workloads no policy can tell apart: the first of each group and how many there are besides.
pub(super) fn groups(listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    for group in &listing.groups {
        let first = group.workloads.first().map(|&index| listing.workloads[index].name.as_str());
        let others = match group.workloads.len() {
            0 | 1 => String::new(),
            count => format!(" and {} alike", counted(count - 1, "workload")),
        };
        writeln!(out, "{}{others}", clean(first.unwrap_or_default()))?;
    }
    writeln!(out, "{} in {}", counted(listing.workloads.len(), "workload"), counted(listing.groups.len(), "group"))
}

fn line(entry: &Entry<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (from, to) = (side_text(entry.from), side_text(entry.to));
    if entry.spoken.allowed.is_empty() && entry.spoken.unknown.is_empty() {
        writeln!(out, "{from} -> {to}: nothing")?;
    }
    if !entry.spoken.allowed.is_empty() {
        writeln!(out, "{from} -> {to}: {}", spoken_text(&entry.spoken.allowed))?;
    }
    if !entry.spoken.unknown.is_empty() {
        writeln!(out, "{from} -> {to}: {} (unknown)", spoken_text(&entry.spoken.unknown))?;
    }
    Ok(())
}

/// A workload's name, with its labels where other pods share the name; or ranges of addresses.
pub(super) fn side_text(side: Side<'_>) -> String {
    match side {
        Side::Workload(named) => match &named.pods {
            Some(labels) => clean(&format!("{} [{labels}]", named.name)).into_owned(),
            None => clean(&named.name).into_owned(),
        },
        Side::Addresses(addresses) => addresses.cidr_text(),
    }
}

/// `TCP 80,443, UDP`; `all` where all of the three protocols are allowed on all ports.
pub(super) fn spoken_text(spoken: &[(Protocol, PortSet)]) -> String {
    if spoken.len() == 3 && spoken.iter().all(|(_, ports)| ports.is_all()) {
        return "all".to_owned();
    }
    let text = |(protocol, ports): &(Protocol, PortSet)| match ports.is_all() {
        true => protocol.to_string(),
        false => format!("{protocol} {ports}"),
    };
    spoken.iter().map(text).collect::<Vec<_>>().join(", ")
}
