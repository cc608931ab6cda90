//! Which edits are worth trying: those that bear on the layers that are open.

use std::collections::BTreeMap;

use super::Item;
use crate::analysis::Facts;
use crate::analysis::capture::Tier;
use crate::analysis::exits::{Exit, Via};
use crate::analysis::outbound::Origin;
use crate::model::access::{Binding, Standing};
use crate::model::{Change, Estate, Match};

/// How many edits of each kind are tried: each asks for all ways out once more, and the fewest are found by trying all sets.
const ROOM: [usize; 5] = [2, 8, 2, 2, 2];

/// The edits to try, and how many more there would be.
pub(super) fn candidates(items: &[Item], estate: &Estate<'_>, facts: &Facts<'_>) -> (Vec<Change>, usize) {
    let mut weights: BTreeMap<Change, usize> = BTreeMap::new();
    let networks = networks(estate);
    for item in items {
        for edit in of_item(item, &networks, estate, facts) {
            *weights.entry(edit).or_default() += 1;
        }
    }
    let all = weights.len();
    let mut heaviest: Vec<(Change, usize)> = weights.into_iter().collect();
    heaviest.sort_by_key(|&(edit, weight)| (std::cmp::Reverse(weight), edit));
    let mut room = ROOM;
    let mut has_room = |edit: Change| {
        let left = &mut room[kind(edit)];
        let fits = *left > 0;
        *left = left.saturating_sub(1);
        fits
    };
    let tried: Vec<Change> = heaviest.into_iter().map(|(edit, _)| edit).filter(|&edit| has_room(edit)).collect();
    let untried = all - tried.len();
    (tried, untried)
}

/// The number of an edit's kind in [`ROOM`].
fn kind(edit: Change) -> usize {
    match edit {
        Change::DenyEgress { .. } => 0,
        Change::IsolateEgress { .. } => 1,
        Change::Unbind { .. } => 2,
        Change::Untolerate { .. } => 3,
        Change::RefuseUnknown { .. } => 4,
    }
}

/// Whether an edit may bear on a way. A default-deny policy has to let names and the gateway through, so that it closes
/// neither.
pub(super) fn bears_on(edit: Change, exit: &Exit) -> bool {
    match edit {
        Change::DenyEgress { .. } => true,
        Change::IsolateEgress { .. } => exit.tier < Tier::NodeRoot && !matches!(exit.via, Via::Gateway | Via::Dns),
        Change::Unbind { .. } => exit.tier == Tier::Tenant,
        Change::Untolerate { .. } => exit.via == Via::GatewayNode,
        Change::RefuseUnknown { .. } => exit.tier == Tier::Application && exit.host.is_none(),
    }
}

/// The edits that may bear on a way.
fn of_item(item: &Item, networks: &[usize], estate: &Estate<'_>, facts: &Facts<'_>) -> Vec<Change> {
    let workload = &estate.workloads[item.workload];
    let exit = &item.exit;
    let mut edits = Vec::new();
    edits.push(Change::IsolateEgress { namespace: workload.namespace });
    edits.extend(networks.iter().map(|&pool| Change::DenyEgress { pool }));
    if exit.tier == Tier::Tenant {
        let here = estate.namespace_of(workload).name;
        let is_of_tenants = |binding: &Binding<'_>| {
            binding.namespace.is_none_or(|namespace| namespace == here)
                && binding.subjects.iter().any(|subject| subject.standing == Standing::Tenant)
        };
        let bindings = estate.access.bindings.iter().enumerate().filter(|(_, binding)| is_of_tenants(binding));
        edits.extend(bindings.map(|(binding, _)| Change::Unbind { binding }));
    }
    if exit.via == Via::GatewayNode {
        let landings = facts.placement.landings(item.workload).iter();
        let by = landings.filter(|landing| facts.placement.is_gateway_pool(landing.pool));
        let number = |at| workload.placement.tolerations.iter().position(|toleration| toleration.at == at);
        let numbers = by.filter_map(|landing| number(landing.toleration?));
        edits.extend(numbers.map(|toleration| Change::Untolerate { workload: item.workload, toleration }));
    }
    if exit.via == Via::Sidecar {
        edits.extend(refusal(item, estate, facts));
    }
    edits.retain(|&edit| bears_on(edit, exit));
    edits.sort_unstable();
    edits.dedup();
    edits
}

/// The first pool of each network.
fn networks(estate: &Estate<'_>) -> Vec<usize> {
    let mut first: Vec<usize> = Vec::new();
    for (index, pool) in estate.pools.iter().enumerate() {
        let is_known = |&known: &usize| match (&estate.pools[known].network, &pool.network) {
            (Some(known), Some(own)) => known.is(own) == Match::Yes,
            (known, own) => known.is_none() && own.is_none(),
        };
        if !first.iter().any(is_known) {
            first.push(index);
        }
    }
    first
}

/// Where it is said that a workload's proxy passes on what it does not know.
fn refusal(item: &Item, estate: &Estate<'_>, facts: &Facts<'_>) -> Option<Change> {
    match facts.outbound[item.workload].origin {
        Origin::Sidecar(_, policy) => {
            let is_it = |sidecar: &crate::model::Sidecar<'_>| sidecar.outbound.is_some_and(|own| own.at == policy.at);
            estate.mesh.sidecars.iter().position(is_it).map(|sidecar| Change::RefuseUnknown { sidecar: Some(sidecar) })
        }
        Origin::Mesh(_) | Origin::Default => Some(Change::RefuseUnknown { sidecar: None }),
        Origin::None => None,
    }
}
