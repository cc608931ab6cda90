//! Connections as a table: one row for each protocol of a connection.

use std::io::{self, Write};

use super::Listing;
use super::text::side_text;

pub(super) fn write(listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "from,to,protocol,ports,certainty")?;
    for entry in listing.entries() {
        let (from, to) = (cell(&side_text(entry.from)), cell(&side_text(entry.to)));
        for (spoken, certainty) in [(&entry.spoken.allowed, "allowed"), (&entry.spoken.unknown, "unknown")] {
            for (protocol, ports) in spoken {
                writeln!(out, "{from},{to},{protocol},{},{certainty}", cell(&ports.to_string()))?;
            }
        }
    }
    Ok(())
}

/// A value in quotes where it needs them (RFC 4180).
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
