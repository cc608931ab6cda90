//! Which authorization policies hold where, and what they let pass (semantics C.9).

mod about;
mod blind;
mod engine;
mod identity;
mod pattern;

pub use about::{ByNamespace, may_be_about, names_source, namespaces_of};
pub use blind::{Blind, blind};
pub use engine::{Chain, Claim, Decision, Held, Property, Request, decide, is_dropped};
pub use identity::{Peer, foreign_domain};
pub use pattern::Pattern;

use super::egress::{Egress, EgressProxy};
use crate::model::{
    Action, AuthorizationPolicy, Clause, Estate, Labels, Mesh, Server, ServerMode, ServerProtocol, TargetRef,
};
use crate::source::Spanned;

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
        Self { namespaces: proxy.namespaces.clone(), labels: proxy.labels, complete: proxy.all_labels }
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
    let reach = Reach { namespace: policy.namespace, selector: policy.selector, targets: policy.targets };
    match reach.at(place, estate) {
        Attachment::Not(reason) => Attachment::Not(reason),
        _ if policy.dry_run.is_some() => Attachment::Not(Reason::DryRun),
        _ if policy.action == Action::Audit => Attachment::Not(Reason::Audit),
        meant => meant,
    }
}

/// By what a policy, of whichever kind, says where it holds.
struct Reach<'p, 'a> {
    namespace: &'p str,
    selector: Option<&'p Labels<'a>>,
    targets: Option<&'p Spanned<Vec<TargetRef<'a>>>>,
}

impl Reach<'_, '_> {
    fn at(&self, place: &Place<'_>, estate: &Estate<'_>) -> Attachment {
        let is_own = place.namespaces.contains(&self.namespace);
        if self.namespace != estate.mesh.root_namespace && !is_own {
            return Attachment::Not(Reason::Namespace);
        }
        let Some(targets) = self.targets else {
            let selected =
                self.selector.is_none_or(|selector| place.labels.is_some_and(|labels| selector.is_subset(labels)));
            return match (selected, place.complete) {
                (true, _) => Attachment::Enforced,
                (false, true) => Attachment::Not(Reason::Selector),
                (false, false) => Attachment::Possible,
            };
        };
        // A target is an object of the policy's own namespace.
        let is_meant = |target: &TargetRef<'_>| {
            is_own && target.kind.value == "Gateway" && Some(target.name.value) == place.gateway()
        };
        if targets.value.iter().any(is_meant) { Attachment::Enforced } else { Attachment::Not(Reason::Targets) }
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

/// Whose tokens a proxy takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tokens<'a> {
    /// Those of some issuers.
    Of(Vec<&'a str>),
    /// No request has claims: nothing of the input looks at tokens there.
    Nobodys,
    /// Something may look at tokens that is not in the input, or that may hold elsewhere.
    Unknown,
}

impl Tokens<'_> {
    /// The claims of a request that may carry a token: none where no token is looked at.
    #[must_use]
    pub fn claims<'r>(&self) -> Property<&'r [Claim<'r>]> {
        if *self == Self::Nobodys { Property::Absent } else { Property::Unknown }
    }
}

/// Whose tokens a proxy takes, as request authentications say that hold at it.
#[must_use]
pub fn tokens_at<'a>(place: &Place<'_>, estate: &Estate<'a>) -> Tokens<'a> {
    let all = &estate.mesh.request_authentications;
    let (mut issuers, mut is_open) = (Vec::new(), all.is_empty() && !estate.evidence.mesh_is_complete());
    for one in all {
        let reach = Reach { namespace: one.namespace, selector: one.selector, targets: one.targets };
        match reach.at(place, estate) {
            Attachment::Enforced => issuers.extend(one.issuers.iter().map(|issuer| issuer.value)),
            Attachment::Possible => is_open = true,
            Attachment::Not(_) => {}
        }
    }
    match issuers.is_empty() {
        _ if is_open => Tokens::Unknown,
        true => Tokens::Nobodys,
        false => Tokens::Of(issuers),
    }
}

/// A rule of a policy that holds at an egress proxy, and the listeners that it speaks of.
#[derive(Clone, Debug)]
pub struct Ruling<'e, 'a> {
    pub proxy: &'e EgressProxy<'a>,
    pub policy: &'e AuthorizationPolicy<'a>,
    pub clause: &'e Clause<'a>,
    pub servers: Vec<&'e Server<'a>>,
}

/// Every rule that holds at an egress proxy for certain. Proxies that pass connections on by their name alone look at none.
#[must_use]
pub fn rulings<'e, 'a>(estate: &'e Estate<'a>, egress: &'e Egress<'a>) -> Vec<Ruling<'e, 'a>> {
    let judging = egress.proxies.iter().filter(|proxy| is_judging(proxy, estate));
    let mut found = Vec::new();
    for proxy in judging {
        for policy in enforced(proxy, estate) {
            found.extend(policy.clauses.iter().filter_map(|clause| {
                let reached: Vec<_> = reached(clause, proxy, estate).collect();
                let servers: Vec<_> = reached.iter().copied().filter(|server| looks(server)).collect();
                let is_idle = servers.is_empty() && !reached.is_empty();
                (!is_idle).then_some(Ruling { proxy, policy, clause, servers })
            }));
        }
    }
    found
}

/// Whether policies are looked at at all: not where every listener passes connections on by their name alone.
#[must_use]
pub fn is_judging(proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> bool {
    let mut servers = proxy.servers(estate).peekable();
    servers.peek().is_none() || servers.any(looks)
}

/// Whether a listener looks at policies: not one that passes connections on by their name alone.
fn looks(server: &Server<'_>) -> bool {
    server.mode != ServerMode::AutoPassthrough
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
    intention(&policies, server, &Request { peer: peer_seen_by(server, request.peer), ..*request }, &estate.mesh)
}

/// What policies would decide at a listener that learned who its clients are: what they mean, rather than what they do.
#[must_use]
pub fn intention(policies: &[Held<'_, '_>], server: &Server<'_>, request: &Request<'_>, mesh: &Mesh<'_>) -> Decision {
    let decided = |chain| decide(policies, chain, request, mesh);
    let Some(chain) = chain(server) else {
        let of_requests = decided(Chain::Http);
        return if of_requests == decided(Chain::Tcp) { of_requests } else { Decision::Unknown };
    };
    decided(chain)
}

/// Who a client is to a listener.
#[must_use]
pub fn peer_seen_by<'r>(server: &Server<'_>, peer: Peer<'r>) -> Peer<'r> {
    match server.mode {
        _ if server.identifies_clients() => peer,
        ServerMode::Plaintext | ServerMode::Passthrough | ServerMode::AutoPassthrough | ServerMode::Simple => {
            Peer::Nobody
        }
        ServerMode::IstioMutual | ServerMode::Mutual | ServerMode::OptionalMutual | ServerMode::Unknown => {
            Peer::Unknown
        }
    }
}

/// The listeners of a proxy that a clause speaks of: all, or those on the ports that it names, which are the pods'.
fn reached<'e, 'a>(
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
