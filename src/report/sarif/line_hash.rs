//! The hash of a line that GitHub's uploader computes where a result has no `primaryLocationLineHash`.
//!
//! Ours must be the same to the last digit, or users get a warning for each result (github/codeql-action, `fingerprints.ts`):
//! a polynomial over the 100 UTF-16 units that follow the start of the line, spaces and tabs left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

const WINDOW: usize = WINDOW_UNITS as usize;
const WINDOW_UNITS: u32 = 100;
const BASE: u64 = 37;
const END_OF_FILE: u16 = u16::MAX;
const LINE_FEED: u16 = b'\n' as u16;
const CARRIAGE_RETURN: u16 = b'\r' as u16;

/// The hashes of the wanted lines (counted from 1) of a text, each with the count of the lines alike up to it.
pub(super) fn line_hashes(text: &str, wanted: &BTreeSet<usize>) -> BTreeMap<usize, String> {
    let mut rolling = Rolling::new(wanted);
    let mut after_return = false;
    for unit in text.encode_utf16() {
        let is_blank = unit == u16::from(b' ') || unit == u16::from(b'\t');
        let is_second_half = after_return && unit == LINE_FEED;
        after_return = unit == CARRIAGE_RETURN;
        if !is_blank && !is_second_half {
            rolling.read(if after_return { LINE_FEED } else { unit });
        }
    }
    rolling.read(END_OF_FILE);
    rolling.drain();
    rolling.hashes
}

struct Rolling<'a> {
    wanted: &'a BTreeSet<usize>,
    /// The last units, in a ring.
    units: [u16; WINDOW],
    /// For each unit in the ring, the number of the line that it starts; 0 where it starts none.
    starts: [usize; WINDOW],
    next: usize,
    hash: u64,
    line: usize,
    at_line_start: bool,
    counts: HashMap<u64, usize>,
    hashes: BTreeMap<usize, String>,
}

impl<'a> Rolling<'a> {
    fn new(wanted: &'a BTreeSet<usize>) -> Self {
        Self {
            wanted,
            units: [0; WINDOW],
            starts: [0; WINDOW],
            next: 0,
            hash: 0,
            line: 0,
            at_line_start: true,
            counts: HashMap::new(),
            hashes: BTreeMap::new(),
        }
    }

    fn read(&mut self, unit: u16) {
        self.note();
        if self.at_line_start {
            self.line += 1;
            self.starts[self.next] = self.line;
        }
        self.at_line_start = unit == LINE_FEED;
        self.push(unit);
    }

    /// Zeros follow the end of the file until every line has left the ring.
    fn drain(&mut self) {
        for _ in 0..WINDOW {
            self.note();
            self.push(0);
        }
    }

    /// The ring holds exactly the window of the line whose start is about to leave it.
    fn note(&mut self) {
        let line = std::mem::take(&mut self.starts[self.next]);
        if line == 0 {
            return;
        }
        let count = self.counts.entry(self.hash).or_default();
        *count += 1;
        if self.wanted.contains(&line) {
            self.hashes.insert(line, format!("{:x}:{count}", self.hash));
        }
    }

    fn push(&mut self, unit: u16) {
        const LEAVING: u64 = BASE.wrapping_pow(WINDOW_UNITS);
        let left = u64::from(std::mem::replace(&mut self.units[self.next], unit));
        self.hash = self.hash.wrapping_mul(BASE).wrapping_add(u64::from(unit)).wrapping_sub(LEAVING.wrapping_mul(left));
        self.next = (self.next + 1) % WINDOW;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        line_hashes(text, &(1..100).collect()).into_values().collect()
    }

    /// The definition, one line at a time and without a ring.
    fn slow(text: &str) -> Vec<String> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut counts = HashMap::new();
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let hash = |start: usize| {
            let units = text[start..].encode_utf16().filter(|&unit| unit != 32 && unit != 9);
            let padded = units.chain([END_OF_FILE]).chain(std::iter::repeat(0)).take(WINDOW);
            padded.fold(0u64, |hash, unit| hash.wrapping_mul(BASE).wrapping_add(u64::from(unit)))
        };
        let mut numbered = |hash: u64| {
            let count = counts.entry(hash).or_insert(0);
            *count += 1;
            format!("{hash:x}:{count}")
        };
        starts.map(|start| numbered(hash(start))).collect()
    }

    #[test]
    fn agrees_with_the_definition() {
        let long = "key: value, and some more of it\n".repeat(12);
        for text in
            ["", "\n", "a", "a\n", " a\n\tb \n\n c", "kind: Sidecar\r\nspec:\r\r\n  x: 1", "é: 𝄞\n\u{feff}z", &long]
        {
            assert_eq!(all(text), slow(text), "{text:?}");
        }
    }

    #[test]
    fn an_empty_text_has_the_hash_of_the_end_marker() {
        assert_eq!(all(""), ["c129715d7a2bc9a3:1"]);
    }

    #[test]
    fn lines_alike_are_counted() {
        let hashes = all(&"same\n".repeat(60));
        assert!(hashes[1].ends_with(":2"), "{hashes:?}");
    }

    #[test]
    fn only_wanted_lines_come_back() {
        let hashes = line_hashes("a\nb\nc\n", &BTreeSet::from([2, 9]));
        assert_eq!(hashes.into_keys().collect::<Vec<_>>(), [2]);
    }
}
