//! Answers that others have written down for their own engines: which connections network policies allow.
//!
//! Every case is run and counted. A case whose expected answer contradicts the documentation would be listed in
//! [`DIFFERENCES`] with the reason; it would then be printed as a difference, not passed over.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use common::{entries, name, shared, text};
use palisade::ConnectionOptions;
use palisade::analysis::network_policy::Dataplane;
use palisade::config::Config;
use palisade::report::connections::{Listing, Side};
use palisade::traffic::{AddressSet, Protocol, Traffic, Transport};

/// Cases whose expected answer is wrong by the Kubernetes documentation, with the reason.
const DIFFERENCES: [(&str, &str); 0] = [];

/// One end of a connection as the cases write it; all outside addresses are one end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// `namespace/name[Kind]`.
    Workload(String),
    Outside,
}

/// What may be spoken from one end to another: to which outside addresses, or, between workloads, at one address that
/// stands for the pair.
type Connections = BTreeMap<(End, End), Traffic>;

fn connections(folder: &Path, dataplane: Dataplane) -> Listing {
    let options = ConnectionOptions { dataplane: Some(dataplane), ..ConnectionOptions::default() };
    common::only(palisade::connections(&common::walk(folder), &Config::default(), &options).listings)
}

fn add(all: &mut Connections, from: &End, to: &End, traffic: &Traffic) {
    if !traffic.is_empty() {
        let known = all.entry((from.clone(), to.clone())).or_default();
        *known = known.union(traffic);
    }
}

/// The addresses of a pair of ends: those outside, IPv4 alone, or the one that stands for two workloads.
fn pair(addresses: Option<&AddressSet>) -> AddressSet {
    match addresses {
        Some(addresses) => addresses.intersection(&AddressSet::all_v4()),
        None => AddressSet::from(IpAddr::from([0, 0, 0, 0])),
    }
}

/// What we say, as the cases would say it.
fn ours(listing: &Listing) -> Connections {
    let mut all = Connections::new();
    for entry in listing.entries() {
        let end = |side: Side<'_>| match side {
            Side::Workload(named) => {
                let parts: Vec<&str> = named.name.split('/').collect();
                (End::Workload(format!("{}/{}[{}]", parts[0], parts[2], parts[1])), None)
            }
            Side::Addresses(addresses) => (End::Outside, Some(addresses.clone())),
        };
        let ((from, sources), (to, targets)) = (end(entry.from), end(entry.to));
        let spoken = entry.spoken.allowed.iter();
        let transport = spoken
            .fold(Transport::none(), |all, (protocol, ports)| all.union(&Transport::ports(*protocol, ports.clone())));
        add(&mut all, &from, &to, &Traffic::new(&pair(sources.or(targets).as_ref()), transport));
    }
    all
}

/// `a => b : TCP 80,8000-8100,UDP 53` line by line.
fn expected(text: &str) -> Connections {
    let mut all = Connections::new();
    for line in text.lines().filter(|line| line.contains(" => ")) {
        let (ends, spoken) = line.rsplit_once(" : ").expect("a connection says what is spoken");
        let (from, to) = ends.split_once(" => ").expect("a connection has two ends");
        let end = |text: &str| match text.strip_suffix("[External]") {
            Some(ranges) => (End::Outside, Some(ranges.split(',').map(range).collect::<AddressSet>())),
            None => (End::Workload(text.to_owned()), None),
        };
        let ((from, sources), (to, targets)) = (end(from), end(to));
        add(&mut all, &from, &to, &Traffic::new(&pair(sources.or(targets).as_ref()), transport(spoken)));
    }
    all
}

fn range(text: &str) -> AddressSet {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let address = |text: &str| text.trim().parse().unwrap_or_else(|_| panic!("{text} is not an address"));
    AddressSet::range(address(first), address(last))
}

fn transport(text: &str) -> Transport {
    if text.trim() == "All Connections" {
        let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].map(Transport::protocol);
        return all.iter().fold(Transport::none(), |all, one| all.union(one));
    }
    let mut all = Transport::none();
    let mut current = None;
    for part in text.split(',') {
        let (protocol, ports) = match part.trim().split_once(' ') {
            Some((protocol, ports)) => (Some(protocol), Some(ports)),
            None if part.trim().chars().all(|letter| letter.is_ascii_uppercase()) => (Some(part.trim()), None),
            None => (None, Some(part.trim())),
        };
        current = protocol.map(|name| name.parse::<Protocol>().expect("a protocol")).or(current);
        let protocol = current.expect("ports follow a protocol");
        let ports = ports.map(|ports| ports.parse().expect("ports"));
        all =
            all.union(&ports.map_or_else(|| Transport::protocol(protocol), |ports| Transport::ports(protocol, ports)));
    }
    all
}

/// Where two answers differ, line by line.
fn differences(ours: &Connections, theirs: &Connections) -> Vec<String> {
    let pairs: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let nothing = Traffic::none();
    let mut found = Vec::new();
    for pair in pairs {
        let (our, their) = (ours.get(pair).unwrap_or(&nothing), theirs.get(pair).unwrap_or(&nothing));
        if our != their {
            let (from, to) = pair;
            found.push(format!(
                "{from:?} => {to:?}: we alone allow {}; they alone allow {}",
                our.difference(their),
                their.difference(our)
            ));
        }
    }
    found
}

/// Fails where a case differs and is not a known difference, or is one and does not differ.
fn assert_known(case: &str, found: &[String]) -> bool {
    let known = DIFFERENCES.iter().find(|(name, _)| *name == case);
    if let Some((_, reason)) = known {
        println!("difference in {case}: {reason}");
    }
    let shown = found.iter().take(5).cloned().collect::<Vec<_>>().join("\n  ");
    if !found.is_empty() && known.is_none() {
        println!("{case}: {} differences\n  {shown}", found.len());
    }
    found.is_empty() == known.is_none()
}

#[test]
fn the_connections_of_every_netpol_case_are_the_expected_ones() {
    let Some(folder) = shared("conformance/netpol") else { return };
    let cases: Vec<_> = entries(&folder).into_iter().filter(|path| path.is_dir()).collect();
    let mut pairs = 0;
    let mut wrong = 0;
    for case in &cases {
        let theirs = expected(&text(&case.join("expected.txt")));
        // What is certain must be the same where nobody says which dataplane it is.
        for dataplane in [Dataplane::Dpv2, Dataplane::Unknown] {
            let found = differences(&ours(&connections(&case.join("manifests"), dataplane)), &theirs);
            wrong += usize::from(!assert_known(&name(case), &found));
        }
        pairs += theirs.len();
    }
    println!("netpol: {} cases, {pairs} pairs of ends, {wrong} wrong", cases.len());
    assert!(!cases.is_empty() && wrong == 0);
}

#[test]
fn every_probe_of_every_cyclonus_case_is_answered_as_expected() {
    let Some(folder) = shared("conformance/cyclonus") else { return };
    let cases: Vec<_> = entries(&folder).into_iter().filter(|path| path.is_dir()).collect();
    let (mut steps, mut probes, mut wrong) = (0, 0, 0);
    for step in cases.iter().flat_map(|case| entries(case)).filter(|path| path.is_dir()) {
        let listing = connections(&step, Dataplane::Calico);
        let allowed = allowed_probes(&listing);
        let mut found = Vec::new();
        for line in text(&step.join("expected.csv")).lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let [from, to, port, _, _, combined] = fields[..] else { panic!("{line} is not a probe") };
            if from == to {
                continue;
            }
            probes += 1;
            let we_allow = allowed.contains(&(from.to_owned(), to.to_owned(), port.to_owned()));
            if we_allow != (combined == "allowed") {
                found.push(format!("{line}: we say {we_allow}"));
            }
        }
        steps += 1;
        let case = format!("{}/{}", name(step.parent().expect("a step is in a case")), name(&step));
        wrong += usize::from(!assert_known(&case, &found));
    }
    println!("cyclonus: {} cases, {steps} steps, {probes} probes, {wrong} steps wrong", cases.len());
    assert!(steps > 0 && wrong == 0);
}

/// Where a dataplane takes blocks otherwise, the answers must change in the steps that say so, and in no others.
#[test]
fn the_dataplane_changes_the_answers_of_the_divergent_steps_alone() {
    let Some(folder) = shared("conformance/cyclonus") else { return };
    let divergent: BTreeSet<String> = text(&folder.join("divergent.txt")).lines().map(str::to_owned).collect();
    for case in entries(&folder).into_iter().filter(|path| path.is_dir()) {
        for step in entries(&case).into_iter().filter(|path| path.is_dir()) {
            let probes = |dataplane| allowed_probes(&connections(&step, dataplane));
            let differs = probes(Dataplane::Calico) != probes(Dataplane::Dpv2);
            let id = format!("{}/{}", name(&case), name(&step));
            assert!(!differs || divergent.contains(&id), "{id}: the dataplane should not matter");
        }
    }
}

/// The probes on ports 80 and 81 that a listing allows.
fn allowed_probes(listing: &Listing) -> BTreeSet<(String, String, String)> {
    let mut allowed = BTreeSet::new();
    for entry in listing.entries() {
        let (Side::Workload(from), Side::Workload(to)) = (entry.from, entry.to) else { continue };
        for (protocol, ports) in &entry.spoken.allowed {
            for port in [80, 81].into_iter().filter(|port| ports.contains(*port)) {
                let plain = |name: &str| name.replace("/Pod/", "/");
                allowed.insert((plain(&from.name), plain(&to.name), format!("{protocol}/{port}")));
            }
        }
    }
    allowed
}
