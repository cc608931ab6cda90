//! Places as the protocol counts them: lines and columns from 0, columns in UTF-16 code units.

use gen_lsp_types::{Position, Range};
use palisade::source::Span;

/// The byte-order mark, which editors do not count.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The lines of a text. A line ends, as in the protocol, with a line feed, a carriage return or both.
pub struct Lines<'t> {
    text: &'t str,
    /// The byte offset at which each line starts; never empty.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub fn new(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let is_end =
            |&(at, &byte): &(usize, &u8)| byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
        let ends = bytes.iter().enumerate().filter(is_end).map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// The position of a byte offset; past the end, the end.
    pub fn position(&self, offset: u32) -> Position {
        let offset = self.text.floor_char_boundary(offset as usize);
        let line = self.starts.partition_point(|&start| start <= offset).saturating_sub(1);
        let before = self.text[self.starts[line]..offset].chars().filter(|&c| c != BYTE_ORDER_MARK);
        Position { line: count(line), character: count(before.map(char::len_utf16).sum()) }
    }

    /// The byte offset of a position; past the end of a line, its end.
    pub fn offset(&self, position: Position) -> u32 {
        let line = position.line as usize;
        let Some(&start) = self.starts.get(line) else { return count(self.text.len()) };
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        let rest = self.text[start..end].trim_end_matches(['\r', '\n']);
        let mut units = position.character as usize;
        for (at, c) in rest.char_indices().filter(|&(_, c)| c != BYTE_ORDER_MARK) {
            if units < c.len_utf16() {
                return count(start + at);
            }
            units -= c.len_utf16();
        }
        count(start + rest.len())
    }

    pub fn range(&self, span: Span) -> Range {
        Range { start: self.position(span.start), end: self.position(span.end) }
    }
}

/// Texts are below 4 GiB.
fn count(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn columns_count_utf_16_code_units() {
        let text = "a: é # 🦀\nb: 漢\n";
        let lines = Lines::new(text);
        let offset = |word: &str| count(text.find(word).expect("a word of the text"));
        assert_eq!(lines.position(offset("#")), at(0, 5));
        assert_eq!(lines.position(offset("\n")), at(0, 9));
        assert_eq!(lines.position(offset("漢")), at(1, 3));
        assert_eq!(lines.position(99), at(2, 0));
        for (offset, _) in text.char_indices() {
            assert_eq!(lines.offset(lines.position(count(offset))), count(offset));
        }
    }

    #[test]
    fn a_position_between_two_halves_is_before_both() {
        let lines = Lines::new("🦀x\nnext");
        assert_eq!([at(0, 0), at(0, 1), at(0, 2), at(0, 99)].map(|at| lines.offset(at)), [0, 0, 4, 5]);
        assert_eq!([at(1, 99), at(9, 0), at(u32::MAX, u32::MAX)].map(|at| lines.offset(at)), [10, 10, 10]);
    }

    #[test]
    fn lines_end_as_in_the_protocol() {
        let lines = Lines::new("a\r\nb\rc\n\nd");
        assert_eq!([0, 3, 5, 7, 8].map(|offset| lines.position(offset).line), [0, 1, 2, 3, 4]);
        assert_eq!(lines.offset(at(0, 9)), 1);
    }

    #[test]
    fn a_byte_order_mark_is_no_column() {
        let lines = Lines::new("\u{feff}kind: X");
        assert_eq!(lines.position(3), at(0, 0));
        assert_eq!(lines.position(9), at(0, 6));
        assert_eq!(lines.offset(at(0, 6)), 9);
    }

    #[test]
    fn an_offset_within_a_letter_is_the_letter() {
        assert_eq!(Lines::new("é!").position(1), at(0, 0));
    }
}
