//! Which clauses decide about the traffic between two workloads, or between one and outside addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::chain::Selected;
use super::outside::speaks_of_address;
use super::packet::{Decider, decider};
use super::pods::{Dataplane, OnNode, named_ports, peer_speaks, transport_at};
use super::{NetworkPolicies, Why};
use crate::finding::Decision;
use crate::model::{Direction, Match, Peer, PolicyClause, PolicyKind, Workload};
use crate::traffic::{AddressSet, Protocol, Transport};

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A workload, by its index in the estate.
    Workload(usize),
    /// Addresses outside of the cluster.
    Addresses(AddressSet),
}

/// What one side's policies decide about a part of the traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// Egress for the side that sends, ingress for the one that receives.
    pub direction: Direction,
    pub traffic: Transport,
    pub why: Why,
}

/// One of the ends that an [`End`] stands for.
#[derive(Clone, Copy)]
enum One {
    Workload(usize),
    Address(IpAddr),
}

fn add(found: &mut Vec<Because>, because: Because) {
    match found.iter_mut().find(|known| known.why == because.why) {
        Some(known) => known.traffic = known.traffic.union(&because.traffic),
        None => found.push(because),
    }
}

/// Some of the addresses: the first, and for each clause the first of those that no clause before it speaks of.
fn representatives(addresses: &AddressSet, policies: &[Selected<'_, '_>], direction: Direction) -> BTreeSet<IpAddr> {
    let mut found: BTreeSet<IpAddr> = addresses.first().into_iter().collect();
    let mut rest = addresses.clone();
    for clause in policies.iter().flat_map(|selected| &selected.policy.section(direction).clauses) {
        for peer in clause.peers.iter().flatten().filter_map(Peer::outside) {
            let held = rest.intersection(peer);
            found.extend(held.first());
            if !held.is_empty() {
                rest = rest.difference(&held);
            }
        }
    }
    found.extend(rest.first());
    found
}

impl NetworkPolicies<'_> {
    /// Which clauses, or which policies for want of one, decide about all traffic over TCP, UDP and SCTP from one end to
    /// the other.
    #[must_use]
    pub fn explain(&self, from: &End, to: &End, dataplane: Dataplane) -> Vec<Because> {
        let mut all = Vec::new();
        if let End::Workload(sender) = from {
            all.extend(self.side(*sender, to, Direction::Egress, dataplane));
        }
        if let End::Workload(receiver) = to {
            all.extend(self.side(*receiver, from, Direction::Ingress, dataplane));
        }
        all
    }

    fn side(&self, own: usize, peer: &End, direction: Direction, dataplane: Dataplane) -> Vec<Because> {
        let addresses = match peer {
            End::Workload(index) => return self.with(own, One::Workload(*index), direction, dataplane),
            End::Addresses(addresses) => addresses,
        };
        let mut found: Vec<Because> = Vec::new();
        let policies = self.class(own).selection.policies(direction, self.estate);
        for address in representatives(addresses, &policies, direction) {
            for because in self.with(own, One::Address(address), direction, dataplane) {
                add(&mut found, because);
            }
        }
        found
    }

    fn with(&self, own: usize, peer: One, direction: Direction, dataplane: Dataplane) -> Vec<Because> {
        let workload = self.workload(own);
        let policies = self.class(own).selection.policies(direction, self.estate);
        let destination = match (direction, peer) {
            (Direction::Ingress, _) => Some(workload),
            (Direction::Egress, One::Workload(peer)) => Some(self.workload(peer)),
            (Direction::Egress, One::Address(_)) => None,
        };
        let peers = |kind, clause: &PolicyClause<'_>| match peer {
            One::Workload(index) => {
                peer_speaks(clause, kind, self.workload(index), (dataplane, OnNode::Pods), self.estate)
            }
            One::Address(address) => speaks_of_address(clause, address),
        };
        let mut found: Vec<Because> = Vec::new();
        for traffic in pieces(&policies, direction, &peers, destination) {
            let Some((protocol, port)) = traffic.sample() else { continue };
            let decided = decider(&policies, direction, |kind, clause| {
                let holds = ports(clause, destination).contains(protocol, port);
                let odd = clause.ports.unknown.is_some() && !holds;
                let of_ports = if odd { Match::Unknown } else { Match::from(holds) };
                let whole = if clause.unknown.is_some() { Match::Unknown } else { Match::Yes };
                whole.and(of_ports).and(peers(kind, clause))
            });
            let why = describe(decided, direction, workload);
            add(&mut found, Because { direction, traffic, why });
        }
        found
    }
}

/// The part of a transport that connections are made over.
#[must_use]
pub fn connections_of(transport: &Transport) -> Transport {
    let each = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].map(Transport::protocol);
    let all = each.iter().fold(Transport::none(), |all, one| all.union(one));
    transport.intersection(&all)
}

fn ports(clause: &PolicyClause<'_>, destination: Option<&Workload<'_>>) -> Transport {
    match destination {
        Some(workload) => transport_at(&clause.ports, |protocol, name| named_ports(workload, protocol, name)),
        None => clause.ports.numbered.clone(),
    }
}

/// All traffic, cut wherever the ports of a clause begin or end: no clause tells the traffic of one piece apart.
fn pieces(
    policies: &[Selected<'_, '_>],
    direction: Direction,
    peers: &impl Fn(PolicyKind, &PolicyClause<'_>) -> Match,
    destination: Option<&Workload<'_>>,
) -> Vec<Transport> {
    let mut pieces = vec![connections_of(&Transport::all())];
    for selected in policies {
        for clause in &selected.policy.section(direction).clauses {
            if peers(selected.policy.kind, clause) == Match::No {
                continue;
            }
            let cut = ports(clause, destination);
            let halves = pieces.iter().flat_map(|piece| [piece.intersection(&cut), piece.difference(&cut)]);
            pieces = halves.filter(|piece| !piece.is_empty()).collect();
        }
    }
    pieces
}

/// The decision as a sentence with its place.
pub(super) fn describe(decided: Decider<'_, '_>, direction: Direction, own: &Workload<'_>) -> Why {
    let way = match direction {
        Direction::Egress => "egress",
        Direction::Ingress => "ingress",
    };
    match decided {
        Decider::Clause(clause, selected, decision) => {
            let verb = if decision == Decision::Allow { "allows" } else { "denies" };
            let reason = format!("{} `{}` {verb} it", selected.policy.kind.as_str(), selected.policy.name);
            Why { decision, reason, at: clause.at }
        }
        Decider::Isolation(isolating) => {
            let names = isolating.iter().take(5).map(|selected| format!("`{}`", selected.policy.name));
            let reason =
                format!("{way} is isolated by {}, and no clause allows it", names.collect::<Vec<_>>().join(", "));
            let at = isolating.first().map_or(own.name.at, |selected| selected.policy.name.at);
            Why { decision: Decision::Deny, reason, at }
        }
        Decider::Unknown(at, reason) => Why { decision: Decision::Unknown, reason, at },
        Decider::Nobody => {
            let reason = format!("no policy isolates its {way}");
            Why { decision: Decision::Allow, reason, at: own.name.at }
        }
    }
}
