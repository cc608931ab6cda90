//! The ways out of an estate, as a table with witnesses for people and as JSON (contract: `paths`).

mod compare;
mod filter;
mod first;
mod json;
mod listing;
mod terminal;

pub use compare::{Move, Moves, Snapshot, compare};
pub use filter::Filter;
pub use first::{First, Suggested, first};
pub use listing::{Cell, Destination, Listing, Row, Stop, Way};
pub use terminal::terminal;

pub(super) use json::{DestinationShape, destination_shape};
pub(super) use listing::{Alike, alike};
pub(super) use terminal::{NAMED, few, leads_to, place};

use std::io;

use crate::source::Sources;

/// Writes the listings of all estates as JSON.
///
/// # Errors
/// What the writer reports.
pub fn json(listings: &[Listing<'_>], sources: &Sources, out: &mut dyn io::Write) -> io::Result<()> {
    json::write(listings, sources, out)
}
