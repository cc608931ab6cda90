//! Who lets every pod of the cluster in (semantics A.8, NP07).

use super::NetworkPolicies;
use super::chain::decide;
use super::pods::{bounds, named_ports, transport_at};
use crate::model::{ClauseAction, Direction, Match, Peer, PeerScope, PolicyClause};
use crate::traffic::Transport;

impl NetworkPolicies<'_> {
    /// The clause by which a workload that policies isolate lets pods in whoever they are, over some of the given traffic.
    #[must_use]
    pub fn lets_anybody_in(&self, workload: usize, wanted: &Transport) -> Option<&PolicyClause<'_>> {
        let own = self.workload(workload);
        let policies = self.class(workload).selection.policies(Direction::Ingress, self.estate);
        let ports = |clause: &PolicyClause<'_>| {
            transport_at(&clause.ports, |protocol, name| named_ports(own, protocol, name)).intersection(wanted)
        };
        let outcome =
            decide(&policies, Direction::Ingress, |_, clause| bounds(clause, speaks_of_anybody(clause), ports(clause)));
        let open = outcome.certain().intersection(wanted);
        let certain = policies.iter().filter(|selected| selected.certain);
        certain.flat_map(|selected| &selected.policy.ingress.clauses).find(|clause| {
            clause.action == ClauseAction::Allow
                && speaks_of_anybody(clause) == Match::Yes
                && !ports(clause).intersection(&open).is_empty()
        })
    }
}

/// Whether a clause speaks of every pod of the cluster.
fn speaks_of_anybody(clause: &PolicyClause<'_>) -> Match {
    let is_everybody = |peer: &Peer<'_>| match &peer.scope {
        PeerScope::Pods(scope) => Match::from(scope.is_everything()),
        PeerScope::Unknown(_) => Match::Unknown,
        _ => Match::No,
    };
    clause.peers.as_ref().map_or(Match::Yes, |peers| Match::any(peers.iter().map(is_everybody)))
}
