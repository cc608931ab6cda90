//! Colors of the terminal, and text made fit for it.

use std::borrow::Cow;

use crate::finding::{Decision, Level};

/// Writes styles where color is on, and nothing where it is off.
#[derive(Clone, Copy)]
pub(super) struct Palette {
    color: bool,
}

impl Palette {
    pub fn new(color: bool) -> Self {
        Self { color }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub fn green(self, text: &str) -> String {
        self.paint("1;32", text)
    }

    pub fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub fn cyan(self, text: &str) -> String {
        self.paint("36", text)
    }

    /// What lets traffic out stands out.
    pub fn decision(self, decision: Decision, text: &str) -> String {
        match decision {
            Decision::Allow | Decision::NotCaptured => self.paint("31", text),
            Decision::Deny => self.paint("32", text),
            Decision::Unknown => self.paint("33", text),
        }
    }

    pub fn level(self, level: Level, text: &str) -> String {
        match level {
            Level::Error => self.red(text),
            Level::Warning => self.paint("1;33", text),
            Level::Note | Level::Off => self.paint("1;36", text),
        }
    }
}

/// Text from the input as it may be shown: a manifest must not steer the terminal or turn the reading order.
/// A tab stays; the byte-order mark goes.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_printable(text) || text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if is_plain(c) { c } else { char::REPLACEMENT_CHARACTER };
    Cow::Owned(text.chars().filter(|&c| c != '\u{feff}').map(shown).collect())
}

/// Whether a text is printable ASCII alone, as most are: that is seen without reading characters.
fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn is_plain(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    c == '\t' || !(c.is_control() || turns)
}

/// JSON with what [`clean`] would take out written as escapes: it means the same, and may be shown too. What is not ASCII
/// stands within strings only.
pub(super) fn escaped(json: String) -> String {
    if is_printable(&json) || json.chars().all(|c| c == '\n' || is_plain(c)) {
        return json;
    }
    let escape = |c: char| if c == '\n' || is_plain(c) { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    json.chars().map(escape).collect()
}

/// Breaks a text at spaces into lines of at most `width` characters; a longer word gets a line of its own.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        // There is always a last line: the list starts with one and only grows.
        let Some(line) = lines.last_mut() else { continue };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    lines
}

/// At most `width` characters of a text, the rest as three points, which every terminal has.
pub(super) fn shortened(text: &str, width: usize) -> Cow<'_, str> {
    match text.char_indices().nth(width) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(width.saturating_sub(3)).collect::<String>() + "..."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_manifest_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\td\u{85}"), "a\u{fffd}[31mb\u{fffd}c\td\u{fffd}");
        assert_eq!(clean("\u{feff}plain"), "plain");
    }

    #[test]
    fn wraps_at_spaces_and_never_within_a_word() {
        assert_eq!(wrapped("a quiet morning", 8), ["a quiet", "morning"]);
        assert_eq!(wrapped("overlongword x", 4), ["overlongword", "x"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn shortens_by_characters() {
        assert_eq!(shortened("ééééé", 4), "é...");
        assert_eq!(shortened("éééé", 4), "éééé");
    }
}
