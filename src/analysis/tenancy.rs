//! What a tenant may change, once admission has had its say (semantics 0.1, T2; C.11, attacker choice). A control that a
//! tenant may change is none against tenants.

use crate::model::{Estate, NodePool};
use crate::source::Location;

/// Whether a tenant has the power to do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Power {
    /// A tenant may, for this reason, which stands here.
    Yes(String, Location),
    /// No tenant may, for this reason, which stands here.
    No(String, Location),
    /// The input does not decide it.
    Unknown(String),
}

/// Whether tenants of a namespace can take its pods out from under the namespace's network policies: by writing policies
/// that allow more, by deleting those that isolate, or by moving pods to their nodes' network.
#[must_use]
pub fn unbinds_policies(_estate: &Estate<'_>, _namespace: usize) -> Power {
    Power::Unknown("whether tenants may write network policies here is not known".to_owned())
}

/// Whether tenants of a namespace can have a pod of theirs run on a pool that its taints keep for others.
#[must_use]
pub fn lands_on(_estate: &Estate<'_>, _namespace: usize, pool: &NodePool<'_>) -> Power {
    Power::Unknown(format!("whether tenants may tolerate the taints of `{}` is not known", pool.name))
}
