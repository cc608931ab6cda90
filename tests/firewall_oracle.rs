//! The firewall engine against a naive interpreter of the written semantics (C.4), asked about single packets at the edges
//! of every range of random rule sets.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

use std::net::IpAddr;

use ipnet::IpNet;
use palisade::config::Config;
use palisade::model::Verdict;
use palisade::traffic::{Protocol, Sample, Traffic};
use palisade::{analysis, model, resource, source};
use proptest::prelude::*;
use serde_json::{Value, json};

const OWN_ACCOUNT: &str = "nodes@example.iam.gserviceaccount.com";
const RANGES: [&str; 7] =
    ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "203.0.113.0/24", "203.0.113.8/32", "::/0", "2001:db8::/32"];
const PROTOCOLS: [(&str, &[&str]); 9] = [
    ("all", &[]),
    ("tcp", &[]),
    ("tcp", &["443"]),
    ("tcp", &["80", "440-450"]),
    ("6", &["443"]),
    ("udp", &["53"]),
    ("17", &[]),
    ("icmp", &[]),
    ("58", &[]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Hierarchical,
    Vpc,
    Global,
    Regional,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    All,
    Own,
    Other,
}

#[derive(Clone, Debug)]
struct Rule {
    set: Set,
    priority: u16,
    action: &'static str,
    ranges: Vec<&'static str>,
    protocol: (&'static str, &'static [&'static str]),
    target: Target,
    disabled: bool,
    ingress: bool,
}

fn rule() -> impl Strategy<Value = Rule> {
    let set =
        prop_oneof![Just(Set::Hierarchical), Just(Set::Vpc), Just(Set::Vpc), Just(Set::Global), Just(Set::Regional)];
    let target = prop_oneof![3 => Just(Target::All), 2 => Just(Target::Own), 1 => Just(Target::Other)];
    (
        set,
        0u16..6,
        prop_oneof![Just("allow"), Just("deny"), Just("goto_next")],
        prop::collection::vec(prop::sample::select(&RANGES[..]), 1..3),
        prop::sample::select(&PROTOCOLS[..]),
        target,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(set, priority, action, ranges, protocol, target, disabled, ingress)| {
            // The network's own rules allow or deny.
            let action = if set == Set::Vpc && action == "goto_next" { "deny" } else { action };
            Rule { set, priority, action, ranges, protocol, target, disabled, ingress }
        })
}

/// The rules as the API writes them. Priorities are unique within a policy: the place in the list breaks ties.
fn api(rules: &[Rule], before: bool) -> Value {
    let order = if before { "BEFORE_CLASSIC_FIREWALL" } else { "AFTER_CLASSIC_FIREWALL" };
    let mut objects = vec![
        json!({"kind": "compute#network", "name": "vpc", "networkFirewallPolicyEnforcementOrder": order}),
        json!({
            "currentMasterVersion": "1", "name": "main", "network": "vpc",
            "nodePools": [{"name": "apps", "initialNodeCount": 1, "config": {"serviceAccount": OWN_ACCOUNT, "tags": ["own"]}}]
        }),
    ];
    for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.set == Set::Vpc) {
        let block = json!([{"IPProtocol": rule.protocol.0, "ports": rule.protocol.1}]);
        let verdict = if rule.action == "allow" { "allowed" } else { "denied" };
        // Accounts and tags by turns.
        let (key, value) = match (rule.target, index % 2) {
            (Target::All, _) => ("description", json!("all")),
            (Target::Own, 0) => ("targetServiceAccounts", json!([OWN_ACCOUNT])),
            (Target::Own, _) => ("targetTags", json!(["own"])),
            (Target::Other, 0) => ("targetServiceAccounts", json!(["other@example.iam.gserviceaccount.com"])),
            (Target::Other, _) => ("targetTags", json!(["other"])),
        };
        objects.push(json!({
            "kind": "compute#firewall", "name": format!("rule-{index}"), "network": "global/networks/vpc",
            "direction": if rule.ingress { "INGRESS" } else { "EGRESS" }, "priority": rule.priority,
            "destinationRanges": rule.ranges, verdict: block, "disabled": rule.disabled, key: value,
        }));
    }
    for (set, name, place, kind) in [
        (
            Set::Hierarchical,
            "org",
            json!([{"attachmentTarget": "organizations/1"}]),
            "https://www.googleapis.com/compute/v1/locations/global/firewallPolicies/org",
        ),
        (
            Set::Global,
            "global",
            json!([{"attachmentTarget": "projects/example/global/networks/vpc"}]),
            "https://www.googleapis.com/compute/v1/projects/example/global/firewallPolicies/global",
        ),
        (
            Set::Regional,
            "regional",
            json!([{"attachmentTarget": "projects/example/global/networks/vpc"}]),
            "https://www.googleapis.com/compute/v1/projects/example/regions/r/firewallPolicies/regional",
        ),
    ] {
        let written: Vec<Value> = ordered(rules, set)
            .enumerate()
            .map(|(priority, rule)| {
                let target = match rule.target {
                    Target::All => json!([]),
                    Target::Own => json!([OWN_ACCOUNT]),
                    Target::Other => json!(["other@example.iam.gserviceaccount.com"]),
                };
                json!({
                    "priority": priority, "action": rule.action, "disabled": rule.disabled,
                    "direction": if rule.ingress { "INGRESS" } else { "EGRESS" },
                    "match": {
                        "destIpRanges": rule.ranges,
                        "layer4Configs": [{"ipProtocol": rule.protocol.0, "ports": rule.protocol.1}],
                    },
                    "targetServiceAccounts": target,
                })
            })
            .collect();
        objects.push(json!({
            "kind": "compute#firewallPolicy", "name": name, "selfLink": kind, "rules": written, "associations": place,
        }));
    }
    Value::Array(objects)
}

fn ordered(rules: &[Rule], set: Set) -> impl Iterator<Item = &Rule> {
    let mut own: Vec<&Rule> = rules.iter().filter(|rule| rule.set == set).collect();
    own.sort_by_key(|rule| rule.priority);
    own.into_iter()
}

fn matches(rule: &Rule, packet: &Sample) -> bool {
    let to = |range: &&str| range.parse::<IpNet>().is_ok_and(|net| net.contains(&packet.address));
    let protocol = match rule.protocol.0 {
        "all" => true,
        "tcp" | "6" => packet.protocol == Protocol::Tcp,
        "udp" | "17" => packet.protocol == Protocol::Udp,
        "icmp" => packet.protocol == Protocol::ICMP,
        number => number.parse() == Ok(packet.protocol.number()),
    };
    let on = |text: &&str| {
        let port = packet.port.unwrap_or_default();
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        first.parse::<u16>().is_ok_and(|first| first <= port) && last.parse::<u16>().is_ok_and(|last| port <= last)
    };
    let ports = rule.protocol.1.is_empty() || rule.protocol.1.iter().any(on);
    !rule.disabled && !rule.ingress && rule.target != Target::Other && protocol && ports && rule.ranges.iter().any(to)
}

/// What becomes of a packet, as the documentation says it.
fn naive(rules: &[Rule], before: bool, packet: &Sample) -> bool {
    if packet.address == IpAddr::from([169, 254, 169, 254]) {
        return true;
    }
    let order = if before {
        [Set::Hierarchical, Set::Global, Set::Regional, Set::Vpc]
    } else {
        [Set::Hierarchical, Set::Vpc, Set::Global, Set::Regional]
    };
    for set in order {
        if set == Set::Vpc {
            let hits: Vec<&Rule> = ordered(rules, set).filter(|rule| matches(rule, packet)).collect();
            let Some(best) = hits.iter().map(|rule| rule.priority).min() else { continue };
            return !hits.iter().any(|rule| rule.priority == best && rule.action == "deny");
        }
        match ordered(rules, set).find(|rule| matches(rule, packet)).map(|rule| rule.action) {
            Some("allow") => return true,
            Some("deny") => return false,
            _ => {}
        }
    }
    true
}

fn packets() -> Vec<Sample> {
    let mut addresses: Vec<IpAddr> = vec![IpAddr::from([169, 254, 169, 254]), IpAddr::from([8, 8, 8, 8])];
    for net in RANGES.iter().filter_map(|range| range.parse::<IpNet>().ok()) {
        addresses.extend([net.network(), net.broadcast()]);
        if let (IpAddr::V4(first), IpAddr::V4(last)) = (net.network(), net.broadcast()) {
            let (below, above) = (u32::from(first).wrapping_sub(1), u32::from(last).wrapping_add(1));
            addresses.extend([IpAddr::V4(below.into()), IpAddr::V4(above.into())]);
        }
    }
    let kinds = [
        (Protocol::Tcp, Some(443)),
        (Protocol::Tcp, Some(80)),
        (Protocol::Tcp, Some(451)),
        (Protocol::Udp, Some(53)),
        (Protocol::Udp, Some(54)),
        (Protocol::ICMP, None),
        (Protocol::from_number(58), None),
        (Protocol::from_number(47), None),
    ];
    let each = |address: &IpAddr| kinds.map(|(protocol, port)| Sample { address: *address, protocol, port });
    addresses.iter().flat_map(each).collect()
}

fn holds(traffic: &Traffic, packet: &Sample) -> bool {
    traffic.transport_to(packet.address).contains(packet.protocol, packet.port)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn each_packet_meets_the_fate_that_the_documentation_says(
        rules in prop::collection::vec(rule(), 0..12),
        before in any::<bool>(),
    ) {
        let text = api(&rules, before).to_string();
        let walk = source::from_text("estate.json", text);
        let parsed = source::parse_all(&walk.sources);
        let embedded = resource::embedded_documents(&parsed.documents);
        let resources = resource::read(&parsed.documents, &embedded);
        let config = Config::default();
        let estate = model::lower(&resources, &config);
        prop_assert_eq!(estate.pools.len(), 1);
        let facts = analysis::analyze(&estate);
        let pool = &facts.firewall[0];
        prop_assert!(pool.unknown.is_none(), "{:?}", pool.unknown);
        let (allowed, denied) = (pool.certainly_allowed(), pool.certainly_denied());
        for packet in packets() {
            let fate = naive(&rules, before, &packet);
            prop_assert_eq!(holds(&allowed, &packet), fate, "{} of {:?}", packet, rules);
            prop_assert_eq!(holds(&denied, &packet), !fate, "{} of {:?}", packet, rules);
        }
        let deciders = pool.pieces.iter().all(|piece| matches!(piece.verdict, Verdict::Allow | Verdict::Deny));
        prop_assert!(deciders);
    }
}
