//! Network policies of every kind as tiers of clauses, with the defaults of semantics C.0 to C.2 applied.

mod admin;
mod cilium;
mod kubernetes;

use ipnet::IpNet;

use super::namespace::{Namespace, find};
use super::selector::{Match, Selector};
use super::workload::Workload;
use super::{Direction, Text, Unknown};
use crate::resource::kubernetes::{LabelSelector, PolicyPort, PortValue};
use crate::resource::{Kind, Resource};
use crate::source::{Location, Problem};
use crate::traffic::{AddressSet, PortSet, Protocol, Transport};

/// A policy: whom it selects, in which directions it speaks of them, and what it says.
#[derive(Clone, Debug)]
pub struct NetworkPolicy<'a> {
    pub kind: PolicyKind,
    pub name: Text<'a>,
    /// The index of its namespace in the estate; none for a policy of the whole cluster.
    pub namespace: Option<usize>,
    pub tier: Tier,
    /// Within a tier lower numbers go first; none where it is not known, and in the tier of namespaces.
    pub priority: Option<i64>,
    pub subject: PodScope<'a>,
    pub egress: Section<'a>,
    pub ingress: Section<'a>,
    /// The first of the `policyTypes`, where they are written.
    pub types_at: Option<Location>,
    /// The key `spec`: where a field that the policy leaves out would stand.
    pub spec_at: Location,
}

/// The kind of object that a policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    Kubernetes,
    Admin,
    BaselineAdmin,
    Cluster,
    Cilium,
    CiliumClusterwide,
    Fqdn,
}

/// When a policy is asked: the cluster's administrators first, then the namespaces, then the administrators' defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// The first clause that matches decides.
    Admin,
    /// Policies add up: what any of them allows and none denies is allowed.
    Namespace,
    /// Asked only about pods that no policy of a namespace isolates.
    Baseline,
}

/// What a policy says of one direction.
#[derive(Clone, Debug, Default)]
pub struct Section<'a> {
    /// Whether everything that no clause allows is denied: only ever so in the tier of namespaces.
    pub isolates: bool,
    pub clauses: Vec<PolicyClause<'a>>,
    /// The place of the list of clauses, where it is written, empty or not.
    pub at: Option<Location>,
}

/// One clause: it speaks of traffic to (or from) any of its peers over its ports.
#[derive(Clone, Debug)]
pub struct PolicyClause<'a> {
    pub action: ClauseAction,
    /// None where the clause names no peers: everything and everybody.
    pub peers: Option<Vec<Peer<'a>>>,
    pub ports: Ports<'a>,
    /// A part of the clause that is not evaluated: it may do less than the rest of it says.
    pub unknown: Option<Unknown>,
    pub at: Location,
}

/// What a clause does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClauseAction {
    Allow,
    Deny,
    /// Leaves it to the next tier.
    Pass,
    /// A word that nobody knows: any of the three.
    Unknown,
}

/// One peer of a clause.
#[derive(Clone, Debug)]
pub struct Peer<'a> {
    pub scope: PeerScope<'a>,
    /// The selector or block that makes the peer.
    pub at: Location,
}

/// Who a peer is.
#[derive(Clone, Debug)]
pub enum PeerScope<'a> {
    /// Addresses; whether pods at these addresses are meant depends on the dataplane (semantics C.1).
    Addresses(AddressSet),
    /// Addresses, pods' among them (semantics C.2).
    Networks(AddressSet),
    /// Addresses outside of the cluster alone, which is how Cilium takes a block.
    Outside(AddressSet),
    /// Nodes, with the addresses of those that the input shows.
    Nodes(AddressSet),
    Pods(PodScope<'a>),
    /// Whatever addresses these names have when they are looked up.
    Names(Vec<Text<'a>>),
    /// A peer that cannot be evaluated.
    Unknown(String),
}

/// Pods by their labels and those of their namespaces.
#[derive(Clone, Debug)]
pub struct PodScope<'a> {
    pub namespaces: NamespaceScope<'a>,
    pub pods: Selector<'a>,
    /// A criterion that is not evaluated: the scope may hold fewer pods than the rest says.
    pub unknown: Option<Unknown>,
}

/// Namespaces of a scope.
#[derive(Clone, Copy, Debug)]
pub enum NamespaceScope<'a> {
    /// One namespace, by its index in the estate.
    Only(usize),
    Matching(Selector<'a>),
}

/// What a clause allows to be spoken: numbered ports, and named ones that each destination resolves for itself.
#[derive(Clone, Debug)]
pub struct Ports<'a> {
    pub numbered: Transport,
    pub named: Vec<(Protocol, Text<'a>)>,
    pub unknown: Option<Unknown>,
}

impl<'a> NetworkPolicy<'a> {
    /// What the policy says of a direction.
    #[must_use]
    pub fn section(&self, direction: Direction) -> &Section<'a> {
        match direction {
            Direction::Egress => &self.egress,
            Direction::Ingress => &self.ingress,
        }
    }
}

impl NetworkPolicy<'_> {
    /// The parts of the policy that are not evaluated.
    pub fn unknowns(&self) -> impl Iterator<Item = Unknown> {
        let clauses = [&self.egress, &self.ingress].into_iter().flat_map(|section| &section.clauses);
        let of_clauses = clauses.flat_map(|clause| {
            let own = clause.unknown.iter().chain(&clause.ports.unknown).cloned();
            own.chain(clause.peers.iter().flatten().filter_map(Peer::unknown))
        });
        self.subject.unknown.clone().into_iter().chain(of_clauses)
    }
}

impl Peer<'_> {
    fn unknown(&self) -> Option<Unknown> {
        match &self.scope {
            PeerScope::Unknown(reason) => Some(Unknown { at: self.at, reason: reason.clone() }),
            PeerScope::Pods(pods) => pods.unknown.clone(),
            _ => None,
        }
    }

    /// The addresses that it names, outside of the cluster among them.
    #[must_use]
    pub fn outside(&self) -> Option<&AddressSet> {
        match &self.scope {
            PeerScope::Addresses(set) | PeerScope::Networks(set) | PeerScope::Outside(set) | PeerScope::Nodes(set) => {
                Some(set)
            }
            PeerScope::Pods(_) | PeerScope::Names(_) | PeerScope::Unknown(_) => None,
        }
    }
}

impl PolicyKind {
    /// The kind's name in manifests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kubernetes => "NetworkPolicy",
            Self::Admin => "AdminNetworkPolicy",
            Self::BaselineAdmin => "BaselineAdminNetworkPolicy",
            Self::Cluster => "ClusterNetworkPolicy",
            Self::Cilium => "CiliumNetworkPolicy",
            Self::CiliumClusterwide => "CiliumClusterwideNetworkPolicy",
            Self::Fqdn => "FQDNNetworkPolicy",
        }
    }
}

impl PodScope<'_> {
    /// Whether pods in a namespace can be in the scope at all.
    #[must_use]
    pub fn holds_namespace(&self, index: usize, namespace: &Namespace<'_>) -> Match {
        match self.namespaces {
            NamespaceScope::Only(only) => Match::from(only == index),
            NamespaceScope::Matching(selector) => selector.matches_namespace(namespace),
        }
    }

    /// Whether pods in a namespace can be in the scope, by the namespace's name, whether it is in the input or not.
    #[must_use]
    pub fn holds_name(&self, name: &str, namespaces: &[Namespace<'_>]) -> Match {
        match (find(namespaces, name), self.namespaces) {
            (Some(index), _) => self.holds_namespace(index, &namespaces[index]),
            (None, NamespaceScope::Only(_)) => Match::No,
            (None, NamespaceScope::Matching(selector)) => selector.matches_name(name),
        }
    }

    /// Whether a workload's pods are in the scope.
    #[must_use]
    pub fn holds(&self, workload: &Workload<'_>, namespaces: &[Namespace<'_>]) -> Match {
        let namespace = self.holds_namespace(workload.namespace, &namespaces[workload.namespace]);
        if namespace == Match::No {
            return Match::No;
        }
        let known = namespace.and(self.pods.matches_pods(workload));
        if self.unknown.is_some() { known.and(Match::Unknown) } else { known }
    }

    /// Whether every pod of the cluster is in the scope.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let all = matches!(self.namespaces, NamespaceScope::Matching(selector) if selector.is_everything());
        all && self.pods.is_everything() && self.unknown.is_none()
    }
}

/// Lowers all policies; what they say that no cluster would take becomes a problem.
pub(super) fn network_policies<'a>(
    list: &'a [Resource<'a>],
    namespaces: &[Namespace<'a>],
    problems: &mut Vec<Problem>,
) -> Vec<NetworkPolicy<'a>> {
    let mut found = Vec::new();
    for resource in list {
        match &resource.kind {
            Kind::NetworkPolicy(written) => {
                found.extend(kubernetes::network_policy(written, resource, namespaces, problems));
            }
            Kind::NamePolicy(written) => found.extend(kubernetes::name_policy(written, resource, namespaces)),
            Kind::AdminPolicy(written) => found.push(admin::policy(written, resource, list, problems)),
            Kind::CiliumPolicy(sets) => {
                found.extend(sets.iter().filter_map(|set| cilium::policy(set, resource, namespaces, problems)));
            }
            _ => {}
        }
    }
    // Which of several is named first must not depend on the order of the input.
    found.sort_by_key(|policy| (policy.namespace, policy.kind, policy.name.value, policy.name.at));
    found
}

fn selector<'a>(written: Option<&'a LabelSelector<'a>>) -> Selector<'a> {
    written.map_or(Selector::Everything, Selector::Labels)
}

fn every_port<'a>() -> Ports<'a> {
    Ports { numbered: Transport::all(), named: Vec::new(), unknown: None }
}

fn listed_ports<'a>(written: impl IntoIterator<Item = &'a PolicyPort<'a>>) -> Ports<'a> {
    let mut ports = Ports { numbered: Transport::none(), named: Vec::new(), unknown: None };
    for one in written {
        let name = one.protocol.map_or("TCP", |protocol| protocol.value);
        let Some(protocol) = protocol(name) else {
            ports.unknown =
                Some(Unknown { at: one.at, reason: format!("`{name}` is not a protocol of a network policy") });
            continue;
        };
        match one.port.map(|port| (port.value, port.at)) {
            None => ports.numbered = ports.numbered.union(&Transport::protocol(protocol)),
            Some((PortValue::Number(number), at)) => {
                match port_range(number, one.end_port.map_or(number, |end| end.value)) {
                    Some(range) => ports.numbered = ports.numbered.union(&Transport::ports(protocol, range)),
                    None => ports.unknown = Some(Unknown { at, reason: format!("`{number}` is not a port") }),
                }
            }
            Some((PortValue::Name(name), at)) => ports.named.push((protocol, Text::new(name, at))),
        }
    }
    ports
}

/// The protocols that a network policy may name.
fn protocol(name: &str) -> Option<Protocol> {
    match name {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => None,
    }
}

fn port_range(first: i64, last: i64) -> Option<PortSet> {
    let port = |number| u16::try_from(number).ok().filter(|port| *port > 0);
    Some(PortSet::range(port(first)?, port(last)?)).filter(|range| !range.is_empty())
}

/// A block without its exceptions. A cidr with host bits set is taken as its network, as the API server does.
fn block(cidr: Text<'_>, except: &[Text<'_>], problems: &mut Vec<Problem>) -> Option<AddressSet> {
    let whole = network(cidr, problems)?;
    let mut addresses = AddressSet::from(whole);
    for exception in except {
        let Some(hole) = network(*exception, problems) else { continue };
        if !whole.contains(&hole) {
            let message = format!("`{exception}` is not in `{cidr}`; the API server rejects this");
            problems.push(Problem { at: exception.at, message });
        }
        addresses = addresses.difference(&AddressSet::from(hole));
    }
    Some(addresses)
}

/// An address block as written; what is none becomes a problem.
pub(super) fn network(text: Text<'_>, problems: &mut Vec<Problem>) -> Option<IpNet> {
    let parsed = text.value.parse::<IpNet>().ok();
    let parsed = parsed.or_else(|| text.value.parse::<std::net::IpAddr>().ok().map(IpNet::from));
    if parsed.is_none() {
        let message = format!("expected an address block such as `10.0.0.0/8`, found `{}`", text.value);
        problems.push(Problem { at: text.at, message });
    }
    parsed
}
