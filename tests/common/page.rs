//! A rule's page, taken apart: its headings, and its examples with what is marked in them.

use std::fmt;

/// One block of YAML in a page.
pub struct Block<'p> {
    pub section: &'p str,
    /// What stands after the opening fence, such as `yaml bad`.
    pub info: &'p str,
    /// The line of the page that the text starts at.
    pub first_line: usize,
    pub text: String,
}

/// What is marked, or found, in a block: lines and columns count from 1, the end is exclusive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub line: usize,
    pub start: usize,
    pub end: usize,
    pub message: String,
}

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}-{} {}", self.line, self.start, self.end, self.message)
    }
}

/// The headings of a page, in order, with their signs.
pub fn headings(page: &str) -> Vec<&str> {
    let mut in_block = false;
    let mut headings = Vec::new();
    for line in page.lines() {
        in_block ^= line.starts_with("```");
        if !in_block && line.starts_with('#') {
            headings.push(line);
        }
    }
    headings
}

/// The fenced blocks of a page, in order.
pub fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut section = "";
    let mut open: Option<Block<'_>> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, Some(info)) => open = Some(Block { section, info, first_line: index + 2, text: String::new() }),
            (None, None) => section = line.strip_prefix("## ").unwrap_or(section),
        }
    }
    assert!(open.is_none(), "a block under `{section}` has no end");
    blocks
}

impl Block<'_> {
    /// What the comments of carets mark: each speaks of the last line above it that is no such comment.
    pub fn marks(&self) -> Vec<Mark> {
        let mut marked = 0;
        let mut marks = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            match carets(line) {
                Some((start, end, message)) => marks.push(Mark { line: marked, start, end, message }),
                None => marked = index + 1,
            }
        }
        marks.sort();
        marks
    }

    /// The line of the page that a line of the block stands at.
    pub fn page_line(&self, line: usize) -> usize {
        self.first_line + line - 1
    }
}

/// The columns and the message of a comment of carets.
fn carets(line: &str) -> Option<(usize, usize, String)> {
    let indent = line.len() - line.trim_start().len();
    let rest = line.trim_start().strip_prefix('#')?;
    // A caret right after the sign makes the sign the first one: the marked text begins where the comment does.
    let gap = rest.len() - rest.trim_start_matches(' ').len();
    let count = rest.trim_start_matches(' ').chars().take_while(|&c| c == '^').count();
    let message = rest[gap + count..].strip_prefix(' ').filter(|_| count > 0)?;
    let start = if gap == 0 { indent + 1 } else { indent + 2 + gap };
    let end = indent + 2 + gap + count;
    Some((start, end, message.to_owned()))
}

/// How a mark would be written under its line.
pub fn written(mark: &Mark, line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let width = mark.end.saturating_sub(mark.start);
    match mark.start.checked_sub(indent + 2) {
        Some(gap) if gap > 0 => format!("{:indent$}#{:gap$}{} {}", "", "", "^".repeat(width), mark.message),
        _ => format!(
            "{:i$}#{} {}",
            "",
            "^".repeat(width.saturating_sub(1)),
            mark.message,
            i = mark.start.saturating_sub(1)
        ),
    }
}
