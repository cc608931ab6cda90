//! Network policies as clauses, with the defaults of semantics C.0 and C.1 applied.

use ipnet::IpNet;

use super::namespace::{Namespace, find};
use super::selector::Selector;
use super::{Text, Unknown};
use crate::resource::kubernetes::{self, LabelSelector, PolicyPort, PolicyType, PortValue};
use crate::resource::{Kind, Meta, Resource};
use crate::source::{Location, Problem};
use crate::traffic::{AddressSet, PortSet, Protocol, Transport};

/// A NetworkPolicy: whom it selects, in which directions it isolates them, and what it allows.
#[derive(Clone, Debug)]
pub struct NetworkPolicy<'a> {
    /// The index of its namespace in the estate.
    pub namespace: usize,
    pub name: Text<'a>,
    pub selector: Selector<'a>,
    pub isolates_egress: bool,
    pub isolates_ingress: bool,
    /// The place of `policyTypes`, where it is written.
    pub types_at: Option<Location>,
    /// The place of the list of egress clauses, where it is written, empty or not.
    pub egress_at: Option<Location>,
    pub egress: Vec<PolicyClause<'a>>,
    pub ingress: Vec<PolicyClause<'a>>,
}

/// One clause: it allows traffic to (or from) any of its peers over its ports.
#[derive(Clone, Debug)]
pub struct PolicyClause<'a> {
    /// None where the clause names no peers: everything and everybody.
    pub peers: Option<Vec<Peer<'a>>>,
    pub ports: Ports<'a>,
    pub at: Location,
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
    /// Pods, in the policy's own namespace where no namespaces are selected.
    Pods { namespaces: Option<Selector<'a>>, pods: Selector<'a> },
    /// A peer that cannot be evaluated.
    Unknown(String),
}

/// What a clause allows to be spoken: numbered ports, and named ones that each destination resolves for itself.
#[derive(Clone, Debug)]
pub struct Ports<'a> {
    pub numbered: Transport,
    pub named: Vec<(Protocol, Text<'a>)>,
    pub unknown: Option<Unknown>,
}

/// Lowers all network policies; what they say that no cluster would take becomes a problem.
pub(super) fn network_policies<'a>(
    list: &'a [Resource<'a>],
    namespaces: &[Namespace<'a>],
    problems: &mut Vec<Problem>,
) -> Vec<NetworkPolicy<'a>> {
    let mut found = Vec::new();
    for resource in list {
        if let (Kind::NetworkPolicy(written), Some(namespace)) = (&resource.kind, resource.namespace)
            && let Some(index) = find(namespaces, namespace.value)
        {
            found.push(network_policy(written, &resource.meta, index, problems));
        }
    }
    found
}

fn selector<'a>(written: Option<&'a LabelSelector<'a>>) -> Selector<'a> {
    written.map_or(Selector::Everything, Selector::Labels)
}

fn network_policy<'a>(
    written: &'a kubernetes::NetworkPolicy<'a>,
    meta: &Meta<'a>,
    namespace: usize,
    problems: &mut Vec<Problem>,
) -> NetworkPolicy<'a> {
    let egress = written.egress.as_ref();
    let types = written.policy_types.as_ref().filter(|types| !types.value.is_empty());
    let named = |wanted: PolicyType<'_>| types.is_some_and(|types| types.iter().any(|one| one.value == wanted));
    let clauses = |list: &'a Option<crate::source::Spanned<Vec<kubernetes::PolicyClause<'a>>>>,
                   problems: &mut Vec<Problem>| {
        let list = list.as_ref().map(|list| list.value.as_slice()).unwrap_or_default();
        list.iter().map(|one| clause(one, problems)).collect()
    };
    NetworkPolicy {
        namespace,
        name: meta.name,
        selector: selector(written.pod_selector.as_ref()),
        // Without policyTypes a policy isolates ingress, and egress only if it has an egress clause.
        isolates_egress: match types {
            Some(_) => named(PolicyType::Egress),
            None => egress.is_some_and(|clauses| !clauses.value.is_empty()),
        },
        isolates_ingress: types.is_none() || named(PolicyType::Ingress),
        types_at: types.map(|types| types.at),
        egress_at: egress.map(|clauses| clauses.at),
        egress: clauses(&written.egress, problems),
        ingress: clauses(&written.ingress, problems),
    }
}

fn clause<'a>(written: &'a kubernetes::PolicyClause<'a>, problems: &mut Vec<Problem>) -> PolicyClause<'a> {
    let peers = written.peers.as_ref().filter(|peers| !peers.value.is_empty());
    let ports = written.ports.as_ref().map(|ports| ports.value.as_slice()).unwrap_or_default();
    PolicyClause {
        peers: peers.map(|peers| peers.iter().map(|one| peer(one, problems)).collect()),
        ports: if ports.is_empty() { every_port() } else { listed_ports(ports) },
        at: written.at,
    }
}

fn every_port<'a>() -> Ports<'a> {
    Ports { numbered: Transport::all(), named: Vec::new(), unknown: None }
}

fn listed_ports<'a>(written: &'a [PolicyPort<'a>]) -> Ports<'a> {
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

fn peer<'a>(written: &'a kubernetes::Peer<'a>, problems: &mut Vec<Problem>) -> Peer<'a> {
    if let Some(cidr) = written.cidr {
        let scope = match block(cidr, &written.except, problems) {
            Some(addresses) => PeerScope::Addresses(addresses),
            None => PeerScope::Unknown(format!("`{}` is not an address block", cidr.value)),
        };
        return Peer { scope, at: cidr.at };
    }
    let pods = written.pod_selector.as_ref();
    let namespaces = written.namespace_selector.as_ref();
    if pods.is_none() && namespaces.is_none() {
        return Peer { scope: PeerScope::Unknown("a peer that names nobody".to_owned()), at: written.at };
    }
    let scope = PeerScope::Pods { namespaces: namespaces.map(Selector::Labels), pods: selector(pods) };
    Peer { scope, at: namespaces.or(pods).map_or(written.at, |selector| selector.at) }
}

/// A block without its exceptions. A cidr with host bits set is taken as its network, as the API server does.
fn block(cidr: Text<'_>, except: &[Text<'_>], problems: &mut Vec<Problem>) -> Option<AddressSet> {
    let mut addresses = AddressSet::from(network(cidr, problems)?);
    for exception in except {
        if let Some(hole) = network(*exception, problems) {
            addresses = addresses.difference(&AddressSet::from(hole));
        }
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
