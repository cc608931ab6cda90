//! The engine against a naive interpreter of the written semantics, packet by packet: random clusters, and packets at both
//! sides of the edge of every block and of every range of ports.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod cluster;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use cluster::naive::{self, End, Packet};
use cluster::{AdminPeer, Block, Cluster, PROTOCOLS, Peer, Port, PortValue};
use palisade::ConnectionOptions;
use palisade::analysis::network_policy::Dataplane;
use palisade::config::Config;
use palisade::report::connections::{Listing, Side, Spoken};
use palisade::source;
use palisade::traffic::AddressSet;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

/// The engine's answers, to be asked packet by packet.
struct Answers {
    between: BTreeMap<(String, String), Spoken>,
    /// By workload and direction: true is to the outside.
    outside: BTreeMap<(String, bool), Vec<(AddressSet, Spoken)>>,
}

impl Answers {
    fn new(listing: &Listing) -> Self {
        let mut answers = Self { between: BTreeMap::new(), outside: BTreeMap::new() };
        for entry in listing.entries() {
            let spoken = entry.spoken.clone();
            match (entry.from, entry.to) {
                (Side::Workload(from), Side::Workload(to)) => {
                    answers.between.insert((from.name.clone(), to.name.clone()), spoken);
                }
                (Side::Workload(own), Side::Addresses(set)) | (Side::Addresses(set), Side::Workload(own)) => {
                    let sends = matches!(entry.from, Side::Workload(_));
                    answers.outside.entry((own.name.clone(), sends)).or_default().push((set.clone(), spoken));
                }
                _ => {}
            }
        }
        answers
    }

    fn allows(&self, cluster: &Cluster, packet: Packet) -> bool {
        let name = |pod: usize| format!("ns{}/Pod/p{pod}", cluster.pods[pod].namespace);
        match (packet.from, packet.to) {
            (End::Pod(from), End::Pod(to)) => {
                self.between.get(&(name(from), name(to))).is_some_and(|spoken| speaks(spoken, packet))
            }
            (End::Pod(own), End::Outside(address)) => self.outside(name(own), true, address, packet),
            (End::Outside(address), End::Pod(own)) => self.outside(name(own), false, address, packet),
            (End::Outside(_), End::Outside(_)) => false,
        }
    }

    fn outside(&self, own: String, sends: bool, address: Ipv4Addr, packet: Packet) -> bool {
        let entries = self.outside.get(&(own, sends)).into_iter().flatten();
        let mut holding = entries.filter(|(set, _)| set.contains(IpAddr::V4(address)));
        holding.any(|(_, spoken)| speaks(spoken, packet))
    }
}

fn speaks(spoken: &Spoken, packet: Packet) -> bool {
    let protocol = packet.protocol.parse().expect("a protocol");
    spoken.allowed.iter().any(|(own, ports)| *own == protocol && ports.contains(packet.port))
}

/// All blocks in a cluster's policies.
fn blocks(cluster: &Cluster) -> Vec<Block> {
    let mut found = Vec::new();
    for policy in &cluster.policies {
        let rules = policy.ingress.iter().chain(&policy.egress).flatten();
        for peer in rules.filter_map(|rule| rule.peers.as_ref()).flatten() {
            if let Peer::Block(block, except) = peer {
                found.push(*block);
                found.extend(except);
            }
        }
    }
    for rule in cluster.admin.iter().flat_map(|policy| policy.ingress.iter().chain(&policy.egress)) {
        for peer in &rule.peers {
            if let AdminPeer::Networks(blocks) = peer {
                found.extend(blocks);
            }
        }
    }
    found
}

/// Addresses at both sides of the edges of every block, and one that no block need hold.
fn addresses(cluster: &Cluster) -> BTreeSet<Ipv4Addr> {
    let mut found = BTreeSet::from([Ipv4Addr::new(198, 51, 100, 10)]);
    for Block(first, size) in blocks(cluster) {
        let first = first.to_bits();
        let last = first | u32::MAX.checked_shr(u32::from(size)).unwrap_or(0);
        found.extend([first, last, first.wrapping_sub(1), last.wrapping_add(1)].map(Ipv4Addr::from_bits));
    }
    found
}

/// Ports at both sides of the edges of every range, and those of the containers.
fn ports(cluster: &Cluster) -> BTreeSet<u16> {
    let mut found = BTreeSet::from([80, 443]);
    let mut add = |port: &Port| {
        let first = match &port.value {
            Some(PortValue::Number(number)) => Some(*number),
            _ => None,
        };
        for edge in first.into_iter().chain(port.end) {
            found.extend([edge.saturating_sub(1).max(1), edge, edge.saturating_add(1)]);
        }
    };
    for policy in &cluster.policies {
        let rules = policy.ingress.iter().chain(&policy.egress).flatten();
        rules.filter_map(|rule| rule.ports.as_ref()).flatten().for_each(&mut add);
    }
    let rules = cluster.admin.iter().flat_map(|policy| policy.ingress.iter().chain(&policy.egress));
    rules.filter_map(|rule| rule.ports.as_ref()).flatten().for_each(&mut add);
    found.extend(cluster.pods.iter().flat_map(|pod| &pod.ports).map(|port| port.number));
    found
}

fn packets(cluster: &Cluster) -> impl Iterator<Item = Packet> {
    let pods = 0..cluster.pods.len();
    let outside: Vec<End> = addresses(cluster).into_iter().map(End::Outside).collect();
    let ends: Vec<End> = pods.map(End::Pod).chain(outside).collect();
    let ports: Vec<u16> = ports(cluster).into_iter().collect();
    let pairs = ends.clone().into_iter().flat_map(move |from| ends.clone().into_iter().map(move |to| (from, to)));
    let counts = |&(from, to): &(End, End)| from != to && !matches!((from, to), (End::Outside(_), End::Outside(_)));
    pairs.filter(counts).flat_map(move |(from, to)| {
        let ports = ports.clone();
        PROTOCOLS
            .into_iter()
            .flat_map(move |protocol| ports.clone().into_iter().map(move |port| Packet { from, to, protocol, port }))
    })
}

fn compare(cluster: &Cluster, dataplane: Dataplane) -> Result<(), TestCaseError> {
    let walk = source::from_text("cluster.yaml", cluster.manifests());
    let options = ConnectionOptions { dataplane: Some(dataplane), ..ConnectionOptions::default() };
    let connected = palisade::connections(&walk, &Config::default(), &options);
    prop_assert!(connected.inputs.unparsed.is_empty() && connected.inputs.problems.is_empty());
    let [listing] = connected.listings.as_slice() else { return Err(TestCaseError::fail("not one estate")) };
    prop_assert!(listing.entries().all(|entry| entry.spoken.unknown.is_empty()));
    let answers = Answers::new(listing);
    for packet in packets(cluster) {
        let expected = naive::allowed(cluster, packet, dataplane == Dataplane::Calico);
        let ours = answers.allows(cluster, packet);
        prop_assert_eq!(ours, expected, "{:?}, {:?}\n{}", packet, dataplane, cluster.manifests());
    }
    Ok(())
}

/// Thousands of clusters where time is no matter, hundreds where somebody waits.
fn cases() -> u32 {
    if std::env::var("CI").as_deref() == Ok("true") { 4000 } else { 400 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_written_semantics(cluster in cluster::cluster(), by_address in any::<bool>()) {
        compare(&cluster, if by_address { Dataplane::Calico } else { Dataplane::Dpv2 })?;
    }
}
