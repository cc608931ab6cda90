//! Which authorization policies hold at an egress proxy, and for which of its listeners (semantics C.9).

use super::egress::EgressProxy;
use crate::model::{Action, AuthorizationPolicy, Clause, Estate, Server};

/// Whether a policy holds at a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    Enforced,
    /// It may: the proxy's labels are not all in the input.
    Possible,
    /// It does not, for this reason.
    Not(&'static str),
}

/// Whether a policy holds at a proxy.
#[must_use]
pub fn attachment(policy: &AuthorizationPolicy<'_>, proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> Attachment {
    let is_near = policy.namespace == estate.mesh.root_namespace || proxy.namespaces.contains(&policy.namespace);
    let selected = policy.selector.is_none_or(|selector| proxy.labels.is_some_and(|labels| selector.is_subset(labels)));
    if !is_near {
        Attachment::Not("it stands in another namespace")
    } else if policy.targets.is_some() {
        Attachment::Not("it names targets, which a gateway of this kind ignores")
    } else if policy.dry_run.is_some() {
        Attachment::Not("it is a dry run")
    } else if matches!(policy.action, Action::Audit) {
        Attachment::Not("it only audits")
    } else if selected {
        Attachment::Enforced
    } else if proxy.workload.is_none() {
        Attachment::Possible
    } else {
        Attachment::Not("its selector picks other pods")
    }
}

/// The policies that hold at a proxy for certain.
pub fn enforced<'e, 'a>(
    proxy: &'e EgressProxy<'a>,
    estate: &'e Estate<'a>,
) -> impl Iterator<Item = &'e AuthorizationPolicy<'a>> {
    let holds = |policy: &&AuthorizationPolicy<'_>| attachment(policy, proxy, estate) == Attachment::Enforced;
    estate.mesh.authorization_policies.iter().filter(holds)
}

/// The listeners of a proxy that a clause speaks of: all, or those on the ports that it names, which are the pods'.
pub fn scope<'e, 'a>(
    clause: &Clause<'_>,
    proxy: &'e EgressProxy<'a>,
    estate: &'e Estate<'a>,
) -> impl Iterator<Item = &'e Server<'a>> {
    let ports = clause.ports();
    proxy.servers(estate).filter(move |server| match (&ports, server.port) {
        (Some(ports), Some(port)) => proxy.pod_ports(port, estate).iter().any(|port| ports.contains(port)),
        _ => true,
    })
}
