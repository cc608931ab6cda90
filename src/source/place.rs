//! Sources and places: a path with its text, a span of bytes in it, and values that know where they were written.

use std::fmt;
use std::ops::{Deref, Index};

use super::edit::Replacement;

/// Identifies a [`Source`] within its [`Sources`]; ordered as the paths are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub(crate) u32);

/// A half-open range of bytes, counted from the first byte of the file (a byte-order mark included).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    #[must_use]
    pub fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The bytes of the span as a range to slice with.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Where something stands: a file and the bytes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    pub source: SourceId,
    pub span: Span,
}

/// A value and the place it was written at. Comparison and display look at the value alone.
#[derive(Clone, Copy)]
pub struct Spanned<T> {
    pub value: T,
    pub at: Location,
}

impl<T> Spanned<T> {
    #[must_use]
    pub fn new(value: T, at: Location) -> Self {
        Self { value, at }
    }

    /// The same place with another value.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: convert(self.value), at: self.at }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: fmt::Debug> fmt::Debug for Spanned<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(formatter)
    }
}

impl<T: fmt::Display> fmt::Display for Spanned<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(formatter)
    }
}

/// A line and a column, both from 1; the column counts Unicode scalar values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    pub line: usize,
    pub column: usize,
}

/// One input text with its path as the user would type it.
#[derive(Debug)]
pub struct Source {
    id: SourceId,
    path: String,
    text: String,
    /// Why the file's bytes are no text, where they are none.
    fault: Option<String>,
    /// The settings of the run, which findings may point at and which are no manifest.
    is_settings: bool,
    /// The byte offset at which each line starts; never empty.
    lines: Vec<u32>,
}

/// What a file holds: text, or the reason why it is none.
pub type Contents = Result<String, String>;

/// The byte-order mark, which is part of the file's bytes but of no line's columns.
const BYTE_ORDER_MARK: char = '\u{feff}';

impl Source {
    /// Indexes the lines of a text. The text must be shorter than 4 GiB, which the walk makes sure of.
    #[must_use]
    pub(crate) fn new(id: SourceId, path: String, contents: Contents) -> Self {
        let (text, fault) = match contents {
            Ok(text) => (text, None),
            Err(fault) => (String::new(), Some(fault)),
        };
        let mut lines = vec![0];
        lines.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| as_offset(at + 1)));
        Self { id, path, text, fault, is_settings: false, lines }
    }

    #[must_use]
    pub fn id(&self) -> SourceId {
        self.id
    }

    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Why the file could not be taken as text; its text is then empty.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Whether this is the file of the settings rather than a manifest.
    #[must_use]
    pub fn is_settings(&self) -> bool {
        self.is_settings
    }

    /// The number of lines; a text that ends in a newline has an empty last line.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// The line and column of a byte offset; an offset past the end is the end.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let offset = (offset as usize).min(self.text.len());
        let line = self.lines.partition_point(|&start| start as usize <= offset);
        let start = self.lines[line - 1] as usize;
        let before = self.text.get(start..offset).unwrap_or_default();
        LineColumn { line, column: before.chars().filter(|&c| c != BYTE_ORDER_MARK).count() + 1 }
    }

    /// The bytes of a line (counted from 1), without its line break.
    #[must_use]
    pub fn line(&self, line: usize) -> &str {
        let start = self.lines.get(line.wrapping_sub(1)).map_or(self.text.len(), |&at| at as usize);
        let end = self.lines.get(line).map_or(self.text.len(), |&at| at as usize);
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    /// The byte offset at which a line (counted from 1) starts; past the last line, the end of the text.
    #[must_use]
    pub fn line_start(&self, line: usize) -> u32 {
        self.lines.get(line.wrapping_sub(1)).copied().unwrap_or_else(|| as_offset(self.text.len()))
    }

    /// A place in this source.
    #[must_use]
    pub fn location(&self, span: Span) -> Location {
        Location { source: self.id, span }
    }

    /// The text of a span; empty where the span is not within the text.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }
}

/// Turns an index into an offset. Texts are below 4 GiB, so nothing is lost; a larger one saturates.
pub(crate) fn as_offset(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// All sources of a run, in the order of their paths.
#[derive(Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Takes `(path, text)` pairs, sorts them by path and gives them their ids.
    #[must_use]
    pub fn new(files: Vec<(String, String)>) -> Self {
        Self::from_contents(files.into_iter().map(|(path, text)| (path, Ok(text))).collect())
    }

    /// Like [`Sources::new`], with files among them that could not be taken as text.
    #[must_use]
    pub fn from_contents(mut files: Vec<(String, Contents)>) -> Self {
        files.sort();
        let number = |(index, (path, contents))| Source::new(SourceId(as_offset(index)), path, contents);
        Self { list: files.into_iter().enumerate().map(number).collect() }
    }

    /// The paths and what stands there again.
    #[must_use]
    pub fn into_contents(self) -> Vec<(String, Contents)> {
        self.list.into_iter().map(|source| (source.path, source.fault.map_or(Ok(source.text), Err))).collect()
    }

    /// The same sources with some edits made, which must not touch each other. What each is called by stays.
    #[must_use]
    pub fn edited(&self, edits: &[&Replacement]) -> Self {
        let edited = |source: &Source| {
            let mut own: Vec<_> = edits.iter().filter(|edit| edit.at.source == source.id).collect();
            // From the end, so that the places before stay what they are.
            own.sort_by_key(|edit| std::cmp::Reverse(edit.at.span));
            let mut text = source.text.clone();
            for edit in own.into_iter().filter(|edit| source.text.get(edit.at.span.range()).is_some()) {
                text.replace_range(edit.at.span.range(), &edit.text);
            }
            let contents = source.fault.clone().map_or(Ok(text), Err);
            Source { is_settings: source.is_settings, ..Source::new(source.id, source.path.clone(), contents) }
        };
        Self { list: self.list.iter().map(edited).collect() }
    }

    /// Takes the file with this path for the settings of the run.
    #[must_use]
    pub fn with_settings(mut self, path: &str) -> Self {
        self.list.iter_mut().filter(|source| source.path == path).for_each(|source| source.is_settings = true);
        self
    }

    /// The file of the settings.
    #[must_use]
    pub fn settings(&self) -> Option<&Source> {
        self.list.iter().find(|source| source.is_settings)
    }

    /// All but the settings.
    pub fn manifests(&self) -> impl Iterator<Item = &Source> {
        self.list.iter().filter(|source| !source.is_settings)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Source> {
        self.list.iter()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The size of all manifests in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.manifests().map(|source| source.text.len()).sum()
    }
}

impl Index<SourceId> for Sources {
    type Output = Source;

    fn index(&self, id: SourceId) -> &Source {
        &self.list[id.0 as usize]
    }
}

impl<'a> IntoIterator for &'a Sources {
    type Item = &'a Source;
    type IntoIter = std::slice::Iter<'a, Source>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}
/// The folder of a file.
#[must_use]
pub fn folder(path: &str) -> &str {
    path.rsplit_once(['/', '\\']).map_or("", |(folder, _)| folder)
}

/// A path as seen from a folder, without the steps back that it takes.
#[must_use]
pub fn joined(folder: &str, path: &str) -> String {
    let is_absolute = folder.starts_with('/') && !path.starts_with('/');
    let whole = format!("{folder}/{path}");
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|&last| last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let slash = if is_absolute || path.starts_with('/') { "/" } else { "" };
    format!("{slash}{}", parts.join("/"))
}

/// The folder that a path such as `../modules/vpc` names, seen from another one; none for what is no such path.
#[must_use]
pub fn folder_beside(from: &str, path: &str) -> Option<String> {
    (path.starts_with("./") || path.starts_with("../")).then(|| joined(from, path))
}
