//! The traffic of each class of destination, by protocol (semantics C.3): TCP first, then UDP, then what has no ports.

use ipnet::IpNet;

use crate::analysis::destinations::{google, internet, internet_v6, private};
use crate::analysis::firewall::METADATA;
use crate::finding::Decision;
use crate::model::{Estate, Setting};
use crate::traffic::{AddressSet, PortSet, Protocol, ProtocolSet, Traffic, Transport};

/// The traffic that leaves by each class of destination.
pub(super) struct Wanted {
    pub internet: Vec<Traffic>,
    pub internet_v6: Vec<Traffic>,
    pub google: Vec<Traffic>,
    pub google_v6: Vec<Traffic>,
    pub metadata: Vec<Traffic>,
    /// Questions for names, which end up at the metadata server wherever they are asked.
    pub names: Traffic,
    /// Private addresses that are not the clusters' own.
    pub private: Vec<Traffic>,
}

impl Wanted {
    pub(super) fn new(estate: &Estate<'_>) -> Self {
        let tcp = |addresses: &AddressSet, port| {
            vec![Traffic::new(addresses, Transport::ports(Protocol::Tcp, PortSet::single(port)))]
        };
        let connected = private().difference(&own_ranges(estate));
        Self {
            internet: by_protocol(internet(), Protocol::ICMP),
            internet_v6: by_protocol(internet_v6(), Protocol::ICMP_V6),
            google: tcp(&google().intersection(&AddressSet::all_v4()), 443),
            google_v6: tcp(&google().intersection(&AddressSet::all_v6()), 443),
            metadata: tcp(&METADATA.into(), 80),
            names: Traffic::new(&METADATA.into(), Transport::ports(Protocol::Udp, PortSet::single(53))),
            private: vec![Traffic::new(&connected, Transport::protocol(Protocol::Tcp))],
        }
    }

    /// The part of the traffic that is in a set.
    pub(super) fn narrowed(self, traffic: &Traffic) -> Self {
        let within = |all: Vec<Traffic>| all.iter().map(|one| one.intersection(traffic)).collect();
        Self {
            internet: within(self.internet),
            internet_v6: within(self.internet_v6),
            google: within(self.google),
            google_v6: within(self.google_v6),
            metadata: within(self.metadata),
            names: self.names.intersection(traffic),
            private: within(self.private),
        }
    }
}

/// What leaves for a host: TCP on a port, or on any where none is known, to whichever public address it has.
pub(super) fn on_port(port: Option<u16>) -> Traffic {
    let ports = port.map_or_else(PortSet::all, PortSet::single);
    Traffic::new(internet(), Transport::ports(Protocol::Tcp, ports))
}

/// Google lets no mail out by itself, and of the protocols without ports hardly more than ICMP (semantics C.4).
fn by_protocol(addresses: &AddressSet, icmp: Protocol) -> Vec<Traffic> {
    let mail = PortSet::single(25);
    let rest = Transport::protocols(ProtocolSet::single(icmp)).union(&Transport::protocol(Protocol::Sctp));
    let tcp = Transport::ports(Protocol::Tcp, PortSet::all().difference(&mail));
    [tcp, Transport::protocol(Protocol::Udp), rest].map(|transport| Traffic::new(addresses, transport)).to_vec()
}

/// The addresses of the clusters' nodes, pods, services and control planes, as far as the input says.
fn own_ranges(estate: &Estate<'_>) -> AddressSet {
    let of_clusters = estate.clusters.iter().flat_map(|cluster| {
        let written = cluster.written;
        [written.control_plane_cidr, written.pod_cidr, written.service_cidr]
    });
    let subnets = estate.topology.subnets.iter().filter(|subnet| {
        let clusters = estate.clusters.iter().filter_map(|cluster| cluster.subnet.as_ref());
        let pools = estate.pools.iter().filter_map(|pool| pool.subnet.as_ref());
        clusters.chain(pools).any(|own| own.is(&subnet.link) == crate::model::Match::Yes)
    });
    let of_subnets = subnets.flat_map(|subnet| {
        let secondary = subnet.written.secondary.items.iter().map(|range| range.range);
        std::iter::once(subnet.written.range).chain(secondary)
    });
    let block = |range: Setting<&str>| range.known()?.value.parse::<IpNet>().ok();
    of_clusters.chain(of_subnets).filter_map(block).collect()
}

/// Whether what is wanted passes: all of it, for certain; some of it, perhaps; or none.
pub(super) fn through(wanted: &Traffic, certain: &Traffic, possible: &Traffic) -> Decision {
    if wanted.is_subset(certain) {
        Decision::Allow
    } else if wanted.intersection(possible).is_empty() {
        Decision::Deny
    } else {
        Decision::Unknown
    }
}
