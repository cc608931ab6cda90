//! What policies let out of the cluster, and into it, by address.

use std::net::IpAddr;

use super::Why;
use super::chain::{Bounds, Outcome, Selected, decide};
use super::packet::{Decider, decider};
use super::select::{Selecting, Selection};
use crate::finding::Decision;
use crate::model::{Direction, Estate, Layer, Match, Peer, PeerScope, PolicyClause, Ports, Tier, Unknown, Workload};
use crate::source::Location;
use crate::traffic::{AddressSet, Sample, Traffic, Transport};

/// What may be sent to addresses outside of the cluster. Peers that are pods contribute nothing, nor do names, whose
/// addresses are only known when they are looked up.
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

impl Outside {
    /// What leaves a workload that no policy binds.
    pub(super) fn unbound() -> Self {
        Self { allowed: Traffic::all(), certain: Traffic::all(), unknown: None, unruled: true }
    }
}

/// Why policies cannot be evaluated to the end, where kinds that decide are in the input but not modelled.
pub(super) fn unread(estate: &Estate<'_>) -> Option<String> {
    let mut kinds: Vec<_> = estate.evidence.unread(Layer::NetworkPolicy).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let named = kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
    (!kinds.is_empty()).then(|| format!("{named} objects in the input are not evaluated"))
}

/// What policies do with traffic to, or from, all addresses outside of the cluster. On the way in, the named ports of
/// the workload itself are meant.
pub(super) fn outcome(
    policies: &[Selected<'_, '_>],
    direction: Direction,
    own_ports: impl Fn(&Ports<'_>) -> Transport,
) -> Outcome<Traffic> {
    decide(policies, direction, |_, clause| {
        let ports = match direction {
            // A named port is a container's and never one of an outside address (semantics C.1).
            Direction::Egress => clause.ports.numbered.clone(),
            Direction::Ingress => own_ports(&clause.ports),
        };
        Bounds { least: traffic(clause, &ports, false), most: traffic(clause, &ports, true) }
    })
}

/// What the workloads of a class may send out; `at` is the place of one of them.
pub(super) fn egress(estate: &Estate<'_>, selection: &Selection, at: Location) -> Outside {
    let policies = selection.policies(Direction::Egress, estate);
    let outcome = outcome(&policies, Direction::Egress, |ports| ports.numbered.clone());
    let unruled = !outcome.unruled.restrict_addresses(&AddressSet::all_v4()).is_empty();
    if let Some(reason) = unread(estate) {
        let unknown = Some(Unknown { at, reason });
        return Outside { allowed: Traffic::all(), certain: Traffic::none(), unknown, unruled };
    }
    let certain = outcome.certain();
    let unknown = (certain != outcome.allow).then(|| unknown(&policies)).flatten();
    Outside { allowed: outcome.allow, certain, unknown, unruled }
}

/// What the workloads of a class may send out whatever the policies of their namespace come to say; none where no policy
/// of the administrators stands above those.
pub(super) fn egress_if_rewritten(estate: &Estate<'_>, selection: &Selection, at: Location) -> Option<Outside> {
    let above = |(index, _): &&(usize, bool)| estate.network_policies[*index].tier == Tier::Admin;
    let egress: Selecting = selection.egress.iter().filter(above).copied().collect();
    let above = Selection { egress, ingress: Selecting::new() };
    (!above.egress.is_empty() || unread(estate).is_some()).then(|| self::egress(estate, &above, at))
}

/// The first reason for which policies cannot be decided.
fn unknown(policies: &[Selected<'_, '_>]) -> Option<Unknown> {
    let selecting = policies.iter().find(|selected| !selected.certain).map(|selected| {
        let name = selected.policy.name;
        Unknown { at: name.at, reason: format!("whether `{name}` selects it cannot be decided") }
    });
    let mut clauses = policies.iter().flat_map(|selected| &selected.policy.egress.clauses);
    let equal = || {
        let first = policies.first()?.policy;
        let reason = "policies of equal priority disagree".to_owned();
        Some(Unknown { at: first.name.at, reason })
    };
    selecting.or_else(|| clauses.find_map(clause_unknown)).or_else(equal)
}

/// What of a clause cannot be decided.
fn clause_unknown(clause: &PolicyClause<'_>) -> Option<Unknown> {
    let of_peer = |peer: &Peer<'_>| match &peer.scope {
        PeerScope::Unknown(reason) => Some(Unknown { at: peer.at, reason: reason.clone() }),
        _ => None,
    };
    let own = clause.unknown.clone().or_else(|| clause.ports.unknown.clone());
    own.or_else(|| clause.peers.iter().flatten().find_map(of_peer))
}

/// What a clause matches of the outside: the least of it, or the most.
pub(super) fn traffic(clause: &PolicyClause<'_>, ports: &Transport, most: bool) -> Traffic {
    if clause.unknown.is_some() && !most {
        return Traffic::none();
    }
    let transport = if most && clause.ports.unknown.is_some() { Transport::all() } else { ports.clone() };
    let Some(peers) = &clause.peers else { return Traffic::new(&AddressSet::all(), transport) };
    let addresses = peers.iter().filter_map(|peer| match &peer.scope {
        PeerScope::Unknown(_) if most => Some(AddressSet::all()),
        _ => peer.outside().cloned(),
    });
    Traffic::new(&addresses.collect(), transport)
}

/// What decides about a packet to an outside address.
pub(super) fn why(estate: &Estate<'_>, selection: &Selection, workload: &Workload<'_>, sample: &Sample) -> Why {
    let policies = selection.policies(Direction::Egress, estate);
    let decided = decider(&policies, Direction::Egress, |_, clause| speaks_of(clause, sample));
    match decided {
        Decider::Clause(clause, selected, decision) => {
            let peer = clause.peers.iter().flatten().find(|peer| holds(peer, sample.address) == Match::Yes);
            let verb = if decision == Decision::Allow { "allows" } else { "denies" };
            let name = selected.policy.name;
            let reason = match &clause.peers {
                None => format!("a clause of `{name}` that names no peers {verb} {sample}"),
                Some(_) => format!("`{name}` {verb} {sample}"),
            };
            Why { decision, reason, at: peer.map_or(clause.at, |peer| peer.at) }
        }
        Decider::Isolation(isolating) => isolated(&isolating, sample, workload),
        Decider::Unknown(at, reason) => Why { decision: Decision::Unknown, reason, at },
        Decider::Nobody => Why {
            decision: Decision::Allow,
            reason: "no network policy isolates its egress".to_owned(),
            at: workload.name.at,
        },
    }
}

fn isolated(isolating: &[Selected<'_, '_>], sample: &Sample, workload: &Workload<'_>) -> Why {
    let others = isolating.len().saturating_sub(1);
    let more = if others == 0 { String::new() } else { format!(" with {others} more") };
    let name = isolating.first().map_or(workload.name, |selected| selected.policy.name);
    let reason = format!("`{name}`{more} isolates its egress, and no clause allows {sample}");
    Why { decision: Decision::Deny, reason, at: name.at }
}

/// Whether a clause speaks of a packet to an outside address.
fn speaks_of(clause: &PolicyClause<'_>, sample: &Sample) -> Match {
    let ports = match clause.ports.numbered.contains(sample.protocol, sample.port) {
        false if clause.ports.unknown.is_some() => Match::Unknown,
        holds => Match::from(holds),
    };
    let peers = speaks_of_address(clause, sample.address);
    let whole = if clause.unknown.is_some() { Match::Unknown } else { Match::Yes };
    whole.and(ports).and(peers)
}

/// Whether the peers of a clause hold an outside address.
pub(super) fn speaks_of_address(clause: &PolicyClause<'_>, address: IpAddr) -> Match {
    let Some(peers) = &clause.peers else { return Match::Yes };
    Match::any(peers.iter().map(|peer| holds(peer, address)))
}

fn holds(peer: &Peer<'_>, address: IpAddr) -> Match {
    match &peer.scope {
        PeerScope::Unknown(_) => Match::Unknown,
        _ => Match::from(peer.outside().is_some_and(|set| set.contains(address))),
    }
}
