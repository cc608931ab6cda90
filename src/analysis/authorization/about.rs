//! Whom clauses are about, so that those that may be about a workload are found without asking each.

use std::iter;

use rustc_hash::{FxHashMap, FxHashSet};

use super::engine::{Chain, Request, matches};
use super::identity::Peer;
use crate::model::{Attribute, AuthorizationPolicy, Clause, Condition, Match, Mesh};

/// The numbers of clauses by the namespaces whose workloads they may be about.
#[derive(Debug, Default)]
pub struct ByNamespace<'a> {
    of: FxHashMap<&'a str, Vec<usize>>,
    /// The numbers of those that may be about anybody.
    anywhere: Vec<usize>,
}

impl<'a> FromIterator<Option<FxHashSet<&'a str>>> for ByNamespace<'a> {
    /// Numbers clauses in the order in which their namespaces come.
    fn from_iter<T: IntoIterator<Item = Option<FxHashSet<&'a str>>>>(clauses: T) -> Self {
        let mut all = Self::default();
        for (number, namespaces) in clauses.into_iter().enumerate() {
            match namespaces {
                Some(named) => named.into_iter().for_each(|name| all.of.entry(name).or_default().push(number)),
                None => all.anywhere.push(number),
            }
        }
        all
    }
}

impl ByNamespace<'_> {
    /// The clauses that may be about the workloads of a namespace, ascending.
    pub fn about(&self, namespace: &str) -> impl Iterator<Item = usize> {
        let mut own = self.of.get(namespace).into_iter().flatten().copied().peekable();
        let mut any = self.anywhere.iter().copied().peekable();
        iter::from_fn(move || match (own.peek(), any.peek()) {
            (Some(one), Some(other)) if other < one => any.next(),
            (Some(_), _) => own.next(),
            (None, _) => any.next(),
        })
    }
}

/// Whether a clause asks who the client is, whichever of its sources speaks.
#[must_use]
pub fn names_source(clause: &Clause<'_>) -> bool {
    let asks = |tests: &[Condition<'_>]| tests.iter().any(is_about_identity);
    let by_sources = !clause.sources.is_empty() && clause.sources.iter().all(|source| asks(&source.list));
    by_sources || asks(&clause.conditions)
}

/// The namespaces whose workloads a clause may be about; none where it may be about those of any.
#[must_use]
pub fn namespaces_of<'a>(policy: &AuthorizationPolicy<'a>, clause: &Clause<'a>) -> Option<FxHashSet<&'a str>> {
    let mut named = FxHashSet::default();
    for test in clause.tests().filter(|test| is_about_identity(test)) {
        // A value that is not written out may be anything.
        let values = Some(test.values).filter(|_| !test.open)?;
        for value in values {
            named.insert(namespace(test.attribute, value.value, policy.namespace)?);
        }
    }
    Some(named).filter(|_| names_source(clause))
}

fn is_about_identity(test: &Condition<'_>) -> bool {
    test.attribute.is_identity() && !test.negative
}

/// The namespace of a value of identity, where it stands there in full.
fn namespace<'a>(attribute: Attribute<'_>, value: &'a str, home: &'a str) -> Option<&'a str> {
    let named = match attribute {
        Attribute::Principal => value.split_once("/ns/").and_then(|(_, rest)| rest.split('/').next()),
        Attribute::Namespace => Some(value),
        Attribute::ServiceAccount => Some(value.split_once('/').map_or(home, |(namespace, _)| namespace)),
        _ => None,
    };
    named.filter(|name| !name.contains('*') && !name.is_empty())
}

/// Whether a clause may be about a workload, whatever is asked for.
#[must_use]
pub fn may_be_about(
    policy: &AuthorizationPolicy<'_>,
    clause: &Clause<'_>,
    (namespace, account): (&str, &str),
    mesh: &Mesh<'_>,
) -> bool {
    let peer = Peer::Account { namespace, account: Some(account) };
    matches(policy, clause, Chain::Http, &Request { peer, ..Request::default() }, mesh) != Match::No
}
