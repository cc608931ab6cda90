//! The connections that network policies allow, as text, JSON, CSV and DOT (contract: `connections`).

mod csv;
mod dot;
mod filter;
mod json;
mod listing;
mod text;

pub use filter::{Filter, InvalidFilter};
pub use listing::{Entry, Group, Listing, Named, Reason, Side, Spoken, listing};

use std::io;

use indexmap::IndexSet;

use crate::source::Sources;

/// How to write the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Json,
    Csv,
    Dot,
}

/// Writes which workloads no policy can tell apart, for formats that have no place for it.
///
/// # Errors
/// What the writer reports.
pub fn write_groups(listings: &[Listing], out: &mut dyn io::Write) -> io::Result<()> {
    listings.iter().try_for_each(|listing| text::groups(listing, out))
}

/// Why the listings of all estates are not the whole truth, each reason once.
#[must_use]
pub fn notes(listings: &[Listing]) -> Vec<&str> {
    let notes: IndexSet<&str> = listings.iter().flat_map(|listing| &listing.notes).map(String::as_str).collect();
    notes.into_iter().collect()
}

/// The ends that were asked for and that no estate has.
#[must_use]
pub fn unmatched(listings: &[Listing]) -> Vec<&Filter> {
    let Some((first, others)) = listings.split_first() else { return Vec::new() };
    first.unmatched.iter().filter(|filter| others.iter().all(|other| other.unmatched.contains(filter))).collect()
}

/// Writes the listings of all estates. `groups` adds which workloads no policy can tell apart, in text and JSON.
///
/// # Errors
/// What the writer reports.
pub fn write(
    listings: &[Listing],
    sources: &Sources,
    format: Format,
    groups: bool,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    match format {
        Format::Text => text::write(listings, sources, groups, out),
        Format::Json => json::write(listings, sources, groups, out),
        Format::Csv => csv::write(listings, out),
        Format::Dot => dot::write(listings, out),
    }
}
