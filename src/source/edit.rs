//! Edits that keep a text's comments and layout: what another value, key or item is in bytes. Where the layout would have to
//! be guessed, or where the text counts in several places, there is no edit.

use super::parse::is_terraform;
use super::place::{Location, Source, Span, as_offset};
use super::scalar::{Scalar, resolve};
use super::tree::{Document, Node, Shape};

/// What is to change, in words and places alone. A value is a word without blanks and quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The scalar at a place gets another value; its quotes stay.
    Set { at: Location, value: String },
    /// A mapping gets another key with a string: the mapping at the place, or the value of the key there.
    Insert { into: Location, key: &'static str, value: String },
    /// A list of strings gets more items: the list at the place, the value of the key there, or the list of the item there.
    Append { to: Location, items: Vec<String> },
}

impl Edit {
    /// The place that the edit goes by.
    #[must_use]
    pub fn at(&self) -> Location {
        match self {
            Self::Set { at, .. } | Self::Insert { into: at, .. } | Self::Append { to: at, .. } => *at,
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
        let node = *trail.last()?;
        let (span, text) = match edit {
            Edit::Set { value, .. } => set(source, node, value)?,
            Edit::Insert { key, value, .. } => {
                let mapping = own(&trail, Shape::Mapping)?;
                if mapping.own_entries().any(|own| own.name() == *key || own.name() == "<<") {
                    return None;
                }
                let quotes = neighbour(source, &trail, mapping);
                let entry = format!("{}: {}", written(key, quotes)?, written(value, quotes)?);
                insertion(source, mapping, &[entry])?
            }
            Edit::Append { items, .. } => {
                let list = own(&trail, Shape::Sequence)?;
                let quotes = neighbour(source, &trail, list);
                let items: Vec<String> = items.iter().map(|item| written(item, quotes)).collect::<Option<_>>()?;
                insertion(source, list, &items)?
            }
        };
        Some(Replacement { at: source.location(span), text })
    }
}

/// The collection that a place means: what is there, the value of the key there, or the list that the item there is of.
fn own<'a>(trail: &[Node<'a>], shape: Shape) -> Option<Node<'a>> {
    let (node, above) = trail.split_last()?;
    let parent = above.last().copied();
    let entry = parent.and_then(|parent| parent.own_entries().find(|entry| entry.key.at() == node.at()));
    let candidates = [Some(*node), entry.map(|entry| entry.value), parent];
    let own = candidates.into_iter().flatten().find(|one| one.shape() == shape)?;
    (!own.is_alias() && !own.is_shared()).then_some(own)
}

/// Another value for a scalar, of the same type.
fn set(source: &Source, node: Node<'_>, value: &str) -> Option<(Span, String)> {
    let span = node.at().span;
    let raw = source.slice(span);
    if node.shape() != Shape::Scalar || node.is_alias() || node.is_shared() || raw.contains('\n') {
        return None;
    }
    let quotes = quotes(raw)?;
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

/// How a scalar is quoted; nothing for block scalars and for what has a tag or an anchor.
fn quotes(raw: &str) -> Option<Quotes> {
    match raw.chars().next()? {
        '"' => Some(Quotes::Double),
        '\'' => Some(Quotes::Single),
        '|' | '>' | '!' | '&' | '*' => None,
        _ => Some(Quotes::Plain),
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

/// The quotes of what stands beside something new: of the collection's last scalar, of its keys, or of the key above it.
fn neighbour(source: &Source, trail: &[Node<'_>], collection: Node<'_>) -> Quotes {
    let of = |node: Node<'_>| quotes(source.slice(node.at().span));
    let children = || collection.children().filter(|child| child.shape() == Shape::Scalar && !child.is_alias());
    if collection.shape() == Shape::Sequence
        && let Some(last) = children().last()
    {
        return of(last).unwrap_or(Quotes::Plain);
    }
    // Where keys are in quotes, as in JSON, so is everything.
    let key = children().next().or_else(|| key_above(trail, collection));
    if key.and_then(of) == Some(Quotes::Double) { Quotes::Double } else { Quotes::Plain }
}

/// The key whose value a collection is.
fn key_above<'a>(trail: &[Node<'a>], collection: Node<'a>) -> Option<Node<'a>> {
    let mut entries = trail.iter().flat_map(|node| node.own_entries());
    entries.find(|entry| entry.value.at() == collection.at()).map(|entry| entry.key)
}

/// Where more entries go behind the last one of a collection, and the text that they are there.
fn insertion(source: &Source, collection: Node<'_>, entries: &[String]) -> Option<(Span, String)> {
    let span = collection.at().span;
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
    let mut last = collection.children().last()?;
    while let Some(child) = last.children().last() {
        last = child;
    }
    // The last line of a block scalar is not known for certain, nor is the line of a value that is left out.
    if source.slice(last.at().span).is_empty() || source.slice(last.at().span).starts_with(['|', '>']) {
        return None;
    }
    let (end, eol) = line_end(source, collection.at().span.end as usize);
    let rest = source.text().get(collection.at().span.end as usize..end)?;
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
