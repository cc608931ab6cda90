//! What a tenant may change, once admission has had its say (semantics 0.1, T2; C.11, attacker choice). A control that a
//! tenant may change is none against tenants.

use super::Facts;
use super::access::{Freedom, Proof, Target, Verdict};
use crate::model::{Effect, Estate, NodePool};
use crate::source::Location;

/// Whether a tenant has the power to do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Power {
    /// A tenant may, for this reason, which stands here.
    Yes(String, Location),
    /// No tenant may.
    No,
    /// The input does not decide it, for this reason, which stands here.
    Unknown(String, Location),
}

impl Power {
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Certain(Proof { reason, at, .. }) => Self::Yes(reason, at),
            Verdict::Unknown(unknown) => Self::Unknown(unknown.reason, unknown.at),
            Verdict::No(_) => Self::No,
        }
    }
}

/// Whether tenants of a namespace can take its pods out from under the namespace's network policies: by writing policies that
/// allow more or deleting those that isolate, or by moving pods to their nodes' network.
#[must_use]
pub fn unbinds_policies(estate: &Estate<'_>, facts: &Facts<'_>, namespace: usize) -> Power {
    let name = estate.namespaces[namespace].name;
    let by_policy = facts.access.write(namespace, Target::NETWORK_POLICIES, name);
    either(by_policy, || facts.access.run_pod(namespace, Freedom::HostNetwork, namespace))
}

/// Whether tenants of a namespace can have a pod of theirs run on a pool that its taints keep for others: by tolerating them,
/// or by naming a node, which passes all taints over but those that evict.
#[must_use]
pub fn lands_on(facts: &Facts<'_>, namespace: usize, pool: &NodePool<'_>) -> Power {
    let tolerates = facts.access.run_pod(namespace, Freedom::Tolerations, namespace);
    let evicts = pool.taints.iter().any(|taint| taint.effect == Effect::NoExecute);
    either(tolerates, || match evicts {
        true => Verdict::No(None),
        false => facts.access.run_pod(namespace, Freedom::NodeName, namespace),
    })
}

/// One way is enough; what is not known of one matters where the other is none.
fn either(one: Verdict, other: impl FnOnce() -> Verdict) -> Power {
    if let certain @ Verdict::Certain(_) = one {
        return Power::of(certain);
    }
    match (one, other()) {
        (_, certain @ Verdict::Certain(_)) => Power::of(certain),
        (unknown @ Verdict::Unknown(_), _) | (Verdict::No(_), unknown) => Power::of(unknown),
        (certain, _) => Power::of(certain),
    }
}
