//! What a rule says: plain data, worded by the rule and placed in the user's files.

use crate::source::{self, Edit, Location, Spanned};

/// How bad a true finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The level a severity has unless the config says otherwise (contract: Levels).
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            Self::Critical | Self::High => Level::Error,
            Self::Medium => Level::Warning,
            Self::Low | Self::Info => Level::Note,
        }
    }
}

/// How likely a finding is a true defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    Low,
    Medium,
    High,
}

impl Confidence {
    /// Every confidence, the least first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a finding does to the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    #[default]
    Off,
    Note,
    Warning,
    Error,
}

impl Level {
    /// Every level, the least first.
    pub const ALL: [Self; 4] = [Self::Off, Self::Note, Self::Warning, Self::Error];

    /// The word used in every output and in the config; SARIF uses the same ones.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place with what it has to do with the finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub at: Location,
    pub message: String,
}

/// What a layer decided at one hop of a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    Allow,
    Deny,
    /// The mesh's proxy does not see the traffic.
    NotCaptured,
    Unknown,
}

impl Decision {
    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::NotCaptured => "not-captured",
            Self::Unknown => "unknown",
        }
    }
}

/// One step of a way out: who or what is passed, what it decided, why, and the line that makes it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    pub name: String,
    pub decision: Decision,
    pub reason: String,
    pub at: Location,
}

/// What a rule says about one place. Built by [`Rule::finding`](crate::rule::Rule::finding), which asks for the place:
/// a finding without one cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: &'static str,
    pub variant: &'static str,
    pub severity: Severity,
    pub confidence: Confidence,
    /// One line, lower case, no full stop, the user's words in backticks; says what is.
    pub message: String,
    /// The shortest text that is wrong, or that makes a missing thing necessary.
    pub at: Location,
    pub related: Vec<Label>,
    /// The chain of places that proves a way out; empty for most rules.
    pub witness: Vec<Hop>,
    /// What to change, in one sentence.
    pub help: String,
    /// It speaks of the estate as a whole; its place is only where it is said, and may be another one tomorrow.
    pub estate_wide: bool,
    /// What tells it from others about the same objects, such as the statement that it refutes; empty for most rules.
    pub subject: String,
    /// Which other findings it explains; none for most rules.
    pub parts: Option<Parts>,
    /// The edit that is right, where there is exactly one.
    pub fix: Option<Fix>,
}

/// The one edit that makes a finding go away and that its author must have meant. A finding that can be answered in two
/// ways, or whose answer breaks what the input does not show, has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as a command in lower case without a full stop.
    pub title: String,
    pub edits: Vec<Edit>,
}

impl Fix {
    /// Has the scalar at a place say something else.
    #[must_use]
    pub fn set(at: Location, value: impl Into<String>) -> Self {
        let value = value.into();
        Self { title: format!("write `{value}`"), edits: vec![Edit::Set { at, value }] }
    }

    /// Gives the mapping that is the value of the key at a place another key, and below it those that follow.
    #[must_use]
    pub fn insert_under(at: Location, keys: &[&'static str], value: impl Into<String>) -> Self {
        Self::insert(at, source::Holder::Value, keys, value.into())
    }

    /// Gives the mapping that the key or value at a place is of another key, and below it those that follow.
    #[must_use]
    pub fn insert_beside(at: Location, keys: &[&'static str], value: impl Into<String>) -> Self {
        Self::insert(at, source::Holder::Parent, keys, value.into())
    }

    fn insert(at: Location, into: source::Holder, keys: &[&'static str], value: String) -> Self {
        let title = format!("add `{}: {value}`", keys.join("."));
        Self { title, edits: vec![Edit::Insert { at, into, keys: keys.to_vec(), value }] }
    }

    /// Gives the list that the item at a place is of more items.
    #[must_use]
    pub fn append(at: Location, items: Vec<String>) -> Self {
        let named: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
        Self { title: format!("add {} to the list", named.join(" and ")), edits: vec![Edit::Append { at, items }] }
    }

    /// Lets proxies of one more namespace see an object that lists who does in `exportTo`; nothing where it lists none.
    #[must_use]
    pub fn export_to(list: &[Spanned<&str>], namespace: &str) -> Option<Self> {
        // `~` is nobody, and goes with nothing else.
        let last = list.last().filter(|_| list.iter().all(|one| one.value != "~"))?;
        let fix = Self::append(last.at, vec![namespace.to_owned()]);
        Some(fix.titled(format!("add `{namespace}` to `exportTo`")))
    }

    /// Makes the edits of another one as well, under a title that says what both do.
    #[must_use]
    pub fn and(mut self, other: Self, title: impl Into<String>) -> Self {
        self.edits.extend(other.edits);
        self.titled(title)
    }

    /// Says in other words what it does.
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }
}

/// The findings that one about a path explains, so that they need not be told by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Ids of rules, with a variant after a slash where only that one is meant.
    pub rules: &'static [&'static str],
    /// Places in the objects that they are about; every object where there are none.
    pub about: Vec<Location>,
    /// Whether it only sums up, so that a finding that names the reason stands before it.
    pub yields: bool,
}

impl Finding {
    /// All places that it points at: its own, the related ones and the hops.
    pub fn places(&self) -> impl Iterator<Item = Location> {
        let related = self.related.iter().map(|label| label.at);
        std::iter::once(self.at).chain(related).chain(self.witness.iter().map(|hop| hop.at))
    }

    /// Adds a related place.
    #[must_use]
    pub fn see(mut self, at: Location, message: impl Into<String>) -> Self {
        self.related.push(Label { at, message: message.into() });
        self
    }

    /// Sets the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Sets the one edit that is right.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<Option<Fix>>) -> Self {
        self.fix = fix.into();
        self
    }

    /// Speaks of the estate as a whole, rather than of the object at its place.
    #[must_use]
    pub fn estate_wide(mut self) -> Self {
        self.estate_wide = true;
        self
    }

    /// Says what tells it from others about the same objects.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Sets the chain of hops that proves the finding.
    #[must_use]
    pub fn witness(mut self, hops: Vec<Hop>) -> Self {
        self.witness = hops;
        self
    }

    /// Says which findings it explains.
    #[must_use]
    pub fn made_of(mut self, parts: Parts) -> Self {
        self.parts = Some(parts);
        self
    }

    /// Sets a severity other than the rule's own, where the variant or what contains it asks for it.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets a confidence other than the rule's own.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }
}

/// An object as the outputs name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    pub api_version: String,
    pub kind: String,
    /// The effective namespace; none for cluster-scoped objects.
    pub namespace: Option<String>,
    pub name: String,
}
