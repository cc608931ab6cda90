//! Classes of destinations (semantics C.3).

use std::sync::LazyLock;

use ipnet::IpNet;

use crate::model::{Estate, Setting, Text};
use crate::traffic::{AddressSet, PortSet, Protocol, Traffic, Transport};

/// IPv4 blocks that are not the internet: private and shared ranges, loopback, link-local with the metadata server,
/// multicast and reserved ranges (IANA special-purpose registry), and the two blocks by which Google's APIs are reached
/// privately (semantics A.3), which are a way out of their own kind. The ranges kept for documentation are not among them:
/// a manifest that names one means somebody's public address.
const INSIDE: [&str; 13] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "199.36.153.4/30",
    "199.36.153.8/30",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

static INTERNET: LazyLock<AddressSet> = LazyLock::new(|| {
    let inside: AddressSet = INSIDE.iter().filter_map(|block| block.parse::<IpNet>().ok()).collect();
    AddressSet::all_v4().difference(&inside)
});

/// The public IPv4 addresses.
#[must_use]
pub fn internet() -> &'static AddressSet {
    &INTERNET
}

/// What of some traffic leaves for public IPv4 addresses. Mail does not: Google drops TCP 25 for most projects, so no finding
/// should rest on it (semantics B.64).
#[must_use]
pub fn outside(traffic: &Traffic) -> Traffic {
    static MAIL: LazyLock<Transport> = LazyLock::new(|| Transport::ports(Protocol::Tcp, PortSet::single(25)));
    traffic.restrict_addresses(internet()).restrict_transport(&MAIL.complement())
}

static INTERNET_V6: LazyLock<AddressSet> = LazyLock::new(|| block("2000::/3").difference(&google_v6()));
static LINK_LOCAL: LazyLock<AddressSet> = LazyLock::new(|| block("169.254.0.0/16"));
static GOOGLE_PRIVATE: LazyLock<AddressSet> = LazyLock::new(|| block("199.36.153.8/30"));
static GOOGLE_RESTRICTED: LazyLock<AddressSet> = LazyLock::new(|| block("199.36.153.4/30"));

static PRIVATE: LazyLock<AddressSet> = LazyLock::new(|| {
    let blocks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];
    blocks.iter().filter_map(|block| block.parse::<IpNet>().ok()).collect()
});
static GOOGLE: LazyLock<AddressSet> = LazyLock::new(|| GOOGLE_PRIVATE.union(&GOOGLE_RESTRICTED).union(&google_v6()));

fn block(text: &str) -> AddressSet {
    text.parse::<IpNet>().into_iter().collect()
}

/// The IPv6 addresses by which Google's APIs are reached privately (semantics A.3).
fn google_v6() -> AddressSet {
    block("2600:2d00:2:1000::/64").union(&block("2600:2d00:2:2000::/64"))
}

/// The public IPv6 addresses.
#[must_use]
pub fn internet_v6() -> &'static AddressSet {
    &INTERNET_V6
}

/// Addresses that are the node's own, with the metadata server among them.
#[must_use]
pub fn link_local() -> &'static AddressSet {
    &LINK_LOCAL
}

/// The addresses that clusters and subnets of the estate have taken for themselves, as far as the input says.
#[must_use]
pub fn own(estate: &Estate<'_>) -> AddressSet {
    let clusters = estate.clusters.iter().map(|cluster| cluster.written);
    let of_clusters = clusters.flat_map(|cluster| [cluster.pod_cidr, cluster.service_cidr, cluster.control_plane_cidr]);
    let subnets = estate.topology.subnets.iter().map(|subnet| subnet.written);
    let of_subnets =
        subnets.flat_map(|subnet| subnet.secondary.items.iter().map(|one| one.range).chain([subnet.range]));
    let parsed = |range: Setting<&str>| range.known().and_then(|range| range.value.parse::<IpNet>().ok());
    of_clusters.chain(of_subnets).filter_map(parsed).collect()
}

/// The public addresses, IPv4 and IPv6, but for those that clusters and subnets of the estate have taken for themselves.
#[must_use]
pub fn external(estate: &Estate<'_>) -> AddressSet {
    internet().union(internet_v6()).difference(&own(estate))
}

/// The first address of a block with which a zone of the input answers.
#[must_use]
pub fn answered<'a>(block: &AddressSet, estate: &Estate<'a>) -> Option<Text<'a>> {
    let zones = estate.dns.zones.iter().flat_map(|zone| zone.records.iter().copied());
    let records = zones.chain(estate.dns.stray_records.iter().copied());
    let data = records.flat_map(|record| record.data.items.iter().copied());
    let inside = |data: &Text<'_>| data.value.parse::<std::net::IpAddr>().is_ok_and(|address| block.contains(address));
    data.filter(inside).min_by_key(|data| data.at)
}

/// Where `private.googleapis.com` is: every API, whoever owns what lies behind it (semantics A.3).
#[must_use]
pub fn google_private() -> &'static AddressSet {
    &GOOGLE_PRIVATE
}

/// Where `restricted.googleapis.com` is: APIs that perimeters protect (semantics A.3).
#[must_use]
pub fn google_restricted() -> &'static AddressSet {
    &GOOGLE_RESTRICTED
}

/// Every address by which Google's APIs are reached privately (semantics A.3).
#[must_use]
pub fn google() -> &'static AddressSet {
    &GOOGLE
}

/// The IPv4 addresses of private networks, the shared range of carriers among them.
#[must_use]
pub fn private() -> &'static AddressSet {
    &PRIVATE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_counts() {
        assert!(INSIDE.iter().all(|block| block.parse::<IpNet>().is_ok()));
        assert!(internet().contains([8, 8, 8, 8].into()));
        assert!(!internet().contains([199, 36, 153, 9].into()));
    }
}
