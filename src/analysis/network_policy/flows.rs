//! Whether a workload's own policies let it reach somebody whom it needs (semantics A.8, NP03).

use std::net::IpAddr;

use super::chain::{Bounds, decide};
use super::connections::Answer;
use super::explain::describe;
use super::outside::speaks_of_address;
use super::packet::decider;
use super::pods::{Dataplane, OnNode, any_pod_addressed, named_ports, peer_speaks, transport_at};
use super::{NetworkPolicies, Why};
use crate::model::{ClauseAction, Direction, Match, Peer, PeerScope, PolicyClause, PolicyKind};
use crate::source::Location;
use crate::traffic::{Protocol, Transport};

/// Somebody whom a workload needs.
#[derive(Clone, Debug)]
pub enum Target<'t> {
    /// A workload of the input, by its index.
    Workload(usize),
    /// Pods that are not in the input.
    Pods(UnseenPods<'t>),
    /// An address outside of the cluster.
    Address(IpAddr),
}

/// Pods that are not in the input, as far as they are known.
#[derive(Clone, Debug)]
pub struct UnseenPods<'t> {
    pub namespace: &'t str,
    pub labels: Vec<(&'t str, &'t str)>,
    /// Whether these are all of their labels that a selector could ask for.
    pub all_labels: bool,
}

impl NetworkPolicies<'_> {
    /// What a workload's own policies let it send to somebody, as they are written: whether or not the cluster enforces
    /// them, and whatever the other side accepts.
    #[must_use]
    pub fn sends_to(&self, from: usize, target: &Target<'_>, dataplane: Dataplane) -> Answer {
        if self.workload(from).host_network.is_some() {
            return Answer { certain: Transport::all(), possible: Transport::all() };
        }
        let policies = self.class(from).selection.policies(Direction::Egress, self.estate);
        let outcome =
            decide(&policies, Direction::Egress, |kind, clause| self.bounds_to(kind, clause, target, dataplane));
        match self.unread() {
            Some(_) => Answer { certain: Transport::none(), possible: Transport::all() },
            None => Answer { certain: outcome.certain(), possible: outcome.allow },
        }
    }

    /// What a workload's own policies let it send to another one's pods.
    #[must_use]
    pub fn sends(&self, from: usize, to: usize) -> Answer {
        self.sends_to(from, &Target::Workload(to), self.dataplane)
    }

    /// What decides that a workload may not send something to somebody.
    #[must_use]
    pub fn why_not(&self, from: usize, target: &Target<'_>, spoken: (Protocol, u16), dataplane: Dataplane) -> Why {
        if let Some(why) = self.unbound_by(from) {
            return why;
        }
        let (protocol, port) = spoken;
        let policies = self.class(from).selection.policies(Direction::Egress, self.estate);
        let decided = decider(&policies, Direction::Egress, |kind, clause| {
            let Bounds { least, most } = self.bounds_to(kind, clause, target, dataplane);
            match (least.contains(protocol, Some(port)), most.contains(protocol, Some(port))) {
                (true, _) => Match::Yes,
                (false, true) => Match::Unknown,
                (false, false) => Match::No,
            }
        });
        describe(decided, Direction::Egress, self.workload(from))
    }

    /// The policy, by its index, and the place of its clause that allows a workload to send something to somebody, where
    /// one does for certain.
    #[must_use]
    pub fn allowing_clause(
        &self,
        from: usize,
        target: &Target<'_>,
        spoken: (Protocol, u16),
    ) -> Option<(usize, Location)> {
        let (protocol, port) = spoken;
        let selecting = self.class(from).selection.of(Direction::Egress).iter().filter(|(_, certain)| *certain);
        selecting.map(|(policy, _)| *policy).find_map(|index| {
            let policy = &self.estate.network_policies[index];
            let allows = |clause: &&PolicyClause<'_>| {
                let bounds = self.bounds_to(policy.kind, clause, target, self.dataplane);
                clause.action == ClauseAction::Allow && bounds.least.contains(protocol, Some(port))
            };
            policy.egress.clauses.iter().find(allows).map(|clause| (index, clause.at))
        })
    }

    /// What decides about something that a workload may receive from another one's pods.
    #[must_use]
    pub fn why_not_in(&self, to: usize, from: usize, spoken: (Protocol, u16), dataplane: Dataplane) -> Why {
        if let Some(why) = self.unbound_by(to) {
            return why;
        }
        let (protocol, port) = spoken;
        let (own, peer) = (self.workload(to), self.workload(from));
        let policies = self.class(to).selection.policies(Direction::Ingress, self.estate);
        let decided = decider(&policies, Direction::Ingress, |kind, clause| {
            let ports = transport_at(&clause.ports, |protocol, name| named_ports(own, protocol, name));
            let speaks = peer_speaks(clause, kind, peer, (dataplane, OnNode::Either), self.estate);
            let whole = if clause.unknown.is_some() { Match::Unknown } else { Match::Yes };
            let odd = clause.ports.unknown.is_some();
            let holds = ports.contains(protocol, Some(port));
            whole.and(speaks).and(if odd && !holds { Match::Unknown } else { Match::from(holds) })
        });
        describe(decided, Direction::Ingress, own)
    }

    /// The least and the most that a clause says of the traffic to somebody.
    fn bounds_to(
        &self,
        kind: PolicyKind,
        clause: &PolicyClause<'_>,
        target: &Target<'_>,
        dataplane: Dataplane,
    ) -> Bounds<Transport> {
        let (speaks, least, mut most) = match target {
            Target::Workload(index) => {
                let workload = self.workload(*index);
                let ports = transport_at(&clause.ports, |protocol, name| named_ports(workload, protocol, name));
                let speaks = peer_speaks(clause, kind, workload, (dataplane, OnNode::Either), self.estate);
                (speaks, ports.clone(), ports)
            }
            Target::Pods(pods) => {
                let named = clause.ports.named.iter().map(|(protocol, _)| Transport::protocol(*protocol));
                let most = named.fold(clause.ports.numbered.clone(), |all, one| all.union(&one));
                (self.speaks_of_unseen(clause, pods, dataplane), clause.ports.numbered.clone(), most)
            }
            Target::Address(address) => {
                let ports = clause.ports.numbered.clone();
                (speaks_of_address(clause, *address), ports.clone(), ports)
            }
        };
        if clause.ports.unknown.is_some() {
            most = Transport::all();
        }
        let whole = if clause.unknown.is_some() { Match::Unknown } else { Match::Yes };
        match speaks.and(whole) {
            Match::Yes => Bounds { least, most },
            Match::Unknown => Bounds { least: Transport::none(), most },
            Match::No => Bounds { least: Transport::none(), most: Transport::none() },
        }
    }

    fn speaks_of_unseen(&self, clause: &PolicyClause<'_>, pods: &UnseenPods<'_>, dataplane: Dataplane) -> Match {
        let Some(peers) = &clause.peers else { return Match::Yes };
        let one = |peer: &Peer<'_>| match &peer.scope {
            PeerScope::Pods(scope) => {
                let whole = if scope.unknown.is_some() { Match::Unknown } else { Match::Yes };
                let namespace = scope.holds_name(pods.namespace, &self.estate.namespaces);
                whole.and(namespace).and(scope.pods.matches_known(&pods.labels, pods.all_labels))
            }
            PeerScope::Networks(set) => any_pod_addressed(set),
            PeerScope::Addresses(set) => match dataplane {
                Dataplane::Dpv2 => Match::No,
                Dataplane::Calico => any_pod_addressed(set),
                Dataplane::Unknown => any_pod_addressed(set).and(Match::Unknown),
            },
            PeerScope::Unknown(_) => Match::Unknown,
            PeerScope::Outside(_) | PeerScope::Nodes(_) | PeerScope::Names(_) => Match::No,
        };
        Match::any(peers.iter().map(one))
    }
}
