//! Whether a peer of a clause is a workload's pods, and which ports its named ones are (semantics C.1).

use std::sync::LazyLock;

use ipnet::IpNet;

use crate::model::{Enforcement, Estate, Match, Peer, PeerScope, PolicyClause, PolicyKind, Ports, Workload};
use crate::traffic::{AddressSet, PortSet, Protocol, Transport};

use super::chain::Bounds;

/// How the cluster's dataplane takes an `ipBlock` that holds the addresses of pods (semantics C.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dataplane {
    /// GKE Dataplane V2, that is Cilium, and the letter of the Kubernetes API: a block speaks of addresses outside of the
    /// cluster and never of pods.
    Dpv2,
    /// Calico: a block speaks of every address, pods' too.
    Calico,
    /// Either of the two.
    #[default]
    Unknown,
}

impl Dataplane {
    /// The dataplane that all clusters of an estate have; unknown where they differ or the input shows none.
    #[must_use]
    pub fn of(estate: &Estate<'_>) -> Self {
        let mut found = estate.clusters.iter().map(|cluster| match cluster.enforcement {
            Enforcement::DataplaneV2 => Self::Dpv2,
            Enforcement::Calico => Self::Calico,
            Enforcement::Nothing(_) | Enforcement::Unknown => Self::Unknown,
        });
        let first = found.next().unwrap_or_default();
        if found.all(|other| other == first) { first } else { Self::Unknown }
    }
}

/// Addresses that pods can have where the input does not show them: private and shared ranges, and the reserved range
/// that GKE allows for pods.
const POD_RANGES: [&str; 5] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "240.0.0.0/4"];

static POD_ADDRESSES: LazyLock<AddressSet> =
    LazyLock::new(|| POD_RANGES.iter().filter_map(|block| block.parse::<IpNet>().ok()).collect());

/// Whether the addresses of a workload's pods are in a set: all of them, none, or it cannot be told.
pub(super) fn addressed(workload: &Workload<'_>, set: &AddressSet) -> Match {
    if workload.addresses.is_empty() {
        return any_pod_addressed(set);
    }
    let mut held = workload.addresses.iter().map(|address| set.contains(*address));
    let first = held.next().unwrap_or_default();
    if held.all(|other| other == first) { Match::from(first) } else { Match::Unknown }
}

/// Whether the address of a pod of which nothing is known is in a set.
pub(super) fn any_pod_addressed(set: &AddressSet) -> Match {
    match POD_ADDRESSES.is_subset(set) {
        true => Match::Yes,
        false if POD_ADDRESSES.intersection(set).is_empty() => Match::No,
        false => Match::Unknown,
    }
}

/// Whether a set of addresses means a workload's pods.
pub(super) fn by_address(workload: &Workload<'_>, set: &AddressSet, dataplane: Dataplane) -> Match {
    match dataplane {
        Dataplane::Dpv2 => Match::No,
        Dataplane::Calico => addressed(workload, set),
        Dataplane::Unknown => addressed(workload, set).and(Match::Unknown),
    }
}

/// How the network plugin treats pods on their node's network, which Kubernetes leaves to it: it can tell them from their
/// node, and treats them as any pod; or it cannot, and policies neither bind them nor mean them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnNode {
    Pods,
    Either,
}

/// Whether a peer is a workload's pods. `in_scope` answers for selectors.
pub(super) fn is_peer(
    peer: &Peer<'_>,
    kind: PolicyKind,
    workload: &Workload<'_>,
    dataplane: Dataplane,
    on_node: OnNode,
    in_scope: Match,
) -> Match {
    let either = on_node == OnNode::Either && workload.host_network.is_some();
    let is_admin = matches!(kind, PolicyKind::Admin | PolicyKind::BaselineAdmin | PolicyKind::Cluster);
    match &peer.scope {
        // Administrators' policies never mean pods on their node's network (semantics C.2).
        PeerScope::Pods(_) if is_admin && workload.host_network.is_some() => Match::No,
        PeerScope::Pods(_) if either => in_scope.and(Match::Unknown),
        PeerScope::Pods(_) => in_scope,
        PeerScope::Nodes(_) if either => Match::Unknown,
        PeerScope::Networks(set) => addressed(workload, set),
        PeerScope::Addresses(set) if either => addressed(workload, set).and(Match::Unknown),
        PeerScope::Addresses(set) => by_address(workload, set, dataplane),
        PeerScope::Unknown(_) => Match::Unknown,
        PeerScope::Outside(_) | PeerScope::Nodes(_) | PeerScope::Names(_) => Match::No,
    }
}

/// The ports that a name stands for at a workload: those of its containers with that name and protocol.
pub(super) fn named_ports(workload: &Workload<'_>, protocol: Protocol, name: &str) -> PortSet {
    let mut found = PortSet::empty();
    for port in workload.pod.containers.iter().flat_map(|container| &container.ports) {
        let has_name = port.name.is_some_and(|own| own.value == name);
        let own = port.protocol.map_or("TCP", |protocol| protocol.value);
        if has_name && own.parse() == Ok(protocol) {
            found = found.union(&u16::try_from(port.port.value).map_or(PortSet::empty(), PortSet::single));
        }
    }
    found
}

/// What a clause's ports are at a destination.
pub(super) fn transport_at(ports: &Ports<'_>, named: impl Fn(Protocol, &str) -> PortSet) -> Transport {
    let mut transport = ports.numbered.clone();
    for (protocol, name) in &ports.named {
        transport = transport.union(&Transport::ports(*protocol, named(*protocol, name.value)));
    }
    transport
}

/// What a clause matches of the traffic with one peer, given whether it speaks of the peer and which ports it means.
pub(super) fn bounds(clause: &PolicyClause<'_>, peers: Match, transport: Transport) -> Bounds<Transport> {
    let most = match peers {
        Match::No => Transport::none(),
        _ if clause.ports.unknown.is_some() => Transport::all(),
        _ => transport.clone(),
    };
    let least = if peers == Match::Yes && clause.unknown.is_none() { transport } else { Transport::none() };
    Bounds { least, most }
}

/// Whether a clause speaks of a workload, asked of its labels one by one.
pub(super) fn peer_speaks(
    clause: &PolicyClause<'_>,
    kind: PolicyKind,
    workload: &Workload<'_>,
    (dataplane, on_node): (Dataplane, OnNode),
    estate: &Estate<'_>,
) -> Match {
    let Some(peers) = &clause.peers else { return Match::Yes };
    let one = |peer: &Peer<'_>| {
        let in_scope = match &peer.scope {
            PeerScope::Pods(scope) => scope.holds(workload, &estate.namespaces),
            _ => Match::No,
        };
        is_peer(peer, kind, workload, dataplane, on_node, in_scope)
    };
    Match::any(peers.iter().map(one))
}
