//! One way to read an object's fields, whichever format it is kept in. A name is the same name in every spelling
//! (`destIpRanges`, `destIPRanges`, `dest_ip_ranges`), a nested block may be a mapping or a list of one, and a value that the
//! input leaves open is unknown at its place, never absent (inputs 2.9).

use crate::resource::reader::{Labels, Text, is_placeholder};
use crate::source::{Location, Node, Scalar, Shape, Spanned};

/// A field as it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Setting<T> {
    /// Left out: the default holds.
    #[default]
    Absent,
    Known(Spanned<T>),
    /// Filled in later, by another tool or from another object.
    Unknown(Location),
}

impl<T: Copy> Setting<T> {
    /// The value, where it is written.
    #[must_use]
    pub fn known(self) -> Option<Spanned<T>> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// The place of a value that the input leaves open.
    #[must_use]
    pub fn unknown(self) -> Option<Location> {
        match self {
            Self::Unknown(at) => Some(at),
            Self::Absent | Self::Known(_) => None,
        }
    }

    /// This setting, or another where this one is left out.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if matches!(self, Self::Absent) { other } else { self }
    }

    /// The value, the default where it is left out, and nothing where it is open.
    #[must_use]
    pub fn or_default(self, default: T) -> Option<T> {
        match self {
            Self::Absent => Some(default),
            Self::Known(value) => Some(value.value),
            Self::Unknown(_) => None,
        }
    }
}

/// A reference to another object.
#[derive(Clone, Copy, Debug)]
pub enum Reference<'a> {
    /// A Config Connector object, by its name and namespace. The name may be an example that another tool replaces, here
    /// and where the object itself stands alike.
    Object { name: Text<'a>, namespace: Option<Text<'a>>, open: bool },
    /// A bare name, a path, a self-link or an e-mail address.
    Written(Text<'a>),
    /// An expression that stands for another object, or for something unknown.
    Expression(Text<'a>),
    /// The object in which this one stands, by its extent.
    Parent(Location),
}

impl Reference<'_> {
    /// The place of the reference.
    #[must_use]
    pub fn at(&self) -> Location {
        match self {
            Self::Object { name: text, .. } | Self::Written(text) | Self::Expression(text) => text.at,
            Self::Parent(at) => *at,
        }
    }
}

/// The items of a list, and whether there may be more.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// The key of the list, or the list where it has none; none where it is left out.
    pub at: Option<Location>,
    /// An item, or the whole list, that the input leaves open.
    pub unknown: Option<Location>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { items: Vec::new(), at: None, unknown: None }
    }
}

impl<T> Listed<T> {
    /// Whether the list was left out or written without items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.unknown.is_none()
    }

    pub(super) fn map<U>(self, convert: impl FnMut(T) -> U) -> Listed<U> {
        Listed { items: self.items.into_iter().map(convert).collect(), at: self.at, unknown: self.unknown }
    }
}

/// A value somewhere in an object, or its absence.
#[derive(Clone, Copy)]
pub(in crate::resource) enum View<'a> {
    Absent,
    /// Open: the expression, where it is to be seen.
    Unknown(Text<'a>),
    Present(Present<'a>),
}

/// A value, with what a Terraform plan says beside it: what is known after the apply only, and from which expressions.
#[derive(Clone, Copy)]
pub(in crate::resource) struct Present<'a> {
    pub node: Node<'a>,
    /// The key of the value, where it has one.
    key: Option<Location>,
    after_unknown: Option<Node<'a>>,
    expressions: Option<Node<'a>>,
}

/// Whether two spellings are one name.
fn same_name(left: &str, right: &str) -> bool {
    fn letters(text: &str) -> impl Iterator<Item = u8> + '_ {
        text.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase())
    }
    letters(left).eq(letters(right))
}

/// Whether a text that is open in parts still tells the name of what it refers to: a path tells it at its end, an e-mail
/// address at its start.
fn tells_name(text: &str) -> bool {
    let before = ["${", "{{", "$("].iter().filter_map(|start| text.find(start)).min().map_or(text, |at| &text[..at]);
    let after = text.rsplit(['}', ')']).next().unwrap_or(text);
    before.contains('@') || after.rsplit_once('/').is_some_and(|(_, name)| !name.is_empty())
}

/// Whether a comment on the line of a value says that kpt sets it: what stands there is only an example.
fn is_set_by_kpt(node: Node<'_>, key: Option<Location>) -> bool {
    /// Comments further away are not looked for: the line may be a whole file.
    const NEAR: usize = 512;
    let text = node.document().source().text();
    let from = match node.shape() {
        Shape::Scalar => node.at().span.end,
        Shape::Mapping | Shape::Sequence => key.map_or(node.at().span.start, |key| key.span.end),
    };
    let rest = text.get(from as usize..).unwrap_or_default().as_bytes();
    let line = &rest[..rest.len().min(NEAR)];
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    let comment = memchr::memchr(b'#', line).map_or(&[][..], |at| &line[at..]);
    memchr::memmem::find(comment, b"kpt-set").is_some()
}

impl<'a> View<'a> {
    /// A value on its own.
    pub fn of(node: Node<'a>) -> Self {
        Self::planned(node, None, None)
    }

    /// A value with what a plan says about it.
    pub fn planned(node: Node<'a>, after_unknown: Option<Node<'a>>, expressions: Option<Node<'a>>) -> Self {
        Self::Present(Present { node, key: None, after_unknown, expressions })
    }

    /// The field by any of its names.
    pub fn get(self, names: &[&str]) -> Self {
        match self {
            Self::Absent | Self::Unknown(_) => self,
            Self::Present(present) => {
                let found = names.iter().map(|name| present.child(name));
                found.fold(Self::Absent, |all, one| if matches!(all, Self::Absent) { one } else { all })
            }
        }
    }

    /// The first item of a list, or the value itself: a block that is written once.
    pub fn only(self) -> Self {
        match self {
            Self::Present(present) if present.node.shape() == Shape::Sequence => {
                present.items().into_iter().next().unwrap_or(Self::Absent)
            }
            Self::Absent | Self::Unknown(_) | Self::Present(_) => self,
        }
    }

    /// The block by any of its names.
    pub fn block(self, names: &[&str]) -> Self {
        self.only().get(names).only()
    }

    /// Whether the block is written, or may be.
    pub fn is_there(self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// The place of the value: its key where it has one, and what it starts with where it has none.
    pub fn key(self) -> Option<Location> {
        match self {
            Self::Absent => None,
            Self::Unknown(text) => Some(text.at),
            Self::Present(present) => Some(present.key.unwrap_or_else(|| present.node.head())),
        }
    }

    /// Whether the block is there at all, with the place of its key.
    pub fn presence(self) -> Setting<()> {
        match self {
            Self::Unknown(text) => Setting::Unknown(text.at),
            Self::Absent => Setting::Absent,
            Self::Present(present) => {
                Setting::Known(Spanned::new((), present.key.unwrap_or_else(|| present.node.head())))
            }
        }
    }

    /// This value as a setting.
    fn setting<T>(self, read: impl FnOnce(Node<'a>) -> Option<T>) -> Setting<T> {
        match self {
            Self::Absent => Setting::Absent,
            Self::Unknown(text) => Setting::Unknown(text.at),
            Self::Present(present) => read(present.node).map_or(Setting::Unknown(present.node.at()), |value| {
                Setting::Known(Spanned::new(value, present.node.at()))
            }),
        }
    }

    /// This value as a text.
    pub fn as_text(self) -> Setting<&'a str> {
        self.setting(Node::text)
    }

    /// The text of a field.
    pub fn text(self, names: &[&str]) -> Setting<&'a str> {
        self.only().get(names).as_text()
    }

    /// The boolean of a field; a text that holds one is read, as Terraform reads it.
    pub fn flag(self, names: &[&str]) -> Setting<bool> {
        self.only().get(names).setting(|node| match node.scalar()? {
            Scalar::Bool(value) => Some(value),
            Scalar::Text(text) => text.parse().ok(),
            _ => None,
        })
    }

    /// The whole number of a field; a text that holds one is read, as the API writes the longer ones.
    pub fn integer(self, names: &[&str]) -> Setting<i64> {
        self.only().get(names).setting(|node| match node.scalar()? {
            Scalar::Integer(value) => i64::try_from(value).ok(),
            Scalar::Text(text) => text.trim().parse().ok(),
            _ => None,
        })
    }

    /// The items of a list, open ones among them, or the one value that it is.
    pub fn each(self) -> Vec<Self> {
        match self {
            Self::Absent => Vec::new(),
            Self::Present(present) if present.node.shape() == Shape::Sequence => present.items(),
            Self::Unknown(_) | Self::Present(_) => vec![self],
        }
    }

    /// This value as a list of values.
    pub fn as_list(self) -> Listed<Self> {
        match self {
            Self::Absent => Listed::default(),
            Self::Unknown(text) => Listed { items: Vec::new(), at: Some(text.at), unknown: Some(text.at) },
            Self::Present(present) => {
                // A block may be written once, where a list of them is allowed.
                let all = self.each();
                let open = |item: &Self| match item {
                    Self::Unknown(text) => Some(text.at),
                    _ => None,
                };
                let unknown = all.iter().find_map(open);
                let items = all.into_iter().filter(|item| matches!(item, Self::Present(_))).collect();
                Listed { items, at: Some(present.key.unwrap_or_else(|| present.node.at())), unknown }
            }
        }
    }

    /// The values of a list.
    pub fn list(self, names: &[&str]) -> Listed<Self> {
        self.only().get(names).as_list()
    }

    /// The texts of a list; numbers count as texts.
    pub fn texts(self, names: &[&str]) -> Listed<Text<'a>> {
        let list = self.list(names);
        let items = list.items.iter().filter_map(|item| item.as_text().known()).collect();
        Listed { items, at: list.at, unknown: list.unknown }
    }

    /// Names and texts; values that are open are left out, and said so.
    pub fn labels(self, names: &[&str]) -> (Labels<'a>, Option<Location>) {
        let mut labels = Labels::default();
        let mut unknown = None;
        match self.only().get(names) {
            Self::Absent => {}
            Self::Unknown(text) => unknown = Some(text.at),
            Self::Present(present) => {
                for entry in present.node.entries() {
                    match entry.value.text() {
                        Some(text) if !is_placeholder(text) && !is_placeholder(entry.name()) => {
                            labels
                                .set(Spanned::new(entry.name(), entry.key.at()), Spanned::new(text, entry.value.at()));
                        }
                        _ => unknown = unknown.or(Some(entry.value.at())),
                    }
                }
            }
        }
        (labels, unknown)
    }

    /// A reference to another object, by any of a field's names.
    pub fn reference(self, names: &[&str]) -> Option<Reference<'a>> {
        self.only().get(names).as_reference()
    }

    /// This value as a reference.
    pub fn as_reference(self) -> Option<Reference<'a>> {
        match self {
            Self::Absent => None,
            Self::Unknown(text) if tells_name(text.value) => Some(Reference::Written(text)),
            Self::Unknown(text) => Some(Reference::Expression(text)),
            Self::Present(present) if present.node.shape() == Shape::Mapping => match self.get(&["external"]) {
                Self::Absent => {
                    let name = present.node.get("name")?;
                    let open = self.text(&["name"]).unknown().is_some();
                    let namespace = self.text(&["namespace"]).known();
                    Some(Reference::Object { name: Spanned::new(name.text()?, name.at()), namespace, open })
                }
                external => external.as_reference(),
            },
            Self::Present(present) => {
                present.node.text().map(|text| Reference::Written(Spanned::new(text, present.node.at())))
            }
        }
    }

    /// The references of a list.
    pub fn references(self, names: &[&str]) -> Listed<Reference<'a>> {
        let list = self.only().get(names);
        match list {
            Self::Present(present) if present.node.shape() == Shape::Sequence => {
                let items = present.items().into_iter().filter_map(Self::as_reference).collect();
                Listed { items, at: Some(present.key.unwrap_or_else(|| present.node.at())), unknown: None }
            }
            // One expression for the whole list may stand for any number of objects.
            _ => list.as_list().map(Self::as_reference).flatten(),
        }
    }
}

impl<T> Listed<Option<T>> {
    fn flatten(self) -> Listed<T> {
        Listed { items: self.items.into_iter().flatten().collect(), at: self.at, unknown: self.unknown }
    }
}

impl<'a> Present<'a> {
    fn child(self, name: &str) -> View<'a> {
        let beside = |tree: Option<Node<'a>>| {
            let tree = tree?;
            // The trees beside the values write a block as a list as well.
            let tree = if tree.shape() == Shape::Sequence { tree.items().next()? } else { tree };
            tree.entries().find(|entry| same_name(entry.name(), name))
        };
        let (after_unknown, expression) = (beside(self.after_unknown), beside(self.expressions));
        let entry = self.node.entries().filter(|entry| same_name(entry.name(), name)).last();
        // Plans and dumps write an empty text where nobody said anything.
        let is_written = |value: Node<'_>| !value.is_null() && value.text() != Some("");
        // What is known after the apply only and in no expression is what the provider fills in: the default.
        let is_asked_for = self.expressions.is_none() || expression.is_some();
        match entry.filter(|entry| is_written(entry.value)) {
            Some(entry) => Self {
                node: entry.value,
                key: Some(entry.key.at()),
                after_unknown: after_unknown.map(|entry| entry.value),
                expressions: expression.map(|entry| entry.value),
            }
            .checked(),
            None => match after_unknown.filter(|entry| is_asked_for && is_true(entry.value)) {
                Some(open) => View::Unknown(referred(expression.map(|entry| entry.value), open.key.at())),
                None => View::Absent,
            },
        }
    }

    /// This value, unless its text says that it is filled in later.
    fn checked(self) -> View<'a> {
        match self.node.text() {
            Some(text) if is_placeholder(text) => View::Unknown(Spanned::new(text, self.node.at())),
            _ if is_set_by_kpt(self.node, self.key) => View::Unknown(Spanned::new("", self.node.at())),
            _ => View::Present(self),
        }
    }

    /// The items of a list. A plan writes null for an item of a list that is open, and leaves open items of a set out: what it
    /// says beside the values tells how many there are.
    fn items(self) -> Vec<View<'a>> {
        let beside = |tree: Option<Node<'a>>| {
            let items = tree.filter(|tree| tree.shape() == Shape::Sequence).into_iter().flat_map(Node::items);
            items.collect::<Vec<_>>()
        };
        let (open, expressions) = (beside(self.after_unknown), beside(self.expressions));
        let mut opens = self.open_items(open.iter().filter(|tree| is_true(**tree)).count());
        let mut items: Vec<View<'a>> = Vec::new();
        for (index, node) in self.node.items().enumerate() {
            let after_unknown = open.get(index).copied();
            let is_open = node.is_null() && after_unknown.is_some_and(is_true);
            let item = Self { node, key: None, after_unknown, expressions: expressions.get(index).copied() };
            items.push(if is_open { opens.next().map_or(View::Absent, View::Unknown) } else { item.checked() });
        }
        items.extend(opens.map(View::Unknown));
        let whole = self.after_unknown.filter(|tree| is_true(*tree));
        items.extend(whole.map(|tree| View::Unknown(referred(self.expressions, tree.at()))));
        items
    }

    /// What the open items of a list refer to, where the expression names as many values as there are of them.
    fn open_items(self, count: usize) -> std::vec::IntoIter<Text<'a>> {
        let otherwise = self.key.unwrap_or(self.node.at());
        let named: Vec<Text<'a>> = references(self.expressions).filter(|text| text.matches('.').count() > 1).collect();
        let texts = if named.len() == count { named } else { vec![Spanned::new("", otherwise); count] };
        texts.into_iter()
    }
}

fn is_true(node: Node<'_>) -> bool {
    node.scalar() == Some(Scalar::Bool(true))
}

/// What an expression of a plan's configuration refers to: each value, followed by the object that it is a part of.
fn references(expression: Option<Node<'_>>) -> impl Iterator<Item = Text<'_>> {
    let all = expression.and_then(|expression| expression.get("references"));
    all.into_iter().flat_map(Node::items).filter_map(|item| Some(Spanned::new(item.text()?, item.at())))
}

/// The first of the references of an expression, which is the most exact one.
fn referred(expression: Option<Node<'_>>, otherwise: Location) -> Text<'_> {
    let first = references(expression).next();
    first.unwrap_or_else(|| Spanned::new("", expression.map_or(otherwise, Node::at)))
}

impl<'a> View<'a> {
    /// This block, or where it is left out a block of another one.
    pub fn or_block(self, other: Self, names: &[&str]) -> Self {
        let inner = other.block(names);
        if inner.is_there() { inner } else { self }
    }

    /// The values of a map of texts.
    pub fn values(self) -> Listed<Text<'a>> {
        let Self::Present(present) = self else { return self.as_list().map(|_| None).flatten() };
        let entries: Vec<View<'a>> = present.node.entries().map(|entry| Self::of(entry.value)).collect();
        let items = entries.iter().filter_map(|value| value.as_text().known());
        let items = items.filter(|text| !is_placeholder(text.value)).collect::<Vec<_>>();
        let unknown = entries.len() > items.len();
        Listed { items, at: Some(present.node.at()), unknown: unknown.then(|| present.node.at()) }
    }
}
