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

/// Whether tenants of a namespace can take its pods out from under the namespace's network policies, by writing policies
/// that allow more or by deleting those that isolate.
#[must_use]
pub fn unbinds_policies(estate: &Estate<'_>, facts: &Facts<'_>, namespace: usize) -> Power {
    Power::of(facts.access.write(namespace, Target::NETWORK_POLICIES, estate.namespaces[namespace].name))
}

/// Whether tenants of a namespace can have a pod of theirs run on a pool that its taints keep for others: by tolerating
/// them, or by naming a node, which only `NoExecute` stops.
#[must_use]
pub fn lands_on(facts: &Facts<'_>, namespace: usize, pool: &NodePool<'_>) -> Power {
    let run = |freedom: Freedom| match Power::of(facts.access.run_pod(namespace, freedom, namespace)) {
        Power::Yes(reason, at) => {
            Power::Yes(format!("{reason}, and nothing at admission refuses {}", freedom.as_str()), at)
        }
        other => other,
    };
    let evicts = pool.taints.iter().any(|taint| taint.effect == Effect::NoExecute);
    match run(Freedom::Tolerations) {
        toleration @ Power::Yes(..) => toleration,
        toleration if evicts => toleration,
        toleration => match run(Freedom::NodeName) {
            Power::No => toleration,
            named => named,
        },
    }
}
