//! Edits that keep a text's comments and layout: what another value, key or item is in bytes. Where the layout would have to
//! be guessed, or where the text counts in several places, there is no edit.

use super::parse::is_terraform;
use super::place::{Location, Source, Span, as_offset};
use super::scalar::{Scalar, resolve};
use super::tree::{Document, Entry, Node, Shape};

/// What is to change, in words and places alone. Values, keys and items are words without blanks and quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The scalar at a place gets another value; its quotes stay.
    Set { at: Location, value: String },
    /// A mapping gets another key at its end, and below it the keys that follow, down to a string.
    Insert { at: Location, into: Holder, keys: Vec<&'static str>, value: String },
    /// The list that the item at a place is of gets more strings at its end.
    Append { at: Location, items: Vec<String> },
}

/// Which mapping is meant by a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The value of the key at the place.
    Value,
    /// The one that the key or value at the place is of.
    Parent,
}

impl Edit {
    /// The place that the edit goes by.
    #[must_use]
    pub fn at(&self) -> Location {
        match self {
            Self::Set { at, .. } | Self::Insert { at, .. } | Self::Append { at, .. } => *at,
        }
    }
}

/// A place in a text and what is to stand there instead. An empty place is a gap into which the text goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replacement {
    pub at: Location,
    pub text: String,
}

impl Replacement {
    /// Whether two of them meet, so that the order in which they are made would matter.
    #[must_use]
    pub fn touches(&self, other: &Self) -> bool {
        let (own, others) = (self.at.span, other.at.span);
        self.at.source == other.at.source && own.start <= others.end && others.start <= own.end
    }
}

/// How a scalar is quoted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Plain,
    Single,
    Double,
}

impl Document<'_> {
    /// An edit in bytes; nothing where it cannot be made without guessing.
    #[must_use]
    pub fn replacement(&self, edit: &Edit) -> Option<Replacement> {
        let source = self.source();
        if is_terraform(source) || edit.at().source != source.id() {
            return None;
        }
        let trail = self.trail(edit.at().span);
        let (&node, above) = trail.split_last()?;
        let (span, text) = match edit {
            Edit::Set { value, .. } => set(source, node, value)?,
            Edit::Insert { into, keys, value, .. } => {
                let parent = *above.last()?;
                let mapping = match into {
                    Holder::Parent => parent,
                    Holder::Value => parent.own_entries().find(|entry| entry.key.at() == node.at())?.value,
                };
                let key = *keys.first()?;
                let is_taken = |entry: Entry<'_>| entry.name() == key || entry.name() == "<<";
                if mapping.shape() != Shape::Mapping || mapping.own_entries().any(is_taken) {
                    return None;
                }
                let quotes = quotes_beside(source, &trail, mapping);
                insertion(source, mapping, &[nested(keys, value, quotes)?])?
            }
            Edit::Append { items, .. } => {
                let list = above.last().filter(|parent| parent.shape() == Shape::Sequence)?;
                let quotes = quotes(source, node)?;
                let items: Vec<String> = items.iter().map(|item| written(item, quotes)).collect::<Option<_>>()?;
                insertion(source, *list, &items)?
            }
        };
        Some(Replacement { at: source.location(span), text })
    }
}

/// A key with what is below it: more keys in braces, and a value at the end.
fn nested(keys: &[&str], value: &str, quotes: Quotes) -> Option<String> {
    let (key, rest) = keys.split_first()?;
    let value = if rest.is_empty() { written(value, quotes)? } else { format!("{{{}}}", nested(rest, value, quotes)?) };
    Some(format!("{}: {value}", written(key, quotes)?))
}

/// Another value for a scalar, of the same type.
fn set(source: &Source, node: Node<'_>, value: &str) -> Option<(Span, String)> {
    let span = node.at().span;
    let raw = source.slice(span);
    if node.shape() != Shape::Scalar || node.is_alias() || node.is_shared() || raw.contains('\n') {
        return None;
    }
    let quotes = quotes(source, node)?;
    let alike = |one: &Scalar<'_>, other: &Scalar<'_>| std::mem::discriminant(one) == std::mem::discriminant(other);
    let old = node.scalar()?;
    let text = match old {
        Scalar::Text(_) => written(value, quotes)?,
        // A number or a truth value stays one.
        _ if quotes == Quotes::Plain && is_word(value) && alike(&old, &resolve(value)) => value.to_owned(),
        _ => return None,
    };
    Some((span, text))
}

/// How a scalar is quoted; nothing for block scalars and for what has a tag.
fn quotes(source: &Source, node: Node<'_>) -> Option<Quotes> {
    let raw = source.slice(node.at().span);
    let first = raw.chars().next()?;
    match (first, node.is_plain()) {
        (_, true) => Some(Quotes::Plain),
        // What a block scalar holds may begin with quotes as well, and is not decoded.
        _ if node.text() == Some(raw) => None,
        ('"', false) => Some(Quotes::Double),
        ('\'', false) => Some(Quotes::Single),
        _ => None,
    }
}

/// A string as it is written with such quotes, or with double ones where it would be something else without.
fn written(value: &str, quotes: Quotes) -> Option<String> {
    let is_plain = value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
        && matches!(resolve(value), Scalar::Text(_));
    is_word(value).then(|| match quotes {
        Quotes::Plain if is_plain => value.to_owned(),
        Quotes::Single => format!("'{value}'"),
        Quotes::Plain | Quotes::Double => format!("\"{value}\""),
    })
}

/// Whether a value needs no escape in any quotes.
fn is_word(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic() && !"\"'\\".contains(c))
}

/// The quotes of a new entry: where keys are in double quotes, as in JSON, so is everything.
fn quotes_beside(source: &Source, trail: &[Node<'_>], mapping: Node<'_>) -> Quotes {
    let mut entries = trail.iter().flat_map(|node| node.own_entries());
    let above = || entries.find(|entry| entry.value.at() == mapping.at()).map(|entry| entry.key);
    let key = mapping.children().next().or_else(above);
    let quotes = key.and_then(|key| quotes(source, key));
    quotes.filter(|quotes| *quotes == Quotes::Double).unwrap_or(Quotes::Plain)
}

/// Where more entries go behind the last one of a collection, and the text that they are there.
fn insertion(source: &Source, collection: Node<'_>, entries: &[String]) -> Option<(Span, String)> {
    let span = collection.at().span;
    if collection.is_alias() || collection.is_shared() {
        return None;
    }
    if source.slice(span).starts_with(['{', '[']) {
        in_flow(source, collection, entries)
    } else {
        in_block(source, collection, entries)
    }
}

fn gap(at: usize) -> Span {
    Span::new(as_offset(at), as_offset(at))
}

/// Between brackets: on the same line, or each on a line of its own as the last one is.
fn in_flow(source: &Source, collection: Node<'_>, entries: &[String]) -> Option<(Span, String)> {
    let span = collection.at().span;
    let close = span.end.checked_sub(1)?;
    let Some(last) = collection.children().last() else {
        let inside = Span::new(span.start + 1, close);
        let is_blank = source.slice(inside).chars().all(|c| c == ' ');
        return is_blank.then(|| (inside, entries.join(", ")));
    };
    let end = last.at().span.end;
    if !source.slice(Span::new(end, close)).trim().is_empty() {
        return None;
    }
    let separator = if source.slice(span).contains('\n') {
        let head = last_head(collection)?;
        let (indent, _) = indent(source, head)?;
        if !source.slice(Span::new(end, close)).contains('\n') || indent.contains('-') {
            return None;
        }
        format!(",{}{indent}", line_end(source, end as usize).1)
    } else {
        ", ".to_owned()
    };
    Some((gap(end as usize), entries.iter().map(|entry| format!("{separator}{entry}")).collect()))
}

/// On lines of their own, indented as the others are.
fn in_block(source: &Source, collection: Node<'_>, entries: &[String]) -> Option<(Span, String)> {
    let last = std::iter::successors(Some(collection), |node| node.children().last());
    // A block collection is known to end where its last scalar does, which may stand in brackets.
    let inside = last.clone().map(|node| node.at().span.end).max()? as usize;
    let leaf = last.last()?;
    // The last line of a block scalar is not known for certain, nor is the line of a value that is left out.
    if leaf.shape() == Shape::Scalar && !leaf.is_alias() && quotes(source, leaf).is_none() {
        return None;
    }
    let (end, eol) = line_end(source, inside);
    let rest = source.text().get(inside..end)?;
    let is_comment = rest.trim_start().starts_with('#') && rest.starts_with([' ', '\t']);
    if !rest.trim().is_empty() && !is_comment {
        return None;
    }
    let (indent, dashes) = indent(source, last_head(collection)?)?;
    let prefix = match (collection.shape(), dashes) {
        (Shape::Mapping, _) => indent.replace('-', " "),
        (_, 1) => indent,
        _ => return None,
    };
    Some((gap(end), entries.iter().map(|entry| format!("{eol}{prefix}{entry}")).collect()))
}

/// The last item of a list, or the last key of a mapping.
fn last_head(collection: Node<'_>) -> Option<Node<'_>> {
    match collection.shape() {
        Shape::Mapping => collection.children().step_by(2).last(),
        _ => collection.children().last(),
    }
}

/// What stands before a node on its line, where that is nothing but blanks and the dashes of lists, and how many of these.
fn indent(source: &Source, node: Node<'_>) -> Option<(String, usize)> {
    let start = node.at().span.start;
    let line = source.line_start(source.line_column(start).line);
    let before = source.slice(Span::new(line, start));
    let is_indent = before.chars().all(|c| c == ' ' || c == '-') && !before.contains("--") && !before.ends_with('-');
    is_indent.then(|| (before.to_owned(), before.matches('-').count()))
}

/// Where the line of an offset ends, without its line break; and the break that the text has there, or on the line before
/// where it has none.
fn line_end(source: &Source, offset: usize) -> (usize, &'static str) {
    let text = source.text();
    let rest = text.get(offset..).unwrap_or_default();
    let end = rest.find('\n').map(|at| offset + at);
    let last = end.or_else(|| text.get(..offset).and_then(|before| before.rfind('\n')));
    let is_crlf = last.is_some_and(|at| text[..at].ends_with('\r'));
    let end = end.map_or(text.len(), |end| if is_crlf { end - 1 } else { end });
    (end, if is_crlf { "\r\n" } else { "\n" })
}
