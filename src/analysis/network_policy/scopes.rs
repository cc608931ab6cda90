//! The distinct scopes of all policies, and which workloads are in them: what tells workloads apart.

use std::fmt::Write;

use rustc_hash::FxHashMap;

use crate::model::{Direction, Estate, Match, NamespaceScope, PeerScope, PodScope, Requirement, Selector, Text};

/// The scopes that peers are written in, each once however often it is written.
#[derive(Debug, Default)]
pub(super) struct Scopes<'e, 'a> {
    pub list: Vec<&'e PodScope<'a>>,
    by_text: FxHashMap<String, usize>,
    by_address: FxHashMap<usize, usize>,
}

impl<'e, 'a> Scopes<'e, 'a> {
    /// All scopes in the clauses of an estate but those that hold every pod.
    pub(super) fn of(estate: &'e Estate<'a>) -> Self {
        let mut scopes = Self::default();
        for policy in &estate.network_policies {
            for direction in [Direction::Egress, Direction::Ingress] {
                let peers = policy.section(direction).clauses.iter().filter_map(|clause| clause.peers.as_ref());
                for peer in peers.flatten() {
                    if let PeerScope::Pods(scope) = &peer.scope
                        && !scope.is_everything()
                    {
                        scopes.add(scope);
                    }
                }
            }
        }
        scopes
    }

    fn add(&mut self, scope: &'e PodScope<'a>) {
        let next = self.list.len();
        let index = *self.by_text.entry(text(scope)).or_insert(next);
        if index == next {
            self.list.push(scope);
        }
        self.by_address.insert(place(scope), index);
    }

    /// The number of a scope; none for one that holds every pod.
    pub(super) fn index(&self, scope: &PodScope<'_>) -> Option<usize> {
        self.by_address.get(&place(scope)).copied()
    }

    /// For each workload, the scopes it is in, ascending, and whether that is certain.
    pub(super) fn memberships(&self, estate: &Estate<'_>) -> Vec<Vec<(u32, bool)>> {
        let index = Index::new(estate);
        let mut memberships = vec![Vec::new(); estate.workloads.len()];
        for (number, scope) in (0u32..).zip(&self.list) {
            index.each(scope, estate, |workload, held| match held {
                Match::No => {}
                held => memberships[workload].push((number, held == Match::Yes)),
            });
        }
        memberships
    }
}

impl Scopes<'_, '_> {
    /// For each scope, the workloads that are in it for certain, ascending.
    pub(super) fn members(&self, estate: &Estate<'_>) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.list.len()];
        for (workload, scopes) in self.memberships(estate).into_iter().enumerate() {
            let certain = scopes.into_iter().filter(|(_, certain)| *certain);
            certain.for_each(|(scope, _)| members[scope as usize].push(workload));
        }
        members
    }
}

/// Where a scope lies in the estate: it outlives the engine and never moves.
fn place(scope: &PodScope<'_>) -> usize {
    std::ptr::from_ref(scope).addr()
}

/// A text that two scopes share exactly if they are written alike.
fn text(scope: &PodScope<'_>) -> String {
    let mut text = String::new();
    match &scope.namespaces {
        NamespaceScope::Only(index) => drop(write!(text, "#{index}")),
        NamespaceScope::Matching(selector) => selector_text(*selector, &mut text),
    }
    text.push('/');
    selector_text(scope.pods, &mut text);
    if scope.unknown.is_some() {
        text.push('?');
    }
    text
}

fn selector_text(selector: Selector<'_>, text: &mut String) {
    let Selector::Labels(selector) = selector else { return };
    let mut parts: Vec<String> =
        selector.labels.iter().map(|(name, value)| format!("{:?}={:?}", name.value, value.value)).collect();
    parts.extend(selector.requirements.iter().map(requirement_text));
    parts.sort_unstable();
    text.push_str(&parts.join(","));
}

fn requirement_text(requirement: &Requirement<'_>) -> String {
    let mut values: Vec<&str> = requirement.values.iter().map(|value| value.value).collect();
    values.sort_unstable();
    format!("{:?} {:?} {values:?}", requirement.key.value, requirement.operator.value)
}

/// The workloads by namespace and by label.
struct Index<'e> {
    by_namespace: Vec<Vec<usize>>,
    by_label: FxHashMap<&'e str, FxHashMap<&'e str, Vec<usize>>>,
}

impl<'e> Index<'e> {
    fn new(estate: &'e Estate<'_>) -> Self {
        let mut by_namespace = vec![Vec::new(); estate.namespaces.len()];
        let mut by_label: FxHashMap<_, FxHashMap<_, Vec<usize>>> = FxHashMap::default();
        for (index, workload) in estate.workloads.iter().enumerate() {
            by_namespace[workload.namespace].push(index);
            for (name, value) in workload.labels.iter() {
                by_label.entry(name.value).or_default().entry(value.value).or_default().push(index);
            }
        }
        Self { by_namespace, by_label }
    }

    /// Asks every workload that can be in a scope whether it is.
    fn each(&self, scope: &PodScope<'_>, estate: &Estate<'_>, mut found: impl FnMut(usize, Match)) {
        let mut ask = |&workload: &usize| found(workload, scope.holds(&estate.workloads[workload], &estate.namespaces));
        // Pods may get a label that no template has.
        if let Some(rare) = self.rarest(scope.pods).filter(|_| !scope.pods.asks_for_added_labels()) {
            return rare.iter().for_each(ask);
        }
        match scope.namespaces {
            NamespaceScope::Only(namespace) => self.by_namespace[namespace].iter().for_each(ask),
            NamespaceScope::Matching(_) => {
                for (index, namespace) in estate.namespaces.iter().enumerate() {
                    if scope.holds_namespace(index, namespace) != Match::No {
                        self.by_namespace[index].iter().for_each(&mut ask);
                    }
                }
            }
        }
    }

    /// The workloads with the rarest of the labels that a selector asks for; none where it asks for none.
    fn rarest(&self, selector: Selector<'_>) -> Option<&[usize]> {
        let Selector::Labels(selector) = selector else { return None };
        let list = |(name, value): (Text<'_>, Text<'_>)| {
            let list = self.by_label.get(name.value).and_then(|values| values.get(value.value));
            list.map(Vec::as_slice).unwrap_or_default()
        };
        selector.labels.iter().map(list).min_by_key(|list| list.len())
    }
}
