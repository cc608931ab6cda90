//! What node pools are for, and how their nodes get out of the network (semantics A.1, A.2, C.4).

use super::destinations::{internet, outside};
use super::egress::Egress;
use super::placement::Placement;
use crate::model::{Estate, Link, Match, Nat, NatSubnet, NextHop, NodePool, Setting, Subnet, Text};

/// What each pool is for; indexed as the estate's pools are.
#[derive(Clone, Debug, Default)]
pub struct Pools {
    uses: Vec<Use>,
}

/// What a pool is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Application workloads can land there; where the input holds none, every pool but the gateway's is theirs.
    pub applications: bool,
    /// The egress gateway can land there, and something keeps it to some pools: a taint, a selector or an affinity.
    pub gateway: bool,
    /// Whether workloads in the input say so, rather than their absence.
    pub certain: bool,
}

impl Pools {
    /// What a pool is for.
    #[must_use]
    pub fn of(&self, pool: usize) -> Use {
        self.uses.get(pool).copied().unwrap_or_default()
    }

    /// The pools of applications, by index.
    pub fn applications(&self) -> impl Iterator<Item = usize> + '_ {
        self.uses.iter().enumerate().filter(|(_, of)| of.applications).map(|(index, _)| index)
    }

    /// The pools of the gateway, by index.
    pub fn gateways(&self) -> impl Iterator<Item = usize> + '_ {
        self.uses.iter().enumerate().filter(|(_, of)| of.gateway).map(|(index, _)| index)
    }
}

/// Works out what the pools are for.
pub(super) fn pools(estate: &Estate<'_>, egress: &Egress<'_>, placement: &Placement) -> Pools {
    let has_tenants = estate.tenants().next().is_some();
    let confined = |&&index: &&usize| !estate.workloads[index].placement.is_free();
    let gateways: Vec<usize> = egress.workloads.iter().filter(confined).copied().collect();
    let of = |pool: usize| {
        let lands = |&workload: &usize| {
            placement.landings(workload).iter().any(|landing| landing.pool == pool && landing.certain)
        };
        // Whoever tolerates the taint of the gateway's pool is an intruder there, which makes it no pool of applications.
        let kept = placement.is_gateway_pool(pool);
        let gateway = kept || gateways.iter().any(lands);
        let applications =
            if has_tenants { !kept && placement.tenants_on(pool, estate).next().is_some() } else { !gateway };
        Use { applications, gateway, certain: has_tenants }
    };
    Pools { uses: (0..estate.pools.len()).map(of).collect() }
}

/// How the nodes of a pool get out of the network, as far as the input says. Nothing here denies: what is not in the input
/// may be there (semantics C.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeExit {
    /// Whether the nodes have public addresses, which need no NAT.
    pub public: Match,
    /// Whether a NAT of the input translates the address by which the nodes leave.
    pub nat: Match,
    /// The NAT, by its index in the topology.
    pub by: Option<usize>,
    /// Whether a route leads to the internet: unknown unless the input removes or keeps the network's default one.
    pub route: Match,
    /// Whether Google's APIs can be reached from private addresses.
    pub google: Match,
}

/// How the nodes of a pool get out.
#[must_use]
pub fn node_exit(pool: &NodePool<'_>, estate: &Estate<'_>) -> NodeExit {
    let public = match pool.private {
        Setting::Known(private) => Match::from(!private.value),
        Setting::Absent if pool.described => Match::Yes,
        Setting::Absent | Setting::Unknown(_) => Match::Unknown,
    };
    let covered = |(index, nat): (usize, &Nat<'_>)| (covers(nat, pool, estate), index);
    let best = |wanted: Match| {
        let mut nats = estate.topology.nats.iter().enumerate().map(covered);
        nats.find(|(covers, _)| *covers == wanted)
    };
    let nat = best(Match::Yes).or_else(|| best(Match::Unknown));
    NodeExit {
        public,
        // A NAT that is not in the input may still be there.
        nat: nat.map_or(Match::Unknown, |(covers, _)| covers),
        by: nat.map(|(_, index)| index),
        route: default_route(pool, estate),
        google: google_access(pool, estate),
    }
}

/// The addresses by which traffic of a pool's pods leaves for the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The node's own: the rule, since GKE masquerades pods.
    Node,
    /// The pods' own, which the subnet has a secondary range for.
    Pods,
}

/// Whether a NAT translates the addresses by which a pool's nodes leave: their own, or those of pods that are not
/// masqueraded.
#[must_use]
pub fn covers(nat: &Nat<'_>, pool: &NodePool<'_>, estate: &Estate<'_>) -> Match {
    let network = same(nat.network.as_ref(), pool.network.as_ref());
    let region = match (nat.region, pool.region) {
        (Some(own), Some(of_pool)) => Match::from(own == of_pool),
        _ => Match::Unknown,
    };
    let source = source(pool, estate);
    let ranges = match nat.written.ranges.known().map(|ranges| ranges.value) {
        Some("ALL_SUBNETWORKS_ALL_IP_RANGES") => Match::Yes,
        Some("ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES") => Match::from(source == Source::Node),
        Some("LIST_OF_SUBNETWORKS") => {
            let listed = nat
                .subnets
                .iter()
                .map(|subnet| same(Some(&subnet.link), pool.subnet.as_ref()).and(takes(subnet, source, pool, estate)));
            let open = nat.written.subnets.unknown.is_some();
            listed.fold(if open { Match::Unknown } else { Match::No }, Match::or)
        }
        _ => Match::Unknown,
    };
    network.and(region).and(ranges)
}

fn source(pool: &NodePool<'_>, estate: &Estate<'_>) -> Source {
    let cluster = pool.cluster.map(|cluster| &estate.clusters[cluster]);
    let disabled =
        cluster.is_some_and(|cluster| cluster.written.snat_disabled.known().is_some_and(|disabled| disabled.value));
    // What the agent is told counts for the one cluster that the input is about.
    let kept = estate.topology.unmasqueraded.as_ref().filter(|_| estate.clusters.len() < 2);
    if disabled || kept.is_some_and(|kept| internet().is_subset(kept)) { Source::Pods } else { Source::Node }
}

/// Whether a NAT takes the range of a subnet by which a pool's traffic leaves.
fn takes(subnet: &NatSubnet<'_>, source: Source, pool: &NodePool<'_>, estate: &Estate<'_>) -> Match {
    let written = &subnet.written.ranges;
    let lists = |range: &str| written.items.iter().any(|item| item.value == range);
    let open = if written.unknown.is_some() { Match::Unknown } else { Match::No };
    // What is not said is everything.
    if written.is_empty() || lists("ALL_IP_RANGES") {
        return Match::Yes;
    }
    if source == Source::Node {
        return Match::from(lists("PRIMARY_IP_RANGE")).or(open);
    }
    let own = pool.cluster.and_then(|cluster| estate.clusters[cluster].written.pod_range.known());
    let names = &subnet.written.secondary;
    let named = match own {
        Some(own) => Match::from(names.items.iter().any(|name| name.value == own.value)),
        None => Match::Unknown,
    };
    let open = if names.unknown.is_some() { Match::Unknown } else { open };
    if lists("LIST_OF_SECONDARY_IP_RANGES") { named.or(open) } else { open }
}

fn same(left: Option<&Link<'_>>, right: Option<&Link<'_>>) -> Match {
    match (left, right) {
        (Some(left), Some(right)) => left.is(right),
        _ => Match::Unknown,
    }
}

fn default_route(pool: &NodePool<'_>, estate: &Estate<'_>) -> Match {
    let is_default = |range: Setting<&str>| range.known().is_some_and(|range| range.value == "0.0.0.0/0");
    let routes = estate.topology.routes.iter().filter(|route| is_default(route.written.range));
    let own = routes.filter(|route| same(route.network.as_ref(), pool.network.as_ref()) != Match::No);
    let written = own.filter(|route| matches!(route.hop, NextHop::Internet(_)));
    let deletes =
        estate.topology.networks.iter().find(|network| same(Some(&network.link), pool.network.as_ref()) == Match::Yes);
    match (written.count(), deletes.and_then(|network| network.written.deletes_default_routes.or_default(false))) {
        (0, Some(true) | None) => Match::Unknown,
        _ => Match::Yes,
    }
}

/// The subnet of a pool, where it is in the input.
#[must_use]
pub fn subnet_of<'e, 'a>(pool: &NodePool<'_>, estate: &'e Estate<'a>) -> Option<&'e Subnet<'a>> {
    let own = pool.subnet.as_ref()?;
    estate.topology.subnets.iter().find(|subnet| subnet.link.is(own) == Match::Yes)
}

/// Where a pool's subnet or cluster says that its nodes speak IPv6, and whether with public addresses.
#[must_use]
pub fn ipv6_stack<'a>(pool: &NodePool<'a>, estate: &Estate<'a>) -> Option<(Text<'a>, Match)> {
    let speaks =
        |stack: Setting<&'a str>| stack.known().filter(|stack| matches!(stack.value, "IPV4_IPV6" | "IPV6_ONLY"));
    let subnet = subnet_of(pool, estate);
    let access = subnet.and_then(|subnet| subnet.written.ipv6_access.or_default(""));
    let external = access.map_or(Match::Unknown, |access| Match::from(access == "EXTERNAL"));
    let of_subnet = subnet.and_then(|subnet| speaks(subnet.written.stack_type));
    let of_cluster = || speaks(estate.clusters[pool.cluster?].written.stack_type);
    of_subnet.or_else(of_cluster).map(|stack| (stack, external))
}

/// Whether Google's APIs can be reached from a pool's private addresses: by its subnet's switch, or by an endpoint.
#[must_use]
pub fn google_access(pool: &NodePool<'_>, estate: &Estate<'_>) -> Match {
    let subnet = match subnet_of(pool, estate).map(|subnet| subnet.written.google_access.or_default(false)) {
        Some(Some(on)) => Match::from(on),
        _ => Match::Unknown,
    };
    has_google_endpoint(pool, estate).or(subnet)
}

/// Whether the pool's network has an address of its own for Google's APIs (Private Service Connect).
#[must_use]
pub fn has_google_endpoint(pool: &NodePool<'_>, estate: &Estate<'_>) -> Match {
    let endpoints = estate.topology.google_endpoints.iter();
    let here = endpoints.map(|endpoint| same(endpoint.network.as_ref(), pool.network.as_ref()));
    Match::any(here)
}

/// Whether some traffic reaches public IPv4 addresses, mail apart.
#[must_use]
pub fn reaches_internet(traffic: &crate::traffic::Traffic) -> bool {
    !outside(traffic).is_empty()
}
