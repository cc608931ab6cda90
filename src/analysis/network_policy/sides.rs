//! What a workload's own policies let it receive, asked pair by pair.

use super::chain::{Outcome, Selected, decide};
use super::connections::Answer;
use super::explain::describe;
use super::packet::decider;
use super::pods::{OnNode, bounds, named_ports, peer_speaks, transport_at};
use super::{Isolation, NetworkPolicies, Why};
use crate::model::{Direction, Match, PolicyClause, PolicyKind};
use crate::traffic::{AddressSet, Protocol, Transport};

impl NetworkPolicies<'_> {
    /// What a workload's own policies let it receive from another one's pods, as they are written: whether or not the
    /// cluster enforces them.
    #[must_use]
    pub fn receives(&self, to: usize, from: usize) -> Answer {
        if self.workload(to).host_network.is_some() {
            return Answer { certain: Transport::all(), possible: Transport::all() };
        }
        let outcome: Outcome<Transport> = decide(&self.ingress_policies(to), Direction::Ingress, |kind, clause| {
            let (speaks, ports) = self.asked(kind, clause, to, from);
            bounds(clause, speaks, ports)
        });
        match self.unread() {
            Some(_) => Answer { certain: Transport::none(), possible: Transport::all() },
            None => Answer { certain: outcome.certain(), possible: outcome.allow },
        }
    }

    /// What decides that a workload does not receive something from another one's pods.
    #[must_use]
    pub fn why_not_received(&self, to: usize, from: usize, spoken: (Protocol, u16)) -> Why {
        let decided = decider(&self.ingress_policies(to), Direction::Ingress, |kind, clause| {
            let (speaks, ports) = self.asked(kind, clause, to, from);
            speaks.and(Match::from(ports.contains(spoken.0, Some(spoken.1))))
        });
        describe(decided, Direction::Ingress, self.workload(to))
    }

    fn ingress_policies(&self, workload: usize) -> Vec<Selected<'_, '_>> {
        self.class(workload).selection.policies(Direction::Ingress, self.estate)
    }

    /// Whether a clause speaks of pods that send to a workload, and over what.
    fn asked(&self, kind: PolicyKind, clause: &PolicyClause<'_>, to: usize, from: usize) -> (Match, Transport) {
        let (own, peer) = (self.workload(to), self.workload(from));
        let ports = transport_at(&clause.ports, |protocol, name| named_ports(own, protocol, name));
        (peer_speaks(clause, kind, peer, (self.dataplane, OnNode::Either), self.estate), ports)
    }

    /// Whether anything reaches a workload of which no policy speaks, so that it is let in by default.
    #[must_use]
    pub fn is_unguarded(&self, workload: usize) -> bool {
        if self.isolation(workload, Direction::Ingress) != Isolation::None {
            return false;
        }
        let policies = self.ingress_policies(workload);
        let outcome = super::outside::outcome(&policies, Direction::Ingress, |ports| ports.numbered.clone());
        !outcome.unruled.restrict_addresses(&AddressSet::all_v4()).is_empty()
    }
}
