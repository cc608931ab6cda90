//! Selectors over labels, as Kubernetes evaluates them (semantics C.0, C.5).

use super::namespace::{NAME_LABEL, Namespace};
use super::nodes::NodePool;
use super::workload::{Workload, is_added_later};
use super::{Labels, Text};
use crate::resource::kubernetes::{LabelSelector, NodeSelectorTerm, Operator, Requirement as Written};

/// Whether a selector matches; an operator that nobody knows cannot be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Match {
    Yes,
    No,
    Unknown,
}

impl Match {
    /// Both must match.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unknown,
        }
    }

    /// Either must match.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Unknown,
        }
    }

    /// All must match: nothing is asked after the first that does not.
    #[must_use]
    pub fn all(matches: impl IntoIterator<Item = Self>) -> Self {
        let join = |all: Self, one| Some(all.and(one)).filter(|all| *all != Self::No);
        matches.into_iter().try_fold(Self::Yes, join).unwrap_or(Self::No)
    }

    /// One must match: nothing is asked after the first that does.
    #[must_use]
    pub fn any(matches: impl IntoIterator<Item = Self>) -> Self {
        let join = |any: Self, one| Some(any.or(one)).filter(|any| *any != Self::Yes);
        matches.into_iter().try_fold(Self::No, join).unwrap_or(Self::Yes)
    }
}

impl std::ops::Not for Match {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Match {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// A selector: labels that must be equal and requirements, all to be met. An empty one selects everything.
#[derive(Clone, Copy, Debug)]
pub enum Selector<'a> {
    Everything,
    Labels(&'a LabelSelector<'a>),
}

/// One requirement of a selector or of a node affinity.
pub type Requirement<'a> = Written<'a>;

impl<'a> Selector<'a> {
    /// Whether these labels are selected.
    #[must_use]
    pub fn matches(&self, labels: &Labels<'_>) -> Match {
        match self {
            Self::Everything => Match::Yes,
            Self::Labels(selector) => {
                let value = |key: &str| labels.get(key).map(|value| value.value);
                let met = selector.requirements.iter().map(|one| meets(one, value(one.key.value)));
                Match::from(selector.labels.is_subset(labels)).and(Match::all(met))
            }
        }
    }

    /// Whether a workload's pods are selected. Of pods that only a template describes, labels that are added to them later
    /// are not known.
    #[must_use]
    pub fn matches_pods(&self, workload: &Workload<'_>) -> Match {
        let found = self.matches(workload.labels);
        if workload.live || !self.asks_for_added_labels() {
            return found;
        }
        let value = |key: &str| workload.labels.get(key).map(|value| value.value);
        self.matches_partly(value, |key| value(key).is_none() && is_added_later(key))
    }

    /// Whether it asks for a label that is added to pods later.
    #[must_use]
    pub fn asks_for_added_labels(self) -> bool {
        self.keys().any(|key| is_added_later(key.value))
    }

    /// Whether an object of which these labels are known is selected; where they are all of its labels, it has no others.
    #[must_use]
    pub fn matches_known(&self, labels: &[(&str, &str)], all: bool) -> Match {
        let value = |key: &str| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        self.matches_partly(value, |key| !all && value(key).is_none())
    }

    /// Whether an object is selected of whose labels some are open.
    fn matches_partly<'v>(self, value: impl Fn(&str) -> Option<&'v str>, is_open: impl Fn(&str) -> bool) -> Match {
        let Self::Labels(selector) = self else { return Match::Yes };
        let equal = |(name, wanted): (Text<'_>, Text<'_>)| match is_open(name.value) {
            true => Match::Unknown,
            false => Match::from(value(name.value) == Some(wanted.value)),
        };
        let met = |one: &Written<'_>| match is_open(one.key.value) {
            true => Match::Unknown,
            false => meets(one, value(one.key.value)),
        };
        let parts = selector.labels.iter().map(equal).chain(selector.requirements.iter().map(met));
        Match::all(parts)
    }

    /// Whether a namespace is selected. Of one that is not declared in the input only the label with its name is known.
    #[must_use]
    pub fn matches_namespace(&self, namespace: &Namespace<'_>) -> Match {
        if matches!(self, Self::Everything) {
            return Match::Yes;
        }
        if namespace.declared {
            return self.matches(&namespace.labels);
        }
        self.matches_name(namespace.name)
    }

    /// Whether a namespace of which only the name is known is selected.
    #[must_use]
    pub fn matches_name(&self, name: &str) -> Match {
        self.matches_known(&[(NAME_LABEL, name)], false)
    }

    fn written(self) -> Option<&'a LabelSelector<'a>> {
        match self {
            Self::Everything => None,
            Self::Labels(selector) => Some(selector),
        }
    }

    /// The keys of the labels that it asks for.
    pub fn keys(self) -> impl Iterator<Item = Text<'a>> {
        self.written().into_iter().flat_map(|selector| {
            let equal = selector.labels.iter().map(|(name, _)| name);
            equal.chain(selector.requirements.iter().map(|requirement| requirement.key))
        })
    }

    /// The values that it asks of one label, by equality or by a list.
    pub fn values_of(self, key: &'static str) -> impl Iterator<Item = Text<'a>> {
        self.written().into_iter().flat_map(move |selector| {
            let listed = selector
                .requirements
                .iter()
                .filter(move |one| one.key.value == key && matches!(one.operator.value, Operator::In));
            selector.labels.get(key).into_iter().chain(listed.flat_map(|one| one.values.iter().copied()))
        })
    }

    /// Whether the selector has no criterion at all.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        match self {
            Self::Everything => true,
            Self::Labels(selector) => selector.labels.is_empty() && selector.requirements.is_empty(),
        }
    }
}

/// Whether a label's value, or its absence, meets a requirement.
fn meets(requirement: &Written<'_>, value: Option<&str>) -> Match {
    let listed = |value: &str| requirement.values.iter().any(|listed| listed.value == value);
    match (requirement.operator.value, value) {
        (Operator::In, value) => Match::from(value.is_some_and(listed)),
        // NotIn and DoesNotExist hold for objects that lack the key.
        (Operator::NotIn, value) => Match::from(!value.is_some_and(listed)),
        (Operator::Exists, value) => Match::from(value.is_some()),
        (Operator::DoesNotExist, value) => Match::from(value.is_none()),
        (Operator::Gt, value) => compare(requirement, value, |found, bound| found > bound),
        (Operator::Lt, value) => compare(requirement, value, |found, bound| found < bound),
        (Operator::Other(_), _) => Match::Unknown,
    }
}

fn compare(requirement: &Written<'_>, value: Option<&str>, holds: impl Fn(i64, i64) -> bool) -> Match {
    let number = |text: &str| text.parse::<i64>().ok();
    match (value.and_then(number), requirement.values.first().and_then(|bound| number(bound.value))) {
        (Some(found), Some(bound)) => Match::from(holds(found, bound)),
        _ => Match::No,
    }
}

/// Whether one term of a required node affinity matches the nodes of a pool; an empty term matches nothing.
pub(super) fn term_matches(term: &NodeSelectorTerm<'_>, pool: &NodePool<'_>) -> Match {
    if term.expressions.is_empty() && term.fields.is_empty() {
        return Match::No;
    }
    let meets_one = |one: &Written<'_>| match pool.decides(one.key.value) {
        true => meets(one, pool.labels.get(one.key.value).map(|value| value.value)),
        false => Match::Unknown,
    };
    let expressions = term.expressions.iter().map(meets_one);
    // The only field is a node's name, which a pool does not fix.
    let fields = term.fields.iter().map(|_| Match::Unknown);
    Match::all(expressions.chain(fields))
}
