//! The lines around the labels of one finding, from all its files, as one short text.
//!
//! The renderer knows one source a report; our findings cross files. So the windows of all files stand one after the
//! other in one text, and each window knows its file and its first line. Only the lines shown are ever read.

use std::ops::Range;

use super::palette::clean;
use crate::source::{LineColumn, Location, Source, SourceId, Sources, Span};

/// Lines of context above and below a label, where nobody asks for more.
const CONTEXT: usize = 1;
/// The longest part of a line that is shown: a minified dump is a single line of many megabytes.
const LINE_LIMIT: usize = 320;
/// Stands for what is cut off of a long line.
const CUT: &str = "...";
/// How much of a long line is shown before its first label.
const LEAD: usize = 60;

/// A place to mark, with what is said there.
pub(super) struct Mark<'a> {
    pub at: Location,
    pub label: Option<&'a str>,
    pub primary: bool,
}

/// A mark in the excerpt's own text.
#[derive(Debug)]
pub(super) struct Label {
    pub range: Range<usize>,
    pub text: Option<String>,
    pub primary: bool,
    /// Where the mark is in its file.
    pub position: LineColumn,
}

/// Consecutive lines of one file.
#[derive(Debug)]
pub(super) struct Window {
    pub path: String,
    pub first_line: usize,
    pub line_count: usize,
    /// The lines in the excerpt's text.
    pub range: Range<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Excerpt {
    pub text: String,
    pub windows: Vec<Window>,
    pub labels: Vec<Label>,
}

impl Excerpt {
    /// Takes the lines of the marks: the file of the first mark first, the others in the order in which they come.
    pub fn new(marks: &[Mark<'_>], sources: &Sources) -> Self {
        Self::around(marks, sources, CONTEXT)
    }

    /// The same with so many lines above and below each mark.
    pub fn around(marks: &[Mark<'_>], sources: &Sources, context: usize) -> Self {
        let mut files: Vec<SourceId> = Vec::new();
        for mark in marks {
            if !files.contains(&mark.at.source) {
                files.push(mark.at.source);
            }
        }
        let mut excerpt = Self::default();
        for file in files {
            let mut own: Vec<Placed<'_>> =
                marks.iter().filter(|mark| mark.at.source == file).map(|mark| placed(mark, &sources[file])).collect();
            own.sort_by_key(|mark| (mark.position.line, mark.bytes.start, mark.bytes.end));
            excerpt.add_file(&sources[file], &own, context);
        }
        excerpt
    }

    /// The window that holds a range of the excerpt's text.
    pub fn window(&self, range: &Range<usize>) -> Option<&Window> {
        self.windows.iter().find(|window| window.range.start <= range.start && range.end <= window.range.end)
    }

    /// Where the label that starts at an offset is in its file.
    pub fn position(&self, offset: usize) -> Option<LineColumn> {
        self.labels.iter().find(|label| label.range.start == offset).map(|label| label.position)
    }

    fn add_file(&mut self, source: &Source, marks: &[Placed<'_>], context: usize) {
        let mut rest = marks;
        while let Some(first) = rest.first() {
            let reaches = |pair: &[Placed<'_>]| pair[1].position.line <= pair[0].position.line + 2 * context + 1;
            let count = 1 + rest.windows(2).take_while(|pair| reaches(pair)).count();
            let (together, after) = rest.split_at(count);
            let last = together.last().unwrap_or(first);
            let lines = first.position.line.saturating_sub(context).max(1)..=last.position.line + context;
            self.add_window(source, lines, together);
            rest = after;
        }
    }

    fn add_window(&mut self, source: &Source, lines: std::ops::RangeInclusive<usize>, marks: &[Placed<'_>]) {
        let first_line = *lines.start();
        let start = self.text.len();
        let mut line_count = 0;
        // A text that ends in a newline has an empty last line, which is no line to anybody but a mark in it.
        let is_line = |&number: &usize| number < source.line_count() || !source.line(number).is_empty();
        let is_marked = |number: &usize| marks.iter().any(|mark| mark.position.line == *number);
        for number in lines.filter(|number| is_line(number) || is_marked(number)) {
            let on_line: Vec<_> = marks.iter().filter(|mark| mark.position.line == number).collect();
            self.add_line(source.line(number), &on_line);
            line_count += 1;
        }
        let path = clean(source.path()).into_owned();
        self.windows.push(Window { path, first_line, line_count, range: start..self.text.len() });
    }

    fn add_line(&mut self, line: &str, marks: &[&Placed<'_>]) {
        let shown = shown_part(line, marks.first().map(|mark| mark.bytes.start));
        if shown.start > 0 {
            self.text.push_str(CUT);
        }
        let start = self.text.len();
        let text = &line[shown.clone()];
        for mark in marks {
            let within = |offset: usize| floor(line, offset.clamp(shown.start, shown.end)) - shown.start;
            let at = |offset: usize| start + clean(&text[..within(offset)]).len();
            let range = at(mark.bytes.start)..at(mark.bytes.end);
            let text = mark.label.map(|label| clean(label).into_owned());
            self.labels.push(Label { range, text, primary: mark.primary, position: mark.position });
        }
        self.text.push_str(&clean(text));
        if shown.end < line.len() {
            self.text.push_str(CUT);
        }
        self.text.push('\n');
    }
}

/// A mark by its line and the bytes in it. Of a mark on several lines, the first line is shown.
struct Placed<'a> {
    position: LineColumn,
    bytes: Range<usize>,
    label: Option<&'a str>,
    primary: bool,
}

fn placed<'a>(mark: &Mark<'a>, source: &Source) -> Placed<'a> {
    let Span { start, end } = mark.at.span;
    let position = source.line_column(start);
    let line_start = source.line_start(position.line) as usize;
    let length = source.line(position.line).len();
    let in_line = |offset: u32| (offset as usize).saturating_sub(line_start).min(length);
    let bytes = in_line(start)..in_line(end).max(in_line(start));
    Placed { position, bytes, label: mark.label, primary: mark.primary }
}

/// The bytes of a line that are shown: all of a short line, the surroundings of the first mark in a long one.
fn shown_part(line: &str, first: Option<usize>) -> Range<usize> {
    if line.len() <= LINE_LIMIT {
        return 0..line.len();
    }
    let start = floor(line, first.unwrap_or(0).saturating_sub(LEAD));
    start..floor(line, (start + LINE_LIMIT).min(line.len()))
}

/// The nearest character boundary at or below an offset.
fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(files: &[(&str, &str)], marks: &[(usize, u32, u32)]) -> Excerpt {
        let files = files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect();
        let sources = Sources::new(files);
        let mark = |&(file, start, end): &(usize, u32, u32)| {
            let source = sources.iter().nth(file).expect("the file is one of those given");
            Mark { at: source.location(Span::new(start, end)), label: Some("label"), primary: false }
        };
        Excerpt::new(&marks.iter().map(mark).collect::<Vec<_>>(), &sources)
    }

    #[test]
    fn shows_a_line_around_each_mark() {
        let made = excerpt(&[("a", "one\ntwo\nthree\nfour\n")], &[(0, 8, 13)]);
        assert_eq!(made.text, "two\nthree\nfour\n");
        assert_eq!(&made.text[made.labels[0].range.clone()], "three");
        assert_eq!((made.windows[0].first_line, made.windows[0].line_count), (2, 3));
    }

    #[test]
    fn near_marks_share_a_window_and_far_ones_do_not() {
        let text = "l\n".repeat(20);
        let made = excerpt(&[("a", &text)], &[(0, 0, 1), (0, 6, 7), (0, 30, 31)]);
        let lines: Vec<_> = made.windows.iter().map(|window| (window.first_line, window.line_count)).collect();
        assert_eq!(lines, [(1, 5), (15, 3)]);
    }

    #[test]
    fn the_file_of_the_first_mark_comes_first() {
        let made = excerpt(&[("a", "aa\n"), ("b", "bb\n")], &[(1, 0, 2), (0, 0, 2)]);
        assert_eq!(made.windows.iter().map(|window| window.path.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn marks_fit_whatever_the_text_holds() {
        let made = excerpt(&[("a", "\u{feff}é\u{1b}: 𝄞x\r\n")], &[(0, 7, 12), (0, 13, 14)]);
        assert_eq!(made.text, "é\u{fffd}: 𝄞x\n");
        assert_eq!(&made.text[made.labels[0].range.clone()], " 𝄞");
        assert_eq!(made.labels[0].position, LineColumn { line: 1, column: 4 });
    }

    #[test]
    fn a_long_line_is_cut_around_its_mark() {
        let text = format!("{}needle{}", "é".repeat(5000), "x".repeat(5000));
        let made = excerpt(&[("a", &text)], &[(0, 10_000, 10_006)]);
        assert_eq!(&made.text[made.labels[0].range.clone()], "needle");
        assert!(made.text.len() < 400 && made.text.starts_with("...") && made.text.ends_with("...\n"));
    }

    #[test]
    fn a_mark_past_the_end_is_at_the_end() {
        let made = excerpt(&[("a", "ab")], &[(0, 90, 95)]);
        assert_eq!(made.labels[0].range, 2..2);
    }
}
