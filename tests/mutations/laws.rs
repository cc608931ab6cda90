//! Whatever was done to the estate before: what allows more never closes a way out, and what denies never opens one.
//!
//! Left out is what both widens and narrows: the first policy that selects a pod or guards a gateway, and routes, rules and
//! scopes that hide others.

use std::collections::BTreeMap;

use palisade::analysis::capture::Tier;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::{Files, mutations, open_ways, reference};

const ALLOWED: &[&str] =
    &["0.0.0.0/0", "203.0.113.7/32", "10.0.0.0/8", "199.36.153.8/30", "8.8.8.8/32", "169.254.169.254/32"];
const NAMESPACES: &[&str] = &["payments", "reporting", "web"];
const PORTS: &[&str] =
    &["[]", "[{protocol: TCP, port: 443}]", "[{protocol: TCP, port: 8080}]", "[{protocol: UDP, port: 53}]"];

/// Each way out with the weakest attacker to whom it is open.
fn ways(files: &Files) -> BTreeMap<String, Tier> {
    let mut ways = BTreeMap::new();
    for (name, way) in open_ways(files) {
        let key = format!("{name} {} {} {:?}", way.exit.via.as_str(), way.exit.class.as_str(), way.exit.host);
        let tier = ways.entry(key).or_insert(way.exit.tier);
        *tier = way.exit.tier.min(*tier);
    }
    ways
}

/// What is open in the one and not, or only to a stronger attacker, in the other.
fn lost(before: &BTreeMap<String, Tier>, after: &BTreeMap<String, Tier>) -> Vec<String> {
    let is_lost = |(key, tier): &(&String, &Tier)| after.get(*key).is_none_or(|now| now > *tier);
    before.iter().filter(is_lost).map(|(key, tier)| format!("{key} {}", tier.as_str())).collect()
}

/// The estate after some mutations, as far as they go together.
fn mutated() -> impl Strategy<Value = Files> {
    proptest::collection::vec(any::<Index>(), 0..4).prop_map(|picked| {
        let mutations = mutations();
        picked.iter().fold(reference(), |files, picked| picked.get(&mutations).of(&files).unwrap_or(files))
    })
}

/// Something added to a file.
type Addition = (String, String);

fn added(files: &Files, (file, text): &Addition) -> Files {
    let mut files = files.clone();
    let content = files.entry(file.clone()).or_default();
    content.push_str("---\n");
    content.push_str(text);
    files
}

fn network_policy() -> impl Strategy<Value = Addition> {
    let peers = prop_oneof![
        select(ALLOWED).prop_map(|cidr| format!("to: [{{ipBlock: {{cidr: {cidr}}}}}]")),
        Just("to: [{namespaceSelector: {}}]".to_owned()),
        Just("to: []".to_owned()),
    ];
    let pods = select(&["{}", "{matchLabels: {app: notifier}}"][..]);
    (select(NAMESPACES), pods, peers, select(PORTS)).prop_map(|(namespace, pods, peers, ports)| {
        let text = format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: added, namespace: {namespace}}}\nspec: \
             {{podSelector: {pods}, policyTypes: [Egress], egress: [{{{peers}, ports: {ports}}}]}}\n"
        );
        (format!("tenants/{namespace}/network-policies.yaml"), text)
    })
}

fn admission_of_peers() -> impl Strategy<Value = Addition> {
    let namespaces = select(&["istio-egress", "payments", "reporting", "web"][..]);
    (namespaces, select(PORTS)).prop_map(|(namespace, ports)| {
        let file = match namespace {
            "istio-egress" => "egress/network-policies.yaml".to_owned(),
            _ => format!("tenants/{namespace}/network-policies.yaml"),
        };
        let text = format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: peers, namespace: {namespace}}}\nspec: \
             {{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: [{{namespaceSelector: {{}}}}], ports: {ports}}}]}}\n"
        );
        (file, text)
    })
}

fn firewall_rule(action: &'static str) -> impl Strategy<Value = Addition> {
    let priority = select(&[0, 100, 900, 1000, 65534, 65535][..]);
    let targets = select(
        &[
            "",
            "targetServiceAccounts: [{name: nodes-apps}], ",
            "targetServiceAccounts: [{name: nodes-gateway}], ",
            "targetTags: [gke-harbor-main-3f2a-node], ",
        ][..],
    );
    let packets = select(&["{protocol: all}", "{protocol: tcp, ports: [\"443\"]}", "{protocol: udp}"][..]);
    (priority, targets, select(ALLOWED), packets).prop_map(move |(priority, targets, cidr, packets)| {
        let text = format!(
            "apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeFirewall\nmetadata: {{name: added, namespace: \
             config-control}}\nspec: {{networkRef: {{name: harbor-vpc}}, direction: EGRESS, priority: {priority}, \
             {targets}destinationRanges: [{cidr}], {action}: [{packets}]}}\n"
        );
        ("cloud/firewall.yaml".to_owned(), text)
    })
}

/// A clause for the gateway, which policies guard already.
fn clause(action: &'static str) -> impl Strategy<Value = Addition> {
    let from = select(
        &[
            "",
            "from: [{source: {namespaces: [web]}}], ",
            "from: [{source: {serviceAccounts: [web/notifier]}}], ",
            "from: [{source: {notNamespaces: [payments]}}], ",
        ][..],
    );
    let to = select(
        &[
            "hosts: [hooks.messaging.example]",
            "hosts: [\"*.example\"]",
            "ports: [\"8080\"]",
            "hosts: [rates.exchange.example], ports: [\"8080\"]",
            "notHosts: [hooks.messaging.example]",
        ][..],
    );
    (from, to).prop_map(move |(from, to)| {
        let text = format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: added, namespace: istio-egress}}\n\
             spec: {{action: {action}, rules: [{{{from}to: [{{operation: {{{to}}}}}]}}]}}\n"
        );
        ("egress/authorization.yaml".to_owned(), text)
    })
}

fn isolation() -> impl Strategy<Value = Addition> {
    (select(NAMESPACES), select(&["Egress", "Ingress"][..])).prop_map(|(namespace, direction)| {
        let text = format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: closed, namespace: {namespace}}}\n\
             spec: {{podSelector: {{}}, policyTypes: [{direction}]}}\n"
        );
        (format!("tenants/{namespace}/added.yaml"), text)
    })
}

fn admin_policy() -> impl Strategy<Value = Addition> {
    (select(ALLOWED), 0..100u8).prop_map(|(cidr, priority)| {
        let text = format!(
            "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {{name: closed}}\nspec: \
             {{priority: {priority}, subject: {{namespaces: {{}}}}, egress: [{{name: closed, action: Deny, to: [{{networks: \
             [{cidr}]}}]}}]}}\n"
        );
        ("cluster/admin-policies.yaml".to_owned(), text)
    })
}

/// Changes of texts that let more through.
const WIDER: &[(&str, &str, &str)] = &[
    (
        "tenants/web/workloads.yaml",
        "    spec:\n      serviceAccountName: notifier\n",
        "    spec:\n      tolerations: [{operator: Exists}]\n      serviceAccountName: notifier\n",
    ),
    (
        "tenants/web/workloads.yaml",
        "    spec:\n      serviceAccountName: notifier\n",
        "    spec:\n      tolerations: [{key: dedicated, operator: Equal, value: egress}]\n      serviceAccountName: notifier\n",
    ),
    (
        "egress/hosts/messaging.yaml",
        "  exportTo:\n    - istio-egress\n    - web\n  location",
        "  exportTo: [\"*\"]\n  location",
    ),
    ("tenants/web/mesh.yaml", "mode: REGISTRY_ONLY", "mode: ALLOW_ANY"),
    ("egress/gateway.yaml", "        - istio-egress/*\n", "        - \"*/*\"\n"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_allows_more_never_closes_a_way(
        files in mutated(),
        addition in prop_oneof![network_policy(), admission_of_peers(), firewall_rule("allow"), clause("ALLOW")],
    ) {
        // The first policy would close.
        prop_assume!(files.get(&addition.0).is_some_and(|text| !text.is_empty()));
        let lost = lost(&ways(&files), &ways(&added(&files, &addition)));
        prop_assert!(lost.is_empty(), "{}\ncloses {lost:#?}", addition.1);
    }

    #[test]
    fn a_wider_setting_never_closes_a_way(files in mutated(), (file, from, to) in select(WIDER)) {
        let mut wider = files.clone();
        let text = wider.get_mut(file);
        prop_assume!(text.as_ref().is_some_and(|text| text.contains(from)));
        if let Some(text) = text {
            *text = text.replacen(from, to, 1);
        }
        let lost = lost(&ways(&files), &ways(&wider));
        prop_assert!(lost.is_empty(), "{to}\ncloses {lost:#?}");
    }

    #[test]
    fn a_denial_never_opens_a_way(
        files in mutated(),
        addition in prop_oneof![firewall_rule("deny"), clause("DENY"), isolation(), admin_policy()],
    ) {
        let opened = lost(&ways(&added(&files, &addition)), &ways(&files));
        prop_assert!(opened.is_empty(), "{}\nopens {opened:#?}", addition.1);
    }
}
