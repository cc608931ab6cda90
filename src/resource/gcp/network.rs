//! Networks, subnets, and how traffic gets out of them.

use super::view::{Listed, Reference, Setting, View};
use crate::resource::reader::Text;
use crate::source::Location;

/// A VPC network.
#[derive(Clone, Debug)]
pub struct Network<'a> {
    pub enforcement_order: Setting<&'a str>,
    pub deletes_default_routes: Setting<bool>,
    pub creates_subnets: Setting<bool>,
    /// The networks that it is peered with, where the network's own description lists them.
    pub peers: Listed<Reference<'a>>,
}

/// A subnet with its ranges.
#[derive(Clone, Debug)]
pub struct Subnetwork<'a> {
    pub network: Option<Reference<'a>>,
    pub range: Setting<&'a str>,
    pub secondary: Listed<SecondaryRange<'a>>,
    pub google_access: Setting<bool>,
    pub google_access_v6: Setting<&'a str>,
    pub stack_type: Setting<&'a str>,
    pub ipv6_access: Setting<&'a str>,
    pub purpose: Setting<&'a str>,
    pub region: Setting<&'a str>,
    /// Flow logs: the switch of the API, or the block elsewhere.
    pub flow_logs: Setting<bool>,
}

/// A secondary range of a subnet, by which pods and services get addresses.
#[derive(Clone, Copy, Debug)]
pub struct SecondaryRange<'a> {
    pub name: Setting<&'a str>,
    pub range: Setting<&'a str>,
}

/// A Cloud Router.
#[derive(Clone, Debug)]
pub struct Router<'a> {
    pub network: Option<Reference<'a>>,
    pub region: Setting<&'a str>,
}

/// A NAT of a Cloud Router.
#[derive(Clone, Debug)]
pub struct Nat<'a> {
    pub router: Option<Reference<'a>>,
    pub region: Setting<&'a str>,
    /// Which ranges of which subnets are translated.
    pub ranges: Setting<&'a str>,
    pub subnets: Listed<NatSubnet<'a>>,
    pub address_option: Setting<&'a str>,
    pub addresses: Listed<Reference<'a>>,
    pub min_ports: Setting<i64>,
    pub max_ports: Setting<i64>,
    pub dynamic_ports: Setting<bool>,
    pub endpoint_independent: Setting<bool>,
    pub log: LogSettings<'a>,
}

/// A subnet that a NAT translates.
#[derive(Clone, Debug)]
pub struct NatSubnet<'a> {
    pub subnet: Option<Reference<'a>>,
    pub ranges: Listed<Text<'a>>,
    pub secondary: Listed<Text<'a>>,
}

/// What is logged.
#[derive(Clone, Debug, Default)]
pub struct LogSettings<'a> {
    /// Whether the block is there, with the place of its key.
    pub block: Setting<()>,
    pub enable: Setting<bool>,
    pub filter: Setting<&'a str>,
}

/// A static route.
#[derive(Clone, Debug)]
pub struct Route<'a> {
    pub network: Option<Reference<'a>>,
    pub range: Setting<&'a str>,
    pub tags: Listed<Text<'a>>,
    pub hop: NextHop,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// The default internet gateway.
    Internet(Location),
    /// A machine, load balancer, tunnel or peer: traffic goes on from there.
    Appliance(Location),
    Unknown(Location),
    None,
}

/// One side of a peering between networks.
#[derive(Clone, Debug)]
pub struct Peering<'a> {
    pub network: Option<Reference<'a>>,
    pub peer: Option<Reference<'a>>,
}

/// A forwarding rule. One whose target is a bundle of Google's APIs is a Private Service Connect endpoint.
#[derive(Clone, Debug)]
pub struct ForwardingRule<'a> {
    pub network: Option<Reference<'a>>,
    pub target: Setting<&'a str>,
    pub address: Setting<&'a str>,
}

pub(super) fn network(view: View<'_>) -> Network<'_> {
    let peerings = view.list(&["peerings"]);
    let peers = peerings.items.iter().filter_map(|peering| peering.reference(&["network"])).collect();
    Network {
        enforcement_order: view.text(&["networkFirewallPolicyEnforcementOrder"]),
        deletes_default_routes: view.flag(&["deleteDefaultRoutesOnCreate"]),
        creates_subnets: view.flag(&["autoCreateSubnetworks"]),
        peers: Listed { items: peers, at: peerings.at, unknown: peerings.unknown },
    }
}

pub(super) fn subnetwork(view: View<'_>) -> Subnetwork<'_> {
    let log = view.block(&["logConfig"]);
    let switch = match log.presence() {
        Setting::Absent => Setting::Absent,
        Setting::Unknown(at) => Setting::Unknown(at),
        Setting::Known(at) => log.flag(&["enable"]).or(Setting::Known(at.map(|()| true))),
    };
    Subnetwork {
        network: view.reference(&["network", "networkRef"]),
        range: view.text(&["ipCidrRange"]),
        secondary: view
            .list(&["secondaryIpRanges", "secondaryIpRange"])
            .map(|item| SecondaryRange { name: item.text(&["rangeName"]), range: item.text(&["ipCidrRange"]) }),
        google_access: view.flag(&["privateIpGoogleAccess"]),
        google_access_v6: view.text(&["privateIpv6GoogleAccess"]),
        stack_type: view.text(&["stackType"]),
        ipv6_access: view.text(&["ipv6AccessType"]),
        purpose: view.text(&["purpose"]),
        region: view.text(&["region"]),
        flow_logs: view.flag(&["enableFlowLogs"]).or(switch),
    }
}

pub(super) fn router(view: View<'_>) -> Router<'_> {
    Router { network: view.reference(&["network", "networkRef"]), region: view.text(&["region"]) }
}

pub(super) fn nat(view: View<'_>, parent: Option<Location>) -> Nat<'_> {
    Nat {
        router: parent.map(Reference::Parent).or_else(|| view.reference(&["router", "routerRef"])),
        region: view.text(&["region"]),
        ranges: view.text(&["sourceSubnetworkIpRangesToNat"]),
        subnets: view.list(&["subnetworks", "subnetwork"]).map(nat_subnet),
        address_option: view.text(&["natIpAllocateOption"]),
        addresses: view.references(&["natIps"]),
        min_ports: view.integer(&["minPortsPerVm"]),
        max_ports: view.integer(&["maxPortsPerVm"]),
        dynamic_ports: view.flag(&["enableDynamicPortAllocation"]),
        endpoint_independent: view.flag(&["enableEndpointIndependentMapping"]),
        log: log(view),
    }
}

fn nat_subnet(view: View<'_>) -> NatSubnet<'_> {
    NatSubnet {
        subnet: view.reference(&["name", "subnetworkRef", "subnetwork"]),
        ranges: view.texts(&["sourceIpRangesToNat"]),
        secondary: view.texts(&["secondaryIpRangeNames"]),
    }
}

/// The block `logConfig` of an object.
pub(super) fn log(view: View<'_>) -> LogSettings<'_> {
    let log = view.block(&["logConfig"]);
    LogSettings { block: log.presence(), enable: log.flag(&["enable"]), filter: log.text(&["filter"]) }
}

pub(super) fn route(view: View<'_>) -> Route<'_> {
    Route {
        network: view.reference(&["network", "networkRef"]),
        range: view.text(&["destRange"]),
        tags: view.texts(&["tags"]),
        hop: next_hop(view),
    }
}

fn next_hop(view: View<'_>) -> NextHop {
    const OTHERS: [&str; 10] = [
        "nextHopIlb",
        "nextHopInstance",
        "nextHopIp",
        "nextHopVpnTunnel",
        "nextHopPeering",
        "nextHopNetwork",
        "nextHopHub",
        "nextHopILBRef",
        "nextHopInstanceRef",
        "nextHopVPNTunnelRef",
    ];
    match view.text(&["nextHopGateway"]) {
        Setting::Known(gateway) if gateway.value.ends_with("default-internet-gateway") => NextHop::Internet(gateway.at),
        Setting::Known(gateway) => NextHop::Appliance(gateway.at),
        Setting::Unknown(at) => NextHop::Unknown(at),
        Setting::Absent => view.get(&OTHERS).key().map_or(NextHop::None, NextHop::Appliance),
    }
}

pub(super) fn peering(view: View<'_>) -> Peering<'_> {
    Peering {
        network: view.reference(&["network", "networkRef"]),
        peer: view.reference(&["peerNetwork", "peerNetworkRef"]),
    }
}

pub(super) fn forwarding_rule(view: View<'_>) -> ForwardingRule<'_> {
    let target = view.block(&["target"]);
    ForwardingRule {
        network: view.reference(&["network", "networkRef"]),
        target: target.text(&["googleAPIsBundle"]).or(target.as_text()),
        address: view.text(&["IPAddress"]),
    }
}
