//! What the conformance cases do not ask: Cilium's policies, what is not known, and the shape of the outputs.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use common::program::{folder, parsed, run};
use palisade::ConnectionOptions;
use palisade::config::Config;
use palisade::report::connections::{self, Format};
use palisade::source;
use serde_json::Value;

const PODS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: i, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: tool, namespace: ops, labels: {app: tool}}
spec: {containers: [{name: c, image: i}]}
";

fn options(from: &str, to: &str) -> ConnectionOptions {
    let filter = |text: &str| (!text.is_empty()).then(|| text.parse().expect("a filter"));
    ConnectionOptions { from: filter(from), to: filter(to), ..ConnectionOptions::default() }
}

fn written(policies: &str, options: &ConnectionOptions, format: Format) -> String {
    let walk = source::from_text("input.yaml", format!("{PODS}---\n{policies}"));
    let connected = palisade::connections(&walk, &Config::default(), options);
    assert!(connected.inputs.unparsed.is_empty() && connected.inputs.unmodelled.is_empty());
    let mut out = Vec::new();
    connections::write(&connected.listings, &walk.sources, format, false, &mut out).expect("memory can be written");
    String::from_utf8(out).expect("the output is UTF-8")
}

fn lines(policies: &str, from: &str, to: &str) -> Vec<String> {
    written(policies, &options(from, to), Format::Text).lines().map(str::to_owned).collect()
}

#[test]
fn cilium_adds_up_denies_and_isolates() {
    let policy = "
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
  - fromEndpoints: [{matchLabels: {'k8s:app': web}}]
    toPorts: [{ports: [{port: '5432'}]}]
  - fromEndpoints: [{matchLabels: {'k8s:io.kubernetes.pod.namespace': ops}}]
  ingressDeny:
  - fromEntities: [cluster]
    toPorts: [{ports: [{port: '22', protocol: TCP}]}]
";
    assert_eq!(
        lines(policy, "", "shop/Pod/db"),
        [
            "ops/Pod/tool -> shop/Pod/db: TCP 1-21,23-65535, UDP, SCTP",
            "shop/Pod/web -> shop/Pod/db: TCP 5432, UDP 5432, SCTP 5432"
        ]
    );
}

#[test]
fn a_rule_of_cilium_that_says_nothing_denies_and_one_of_endpoints_alone_stays_inside() {
    let nothing = "
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: closed}
spec:
  endpointSelector: {}
  egress: [{}]
";
    assert!(lines(nothing, "shop/Pod/web", "").is_empty());
    let inside = nothing.replace("[{}]", "[{toEndpoints: [{}]}]");
    assert_eq!(lines(&inside, "shop/Pod/web", "").len(), 2);
    let world = nothing.replace("[{}]", "[{toEntities: [world], toPorts: [{ports: [{port: '443', protocol: TCP}]}]}]");
    assert_eq!(lines(&world, "shop/Pod/web", ""), ["shop/Pod/web -> 0.0.0.0/0,::/0: TCP 443"]);
}

#[test]
fn what_is_not_evaluated_is_unknown_and_never_ignored() {
    let policy = "
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  egress:
  - toServices: [{k8sService: {serviceName: db, namespace: shop}}]
    toPorts: [{ports: [{port: '5432', protocol: TCP}]}]
";
    assert_eq!(
        lines(policy, "shop/Pod/web", "shop"),
        [
            "shop/Pod/web -> shop/Pod/db: TCP 5432 (unknown)",
            "note: CiliumNetworkPolicy `web`: `toServices` is not evaluated"
        ]
    );
}

#[test]
fn the_reasons_name_each_clause_and_what_is_denied_is_not_also_allowed() {
    let policy = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/8}}]
    ports: [{port: 443}]
  - to: [{ipBlock: {cidr: 192.168.0.0/16}}]
    ports: [{port: 443}]
";
    let explained = |to: &str| {
        let options = ConnectionOptions { explain: true, ..options("shop/Pod/web", to) };
        written(policy, &options, Format::Text)
    };
    // Two clauses open addresses that behave alike: one entry, and the places of both.
    let both = explained("10.0.0.0/8");
    assert!(both.contains("shop/Pod/web -> 10.0.0.0/8,192.168.0.0/16: TCP 443"), "{both}");
    assert!(both.contains("input.yaml:29:5") && both.contains("input.yaml:31:5"), "{both}");
    assert!(!both.contains("nothing"), "{both}");
    let part = explained("10.0.0.0/7");
    assert!(part.contains("shop/Pod/web -> 11.0.0.0/8: nothing"), "{part}");
}

#[test]
fn what_narrows_ports_to_some_requests_leaves_them_unknown() {
    let policy = |ports: &str| {
        format!(
            "
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {{name: web}}
spec:
  endpointSelector: {{matchLabels: {{app: web}}}}
  egress:
  - toEndpoints: [{{matchLabels: {{app: db}}}}]
    {ports}
"
        )
    };
    let narrowed = policy("toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{method: GET}]}}]");
    assert_eq!(
        lines(&narrowed, "shop/Pod/web", "shop"),
        [
            "shop/Pod/web -> shop/Pod/db: TCP 80 (unknown)",
            "note: CiliumClusterwideNetworkPolicy `web`: `rules` is not evaluated"
        ]
    );
    let authenticated = policy("authentication: {mode: required}");
    assert_eq!(lines(&authenticated, "shop/Pod/web", "shop")[0], "shop/Pod/web -> shop/Pod/db: all (unknown)");
    let plain = policy("authentication: {mode: disabled}");
    assert_eq!(lines(&plain, "shop/Pod/web", "shop"), ["shop/Pod/web -> shop/Pod/db: all"]);
}

#[test]
fn labels_that_are_added_to_pods_later_are_unknown_until_then() {
    let policy = |label: &str| {
        format!(
            "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: closed, namespace: shop}}
spec:
  podSelector: {{matchLabels: {{{label}}}}}
  policyTypes: [Ingress]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: queue, namespace: shop}}
spec: {{template: {{metadata: {{labels: {{app: queue}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}
"
        )
    };
    let to_queue = |label: &str| lines(&policy(label), "ops", "shop/StatefulSet/queue");
    assert_eq!(to_queue("app: other"), ["ops/Pod/tool -> shop/StatefulSet/queue: all"]);
    for label in ["security.istio.io/tlsMode: istio", "statefulset.kubernetes.io/pod-name: queue-0"] {
        assert_eq!(to_queue(label), ["ops/Pod/tool -> shop/StatefulSet/queue: all (unknown)"], "{label}");
    }
    let both = "app: other, security.istio.io/tlsMode: istio";
    assert_eq!(to_queue(both), ["ops/Pod/tool -> shop/StatefulSet/queue: all"]);
}

#[test]
fn an_end_that_the_input_does_not_have_is_told() {
    let unmatched = |from: &str, to: &str| {
        let walk = source::from_text("input.yaml", PODS.to_owned());
        let listing = common::only(palisade::connections(&walk, &Config::default(), &options(from, to)).listings);
        listing.unmatched.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(unmatched("shop", "10.0.0.0/8"), [""; 0]);
    assert_eq!(unmatched("shopp", "shop/Pod/cache"), ["shopp", "shop/Pod/cache"]);
}

#[test]
fn names_allow_no_address_that_is_written_down() {
    let policy = "
apiVersion: networking.gke.io/v1alpha1
kind: FQDNNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  egress:
  - matches: [{pattern: '*.example.com'}]
    ports: [{protocol: TCP, port: 443}]
";
    let note = "note: FQDNNetworkPolicy `web` speaks of names, whose addresses are not known: `*.example.com`";
    assert_eq!(lines(policy, "shop/Pod/web", ""), [note]);
    assert!(lines(policy, "shop/Pod/db", "").len() > 1);
}

#[test]
fn labels_of_a_namespace_that_is_not_declared_are_unknown() {
    let policy = |selector: &str| {
        format!(
            "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: db, namespace: shop}}
spec:
  podSelector: {{matchLabels: {{app: db}}}}
  ingress: [{{from: [{{namespaceSelector: {{matchLabels: {selector}}}}}]}}]
"
        )
    };
    assert_eq!(lines(&policy("{team: ops}"), "ops", "shop/Pod/db"), ["ops/Pod/tool -> shop/Pod/db: all (unknown)"]);
    let by_name = policy("{kubernetes.io/metadata.name: ops}");
    assert_eq!(lines(&by_name, "ops", "shop/Pod/db"), ["ops/Pod/tool -> shop/Pod/db: all"]);
    assert!(lines(&policy("{kubernetes.io/metadata.name: shop}"), "ops", "shop/Pod/db").is_empty());
}

#[test]
fn administrators_of_equal_priority_leave_it_open() {
    let policy = |name: &str, action: &str| {
        format!(
            "
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {{name: {name}}}
spec:
  tier: Admin
  priority: 7
  subject: {{namespaces: {{}}}}
  egress:
  - action: {action}
    to: [{{namespaces: {{matchLabels: {{team: shop}}}}}}]
    protocols: [{{tcp: {{destinationPort: {{number: 80}}}}}}]
"
        )
    };
    let both = [policy("one", "Accept"), policy("two", "Deny")].join("---");
    assert_eq!(
        lines(&both, "shop/Pod/web", "shop/Pod/db"),
        ["shop/Pod/web -> shop/Pod/db: TCP 1-79,81-65535, UDP, SCTP", "shop/Pod/web -> shop/Pod/db: TCP 80 (unknown)"]
    );
    let later = both.replacen("priority: 7", "priority: 8", 1);
    assert_eq!(lines(&later, "shop/Pod/web", "shop/Pod/db").len(), 1);
}

#[test]
fn a_peer_of_a_later_version_fails_closed() {
    let policy = |action: &str| {
        format!(
            "
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {{name: later}}
spec:
  tier: Admin
  priority: 7
  subject: {{namespaces: {{matchLabels: {{team: shop}}}}}}
  egress: [{{action: {action}, to: [{{galaxies: {{}}}}]}}]
"
        )
    };
    assert!(lines(&policy("Pass"), "shop/Pod/web", "").is_empty());
    assert!(lines(&policy("Deny"), "shop/Pod/web", "").is_empty());
    assert_eq!(lines(&policy("Accept"), "shop/Pod/web", "").len(), 3);
}

#[test]
fn pods_of_one_owner_that_a_policy_can_tell_apart_are_told_apart() {
    let pod = |name: &str, role: &str| {
        format!(
            "
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: shop
  labels: {{app: cache, role: {role}, statefulset.kubernetes.io/pod-name: {name}}}
  ownerReferences: [{{kind: StatefulSet, name: cache}}]
spec: {{containers: [{{name: c, image: i}}]}}
---"
        )
    };
    let pods = [pod("cache-0", "primary"), pod("cache-1", "replica"), pod("cache-2", "replica")].concat();
    let policy = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: cache, namespace: shop}
spec:
  podSelector: {matchLabels: {role: primary}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]
";
    let found = lines(&format!("{pods}{policy}"), "shop", "shop/StatefulSet/cache");
    assert_eq!(found.iter().filter(|line| line.starts_with("shop/Pod/web")).count(), 2, "{found:#?}");
    assert_eq!(found.iter().filter(|line| line.starts_with("shop/Pod/db")).count(), 1, "{found:#?}");
    assert!(found.iter().all(|line| line.contains("[app=cache,role=")), "{found:#?}");
}

#[test]
fn every_format_says_the_same() {
    let policy = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: http}]}]
  egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.7/32]}}], ports: [{port: 443}, {port: 53, protocol: UDP}]}]
";
    let all = options("", "");
    let json: Value = serde_json::from_str(&written(policy, &all, Format::Json)).expect("JSON");
    assert_eq!(json["schema"], 1);
    let to = |entry: &&Value| entry["from"]["workload"] == "shop/Pod/web" && entry["to"]["addresses"].is_array();
    let outside = json["connections"].as_array().and_then(|all| all.iter().find(to)).expect("an entry");
    assert_eq!(outside["to"]["addresses"], serde_json::json!(["192.0.2.0-192.0.2.6", "192.0.2.8-192.0.2.255"]));
    let spoken = serde_json::json!([{"protocol": "TCP", "ports": "443"}, {"protocol": "UDP", "ports": "53"}]);
    assert_eq!(outside["allowed"], spoken);

    let text = written(policy, &all, Format::Text);
    assert!(text.contains("shop/Pod/db -> shop/Pod/web: TCP 8080\n"), "{text}");
    let csv = written(policy, &all, Format::Csv);
    assert!(csv.contains("shop/Pod/db,shop/Pod/web,TCP,8080,allowed\n"), "{csv}");
    let dot = written(policy, &all, Format::Dot);
    assert!(dot.contains("\"shop/Pod/db\" -> \"shop/Pod/web\" [label=\"TCP 8080\"];\n"), "{dot}");
}

#[test]
fn the_reasons_name_the_clauses_and_what_is_denied() {
    let policy = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: guard, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
";
    let explained = |from| ConnectionOptions { explain: true, ..options(from, "shop/Pod/db") };
    let allowed = written(policy, &explained("shop/Pod/web"), Format::Text);
    assert!(allowed.contains("ingress, TCP 5432: NetworkPolicy `guard` allows it (input.yaml:"), "{allowed}");
    let denied = written(policy, &explained("ops"), Format::Text);
    assert!(denied.starts_with("ops/Pod/tool -> shop/Pod/db: nothing\n"), "{denied}");
    assert!(denied.contains("ingress is isolated by `guard`, and no clause allows it"), "{denied}");
}

#[test]
fn the_command_refuses_what_it_cannot_answer() {
    let estate = folder(&[("a.yaml", PODS)]);
    let cases: [(&[&str], &str); 7] = [
        (&["--format", "xml"], "text, json, csv, dot"),
        (&["--dataplane", "cilium"], "dpv2, calico, unknown"),
        (&["--to", "300.1.1.1"], "is not a namespace"),
        (&["--to", "10.0.0.0/33"], "is not a namespace"),
        (&["--from", "shop/web"], "is not a namespace"),
        (&["--from", "shopp"], "`shopp` is neither a namespace nor a workload of the input"),
        (&["--to", "shop/Deployment/web"], "`shop/Deployment/web` is neither"),
    ];
    for (arguments, said) in cases {
        let ran = run(estate.path(), &[&["connections"], arguments].concat());
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn the_sizes_of_groups_are_told_in_every_format_and_the_document_stays_whole() {
    let estate = folder(&[("a.yaml", PODS)]);
    for format in ["text", "json", "csv", "dot"] {
        let plain = run(estate.path(), &["connections", "--format", format]);
        let verbose = run(estate.path(), &["connections", "--format", format, "--verbose"]);
        assert_eq!((plain.code, verbose.code), (0, 0), "{format}");
        match format {
            "text" => assert!(verbose.stdout.contains("ops/Pod/tool and 2 workloads alike"), "{}", verbose.stdout),
            "json" => {
                let groups = parsed(&verbose.stdout)["groups"].as_array().map(Vec::len);
                assert_eq!(groups, Some(1), "{}", verbose.stdout);
            }
            _ => {
                assert!(verbose.stderr.contains("3 workloads in 1 group"), "{format}: {}", verbose.stderr);
                assert_eq!(plain.stdout, verbose.stdout, "{format}");
            }
        }
    }
}
