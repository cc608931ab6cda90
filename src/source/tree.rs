//! The node table: one document as a flat list of small nodes in document order, scalars decoded on demand.
//!
//! A node knows its bytes and where the next sibling starts, so a subtree is skipped in one step. Aliases stay nodes;
//! the builder bounds what they can expand to, so a reader may follow them freely.

use std::fmt::Write as _;

use rustc_hash::FxHashSet;

use super::place::{Location, Source, Span, as_offset};
use super::scalar::{Scalar, canonical_key, resolve};

/// The deepest nesting of a document; deeper ones are reported as unparsed.
pub(super) const MAX_DEPTH: usize = 256;
/// What the aliases of a document may expand to in all: this many nodes beyond ten times the nodes that were written.
const EXPANSION_ALLOWANCE: u64 = 100_000;

/// What a node is once aliases are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Mapping,
    Sequence,
    Scalar,
}

/// What a node is in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mapping,
    Sequence,
    /// A scalar whose type follows from its text.
    Plain,
    /// A scalar that is a string whatever its text: quoted, block style, or tagged as a string.
    Text,
    /// Stands for the node whose index is in `value`.
    Alias,
}

#[derive(Clone, Copy, Debug)]
struct Raw {
    span: Span,
    /// The index after the last node of this subtree.
    next: u32,
    kind: Kind,
    /// The scalar's decoded text is in the side text, not in the source.
    aside: bool,
    /// The decoded text as a range of the source or the side text; for an alias, `start` is the target's index.
    value: Span,
}

/// One document: its nodes, and its comments in order.
#[derive(Debug)]
pub struct Document<'s> {
    source: &'s Source,
    nodes: Vec<Raw>,
    side: String,
    comments: Vec<Span>,
    merges: bool,
    aliases: bool,
}

impl<'s> Document<'s> {
    #[must_use]
    pub fn source(&self) -> &'s Source {
        self.source
    }

    /// The top node.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node { document: self, index: 0 }
    }

    /// The comments, each from its `#` to the end of its line.
    pub fn comments(&self) -> impl Iterator<Item = Location> {
        self.comments.iter().map(|&span| self.source.location(span))
    }

    /// The nodes from the top down to the one that stands exactly at a place; nothing where none does. Aliases are not
    /// followed.
    pub(super) fn trail(&self, span: Span) -> Vec<Node<'_>> {
        let after = self.nodes.partition_point(|raw| raw.span.start <= span.start);
        let starting = (0..after).rev().take_while(|&index| self.nodes[index].span.start == span.start);
        let Some(found) = starting.into_iter().find(|&index| self.nodes[index].span == span).map(as_offset) else {
            return Vec::new();
        };
        let mut trail = vec![self.root()];
        while let Some(node) = trail.last().filter(|node| node.index < found) {
            let Some(next) = node.children().find(|child| found < child.raw().next) else { return Vec::new() };
            trail.push(next);
        }
        trail
    }

    /// The path of the smallest value or key that holds a place, such as `spec.servers[443].tls.mode`; empty where the place
    /// is outside of this document. An item of a list is called by what it is rather than where it stands, wherever
    /// it has a name or is a word, so that the path outlives another order.
    #[must_use]
    pub fn path_at(&self, place: Location) -> String {
        let mut path = String::new();
        if place.source != self.source.id() {
            return path;
        }
        let holds = |node: Node<'_>| {
            let span = node.raw().span;
            span.start <= place.span.start && place.span.end <= span.end
        };
        let mut node = self.root();
        loop {
            let step = match node.raw().kind {
                Kind::Mapping => node.own_entries().find(|entry| holds(entry.key) || holds(entry.value)).map(|entry| {
                    let dot = if path.is_empty() { "" } else { "." };
                    let _ = write!(path, "{dot}{}", entry.name());
                    entry.value
                }),
                Kind::Sequence => node.items().enumerate().find(|(_, item)| holds(*item)).map(|(index, item)| {
                    let _ = match item.identity() {
                        Some(identity) => write!(path, "[{identity}]"),
                        None => write!(path, "[{index}]"),
                    };
                    item
                }),
                Kind::Plain | Kind::Text | Kind::Alias => None,
            };
            match step {
                Some(next) if holds(next) => node = next,
                _ => return path,
            }
        }
    }
}

/// A node of a document, as cheap to copy as a reference.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    document: &'a Document<'a>,
    index: u32,
}

/// A key and its value in a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub key: Node<'a>,
    pub value: Node<'a>,
}

impl<'a> Entry<'a> {
    /// The key as Kubernetes reads it: keys are typed too, so a plain `n` is `false`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.key.decoded()
    }
}

impl<'a> Node<'a> {
    fn raw(self) -> &'a Raw {
        &self.document.nodes[self.index as usize]
    }

    /// The node that an alias stands for; any other node itself.
    fn target(self) -> Self {
        let raw = self.raw();
        if raw.kind == Kind::Alias { Self { index: raw.value.start, ..self } } else { self }
    }

    /// Whether an alias stands for this node or for one around it, so that it counts in several places.
    pub(super) fn is_shared(self) -> bool {
        let all = if self.document.aliases { self.document.nodes.as_slice() } else { &[] };
        let mut aliases = all.iter().filter(|raw| raw.kind == Kind::Alias);
        aliases.any(|alias| {
            let target = Self { index: alias.value.start, ..self };
            (target.index..target.raw().next).contains(&self.index)
        })
    }

    /// Whether this is an alias rather than what it stands for.
    pub(super) fn is_alias(self) -> bool {
        self.raw().kind == Kind::Alias
    }

    /// Whether this is a scalar whose type follows from its text.
    pub(super) fn is_plain(self) -> bool {
        self.raw().kind == Kind::Plain
    }

    /// What a collection holds as it was written: items, or keys and values in turn.
    pub(super) fn children(self) -> impl Iterator<Item = Node<'a>> {
        Children { document: self.document, index: self.index + 1, end: self.raw().next }
    }

    fn decoded(self) -> &'a str {
        let raw = self.target().raw();
        if raw.aside {
            self.document.side.get(raw.value.range()).unwrap_or_default()
        } else {
            self.document.source.slice(raw.value)
        }
    }

    /// The document that the node is part of.
    #[must_use]
    pub fn document(self) -> &'a Document<'a> {
        self.document
    }

    /// Where the node was written: a scalar with its quotes, a collection from its first to its last byte, an alias at its own site.
    #[must_use]
    pub fn at(self) -> Location {
        self.document.source.location(self.raw().span)
    }

    /// Where a scalar's text was written: where an alias points to, else the node's own place.
    pub(super) fn target_at(self) -> Location {
        self.target().at()
    }

    /// The head of a node: a mapping's first key, a sequence's first item, a scalar itself. This is what a finding points at
    /// when something is absent from an item that has no key of its own.
    #[must_use]
    pub fn head(self) -> Location {
        match self.raw().kind {
            Kind::Mapping | Kind::Sequence if self.raw().next > self.index + 1 => {
                Self { index: self.index + 1, ..self }.at()
            }
            _ => self.at(),
        }
    }

    #[must_use]
    pub fn shape(self) -> Shape {
        match self.target().raw().kind {
            Kind::Mapping => Shape::Mapping,
            Kind::Sequence => Shape::Sequence,
            Kind::Plain | Kind::Text | Kind::Alias => Shape::Scalar,
        }
    }

    /// The typed value of a scalar, as Kubernetes types it.
    #[must_use]
    pub fn scalar(self) -> Option<Scalar<'a>> {
        match self.target().raw().kind {
            Kind::Plain => Some(resolve(self.decoded())),
            Kind::Text => Some(Scalar::Text(self.decoded())),
            Kind::Mapping | Kind::Sequence | Kind::Alias => None,
        }
    }

    /// The text of a scalar as it was written, escapes decoded, whatever its type.
    #[must_use]
    pub fn text(self) -> Option<&'a str> {
        (self.shape() == Shape::Scalar).then(|| self.decoded())
    }

    /// Whether this is an explicit or implicit null.
    #[must_use]
    pub fn is_null(self) -> bool {
        matches!(self.scalar(), Some(Scalar::Null))
    }

    /// What an item of a list is called: by its name or its port's, or as the word that it is.
    fn identity(self) -> Option<&'a str> {
        let port = || self.get("port").map(|port| port.get("number").or_else(|| port.get("name")).unwrap_or(port));
        match self.shape() {
            Shape::Scalar => self.text(),
            Shape::Mapping => self.get("name").or_else(port).and_then(Node::text),
            Shape::Sequence => None,
        }
    }

    /// The items of a sequence; nothing for any other node.
    pub fn items(self) -> impl Iterator<Item = Node<'a>> {
        let node = self.target();
        let raw = node.raw();
        let end = if raw.kind == Kind::Sequence { raw.next } else { node.index };
        Children { document: node.document, index: node.index + 1, end }
    }

    /// The entries that stand in the mapping itself, merge keys as they were written.
    pub(super) fn own_entries(self) -> impl Iterator<Item = Entry<'a>> {
        let node = self.target();
        let raw = node.raw();
        let end = if raw.kind == Kind::Mapping { raw.next } else { node.index };
        let mut children = Children { document: node.document, index: node.index + 1, end };
        std::iter::from_fn(move || Some(Entry { key: children.next()?, value: children.next()? }))
    }

    /// The entries of a mapping, merge keys (`<<`) applied: an own key hides a merged one. Nothing for any other node.
    /// A key written twice comes twice; the last one counts.
    pub fn entries(self) -> impl Iterator<Item = Entry<'a>> {
        let merged = if self.document.merges { self.merged_entries(0) } else { Vec::new() };
        self.own_entries().filter(|entry| !entry.is_merge()).chain(merged)
    }

    fn merged_entries(self, depth: usize) -> Vec<Entry<'a>> {
        let mut merged: Vec<Entry<'a>> = Vec::new();
        if depth > MAX_DEPTH {
            return merged;
        }
        for merge in self.own_entries().filter(Entry::is_merge) {
            let sources: Vec<Node<'a>> = match merge.value.shape() {
                Shape::Sequence => merge.value.items().collect(),
                Shape::Mapping | Shape::Scalar => vec![merge.value],
            };
            for source in sources {
                let below = source.merged_entries(depth + 1);
                for entry in source.own_entries().filter(|entry| !entry.is_merge()).chain(below) {
                    let known = |other: Entry<'a>| other.name() == entry.name();
                    if !merged.iter().copied().any(known) && !self.own_entries().any(known) {
                        merged.push(entry);
                    }
                }
            }
        }
        merged
    }

    /// The entry of a key in a mapping; of two with the same key, the last.
    #[must_use]
    pub fn entry(self, name: &str) -> Option<Entry<'a>> {
        let own = self.own_entries().filter(|entry| entry.is_called(name)).last();
        if own.is_some() || !self.document.merges {
            return own;
        }
        self.merged_entries(0).into_iter().find(|entry| entry.is_called(name))
    }

    /// The value of a key in a mapping.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Node<'a>> {
        self.entry(name).map(|entry| entry.value)
    }
}

impl Entry<'_> {
    fn is_merge(&self) -> bool {
        self.key.raw().kind == Kind::Plain && self.is_called("<<")
    }

    /// Whether the key is a name: most are told from it by their length alone, without looking at the text.
    fn is_called(&self, name: &str) -> bool {
        self.key.target().raw().value.range().len() == name.len() && self.name() == name
    }
}

struct Children<'a> {
    document: &'a Document<'a>,
    index: u32,
    end: u32,
}

impl<'a> Iterator for Children<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        (self.index < self.end).then(|| {
            let node = Node { document: self.document, index: self.index };
            self.index = node.raw().next;
            node
        })
    }
}

/// A finished document, and the keys that were written twice.
pub(super) struct Built<'s> {
    pub document: Document<'s>,
    pub duplicate_keys: Vec<Span>,
}

/// Why a document cannot be taken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub span: Span,
    pub reason: String,
}

/// Where a scalar's decoded text is: in the source as it stands, or worked out by the parser.
pub(super) enum Value<'v> {
    Slice(Span),
    Decoded(&'v str),
}

/// Builds a document from events in document order. The parsers drive it; nothing else can make a table.
pub(super) struct Builder<'s> {
    document: Document<'s>,
    open: Vec<Open>,
    duplicate_keys: Vec<Span>,
    /// For each node, how many nodes it stands for once its aliases are followed; 0 while it is open.
    expanded: Vec<u64>,
}

/// A collection that is still being written.
struct Open {
    index: u32,
    children: u32,
    /// What its children so far stand for, aliases followed.
    expanded: u64,
}

impl<'s> Builder<'s> {
    pub fn new(source: &'s Source) -> Self {
        let document = Document {
            source,
            nodes: Vec::new(),
            side: String::new(),
            comments: Vec::new(),
            merges: false,
            aliases: false,
        };
        Self { document, open: Vec::new(), duplicate_keys: Vec::new(), expanded: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.document.nodes.is_empty()
    }

    /// The index that the next node will have, for an anchor to name.
    pub fn next_index(&self) -> u32 {
        as_offset(self.document.nodes.len())
    }

    pub fn comment(&mut self, span: Span) {
        self.document.comments.push(span);
    }

    pub fn scalar(&mut self, kind: Kind, span: Span, value: &Value<'_>) -> Result<(), Fault> {
        let is_key = self.at_key();
        if is_key {
            self.check_key(kind, span, value)?;
        }
        let (aside, value) = match *value {
            Value::Slice(slice) => match self.typed_key(is_key && kind == Kind::Plain, slice) {
                Some(canonical) => (true, self.push_side(&canonical)),
                None => (false, slice),
            },
            Value::Decoded(text) => (true, self.push_side(text)),
        };
        self.push(Raw { span, next: self.next_index() + 1, kind, aside, value }, 1)
    }

    /// A key such as `y` or `0x10` in the words that the API server will see, where they differ from what is written.
    fn typed_key(&self, applies: bool, slice: Span) -> Option<String> {
        if applies { canonical_key(self.document.source.slice(slice)) } else { None }
    }

    fn check_key(&mut self, kind: Kind, span: Span, value: &Value<'_>) -> Result<(), Fault> {
        let text = match *value {
            Value::Slice(slice) => self.document.source.slice(slice),
            Value::Decoded(text) => text,
        };
        if kind != Kind::Plain {
            return Ok(());
        }
        if text == "<<" {
            self.document.merges = true;
        }
        match resolve(text) {
            Scalar::Null => Err(Fault { span, reason: "a key is empty; Kubernetes reads keys as strings".to_owned() }),
            _ => Ok(()),
        }
    }

    pub fn alias(&mut self, span: Span, target: u32) -> Result<(), Fault> {
        if self.at_key() {
            return Err(Fault { span, reason: "an alias stands for a key, which is not supported".to_owned() });
        }
        let size = self.expanded.get(target as usize).copied().unwrap_or(0);
        if size == 0 {
            return Err(Fault { span, reason: "an alias refers to a value that contains it".to_owned() });
        }
        let value = Span::new(target, target);
        self.document.aliases = true;
        self.push(Raw { span, next: self.next_index() + 1, kind: Kind::Alias, aside: false, value }, size)
    }

    pub fn open(&mut self, kind: Kind, start: u32) -> Result<(), Fault> {
        let span = Span::new(start, start);
        if self.at_key() {
            return Err(Fault {
                span,
                reason: "a collection is used as a key; Kubernetes reads keys as strings".to_owned(),
            });
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Fault { span, reason: format!("nested deeper than {MAX_DEPTH} levels") });
        }
        let index = self.next_index();
        self.push(Raw { span, next: index + 1, kind, aside: false, value: span }, 0)?;
        self.open.push(Open { index, children: 0, expanded: 0 });
        Ok(())
    }

    pub fn close(&mut self, end: u32) {
        let Some(Open { index, expanded, .. }) = self.open.pop() else { return };
        let next = self.next_index();
        let nodes = &mut self.document.nodes;
        // A block collection's end mark lies after its last line; its text ends with its last node.
        let last = nodes.last().map_or(end, |raw| raw.span.end);
        let raw = &mut nodes[index as usize];
        let opening = self.document.source.text().as_bytes().get(raw.span.start as usize);
        let is_flow = matches!(opening, Some(b'{' | b'['));
        raw.next = next;
        raw.span.end = if is_flow { end } else { last.max(raw.span.start) };
        if raw.kind == Kind::Mapping {
            self.note_duplicates(index);
        }
        self.expanded[index as usize] = expanded.saturating_add(1);
        if let Some(parent) = self.open.last_mut() {
            parent.expanded = parent.expanded.saturating_add(expanded + 1);
        }
    }

    /// Closes a collection whose text ends at a place that does not follow from its last value.
    pub fn close_exact(&mut self, end: u32) {
        let Some(index) = self.open.last().map(|open| open.index) else { return };
        self.close(end);
        let span = &mut self.document.nodes[index as usize].span;
        span.end = end.max(span.start);
    }

    /// Ends the document; `None` where nothing was in it.
    pub fn finish(mut self) -> Result<Option<Built<'s>>, Fault> {
        let Some(&first) = self.document.nodes.first() else { return Ok(None) };
        let written = self.document.nodes.len() as u64;
        if self.expanded[0] > written * 10 + EXPANSION_ALLOWANCE {
            return Err(Fault {
                span: first.span,
                reason: format!("aliases expand to {} values, more than an audit will follow", self.expanded[0]),
            });
        }
        self.document.nodes.shrink_to_fit();
        Ok(Some(Built { document: self.document, duplicate_keys: self.duplicate_keys }))
    }

    fn push(&mut self, raw: Raw, expanded: u64) -> Result<(), Fault> {
        let is_first = self.is_empty();
        match self.open.last_mut() {
            Some(parent) => {
                parent.children += 1;
                parent.expanded = parent.expanded.saturating_add(expanded);
            }
            None if !is_first => {
                return Err(Fault { span: raw.span, reason: "a second value follows the document's own".to_owned() });
            }
            None => {}
        }
        self.document.nodes.push(raw);
        self.expanded.push(expanded);
        Ok(())
    }

    fn push_side(&mut self, text: &str) -> Span {
        let start = as_offset(self.document.side.len());
        self.document.side.push_str(text);
        Span::new(start, as_offset(self.document.side.len()))
    }

    /// Whether the next node is a key: it stands at an even place among the children of a mapping.
    fn at_key(&self) -> bool {
        let kind = |open: &Open| self.document.nodes[open.index as usize].kind;
        self.open.last().is_some_and(|open| open.children % 2 == 0 && kind(open) == Kind::Mapping)
    }

    fn note_duplicates(&mut self, index: u32) {
        let document = &self.document;
        let mapping = Node { document, index };
        let mut seen = FxHashSet::default();
        let twice = mapping.own_entries().filter(|entry| !seen.insert(entry.name()) && !entry.is_merge());
        self.duplicate_keys.extend(twice.map(|entry| entry.key.raw().span).collect::<Vec<_>>());
    }
}
