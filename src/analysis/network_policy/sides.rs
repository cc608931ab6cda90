//! What one side's policies allow between two workloads, asked pair by pair.

use super::chain::decide;
use super::connections::Answer;
use super::pods::{OnNode, bounds, named_ports, peer_speaks, transport_at};
use super::{Isolation, NetworkPolicies};
use crate::model::{ClauseAction, Direction, Match, PeerScope, PolicyClause, Workload};
use crate::traffic::{AddressSet, Transport};

impl NetworkPolicies<'_> {
    /// What a workload's own policies let it send to another one's pods, whatever those accept.
    #[must_use]
    pub fn sends(&self, from: usize, to: usize) -> Answer {
        self.one_side(from, to, Direction::Egress)
    }

    /// What a workload's own policies let it receive from another one's pods.
    #[must_use]
    pub fn receives(&self, to: usize, from: usize) -> Answer {
        self.one_side(to, from, Direction::Ingress)
    }

    fn one_side(&self, own: usize, peer: usize, direction: Direction) -> Answer {
        let (own_workload, peer) = (self.workload(own), self.workload(peer));
        if own_workload.host_network.is_some() || self.unenforced.is_some() {
            return Answer { certain: Transport::all(), possible: Transport::all() };
        }
        let policies = self.class(own).selection.policies(direction, self.estate);
        let destination: &Workload<'_> = if direction == Direction::Egress { peer } else { own_workload };
        let outcome = decide(&policies, direction, |kind, clause| {
            let ports = transport_at(&clause.ports, |protocol, name| named_ports(destination, protocol, name));
            let speaks = peer_speaks(clause, kind, peer, (self.dataplane, OnNode::Either), self.estate);
            bounds(clause, speaks, ports)
        });
        match self.unread() {
            Some(_) => Answer { certain: Transport::none(), possible: Transport::all() },
            None => Answer { certain: outcome.certain(), possible: outcome.allow },
        }
    }

    /// Whether anything reaches a workload of which no policy speaks, so that it is let in by default.
    #[must_use]
    pub fn is_unguarded(&self, workload: usize) -> bool {
        if self.isolation(workload, Direction::Ingress) != Isolation::None {
            return false;
        }
        let policies = self.class(workload).selection.policies(Direction::Ingress, self.estate);
        let outcome = super::outside::outcome(&policies, Direction::Ingress, |ports| ports.numbered.clone());
        !outcome.unruled.restrict_addresses(&AddressSet::all_v4()).is_empty()
    }

    /// The clauses that may allow a workload to send something: those of the policies that may select it.
    pub fn egress_clauses(&self, workload: usize) -> impl Iterator<Item = &PolicyClause<'_>> {
        let selecting = self.class(workload).selection.egress.iter();
        let clauses = selecting.flat_map(|(index, _)| &self.estate.network_policies[*index].egress.clauses);
        clauses.filter(|clause| clause.action != ClauseAction::Deny)
    }

    /// Whether a clause may speak of pods in a namespace, known to the input or not.
    #[must_use]
    pub fn may_reach_namespace(&self, clause: &PolicyClause<'_>, name: &str) -> bool {
        let Some(peers) = &clause.peers else { return true };
        peers.iter().any(|peer| match &peer.scope {
            PeerScope::Pods(scope) => scope.holds_name(name, &self.estate.namespaces) != Match::No,
            PeerScope::Unknown(_) => true,
            _ => false,
        })
    }
}
