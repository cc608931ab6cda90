//! The firewall engine against a naive interpreter of the written semantics (C.4), asked about single packets at the edges
//! of every range of random rule sets.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

use std::net::IpAddr;

use ipnet::IpNet;
use palisade::analysis::firewall::{Piece, PoolEgress};
use palisade::config::Config;
use palisade::model::Verdict;
use palisade::traffic::{Protocol, Sample, Traffic};
use palisade::{analysis, model, resource, source};
use proptest::prelude::*;
use serde_json::{Value, json};

const OWN_ACCOUNT: &str = "nodes@example.iam.gserviceaccount.com";
const OTHER_ACCOUNT: &str = "other@example.iam.gserviceaccount.com";
const RANGES: [&str; 7] =
    ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "203.0.113.0/24", "203.0.113.8/32", "::/0", "2001:db8::/32"];
const PROTOCOLS: [(&str, &[&str]); 12] = [
    ("all", &[]),
    ("tcp", &[]),
    ("tcp", &["443"]),
    ("tcp", &["80", "440-450"]),
    ("6", &["443"]),
    ("udp", &["53"]),
    ("17", &[]),
    ("icmp", &[]),
    ("58", &[]),
    ("132", &["9000"]),
    ("esp", &[]),
    ("47", &[]),
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

/// What the input leaves open about a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Ranges,
    Protocol,
    Ports,
    Account,
    Switch,
    /// A priority of a rule of the network.
    Priority,
    /// Names beside the ranges of a rule of a policy.
    Names,
    /// A secure tag by its name, where the nodes have theirs by its id.
    SecureTag,
    Action,
    Inspection,
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
    open: Option<Open>,
}

/// Rules of which some leave something open, if any may.
fn rules(may_open: bool) -> impl Strategy<Value = Vec<Rule>> {
    let of_both = [Open::Ranges, Open::Protocol, Open::Ports, Open::Account, Open::Switch];
    let of_network = [&of_both[..], &[Open::Priority]].concat();
    let of_policy = [&of_both[..], &[Open::Names, Open::SecureTag, Open::Action, Open::Inspection]].concat();
    let with = prop::option::weighted(0.3, (prop::sample::select(of_network), prop::sample::select(of_policy)));
    let one = (rule(), with).prop_map(move |(rule, open)| {
        let open = open.map(|(of_network, of_policy)| if rule.set == Set::Vpc { of_network } else { of_policy });
        // What has no ports cannot leave them open.
        let open = open.filter(|open| may_open && (*open != Open::Ports || !rule.protocol.1.is_empty()));
        Rule { open, ..rule }
    });
    prop::collection::vec(one, 0..12)
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
            Rule { set, priority, action, ranges, protocol, target, disabled, ingress, open: None }
        })
}

/// The rules as the API writes them. Priorities are unique within a policy: the place in the list breaks ties.
fn api(rules: &[Rule], before: bool) -> Value {
    let order = if before { "BEFORE_CLASSIC_FIREWALL" } else { "AFTER_CLASSIC_FIREWALL" };
    let config = json!({
        "serviceAccount": OWN_ACCOUNT, "tags": ["own"], "resourceManagerTags": {"tags": {"tagKeys/1": "tagValues/own"}},
    });
    let mut objects = vec![
        json!({"kind": "compute#network", "name": "vpc", "networkFirewallPolicyEnforcementOrder": order}),
        json!({
            "currentMasterVersion": "1", "name": "main", "network": "vpc", "location": "europe-west1-b",
            "nodePools": [{"name": "apps", "initialNodeCount": 1, "config": config}]
        }),
    ];
    let of_network = rules.iter().enumerate().filter(|(_, rule)| rule.set == Set::Vpc);
    objects.extend(of_network.map(|(index, rule)| vpc_rule(rule, index)));
    let network = "projects/example/global/networks/vpc";
    for (set, name, place, link) in [
        (Set::Hierarchical, "org", "organizations/1", "locations/global"),
        (Set::Global, "global", network, "projects/example/global"),
        (Set::Regional, "regional", network, "projects/example/regions/europe-west1"),
    ] {
        let rules: Vec<Value> = ordered(rules, set).enumerate().map(|(index, rule)| policy_rule(rule, index)).collect();
        let link = format!("https://www.googleapis.com/compute/v1/{link}/firewallPolicies/{name}");
        let associations = json!([{"attachmentTarget": place}]);
        objects.push(json!({
            "kind": "compute#firewallPolicy", "name": name, "selfLink": link, "rules": rules, "associations": associations,
        }));
    }
    Value::Array(objects)
}

/// What both kinds of rules have.
fn written(rule: &Rule) -> (Value, Value, Value) {
    let leaves = |part: Open| rule.open == Some(part);
    let ranges = if leaves(Open::Ranges) { json!("${var.ranges}") } else { json!(rule.ranges) };
    let protocol = if leaves(Open::Protocol) { "${var.protocol}" } else { rule.protocol.0 };
    let ports = if leaves(Open::Ports) { json!(["${var.port}"]) } else { json!(rule.protocol.1) };
    let disabled = if leaves(Open::Switch) { json!("${var.off}") } else { json!(rule.disabled) };
    (ranges, json!([{"IPProtocol": protocol, "ports": ports}]), disabled)
}

fn vpc_rule(rule: &Rule, index: usize) -> Value {
    let (ranges, layer4, disabled) = written(rule);
    let verdict = if rule.action == "allow" { "allowed" } else { "denied" };
    let priority = if rule.open == Some(Open::Priority) { json!("${var.priority}") } else { json!(rule.priority) };
    // Accounts and tags by turns.
    let (key, value) = match (rule.target, index % 2) {
        _ if rule.open == Some(Open::Account) => ("targetServiceAccounts", json!(["${var.account}"])),
        (Target::All, _) => ("description", json!("all")),
        (Target::Own, 0) => ("targetServiceAccounts", json!([OWN_ACCOUNT])),
        (Target::Own, _) => ("targetTags", json!(["own"])),
        (Target::Other, 0) => ("targetServiceAccounts", json!([OTHER_ACCOUNT])),
        (Target::Other, _) => ("targetTags", json!(["other"])),
    };
    json!({
        "kind": "compute#firewall", "name": format!("rule-{index}"), "network": "global/networks/vpc",
        "direction": if rule.ingress { "INGRESS" } else { "EGRESS" }, "priority": priority,
        "destinationRanges": ranges, verdict: layer4, "disabled": disabled, key: value,
    })
}

fn policy_rule(rule: &Rule, index: usize) -> Value {
    let (ranges, layer4, disabled) = written(rule);
    let names = if rule.open == Some(Open::Names) { json!(["example.com"]) } else { json!([]) };
    let action = match rule.open {
        Some(Open::Action) => "${var.action}",
        Some(Open::Inspection) => "apply_security_profile_group",
        _ => rule.action,
    };
    // Accounts and secure tags by turns.
    let (key, value) = match (rule.target, index % 2) {
        _ if rule.open == Some(Open::Account) => ("targetServiceAccounts", json!(["${var.account}"])),
        _ if rule.open == Some(Open::SecureTag) => ("targetSecureTags", json!([{"name": "example/role/nodes"}])),
        (Target::All, _) => ("description", json!("all")),
        (Target::Own, 0) => ("targetServiceAccounts", json!([OWN_ACCOUNT])),
        (Target::Own, _) => ("targetSecureTags", json!([{"name": "tagValues/own"}])),
        (Target::Other, 0) => ("targetServiceAccounts", json!([OTHER_ACCOUNT])),
        (Target::Other, _) => ("targetSecureTags", json!([{"name": "tagValues/other"}])),
    };
    json!({
        "priority": index, "action": action, "disabled": disabled,
        "direction": if rule.ingress { "INGRESS" } else { "EGRESS" },
        "match": {"destIpRanges": ranges, "destFqdns": names, "layer4Configs": layer4},
        key: value,
    })
}

fn ordered(rules: &[Rule], set: Set) -> impl Iterator<Item = &Rule> {
    let mut own: Vec<&Rule> = rules.iter().filter(|rule| rule.set == set).collect();
    own.sort_by_key(|rule| rule.priority);
    own.into_iter()
}

/// Whether a rule matches; where a part of it is open, whether it may.
fn may_match(rule: &Rule, packet: &Sample) -> bool {
    let leaves = |part: Open| rule.open == Some(part);
    let to = |range: &&str| range.parse::<IpNet>().is_ok_and(|net| net.contains(&packet.address));
    let protocol = match rule.protocol.0 {
        "all" => true,
        "tcp" | "6" => packet.protocol == Protocol::Tcp,
        "udp" | "17" => packet.protocol == Protocol::Udp,
        "icmp" => packet.protocol == Protocol::ICMP,
        "esp" => packet.protocol.number() == 50,
        number => number.parse() == Ok(packet.protocol.number()),
    };
    let on = |text: &&str| {
        let port = packet.port.unwrap_or_default();
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        first.parse::<u16>().is_ok_and(|first| first <= port) && last.parse::<u16>().is_ok_and(|last| port <= last)
    };
    let ports = rule.protocol.1.is_empty() || leaves(Open::Ports) || rule.protocol.1.iter().any(on);
    let target = rule.target != Target::Other || leaves(Open::Account) || leaves(Open::SecureTag);
    let anywhere = leaves(Open::Ranges) || leaves(Open::Names);
    let spoken = leaves(Open::Protocol) || (protocol && ports);
    let off = rule.disabled && !leaves(Open::Switch);
    !off && !rule.ingress && target && spoken && (anywhere || rule.ranges.iter().any(to))
}

/// The rules as they may be meant, as far as a packet is concerned: each with nothing open.
fn worlds(rules: &[Rule], packet: &Sample) -> Vec<Vec<Rule>> {
    let mut worlds = vec![Vec::new()];
    for rule in rules.iter().filter(|rule| may_match(rule, packet)) {
        // A rule that matches this packet, whatever else it does.
        let matching = |action, priority| Rule {
            open: None,
            action,
            priority,
            ranges: vec!["0.0.0.0/0", "::/0"],
            protocol: ("all", &[]),
            target: Target::All,
            disabled: false,
            ..rule.clone()
        };
        let variants: Vec<Option<Rule>> = match rule.open {
            None => vec![Some(rule.clone())],
            Some(Open::Priority) => (0..7).map(|priority| Some(matching(rule.action, priority))).collect(),
            Some(Open::Inspection) => ["allow", "deny"].map(|action| Some(matching(action, rule.priority))).to_vec(),
            Some(Open::Action) => {
                ["allow", "deny", "goto_next"].map(|action| Some(matching(action, rule.priority))).to_vec()
            }
            Some(_) => vec![None, Some(matching(rule.action, rule.priority))],
        };
        let with = |world: &Vec<Rule>| {
            let extended = variants.iter().map(|variant| world.iter().cloned().chain(variant.clone()).collect());
            extended.collect::<Vec<Vec<Rule>>>()
        };
        worlds = worlds.iter().flat_map(with).collect();
    }
    worlds
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
            let hits: Vec<&Rule> = ordered(rules, set).filter(|rule| may_match(rule, packet)).collect();
            let Some(best) = hits.iter().map(|rule| rule.priority).min() else { continue };
            return !hits.iter().any(|rule| rule.priority == best && rule.action == "deny");
        }
        match ordered(rules, set).find(|rule| may_match(rule, packet)).map(|rule| rule.action) {
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
        (Protocol::from_number(50), None),
        (Protocol::Sctp, Some(9000)),
    ];
    let each = |address: &IpAddr| kinds.map(|(protocol, port)| Sample { address: *address, protocol, port });
    addresses.iter().flat_map(each).collect()
}

fn holds(traffic: &Traffic, packet: &Sample) -> bool {
    traffic.transport_to(packet.address).contains(packet.protocol, packet.port)
}

/// Asks the engine about the one pool of an estate with these rules.
fn asked<T>(rules: &[Rule], before: bool, ask: impl FnOnce(&PoolEgress) -> T) -> T {
    let walk = source::from_text("estate.json", api(rules, before).to_string());
    let parsed = source::parse_all(&walk.sources);
    let embedded = resource::embedded_documents(&parsed.documents);
    let resources = resource::read(&parsed.documents, &embedded);
    let config = Config::default();
    let estate = model::lower(&resources, &config);
    assert_eq!(estate.pools.len(), 1);
    ask(&analysis::analyze(&estate).firewall[0])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn each_packet_meets_the_fate_that_the_documentation_says(rules in rules(false), before in any::<bool>()) {
        asked(&rules, before, |pool| {
            prop_assert!(pool.unknown.is_none(), "{:?}", pool.unknown);
            let (allowed, denied) = (pool.certainly_allowed(), pool.certainly_denied());
            for packet in packets() {
                let fate = naive(&rules, before, &packet);
                prop_assert_eq!(holds(&allowed, &packet), fate, "{} of {:?}", packet, rules);
                prop_assert_eq!(holds(&denied, &packet), !fate, "{} of {:?}", packet, rules);
            }
            let is_final = |piece: &Piece| matches!(piece.verdict, Verdict::Allow | Verdict::Deny);
            prop_assert!(pool.pieces.iter().all(is_final));
            Ok(())
        })?;
    }

    #[test]
    fn what_is_certain_holds_whatever_the_open_parts_turn_out_to_be(rules in rules(true), before in any::<bool>()) {
        asked(&rules, before, |pool| {
            let (allowed, denied) = (pool.certainly_allowed(), pool.certainly_denied());
            for packet in packets() {
                let worlds = worlds(&rules, &packet);
                let fates: Vec<bool> = worlds.iter().map(|world| naive(world, before, &packet)).collect();
                let (lets, stops) = (holds(&allowed, &packet), holds(&denied, &packet));
                prop_assert!(!lets || fates.iter().all(|fate| *fate), "{} let out by {:?}", packet, rules);
                prop_assert!(!stops || fates.iter().all(|fate| !*fate), "{} stopped by {:?}", packet, rules);
                // Nothing is left open without a reason, and the reason is told.
                prop_assert!(lets || stops || worlds.len() > 1, "{} is decided by {:?}", packet, rules);
                prop_assert!(lets || stops || pool.unknown.is_some(), "{} is open for no reason", packet);
            }
            Ok(())
        })?;
    }
}
