//! Which policies select which workloads.

use rustc_hash::FxHashMap;

use crate::model::{Direction, Estate, Match};

/// Policies by their index in the estate, ascending: those of which something is sure, and those of which it may be so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Policies {
    pub certain: Vec<usize>,
    pub possible: Vec<usize>,
}

impl Policies {
    fn add(&mut self, policy: usize, selects: Match) {
        match selects {
            Match::Yes => self.certain.push(policy),
            Match::Unknown => self.possible.push(policy),
            Match::No => {}
        }
    }
}

/// The policies that isolate a workload, in each direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Selection {
    pub egress: Policies,
    pub ingress: Policies,
}

impl Selection {
    pub(super) fn isolating(&self, direction: Direction) -> &Policies {
        match direction {
            Direction::Egress => &self.egress,
            Direction::Ingress => &self.ingress,
        }
    }
}

/// The class of each workload, and for each class its first workload and what selects its workloads.
pub(super) fn classes(estate: &Estate<'_>) -> (Vec<usize>, Vec<(usize, Selection)>) {
    let mut policies_of: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
    for (index, policy) in estate.network_policies.iter().enumerate() {
        policies_of.entry(policy.namespace).or_default().push(index);
    }
    let mut known: FxHashMap<Selection, usize> = FxHashMap::default();
    let mut selections = Vec::new();
    let class_of = estate.workloads.iter().enumerate().map(|(first, workload)| {
        let mut selection = Selection::default();
        for &index in policies_of.get(&workload.namespace).into_iter().flatten() {
            let policy = &estate.network_policies[index];
            let selects = policy.selector.matches(workload.labels);
            if policy.isolates_egress {
                selection.egress.add(index, selects);
            }
            if policy.isolates_ingress {
                selection.ingress.add(index, selects);
            }
        }
        *known.entry(selection).or_insert_with_key(|selection| {
            selections.push((first, selection.clone()));
            selections.len() - 1
        })
    });
    (class_of.collect(), selections)
}
