//! JSON into the table of nodes: strict grammar, every place kept, escapes decoded only where there are some.

use super::parse::Outcome;
use super::place::{Source, Span, as_offset};
use super::tree::{Builder, Fault, Kind, Value};

/// Reads the values of a text, one after another, each as a document. After a fault reading goes on at the next line that
/// starts with a value.
pub(super) fn read(source: &Source) -> Outcome<'_> {
    let mut outcome = Outcome::default();
    let mut at = 0;
    loop {
        let mut reader = Reader { text: source.text(), at, builder: Builder::new(source) };
        reader.skip_blank();
        if reader.at >= reader.text.len() {
            return outcome;
        }
        let read = reader.value();
        at = reader.at;
        match read.and_then(|()| reader.builder.finish()) {
            Ok(built) => outcome.add(built),
            Err(fault) => {
                at = next_line_with_value(source.text(), fault.span.start as usize).unwrap_or(source.text().len());
                outcome.faults.push(fault);
            }
        }
    }
}

fn next_line_with_value(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    memchr::memchr_iter(b'\n', rest.as_bytes())
        .map(|newline| from + newline + 1)
        .find(|&line| matches!(text.as_bytes().get(line), Some(b'{' | b'[')))
}

struct Reader<'s> {
    text: &'s str,
    at: usize,
    builder: Builder<'s>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blank(&mut self) {
        if self.at == 0 && self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fault(&self, expected: &str) -> Fault {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found = match rest.chars().next() {
            None => "the end of the file".to_owned(),
            Some('/') if rest.starts_with("//") || rest.starts_with("/*") => {
                "a comment, which JSON does not have".to_owned()
            }
            Some(c) => format!("`{}`", c.escape_debug()),
        };
        let start = as_offset(self.at);
        let end = as_offset(self.at + rest.chars().next().map_or(0, char::len_utf8));
        Fault { span: Span::new(start, end), reason: format!("expected {expected}, found {found}") }
    }

    /// Reads one value. The builder's limit on nesting bounds the recursion.
    fn value(&mut self) -> Result<(), Fault> {
        self.skip_blank();
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.fault("a JSON value")),
        }
    }

    fn object(&mut self) -> Result<(), Fault> {
        self.builder.open(Kind::Mapping, as_offset(self.at))?;
        self.at += 1;
        self.members(b'}', |reader| {
            if reader.peek() != Some(b'"') {
                return Err(reader.fault("a key in double quotes"));
            }
            reader.string()?;
            reader.skip_blank();
            if reader.peek() != Some(b':') {
                return Err(reader.fault("`:` after the key"));
            }
            reader.at += 1;
            reader.value()
        })
    }

    fn array(&mut self) -> Result<(), Fault> {
        self.builder.open(Kind::Sequence, as_offset(self.at))?;
        self.at += 1;
        self.members(b']', Self::value)
    }

    /// Reads what stands between the brackets of a collection, separated by commas, and the closing one.
    fn members(&mut self, close: u8, member: impl Fn(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        let closing = char::from(close);
        self.skip_blank();
        if self.peek() != Some(close) {
            loop {
                self.skip_blank();
                member(self)?;
                self.skip_blank();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(byte) if byte == close => break,
                    _ => return Err(self.fault(&format!("`,` or `{closing}`"))),
                }
            }
        }
        self.at += 1;
        self.builder.close(as_offset(self.at));
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Result<(), Fault> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.fault("a JSON value"));
        }
        self.plain(word.len())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let bytes = &self.text.as_bytes()[self.at..];
        let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut length = usize::from(bytes.first() == Some(&b'-'));
        let whole = digits(length);
        let leading_zero = whole > 1 && bytes[length] == b'0';
        length += whole;
        let mut is_sound = whole > 0 && !leading_zero;
        if bytes.get(length) == Some(&b'.') {
            let fraction = digits(length + 1);
            is_sound &= fraction > 0;
            length += 1 + fraction;
        }
        if matches!(bytes.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            let exponent = digits(length + 1 + sign);
            is_sound &= exponent > 0;
            length += 1 + sign + exponent;
        }
        if is_sound { self.plain(length) } else { Err(self.fault("a number as JSON writes it")) }
    }

    fn plain(&mut self, length: usize) -> Result<(), Fault> {
        let span = Span::new(as_offset(self.at), as_offset(self.at + length));
        self.at += length;
        self.builder.scalar(Kind::Plain, span, &Value::Slice(span))
    }

    fn string(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let body = start + 1;
        let bytes = self.text.as_bytes();
        let mut has_escape = false;
        self.at = body;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escape = true;
                    self.at += 2;
                }
                Some(0..=0x1f) => return Err(self.fault("a control character to be escaped")),
                Some(_) => self.at += 1,
                None => {
                    self.at = bytes.len();
                    return Err(self.fault("`\"` at the end of the string"));
                }
            }
        }
        let inner = Span::new(as_offset(body), as_offset(self.at));
        self.at += 1;
        let span = Span::new(as_offset(start), as_offset(self.at));
        if !has_escape {
            return self.builder.scalar(Kind::Text, span, &Value::Slice(inner));
        }
        let mut text = String::with_capacity(inner.range().len());
        unescape(&self.text[inner.range()], |c, _| text.push(c))
            .map_err(|reason| Fault { span, reason: reason.to_owned() })?;
        self.builder.scalar(Kind::Text, span, &Value::Decoded(&text))
    }
}

/// Decodes the inside of a double-quoted string, telling for each character the bytes that it was written with.
/// YAML's double quotes know more escapes than JSON's; those that both have mean the same.
pub(super) fn unescape(raw: &str, mut put: impl FnMut(char, std::ops::Range<usize>)) -> Result<(), &'static str> {
    let mut rest = raw.char_indices();
    while let Some((start, c)) = rest.next() {
        if c != '\\' {
            put(c, start..start + c.len_utf8());
            continue;
        }
        let (_, escape) = rest.next().ok_or("a backslash ends the string")?;
        let decoded = match escape {
            '"' | '\\' | '/' => escape,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => code_point(&mut rest)?,
            _ => return Err("an escape that JSON does not have; `\\` itself is written `\\\\`"),
        };
        put(decoded, start..rest.offset());
    }
    Ok(())
}

/// The character of a `\u` escape; one beyond the basic plane is written as two of them.
fn code_point(rest: &mut std::str::CharIndices<'_>) -> Result<char, &'static str> {
    const BROKEN: &str = "a `\\u` escape that is not four hexadecimal digits or half of a pair";
    let mut unit = || (0..4).try_fold(0u32, |value, _| Some(value * 16 + rest.next()?.1.to_digit(16)?)).ok_or(BROKEN);
    let first = unit()?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first).ok_or(BROKEN);
    }
    let pair = rest.next().map(|(_, c)| c) == Some('\\') && rest.next().map(|(_, c)| c) == Some('u');
    let mut unit = || (0..4).try_fold(0u32, |value, _| Some(value * 16 + rest.next()?.1.to_digit(16)?)).ok_or(BROKEN);
    let second = unit().ok().filter(|second| pair && (0xdc00..0xe000).contains(second)).ok_or(BROKEN)?;
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(BROKEN)
}
