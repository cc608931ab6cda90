//! Typed access to the fields of a document, as the API server would take them; what it would reject is noted, never lost.

use crate::source::{Location, Node, Problem, Scalar, Shape, Spanned};

/// A text and its place.
pub type Text<'a> = Spanned<&'a str>;

/// Reads fields and remembers what was wrong with them.
#[derive(Default)]
pub(super) struct Reader {
    pub problems: Vec<Problem>,
    /// Places whose value is filled in by another tool later (`${VAR}`, `{{ … }}`): unknown, never absent.
    pub placeholders: Vec<Location>,
}

/// Whether a text stands for a value that another tool fills in: envsubst, Terraform, Helm, kustomize or Cloud Build.
pub(super) fn is_placeholder(text: &str) -> bool {
    text.contains("${") || text.contains("{{") || text.contains("$(")
}

impl Reader {
    fn note(&mut self, node: Node<'_>, expected: &str) {
        let found = match node.scalar() {
            Some(Scalar::Null) => "nothing".to_owned(),
            Some(Scalar::Bool(_)) => format!("the boolean `{}`", node.text().unwrap_or_default()),
            Some(Scalar::Integer(_) | Scalar::Float(_)) => format!("the number `{}`", node.text().unwrap_or_default()),
            Some(Scalar::Text(text)) => format!("the string `{text}`"),
            None if node.shape() == Shape::Sequence => "a list".to_owned(),
            None => "a mapping".to_owned(),
        };
        self.reject(node.at(), &format!("expected {expected}, found {found}"));
    }

    /// Notes what no cluster takes: an object that holds it is in none.
    pub fn reject(&mut self, at: Location, what: &str) {
        self.problems.push(Problem { at, message: format!("{what}; the API server rejects this") });
    }

    /// Notes the keys of a mapping that are not among its fields.
    pub fn only(&mut self, node: Node<'_>, fields: &[&str]) {
        for entry in node.entries().filter(|entry| !fields.contains(&entry.name())) {
            let (name, fields) = (entry.name(), fields.join("`, `"));
            let message = format!("`{name}` is none of the fields `{fields}`; the API server drops or rejects this");
            self.problems.push(Problem { at: entry.key.at(), message });
        }
    }

    /// A string out of a few; any other is noted, and read as it was written.
    pub fn word_at<'a>(&mut self, node: Node<'a>, key: &str, words: &[&str]) -> Option<Text<'a>> {
        Self::field(node, key).and_then(|value| self.word(value, words))
    }

    /// A string out of a few; any other is noted, and read as it was written.
    pub fn word<'a>(&mut self, node: Node<'a>, words: &[&str]) -> Option<Text<'a>> {
        let text = self.text(node)?;
        if !words.contains(&text.value) && !is_placeholder(text.value) {
            self.note(node, &format!("one of `{}`", words.join("`, `")));
        }
        Some(text)
    }

    /// The value of a field that is there and not null.
    pub fn field<'a>(node: Node<'a>, key: &str) -> Option<Node<'a>> {
        node.get(key).filter(|value| !value.is_null())
    }

    /// A string. A number or boolean is noted, and read as it was written.
    pub fn text<'a>(&mut self, node: Node<'a>) -> Option<Text<'a>> {
        let text = node.text();
        match node.scalar() {
            Some(Scalar::Text(text)) if is_placeholder(text) => self.placeholders.push(node.at()),
            Some(Scalar::Text(_)) => {}
            _ => self.note(node, "a string"),
        }
        Some(Spanned::new(text?, node.at()))
    }

    /// A string, or a number as a string, as fields such as a named port or an annotation dump allow.
    pub fn text_or_number<'a>(&mut self, node: Node<'a>) -> Option<Text<'a>> {
        match node.scalar() {
            Some(Scalar::Integer(_)) => Some(Spanned::new(node.text()?, node.at())),
            _ => self.text(node),
        }
    }

    /// A boolean; `None` where it cannot be told.
    pub fn flag(&mut self, node: Node<'_>) -> Option<Spanned<bool>> {
        match node.scalar() {
            Some(Scalar::Bool(value)) => Some(Spanned::new(value, node.at())),
            Some(Scalar::Text(text)) if is_placeholder(text) => {
                self.placeholders.push(node.at());
                None
            }
            Some(Scalar::Text(text)) => {
                // Rejected by the API server, but the author's wish is plain, and the worse reading is the safe one.
                self.note(node, "true or false");
                text.parse().ok().map(|value| Spanned::new(value, node.at()))
            }
            _ => {
                self.note(node, "true or false");
                None
            }
        }
    }

    /// A whole number; a string that holds one is noted and read.
    pub fn integer(&mut self, node: Node<'_>) -> Option<Spanned<i64>> {
        let value = match node.scalar() {
            Some(Scalar::Integer(value)) => i64::try_from(value).ok(),
            Some(Scalar::Text(text)) if is_placeholder(text) => {
                self.placeholders.push(node.at());
                return None;
            }
            Some(Scalar::Text(text)) => {
                self.note(node, "a whole number");
                text.trim().parse().ok()
            }
            _ => None,
        };
        if value.is_none() {
            self.note(node, "a whole number");
        }
        value.map(|value| Spanned::new(value, node.at()))
    }

    /// A mapping, or a note.
    pub fn mapping<'a>(&mut self, node: Node<'a>) -> Option<Node<'a>> {
        if node.shape() == Shape::Mapping {
            return Some(node);
        }
        if node.text().is_some_and(is_placeholder) {
            self.placeholders.push(node.at());
        } else {
            self.note(node, "a mapping");
        }
        None
    }

    /// The items of a list, or a note.
    pub fn items<'a>(&mut self, node: Node<'a>) -> Vec<Node<'a>> {
        if node.shape() == Shape::Sequence {
            return node.items().collect();
        }
        if node.text().is_some_and(is_placeholder) {
            self.placeholders.push(node.at());
        } else {
            self.note(node, "a list");
        }
        Vec::new()
    }

    /// The string at a key.
    pub fn text_at<'a>(&mut self, node: Node<'a>, key: &str) -> Option<Text<'a>> {
        Self::field(node, key).and_then(|value| self.text(value))
    }

    /// The boolean at a key.
    pub fn flag_at(&mut self, node: Node<'_>, key: &str) -> Option<Spanned<bool>> {
        Self::field(node, key).and_then(|value| self.flag(value))
    }

    /// The whole number at a key.
    pub fn integer_at(&mut self, node: Node<'_>, key: &str) -> Option<Spanned<i64>> {
        Self::field(node, key).and_then(|value| self.integer(value))
    }

    /// The mapping at a key.
    pub fn mapping_at<'a>(&mut self, node: Node<'a>, key: &str) -> Option<Node<'a>> {
        Self::field(node, key).and_then(|value| self.mapping(value))
    }

    /// The mapping at the end of a path of keys.
    pub fn mapping_under<'a>(&mut self, node: Node<'a>, path: &[&str]) -> Option<Node<'a>> {
        path.iter().try_fold(node, |node, key| self.mapping_at(node, key))
    }

    /// What is read from each item of the list at a key; nothing where the list is absent.
    pub fn list_at<'a, T>(
        &mut self,
        node: Node<'a>,
        key: &str,
        mut read: impl FnMut(&mut Self, Node<'a>) -> Option<T>,
    ) -> Vec<T> {
        let Some(list) = Self::field(node, key) else { return Vec::new() };
        self.items(list).into_iter().filter_map(|item| read(self, item)).collect()
    }

    /// The list at a key with its own place, told apart from an absent one.
    pub fn spanned_list_at<'a, T>(
        &mut self,
        node: Node<'a>,
        key: &str,
        read: impl FnMut(&mut Self, Node<'a>) -> Option<T>,
    ) -> Option<Spanned<Vec<T>>> {
        let at = Self::field(node, key)?.at();
        Some(Spanned::new(self.list_at(node, key, read), at))
    }

    /// The strings of the list at a key.
    pub fn texts_at<'a>(&mut self, node: Node<'a>, key: &str) -> Vec<Text<'a>> {
        self.list_at(node, key, Self::text)
    }

    /// The mapping at a key as names and strings: labels, annotations, selectors.
    pub fn labels_at<'a>(&mut self, node: Node<'a>, key: &str) -> Labels<'a> {
        let Some(mapping) = self.mapping_at(node, key) else { return Labels::default() };
        let mut labels = Labels::default();
        for entry in mapping.entries() {
            let value =
                if entry.value.is_null() { Some(Spanned::new("", entry.value.at())) } else { self.text(entry.value) };
            if let Some(value) = value {
                labels.set(Spanned::new(entry.name(), entry.key.at()), value);
            }
        }
        labels
    }
}

/// Names and strings, each with its place, in the order written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels<'a> {
    entries: Vec<(Text<'a>, Text<'a>)>,
}

impl Labels<'static> {
    /// No labels at all.
    pub const NONE: &'static Self = {
        static NONE: Labels<'static> = Labels { entries: Vec::new() };
        &NONE
    };
}

impl<'a> Labels<'a> {
    /// The value of a name, with the place of the value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Text<'a>> {
        self.entries.iter().find(|(key, _)| key.value == name).map(|(_, value)| *value)
    }

    /// The names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (Text<'a>, Text<'a>)> + '_ {
        self.entries.iter().copied()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a name, replacing an earlier value: of two equal keys the last one counts.
    pub fn set(&mut self, name: Text<'a>, value: Text<'a>) {
        match self.entries.iter_mut().find(|(key, _)| key.value == name.value) {
            Some(entry) => *entry = (name, value),
            None => self.entries.push((name, value)),
        }
    }

    /// Whether every name here has the same value there: an equality selector.
    #[must_use]
    pub fn is_subset(&self, of: &Labels<'_>) -> bool {
        self.entries.iter().all(|(name, value)| of.get(name.value).is_some_and(|other| other.value == value.value))
    }
}
