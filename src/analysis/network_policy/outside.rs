//! What policies let out of the cluster, by address.

use super::Why;
use super::select::{Policies, Selection};
use crate::finding::Decision;
use crate::model::{Estate, Layer, NetworkPolicy, Peer, PeerScope, PolicyClause, Unknown, Workload};
use crate::source::Location;
use crate::traffic::{AddressSet, Sample, Traffic, Transport};

/// What may be sent to addresses outside of the cluster. Peers that are pods contribute nothing.
#[derive(Clone, Debug)]
pub struct Outside {
    /// All traffic that may pass: what is not in here is denied for sure.
    pub allowed: Traffic,
    /// The traffic that passes for sure; all that is allowed where nothing is unknown.
    pub certain: Traffic,
    /// Why `allowed` and `certain` differ, where they do.
    pub unknown: Option<Unknown>,
    /// Whether no policy at all speaks of some IPv4 traffic, so that it passes by default.
    pub unruled: bool,
}

/// Why policies cannot be evaluated to the end, where kinds that decide are in the input but not modelled.
pub(super) fn unread(estate: &Estate<'_>) -> Option<String> {
    let mut kinds: Vec<_> = estate.evidence.unread(Layer::NetworkPolicy).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let named = kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
    (!kinds.is_empty()).then(|| format!("{named} objects in the input are not evaluated"))
}

/// What the workloads of a class may send out; `at` is the place of one of them.
pub(super) fn egress(estate: &Estate<'_>, selection: &Selection, at: Location) -> Outside {
    let evaluated = evaluate(estate, selection);
    match unread(estate) {
        Some(reason) => Outside {
            allowed: Traffic::all(),
            certain: Traffic::none(),
            unknown: Some(Unknown { at, reason }),
            unruled: evaluated.unruled,
        },
        None => evaluated,
    }
}

fn evaluate(estate: &Estate<'_>, selection: &Selection) -> Outside {
    let Policies { certain, possible } = &selection.egress;
    let union = |most, indices: &[usize]| {
        let policies = indices.iter().map(|&index| &estate.network_policies[index]);
        Traffic::union_all(policies.flat_map(|policy| &policy.egress).map(|clause| clause_traffic(clause, most)))
    };
    let unruled = certain.is_empty();
    let mut outside = match (certain.is_empty(), possible.is_empty()) {
        (true, true) => Outside { allowed: Traffic::all(), certain: Traffic::all(), unknown: None, unruled },
        // If none of the possible policies selects the workload, nothing isolates it.
        (true, false) => Outside { allowed: Traffic::all(), certain: union(false, possible), unknown: None, unruled },
        (false, _) => {
            let allowed = union(true, certain).union(&union(true, possible));
            Outside { allowed, certain: union(false, certain), unknown: None, unruled }
        }
    };
    if outside.allowed != outside.certain {
        outside.unknown = unknown(estate, selection);
    }
    outside
}

/// The first reason for which a class's policies cannot be decided.
fn unknown(estate: &Estate<'_>, selection: &Selection) -> Option<Unknown> {
    let Policies { certain, possible } = &selection.egress;
    let selecting = possible.first().map(|&index| {
        let name = estate.network_policies[index].name;
        Unknown { at: name.at, reason: format!("whether `{name}` selects it cannot be decided") }
    });
    let clauses = || certain.iter().flat_map(|&index| &estate.network_policies[index].egress);
    selecting.or_else(|| clauses().find_map(clause_unknown))
}

/// What of a clause cannot be decided.
fn clause_unknown(clause: &PolicyClause<'_>) -> Option<Unknown> {
    let of_peer = |peer: &Peer<'_>| match &peer.scope {
        PeerScope::Unknown(reason) => Some(Unknown { at: peer.at, reason: reason.clone() }),
        _ => None,
    };
    clause.ports.unknown.clone().or_else(|| clause.peers.iter().flatten().find_map(of_peer))
}

/// What a clause lets out: the least of it, or the most. A named port is a container's and never one of an outside
/// address (semantics C.1).
fn clause_traffic(clause: &PolicyClause<'_>, most: bool) -> Traffic {
    let transport = match &clause.ports.unknown {
        Some(_) if most => Transport::all(),
        _ => clause.ports.numbered.clone(),
    };
    let Some(peers) = &clause.peers else { return Traffic::new(&AddressSet::all(), transport) };
    let addresses = peers.iter().filter_map(|peer| match &peer.scope {
        PeerScope::Addresses(addresses) => Some(addresses.clone()),
        PeerScope::Unknown(_) if most => Some(AddressSet::all()),
        _ => None,
    });
    Traffic::new(&addresses.collect(), transport)
}

/// What decides about a packet to an outside address.
pub(super) fn why(estate: &Estate<'_>, selection: &Selection, workload: &Workload<'_>, sample: &Sample) -> Why {
    let Policies { certain, possible } = &selection.egress;
    let policies = |indices: &[usize]| indices.iter().map(|&index| &estate.network_policies[index]).collect::<Vec<_>>();
    let isolating = policies(certain);
    if let Some(allow) = isolating.iter().find_map(|policy| allowing(policy, sample)) {
        return allow;
    }
    if let Some(policy) = policies(possible).first() {
        let reason = format!("whether `{}` selects it cannot be decided", policy.name);
        return Why { decision: Decision::Unknown, reason, at: policy.name.at };
    }
    if let Some(unknown) = isolating.iter().flat_map(|policy| &policy.egress).find_map(clause_unknown) {
        return Why { decision: Decision::Unknown, reason: unknown.reason, at: unknown.at };
    }
    match isolating.first() {
        Some(policy) => {
            let others = isolating.len() - 1;
            let names = if others == 0 { String::new() } else { format!(" and {others} more") };
            let reason = format!("`{}`{names} isolates its egress, and no clause allows {sample}", policy.name);
            Why { decision: Decision::Deny, reason, at: policy.name.at }
        }
        None => Why {
            decision: Decision::Allow,
            reason: "no network policy isolates its egress".to_owned(),
            at: workload.name.at,
        },
    }
}

/// The clause of a policy that allows a packet, with the peer where one decides.
fn allowing(policy: &NetworkPolicy<'_>, sample: &Sample) -> Option<Why> {
    policy.egress.iter().find_map(|clause| {
        if !clause.ports.numbered.contains(sample.protocol, sample.port) {
            return None;
        }
        let at = match &clause.peers {
            None => clause.at,
            Some(peers) => peers.iter().find(|peer| holds(peer, sample))?.at,
        };
        let reason = match &clause.peers {
            None => format!("a clause of `{}` that names no peers allows {sample}", policy.name),
            Some(_) => format!("`{}` allows {sample}", policy.name),
        };
        Some(Why { decision: Decision::Allow, reason, at })
    })
}

fn holds(peer: &Peer<'_>, sample: &Sample) -> bool {
    matches!(&peer.scope, PeerScope::Addresses(addresses) if addresses.contains(sample.address))
}
