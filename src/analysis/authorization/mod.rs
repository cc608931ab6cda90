//! Which authorization policies hold where, and what they let pass (semantics C.9).

mod engine;
mod identity;
mod pattern;

pub use engine::{Chain, Claim, Decision, Held, Property, Request, decide, is_dropped};
pub use identity::Peer;
pub use pattern::Pattern;

use super::egress::EgressProxy;
use crate::model::{Action, AuthorizationPolicy, Clause, Estate, Labels, Server, ServerMode, ServerProtocol};

/// The pods that policies may hold at.
#[derive(Clone, Debug)]
pub struct Place<'e> {
    /// Where they are; more than one where that can only be guessed.
    pub namespaces: Vec<&'e str>,
    /// Their labels, as far as they are known.
    pub labels: Option<&'e Labels<'e>>,
    /// Whether those are all of their labels.
    pub complete: bool,
}

impl<'e> Place<'e> {
    /// The pods of a workload.
    #[must_use]
    pub fn of_workload(estate: &'e Estate<'e>, workload: usize) -> Self {
        let workload = &estate.workloads[workload];
        Self { namespaces: vec![estate.namespace_of(workload).name], labels: Some(workload.labels), complete: true }
    }

    /// The pods of an egress proxy.
    #[must_use]
    pub fn of_proxy(proxy: &EgressProxy<'e>) -> Self {
        Self { namespaces: proxy.namespaces.clone(), labels: proxy.labels, complete: proxy.workload.is_some() }
    }

    /// The object of the Gateway API that the pods were made for, which they are labelled with.
    fn gateway(&self) -> Option<&'e str> {
        let labels = self.labels?;
        let names = ["gateway.networking.k8s.io/gateway-name", "istio.io/gateway-name"];
        names.into_iter().find_map(|name| labels.get(name)).map(|name| name.value)
    }
}

/// Whether a policy holds at a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    Enforced,
    /// It may: the proxy's labels are not all in the input.
    Possible,
    /// It does not, for this reason.
    Not(Reason),
}

/// Why a policy does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Namespace,
    Targets,
    DryRun,
    Audit,
    Selector,
}

impl Reason {
    /// What is, as a clause of a sentence.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "it stands in another namespace",
            Self::Targets => "it names targets, which a gateway of this kind ignores",
            Self::DryRun => "it is a dry run",
            Self::Audit => "it only audits",
            Self::Selector => "its selector picks other pods",
        }
    }
}

/// Whether a policy holds at some pods.
#[must_use]
pub fn holds_at(policy: &AuthorizationPolicy<'_>, place: &Place<'_>, estate: &Estate<'_>) -> Attachment {
    let is_near = policy.namespace == estate.mesh.root_namespace || place.namespaces.contains(&policy.namespace);
    if !is_near {
        return Attachment::Not(Reason::Namespace);
    }
    let is_target = policy.targets.is_some_and(|targets| {
        targets.value.iter().any(|target| target.kind.value == "Gateway" && Some(target.name.value) == place.gateway())
    });
    if policy.targets.is_some() && !is_target {
        return Attachment::Not(Reason::Targets);
    }
    if policy.dry_run.is_some() {
        return Attachment::Not(Reason::DryRun);
    }
    if policy.action == Action::Audit {
        return Attachment::Not(Reason::Audit);
    }
    let selected = policy.selector.is_none_or(|selector| place.labels.is_some_and(|labels| selector.is_subset(labels)));
    match (is_target || selected, place.complete) {
        (true, _) => Attachment::Enforced,
        (false, false) => Attachment::Possible,
        (false, true) => Attachment::Not(Reason::Selector),
    }
}

/// Whether a policy holds at a proxy.
#[must_use]
pub fn attachment(policy: &AuthorizationPolicy<'_>, proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> Attachment {
    holds_at(policy, &Place::of_proxy(proxy), estate)
}

/// The policies that hold at some pods, for certain or not.
#[must_use]
pub fn policies_at<'e, 'a>(place: &Place<'_>, estate: &'e Estate<'a>) -> Vec<Held<'e, 'a>> {
    let held = |policy: &'e AuthorizationPolicy<'a>| match holds_at(policy, place, estate) {
        Attachment::Enforced => Some((policy, true)),
        Attachment::Possible => Some((policy, false)),
        Attachment::Not(_) => None,
    };
    estate.mesh.authorization_policies.iter().filter_map(held).collect()
}

/// The policies that hold at a proxy for certain.
pub fn enforced<'e, 'a>(
    proxy: &'e EgressProxy<'a>,
    estate: &'e Estate<'a>,
) -> impl Iterator<Item = &'e AuthorizationPolicy<'a>> {
    let holds = |policy: &&AuthorizationPolicy<'_>| attachment(policy, proxy, estate) == Attachment::Enforced;
    estate.mesh.authorization_policies.iter().filter(holds)
}

/// What a listener sees of what passes it; none where its protocol or mode leaves that open.
#[must_use]
pub fn chain(server: &Server<'_>) -> Option<Chain> {
    match (server.protocol, server.mode) {
        (_, ServerMode::Passthrough) | (ServerProtocol::Tls | ServerProtocol::Tcp, _) => Some(Chain::Tcp),
        (_, ServerMode::Unknown) | (ServerProtocol::Unknown, _) => None,
        _ => Some(Chain::Http),
    }
}

/// What a proxy decides about a request to one of its listeners. The identity of a client counts only where the listener
/// asks for it; policies are not looked at where connections are passed on by their name alone (semantics C.9, 7 and 9).
#[must_use]
pub fn decision(proxy: &EgressProxy<'_>, server: &Server<'_>, request: &Request<'_>, estate: &Estate<'_>) -> Decision {
    if server.mode == ServerMode::AutoPassthrough {
        return Decision::Allow;
    }
    let policies = policies_at(&Place::of_proxy(proxy), estate);
    let request = Request { peer: seen(server, request.peer), ..*request };
    let decided = |chain| decide(&policies, chain, &request, &estate.mesh);
    match chain(server) {
        Some(chain) => decided(chain),
        None if decided(Chain::Http) == decided(Chain::Tcp) => decided(Chain::Http),
        None => Decision::Unknown,
    }
}

/// Who a client is to a listener.
fn seen<'r>(server: &Server<'_>, peer: Peer<'r>) -> Peer<'r> {
    match server.mode {
        ServerMode::IstioMutual => peer,
        ServerMode::Plaintext | ServerMode::Passthrough | ServerMode::AutoPassthrough | ServerMode::Simple => {
            Peer::Nobody
        }
        ServerMode::Mutual | ServerMode::OptionalMutual | ServerMode::Unknown => Peer::Unknown,
    }
}

/// The listeners of a proxy that a clause speaks of: all, or those on the ports that it names, which are the pods'. Policies
/// are not looked at where connections are passed on by their name alone.
pub fn scope<'e, 'a>(
    clause: &Clause<'_>,
    proxy: &'e EgressProxy<'a>,
    estate: &'e Estate<'a>,
) -> impl Iterator<Item = &'e Server<'a>> {
    let ports = clause.ports();
    let servers = proxy.servers(estate).filter(|server| server.mode != ServerMode::AutoPassthrough);
    servers.filter(move |server| match (&ports, server.port) {
        (Some(ports), Some(port)) => proxy.pod_ports(port, estate).iter().any(|port| ports.contains(port)),
        _ => true,
    })
}
