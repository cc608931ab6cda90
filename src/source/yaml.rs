//! YAML into the table of nodes. The one file that names the YAML crate.

use granit_parser::{Event, Parser, ScalarStyle, Span as Range, Tag};
use rustc_hash::FxHashMap;

use super::parse::Outcome;
use super::place::{Source, Span, as_offset};
use super::tree::{Builder, Built, Fault, Kind, MAX_DEPTH, Value};

/// A text to read, and where its bytes stand in the source.
pub(super) struct Text<'t> {
    pub text: &'t str,
    pub origin: Origin,
}

/// How offsets in a text become offsets in its source.
pub(super) enum Origin {
    /// The text is the part of the source that starts here.
    Slice(u32),
    /// The text was decoded: for each of its bytes, and for its end, the byte of the source that it was written with.
    Decoded(Vec<u32>),
}

impl Text<'_> {
    fn offset(&self, at: usize) -> u32 {
        match &self.origin {
            Origin::Slice(start) => start + as_offset(at.min(self.text.len())),
            Origin::Decoded(offsets) => offsets.get(at).or(offsets.last()).copied().unwrap_or(0),
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.offset(start), self.offset(end))
    }
}

/// Reads all documents of a text. A fault ends its document alone; reading goes on with the next one.
pub(super) fn read<'s>(source: &'s Source, text: &Text<'_>) -> Outcome<'s> {
    let options = granit_parser::options! {
        max_buffered_comment_events: usize::MAX,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH
    };
    let mut parser = Parser::new_from_str_with_options(text.text, options);
    let mut driver = Driver { source, text, document: None, comments: Vec::new(), start: 0 };
    let mut outcome = Outcome::default();
    while let Some(next) = parser.next_event() {
        let step = match next {
            Ok((event, range)) => driver.take(event, range),
            Err(error) => Err(driver.scan_fault(error.marker().byte_offset(), &error.info())),
        };
        match step {
            Ok(Step::On) => {}
            Ok(Step::End(built)) => outcome.add(built),
            Err(fault) => {
                outcome.faults.push(driver.explained(fault));
                driver.document = None;
                if !parser.proceed_next_document().unwrap_or(false) {
                    break;
                }
            }
        }
    }
    outcome
}

struct Driver<'s, 't> {
    source: &'s Source,
    text: &'t Text<'t>,
    document: Option<Open<'s>>,
    /// Comments that stand before a document has begun.
    comments: Vec<Span>,
    /// Where the current document begins, or the next one if none is open.
    start: usize,
}

/// What an event leads to.
enum Step<'s> {
    On,
    /// The document is at its end; nothing where it had no value.
    End(Option<Built<'s>>),
}

/// A document that is being read.
struct Open<'s> {
    builder: Builder<'s>,
    /// The node of each anchor.
    anchors: FxHashMap<usize, u32>,
}

impl<'s> Driver<'s, '_> {
    /// Takes one event.
    fn take(&mut self, event: Event<'_>, range: Range) -> Result<Step<'s>, Fault> {
        let (start, end) = bytes(&range);
        match event {
            Event::DocumentStart(..) => {
                let mut builder = Builder::new(self.source);
                self.comments.drain(..).for_each(|comment| builder.comment(comment));
                self.document = Some(Open { builder, anchors: FxHashMap::default() });
                self.start = start;
            }
            Event::DocumentEnd => {
                self.start = end;
                if let Some(open) = self.document.take() {
                    return Ok(Step::End(open.builder.finish()?));
                }
            }
            Event::Comment(..) => {
                let span = self.text.span(start, end);
                match &mut self.document {
                    Some(open) => open.builder.comment(span),
                    None => self.comments.push(span),
                }
            }
            event => self.node(event, start, end)?,
        }
        Ok(Step::On)
    }

    fn node(&mut self, event: Event<'_>, start: usize, end: usize) -> Result<(), Fault> {
        let Some(Open { builder, anchors }) = &mut self.document else { return Ok(()) };
        let mut note = |anchor: usize, index: u32| {
            if anchor != 0 {
                anchors.insert(anchor, index);
            }
        };
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                note(anchor, builder.next_index());
                let kind = if is_typed(style, tag.as_deref()) { Kind::Plain } else { Kind::Text };
                let value = self.text.value(&value, start, end);
                builder.scalar(kind, self.text.span(start, end), &value)
            }
            Event::SequenceStart(_, anchor, _) => {
                note(anchor, builder.next_index());
                builder.open(Kind::Sequence, self.text.offset(start))
            }
            Event::MappingStart(_, anchor, _) => {
                note(anchor, builder.next_index());
                builder.open(Kind::Mapping, self.text.offset(start))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                builder.close(self.text.offset(end));
                Ok(())
            }
            Event::Alias(anchor) => {
                let span = self.text.span(start, end);
                let unknown = || Fault { span, reason: "an alias refers to an anchor of another document".to_owned() };
                builder.alias(span, *anchors.get(&anchor).ok_or_else(unknown)?)
            }
            _ => Ok(()),
        }
    }

    fn scan_fault(&self, at: Option<usize>, reason: &str) -> Fault {
        let at = at.unwrap_or(self.text.text.len());
        Fault { span: self.text.span(at, at), reason: reason.to_owned() }
    }

    /// A fault with what it most likely comes from, where that can be told.
    fn explained(&mut self, fault: Fault) -> Fault {
        let from = self.start;
        let rest = self.text.text.get(from..).unwrap_or_default();
        let end = separator(rest).map_or(self.text.text.len(), |at| from + at);
        self.start = end;
        let document = &self.text.text[from..end];
        if document.contains("{{") {
            let reason = "a template, not YAML: render it first (`helm template`) and audit what comes out".to_owned();
            return Fault { reason, ..fault };
        }
        let start = fault.span.start.saturating_sub(self.text.offset(from)) as usize;
        let line =
            document.get(..start.min(document.len())).and_then(|text| text.rsplit('\n').next()).unwrap_or_default();
        let is_indented_by_tab =
            line.contains('\t') || document.get(start..).is_some_and(|rest| rest.starts_with('\t'));
        if document.contains('\0') {
            return Fault { reason: "a NUL byte: this is not text".to_owned(), ..fault };
        }
        if is_indented_by_tab {
            return Fault {
                reason: format!("{} (YAML is indented by spaces; here stands a tab)", fault.reason),
                ..fault
            };
        }
        fault
    }
}

impl Text<'_> {
    /// Where the decoded text of a scalar is: in the source as it stands, between quotes, or nowhere.
    fn value<'v>(&self, value: &'v str, start: usize, end: usize) -> Value<'v> {
        let Origin::Slice(_) = self.origin else { return Value::Decoded(value) };
        for inset in [0, 1] {
            let (from, to) = (start + inset, end.saturating_sub(inset));
            if self.text.get(from..to) == Some(value) {
                return Value::Slice(self.span(from, to));
            }
        }
        Value::Decoded(value)
    }
}

fn bytes(range: &Range) -> (usize, usize) {
    let range = range.byte_range().unwrap_or_default();
    (range.start, range.end)
}

/// Whether a scalar's type follows from its text: plain ones, and those with a tag of the core schema other than `!!str`.
fn is_typed(style: ScalarStyle, tag: Option<&Tag>) -> bool {
    match tag {
        None => style == ScalarStyle::Plain,
        Some(tag) => tag.core_suffix().is_some_and(|suffix| suffix != "str"),
    }
}

/// The start of the line that separates this document from the next.
fn separator(text: &str) -> Option<usize> {
    memchr::memmem::find_iter(text.as_bytes(), b"\n---")
        .map(|at| at + 1)
        .find(|at| text[at + 3..].chars().next().is_none_or(char::is_whitespace))
}
