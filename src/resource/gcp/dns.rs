//! DNS zones, records and policies.

use super::view::{Listed, Reference, Setting, View};
use crate::resource::reader::Text;

/// A managed zone.
#[derive(Clone, Debug)]
pub struct DnsZone<'a> {
    pub dns_name: Setting<&'a str>,
    pub visibility: Setting<&'a str>,
    pub networks: Listed<Reference<'a>>,
    /// Whether the zone forwards to other servers or peers with another network.
    pub forwards: Setting<()>,
    /// The addresses of the servers to which it forwards.
    pub targets: Listed<Text<'a>>,
}

/// A set of records of a name.
#[derive(Clone, Debug)]
pub struct RecordSet<'a> {
    pub name: Setting<&'a str>,
    pub kind: Setting<&'a str>,
    pub data: Listed<Text<'a>>,
    pub zone: Option<Reference<'a>>,
}

/// A server policy of networks.
#[derive(Clone, Debug)]
pub struct DnsPolicy<'a> {
    pub networks: Listed<Reference<'a>>,
    pub logging: Setting<bool>,
    /// The servers that take the place of Google's resolver.
    pub servers: Listed<Text<'a>>,
}

/// A response policy of networks.
#[derive(Clone, Debug)]
pub struct ResponsePolicy<'a> {
    pub networks: Listed<Reference<'a>>,
}

/// A rule of a response policy.
#[derive(Clone, Debug)]
pub struct ResponseRule<'a> {
    pub policy: Option<Reference<'a>>,
    pub dns_name: Setting<&'a str>,
    /// The records that it answers with: each name's kind and data.
    pub records: Listed<RecordSet<'a>>,
}

fn networks<'a>(view: View<'a>) -> Listed<Reference<'a>> {
    let list = view.list(&["networks"]);
    let read = |item: &View<'a>| item.reference(&["networkUrl", "networkRef"]).or_else(|| item.as_reference());
    Listed { items: list.items.iter().filter_map(read).collect(), at: list.at, unknown: list.unknown }
}

/// The addresses of the servers that a block names.
fn name_servers(view: View<'_>) -> Listed<Text<'_>> {
    let servers = view.list(&["targetNameServers"]);
    let addresses =
        servers.items.iter().flat_map(|server| ["ipv4Address", "ipv6Address"].map(|key| server.text(&[key])));
    Listed { items: addresses.filter_map(Setting::known).collect(), at: servers.at, unknown: servers.unknown }
}

pub(super) fn zone(view: View<'_>) -> DnsZone<'_> {
    DnsZone {
        dns_name: view.text(&["dnsName"]),
        visibility: view.text(&["visibility"]),
        networks: networks(view.block(&["privateVisibilityConfig"])),
        forwards: view.block(&["forwardingConfig", "peeringConfig"]).presence(),
        targets: name_servers(view.block(&["forwardingConfig"])),
    }
}

pub(super) fn records(view: View<'_>) -> RecordSet<'_> {
    RecordSet {
        name: view.text(&["name"]),
        kind: view.text(&["type"]),
        data: view.texts(&["rrdatas"]),
        zone: view.reference(&["managedZone", "managedZoneRef"]),
    }
}

pub(super) fn policy(view: View<'_>) -> DnsPolicy<'_> {
    DnsPolicy {
        networks: networks(view),
        logging: view.flag(&["enableLogging"]),
        servers: name_servers(view.block(&["alternativeNameServerConfig"])),
    }
}

pub(super) fn response_policy(view: View<'_>) -> ResponsePolicy<'_> {
    ResponsePolicy { networks: networks(view) }
}

pub(super) fn response_rule(view: View<'_>) -> ResponseRule<'_> {
    let local = view.block(&["localData"]);
    let sets = local.list(&["localDatas", "localData"]);
    ResponseRule {
        policy: view.reference(&["responsePolicy", "responsePolicyRef"]),
        dns_name: view.text(&["dnsName"]),
        records: sets.map(records),
    }
}
