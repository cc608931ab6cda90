//! Which policies select which workloads.

use rustc_hash::FxHashMap;

use super::chain::{Selected, rank};
use crate::model::{Direction, Estate, Match, NamespaceScope, NetworkPolicy, PolicyKind, Tier};

/// Policies by their index in the estate, in the order in which they are asked, and whether it is certain that they
/// select.
pub(super) type Selecting = Vec<(usize, bool)>;

/// The policies that have a say about a workload, in each direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Selection {
    pub egress: Selecting,
    pub ingress: Selecting,
}

impl Selection {
    pub(super) fn of(&self, direction: Direction) -> &Selecting {
        match direction {
            Direction::Egress => &self.egress,
            Direction::Ingress => &self.ingress,
        }
    }

    /// The policies themselves.
    pub(super) fn policies<'e, 'a>(&self, direction: Direction, estate: &'e Estate<'a>) -> Vec<Selected<'e, 'a>> {
        let selected = |&(index, certain)| Selected { policy: &estate.network_policies[index], certain };
        self.of(direction).iter().map(selected).collect()
    }

    /// The policies of namespaces that isolate a direction, certainly or only possibly, ascending.
    pub(super) fn isolating(&self, direction: Direction, certain: bool, estate: &Estate<'_>) -> Vec<usize> {
        let isolates = |index: usize| {
            let policy = &estate.network_policies[index];
            policy.tier == Tier::Namespace && policy.section(direction).isolates
        };
        let wanted = self.of(direction).iter().filter(|(index, sure)| *sure == certain && isolates(*index));
        let mut found: Vec<usize> = wanted.map(|(index, _)| *index).collect();
        found.sort_unstable();
        found
    }
}

/// Whether a policy that selects a workload has anything to say about a direction.
fn speaks(policy: &NetworkPolicy<'_>, direction: Direction) -> bool {
    let section = policy.section(direction);
    match policy.kind {
        // Clauses in a direction that the types leave out are dead.
        PolicyKind::Kubernetes | PolicyKind::Fqdn => section.isolates,
        _ => section.isolates || !section.clauses.is_empty(),
    }
}

/// The class of each workload, and for each class its first workload and what selects its workloads.
pub(super) fn classes(estate: &Estate<'_>) -> (Vec<usize>, Vec<(usize, Selection)>) {
    let mut policies_of: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
    let mut everywhere = Vec::new();
    for (index, policy) in estate.network_policies.iter().enumerate() {
        match policy.subject.namespaces {
            NamespaceScope::Only(namespace) => policies_of.entry(namespace).or_default().push(index),
            NamespaceScope::Matching(_) => everywhere.push(index),
        }
    }
    for candidates in policies_of.values_mut() {
        candidates.extend(&everywhere);
        candidates.sort_by_key(|&index| (rank(&estate.network_policies[index]), index));
    }
    everywhere.sort_by_key(|&index| (rank(&estate.network_policies[index]), index));
    let mut known: FxHashMap<Selection, usize> = FxHashMap::default();
    let mut selections = Vec::new();
    let class_of = estate.workloads.iter().enumerate().map(|(first, workload)| {
        let mut selection = Selection::default();
        for &index in policies_of.get(&workload.namespace).unwrap_or(&everywhere) {
            let policy = &estate.network_policies[index];
            let certain = match policy.subject.holds(workload, &estate.namespaces) {
                Match::No => continue,
                selects => selects == Match::Yes,
            };
            if speaks(policy, Direction::Egress) {
                selection.egress.push((index, certain));
            }
            if speaks(policy, Direction::Ingress) {
                selection.ingress.push((index, certain));
            }
        }
        *known.entry(selection).or_insert_with_key(|selection| {
            selections.push((first, selection.clone()));
            selections.len() - 1
        })
    });
    (class_of.collect(), selections)
}
