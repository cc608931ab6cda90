//! Connections as a table: one row for each protocol of a connection.

use std::io::{self, Write};

use super::Listing;
use super::text::side_text;

/// Where the input is several estates, a last column has their names.
pub(super) fn write(listings: &[Listing], out: &mut dyn Write) -> io::Result<()> {
    let is_apart = listings.iter().any(|listing| !listing.estate.is_empty());
    writeln!(out, "from,to,protocol,ports,certainty{}", if is_apart { ",estate" } else { "" })?;
    for (listing, entry) in listings.iter().flat_map(|listing| listing.entries().map(move |entry| (listing, entry))) {
        let estate = if is_apart { format!(",{}", cell(&listing.estate)) } else { String::new() };
        let (from, to) = (cell(&side_text(entry.from)), cell(&side_text(entry.to)));
        for (spoken, certainty) in [(&entry.spoken.allowed, "allowed"), (&entry.spoken.unknown, "unknown")] {
            for (protocol, ports) in spoken {
                writeln!(out, "{from},{to},{protocol},{},{certainty}{estate}", cell(&ports.to_string()))?;
            }
        }
    }
    Ok(())
}

/// A value in quotes where it needs them (RFC 4180).
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
