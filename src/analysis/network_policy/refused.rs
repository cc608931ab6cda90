//! Peers to which a policy lets pods send and which accept none of it (semantics A.8, NP08).

use super::pods::{named_ports, transport_at};
use super::scopes::Scopes;
use super::{NetworkPolicies, Why};
use crate::model::{ClauseAction, Direction, Peer, PeerScope, PolicyClause, Role};

/// A peer of an egress clause of which no pod accepts what the clause allows from any pod of the policy.
#[derive(Clone, Debug)]
pub struct Refused<'a> {
    /// The index of the policy in the estate.
    pub policy: usize,
    pub peer: &'a Peer<'a>,
    /// The workloads that may send, by index.
    pub senders: Vec<usize>,
    /// The workloads that do not accept it, by index.
    pub receivers: Vec<usize>,
    /// What decides about the first of them.
    pub why: Why,
}

impl<'a> NetworkPolicies<'a> {
    /// The peers among application workloads that accept nothing of what policies let be sent to them.
    #[must_use]
    pub fn refused(&self) -> Vec<Refused<'a>> {
        let estate = self.estate;
        if estate.network_policies.iter().all(|policy| !policy.ingress.isolates && policy.ingress.clauses.is_empty()) {
            return Vec::new();
        }
        let scopes = Scopes::of(estate);
        let members = scopes.members(estate);
        let mut found = Vec::new();
        for (index, policy) in estate.network_policies.iter().enumerate() {
            let Some(senders) = self.tenants_of(index, Direction::Egress).filter(|all| !all.is_empty()) else {
                continue;
            };
            let clauses = policy.egress.clauses.iter().filter(|clause| clause.action == ClauseAction::Allow);
            for (clause, peer) in
                clauses.flat_map(|clause| clause.peers.iter().flatten().map(move |peer| (clause, peer)))
            {
                let PeerScope::Pods(scope) = &peer.scope else { continue };
                let Some(members) = scopes.index(scope).map(|number| &members[number]) else { continue };
                let receivers: Vec<usize> = members.iter().copied().filter(|&one| self.is_plain_tenant(one)).collect();
                if let Some(why) = self.all_refuse(&senders, &receivers, clause) {
                    found.push(Refused { policy: index, peer, senders: senders.clone(), receivers, why });
                }
            }
        }
        found
    }

    fn is_plain_tenant(&self, workload: usize) -> bool {
        let own = self.workload(workload);
        self.estate.namespace_of(own).role == Role::Tenant && !own.is_gateway && own.host_network.is_none()
    }

    /// What decides about the first pair, where no pair gets anything through.
    fn all_refuse(&self, senders: &[usize], receivers: &[usize], clause: &PolicyClause<'_>) -> Option<Why> {
        let mut first = None;
        for &receiver in receivers {
            let own = self.workload(receiver);
            let ports = transport_at(&clause.ports, |protocol, name| named_ports(own, protocol, name));
            for &sender in senders.iter().filter(|&&sender| sender != receiver) {
                if !self.receives(receiver, sender).possible.intersection(&ports).is_empty() {
                    return None;
                }
                if first.is_none() {
                    let (protocol, port) = ports.sample()?;
                    first = Some(self.why_not_received(receiver, sender, (protocol, port?)));
                }
            }
        }
        first
    }
}
