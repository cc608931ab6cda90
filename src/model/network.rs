//! Networks and subnets, and how traffic gets out of them: NAT, routes, peerings, endpoints of Google's APIs.

use ipnet::IpNet;

use super::firewall::FirewallRule;
use super::link::{Directory, Link, short};
use super::nodes::Cluster;
use super::nodes::{is_network, is_subnet};
use super::{Match, Text};
use crate::resource::gcp::{self, Item, Listed, NextHop, Reference, Setting};
use crate::resource::{Kind, Resource};
use crate::traffic::AddressSet;

/// A VPC network.
#[derive(Clone, Debug)]
pub struct Network<'a> {
    pub name: Text<'a>,
    pub link: Link<'a>,
    pub order: EnforcementOrder,
    pub written: &'a gcp::Network<'a>,
}

/// Whether a network's firewall policies come before or after its own rules (semantics C.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnforcementOrder {
    AfterClassic,
    BeforeClassic,
    Unknown,
}

/// A subnet.
#[derive(Clone, Debug)]
pub struct Subnet<'a> {
    pub name: Text<'a>,
    pub link: Link<'a>,
    pub network: Option<Link<'a>>,
    pub written: &'a gcp::Subnetwork<'a>,
}

/// A NAT.
#[derive(Clone, Debug)]
pub struct Nat<'a> {
    pub name: Text<'a>,
    /// The network of its router; none where the input does not say.
    pub network: Option<Link<'a>>,
    /// The subnets that it names, where it does not take all.
    pub subnets: Vec<NatSubnet<'a>>,
    /// The region of its router.
    pub region: Option<&'a str>,
    pub written: &'a gcp::Nat<'a>,
}

/// A subnet that a NAT names.
#[derive(Clone, Debug)]
pub struct NatSubnet<'a> {
    pub link: Link<'a>,
    pub written: &'a gcp::NatSubnet<'a>,
}

/// A static route.
#[derive(Clone, Debug)]
pub struct Route<'a> {
    pub name: Text<'a>,
    pub network: Option<Link<'a>>,
    pub hop: NextHop,
    pub written: &'a gcp::Route<'a>,
}

/// A peering, from one of its sides.
#[derive(Clone, Debug)]
pub struct Peering<'a> {
    pub name: Text<'a>,
    pub network: Option<Link<'a>>,
    pub peer: Option<Link<'a>>,
}

/// An address inside of a network behind which Google's APIs are (Private Service Connect).
#[derive(Clone, Debug)]
pub struct GoogleEndpoint<'a> {
    pub name: Text<'a>,
    pub network: Option<Link<'a>>,
    /// Only services that perimeters protect (`vpc-sc`), rather than all.
    pub restricted: bool,
    pub written: &'a gcp::ForwardingRule<'a>,
}

/// The network of the estate, as far as it is in the input.
#[derive(Clone, Debug, Default)]
pub struct Topology<'a> {
    pub networks: Vec<Network<'a>>,
    pub subnets: Vec<Subnet<'a>>,
    pub nats: Vec<Nat<'a>>,
    pub routes: Vec<Route<'a>>,
    pub peerings: Vec<Peering<'a>>,
    pub google_endpoints: Vec<GoogleEndpoint<'a>>,
    /// Where pods keep their own addresses towards, as the masquerade agent is told; none where it is not in the input.
    pub unmasqueraded: Option<AddressSet>,
}

/// Lowers everything that is about the network.
pub(super) fn topology<'a>(list: &[Resource<'a>], directory: &Directory<'a>) -> Topology<'a> {
    let mut found = Topology { unmasqueraded: list.iter().find_map(unmasqueraded), ..Topology::default() };
    let network =
        |reference: Option<Reference<'a>>, from: &Resource<'a>| Some(directory.resolve(reference?, from, is_network));
    let routers: Vec<(Link<'a>, Option<Link<'a>>, Setting<&'a str>)> = directory
        .clouds()
        .filter_map(|(index, resource, cloud)| match &cloud.item {
            Item::Router(router) => Some((directory.own(index), network(router.network, resource), router.region)),
            _ => None,
        })
        .collect();
    for (index, resource, cloud) in directory.clouds() {
        let name = resource.meta.name;
        match &cloud.item {
            Item::Network(written) => {
                let link = directory.own(index);
                let order = order(written);
                found.networks.push(Network { name, link, order, written });
                let peers = written.peers.items.iter();
                found.peerings.extend(peers.map(|peer| Peering {
                    name,
                    network: Some(link),
                    peer: network(Some(*peer), resource),
                }));
            }
            Item::Subnetwork(written) => found.subnets.push(Subnet {
                name,
                link: directory.own(index),
                network: network(written.network, resource),
                written,
            }),
            Item::Nat(written) => {
                let router = written
                    .router
                    .map(|router| directory.resolve(router, resource, |item| matches!(item, Item::Router(_))));
                let of = routers.iter().find(|(own, ..)| router.is_some_and(|router| own.is(&router) == Match::Yes));
                let subnet = |written: &'a gcp::NatSubnet<'a>| {
                    Some(NatSubnet { link: directory.resolve(written.subnet?, resource, is_subnet), written })
                };
                let region = written.region.or(of.map_or(Setting::Absent, |(_, _, region)| *region));
                found.nats.push(Nat {
                    name,
                    network: of.and_then(|(_, network, _)| *network),
                    subnets: written.subnets.items.iter().filter_map(subnet).collect(),
                    region: region.known().map(|region| short(region.value)),
                    written,
                });
            }
            Item::Route(written) => {
                found.routes.push(Route {
                    name,
                    network: network(written.network, resource),
                    hop: written.hop,
                    written,
                });
            }
            Item::Peering(written) => found.peerings.push(Peering {
                name,
                network: network(written.network, resource),
                peer: network(written.peer, resource),
            }),
            Item::ForwardingRule(written) => {
                let bundle = written.target.known().map(|target| target.value);
                if let Some(bundle @ ("all-apis" | "vpc-sc")) = bundle {
                    let restricted = bundle == "vpc-sc";
                    let network = network(written.network, resource);
                    found.google_endpoints.push(GoogleEndpoint { name, network, restricted, written });
                }
            }
            _ => {}
        }
    }
    found
}

/// The one network that an input is about, where it names a single one: whoever leaves the network out is supposed to be in
/// it.
pub(super) fn only_network<'a>(
    topology: &Topology<'a>,
    clusters: &[Cluster<'a>],
    rules: &[FirewallRule<'a>],
) -> Option<Link<'a>> {
    let described = topology.networks.iter().map(|network| network.link);
    let of_subnets = topology.subnets.iter().filter_map(|subnet| subnet.network);
    let of_clusters = clusters.iter().filter_map(|cluster| cluster.network);
    let of_rules = rules.iter().filter_map(|rule| rule.network);
    let mut named = described.chain(of_subnets).chain(of_clusters).chain(of_rules);
    let first = named.next()?;
    named.all(|other| first.is(&other) == Match::Yes).then_some(first)
}

/// The ranges that the masquerade agent leaves alone.
fn unmasqueraded(resource: &Resource<'_>) -> Option<AddressSet> {
    match &resource.kind {
        Kind::Masquerade(agent) => {
            Some(agent.kept.iter().filter_map(|range| range.value.parse::<IpNet>().ok()).collect())
        }
        _ => None,
    }
}

fn order(written: &gcp::Network<'_>) -> EnforcementOrder {
    match written.enforcement_order.or_default("AFTER_CLASSIC_FIREWALL") {
        Some("BEFORE_CLASSIC_FIREWALL") => EnforcementOrder::BeforeClassic,
        Some(_) => EnforcementOrder::AfterClassic,
        None => EnforcementOrder::Unknown,
    }
}

/// The networks of a list of references.
pub(super) fn networks<'a>(
    list: &Listed<Reference<'a>>,
    from: &Resource<'a>,
    directory: &Directory<'a>,
) -> Vec<Link<'a>> {
    list.items.iter().map(|network| directory.resolve(*network, from, is_network)).collect()
}
