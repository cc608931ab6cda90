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
pub fn write_groups(listing: &Listing, out: &mut dyn io::Write) -> io::Result<()> {
    text::groups(listing, out)
}

/// Writes a listing. `groups` adds which workloads no policy can tell apart, in text and JSON.
///
/// # Errors
/// What the writer reports.
pub fn write(
    listing: &Listing,
    sources: &Sources,
    format: Format,
    groups: bool,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    match format {
        Format::Text => text::write(listing, sources, groups, out),
        Format::Json => json::write(listing, sources, groups, out),
        Format::Csv => csv::write(listing, out),
        Format::Dot => dot::write(listing, out),
    }
}
