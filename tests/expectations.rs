//! What the settings expect of the ways out: what holds is silent, and what does not, is not decided or speaks of nobody is
//! told.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::program::{folder, parsed, run};
use common::{files, project, text};
use serde_json::Value;
use tempfile::TempDir;

/// The reference estate with statements in its settings.
fn reference(statements: &[&str]) -> TempDir {
    let root = project("fixtures/estates/reference");
    let mut contents: Vec<(String, String)> = Vec::new();
    for file in files(&root, ".yaml") {
        let path = file.strip_prefix(&root).expect("it is below the root").to_string_lossy().into_owned();
        contents.push((path, text(&file)));
    }
    with(contents, statements)
}

fn with(mut contents: Vec<(String, String)>, statements: &[&str]) -> TempDir {
    let list: String = statements.iter().map(|statement| format!("- {statement}\n")).collect();
    contents.push(("palisade.yaml".to_owned(), format!("expect:\n{list}")));
    let contents: Vec<(&str, &str)> = contents.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    folder(&contents)
}

fn report(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let rule = ["check", "--rule", "unmet-expectation", "--format", "json"];
    let ran = run(folder, &[&rule[..], arguments].concat());
    parsed(&ran.stdout)["findings"].as_array().expect("a list").clone()
}

/// Level, variant and resource, with whom else it is about.
fn short(finding: &Value) -> String {
    let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let resource = &finding["resource"];
    let object = match resource["name"].as_str() {
        Some(name) => format!(" {}/{name}", resource["namespace"].as_str().unwrap_or_default()),
        None => String::new(),
    };
    let suppressed = if finding["suppressed"].is_null() { "" } else { ", silenced" };
    format!("{} {}{object}{suppressed}", word("level"), word("variant"))
}

/// What is said of one statement about the reference estate.
#[track_caller]
fn says(statement: &str, expected: &[&str]) {
    let found: Vec<String> = report(reference(&[statement]).path(), &[]).iter().map(short).collect();
    assert_eq!(found, expected, "{statement}");
}

const CHECKOUT: &str = "payments/Deployment/checkout";

#[test]
fn what_must_leave_does() {
    says(&format!("allow: {{from: {CHECKOUT}, to: api.cardgate.example}}"), &[]);
    says(&format!("allow: {{from: {CHECKOUT}, to: \"api.cardgate.example:443\", via: gateway}}"), &[]);
    says("allow: {from: web, to: \"storage.googleapis.com:443\"}", &[]);
    says("allow: {from: web, to: 169.254.169.254}", &[]);
}

#[test]
fn what_must_leave_and_does_not_is_told_with_what_stops_it() {
    let ledger = "allow: {from: payments, to: \"api.cardgate.example:443\"}";
    says(ledger, &["error closed payments/ledger"]);
    let estate = reference(&[ledger]);
    let found = report(estate.path(), &[]);
    let message = found[0]["message"].as_str().expect("a text");
    assert!(message.ends_with("no clause allows it where `deny-all` denies what none allows"), "{message}");
    let related = found[0]["related"].as_array().expect("a list");
    assert_eq!(related[0]["message"], "the settings say `allow: {from: payments, to: api.cardgate.example:443}`");
    assert_eq!(
        (&related[0]["location"]["path"], &related[0]["location"]["start"]["line"]),
        (&"palisade.yaml".into(), &2.into())
    );
    let stops = related[1]["message"].as_str().expect("a text");
    assert!(stops.starts_with("what stops it: "), "{stops}");
    let denies = found[0]["witness"].as_array().expect("hops").iter().filter(|hop| hop["decision"] == "deny");
    assert_eq!(denies.count(), 1);
    // The port is the one behind the gateway, a way may be named that is none, and the application does not get by itself
    // where code in its pod might.
    says(&format!("allow: {{from: {CHECKOUT}, to: \"api.cardgate.example:80\"}}"), &["error closed payments/checkout"]);
    says(
        &format!("allow: {{from: {CHECKOUT}, to: \"api.cardgate.example\", via: sidecar}}"),
        &["error closed payments/checkout"],
    );
    says(&format!("allow: {{from: {CHECKOUT}, to: 203.0.113.0/24}}"), &["error closed payments/checkout"]);
    says(&format!("allow: {{from: {CHECKOUT}, to: other.example, via: gateway}}"), &["error closed payments/checkout"]);
}

#[test]
fn what_must_not_leave_does_not() {
    for statement in [
        "deny: {from: web, to: api.cardgate.example}",
        "deny: {from: payments, to: other.example}",
        "deny: {from: payments, to: 203.0.113.0/24}",
        "deny: {from: payments, to: 0.0.0.0/0, via: direct}",
        "deny: {from: payments, to: 0.0.0.0/0, via: pivot}",
        "deny: {from: web, to: 10.0.0.0/8}",
        "deny: {from: payments/StatefulSet/ledger, to: \"203.0.113.7:443\"}",
        "deny: {from: payments/StatefulSet/ledger, to: 0.0.0.0/0, via: gateway}",
    ] {
        says(statement, &[]);
    }
}

#[test]
fn what_must_not_leave_and_does_is_told_with_what_lets_it_out() {
    says("deny: {from: payments, to: api.cardgate.example}", &["error open payments/checkout"]);
    says("deny: {from: payments, to: \"*.cardgate.example:443\"}", &["error open payments/checkout"]);
    // Whatever address the host has, it is on the internet.
    says("deny: {from: payments, to: 0.0.0.0/0, via: gateway}", &["error open payments/checkout"]);
    says("deny: {from: web, to: storage.googleapis.com}", &["error open web/notifier"]);
    let found = report(reference(&["deny: {from: payments, to: api.cardgate.example}"]).path(), &[]);
    let related: Vec<&str> =
        found[0]["related"].as_array().expect("a list").iter().filter_map(|one| one["message"].as_str()).collect();
    assert_eq!(
        related,
        [
            "the settings say `deny: {from: payments, to: api.cardgate.example}`",
            "what lets it out: a clause of `payments-to-cardgate` allows it"
        ]
    );
    let decisions = found[0]["witness"].as_array().expect("hops").iter().map(|hop| &hop["decision"]);
    assert!(decisions.into_iter().all(|decision| decision == "allow"), "{found:?}");
}

const APP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: team-x}
spec:
  template:
    metadata: {labels: {app: app, sidecar.istio.io/inject: \"false\"}}
    spec: {containers: [{name: app, image: app}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers, namespace: team-x}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: readers}]
---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerNodePool
metadata: {name: apps}
spec: {location: europe-west3, clusterRef: {name: main}}
";

const DENY: &str = "
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewall
metadata: {name: deny-all}
spec: {networkRef: {name: vpc}, direction: EGRESS, priority: 65535, destinationRanges: [0.0.0.0/0], deny: [{protocol: all}]}
";

fn policy(egress: &str) -> String {
    format!(
        "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: egress, namespace: team-x}}
spec: {{podSelector: {{}}, policyTypes: [Egress], egress: {egress}}}
"
    )
}

/// What is said of a small estate.
#[track_caller]
fn said(documents: &[&str], statement: &str) -> Vec<(String, String)> {
    let estate = with(vec![("estate.yaml".to_owned(), documents.join("---\n"))], &[statement]);
    let found = report(estate.path(), &[]);
    let line = |finding: &Value| (short(finding), finding["message"].as_str().expect("a text").to_owned());
    found.iter().map(line).collect()
}

fn shorts(documents: &[&str], statement: &str) -> Vec<String> {
    said(documents, statement).into_iter().map(|(short, _)| short).collect()
}

#[test]
fn what_a_layer_leaves_open_is_undecided() {
    let closed = policy("[]");
    let deny = "deny: {from: team-x, to: 203.0.113.0/24}";
    let [(found, message)] = &said(&[APP, &closed], deny)[..] else { panic!("one finding") };
    assert_eq!(found, "note undecided team-x/app");
    assert!(message.starts_with("whether root on a node of `team-x/Deployment/app` can reach"), "{message}");
    assert!(message.ends_with("nothing of the firewall layer is in the input"), "{message}");
    let open = policy("[{}]");
    assert_eq!(shorts(&[APP, &open], "allow: {from: team-x, to: 203.0.113.0/24}"), ["note undecided team-x/app"]);
    assert_eq!(shorts(&[APP, &closed], "allow: {from: team-x, to: 203.0.113.0/24}"), ["error closed team-x/app"]);
    assert_eq!(shorts(&[APP, &closed, DENY], deny), [""; 0]);
    // A way that the input could not show is not there for that.
    assert_eq!(shorts(&[APP, &closed, DENY], "deny: {from: team-x, to: example.com, via: gateway}"), ["note no-way"]);
}

#[test]
fn root_on_a_node_is_worth_a_warning() {
    let allow = DENY.replace("deny-all", "allow-all").replace("deny:", "allow:");
    let closed = policy("[]");
    let [(found, message)] = &said(&[APP, &closed, &allow], "deny: {from: team-x, to: example.com}")[..] else {
        panic!("one finding")
    };
    assert_eq!(found, "warning open team-x/app");
    assert!(message.starts_with("root on a node of"), "{message}");
}

#[test]
fn a_host_may_be_in_the_part_that_is_open() {
    let partner = policy("[{to: [{ipBlock: {cidr: 203.0.113.0/24}}]}]");
    let allow = DENY.replace("deny-all", "allow").replace("deny:", "allow:").replace("0.0.0.0/0", "203.0.113.0/24");
    let allow = allow.replace("65535", "900");
    let estate: [&str; 4] = [APP, &partner, DENY, &allow];
    assert_eq!(shorts(&estate, "deny: {from: team-x, to: example.com}"), ["warning partly-open team-x/app"]);
    assert_eq!(shorts(&estate, "allow: {from: team-x, to: example.com}"), ["warning partly-open team-x/app"]);
    assert_eq!(shorts(&estate, "deny: {from: team-x, to: 203.0.113.9}"), ["error open team-x/app"]);
    assert_eq!(shorts(&estate, "deny: {from: team-x, to: 198.51.100.0/24}"), [""; 0]);
    let udp = policy("[{ports: [{port: 443, protocol: UDP}, {port: 53, protocol: UDP}]}]");
    let allow_all = DENY.replace("deny-all", "allow-all").replace("deny:", "allow:");
    let udp: [&str; 3] = [APP, &udp, &allow_all];
    assert_eq!(shorts(&udp, "allow: {from: team-x, to: \"203.0.113.9:443\"}"), ["error closed team-x/app"]);
    assert_eq!(shorts(&udp, "allow: {from: team-x, to: \"203.0.113.9:53\"}"), [""; 0]);
    assert_eq!(shorts(&udp, "deny: {from: team-x, to: \"203.0.113.9:443\"}"), ["error open team-x/app"]);
    // Of addresses, all must be reached, and none must not.
    assert_eq!(shorts(&estate, "allow: {from: team-x, to: \"203.0.113.9:443\"}"), [""; 0]);
    assert_eq!(shorts(&estate, "allow: {from: team-x, to: 203.0.112.0/23}"), ["error closed team-x/app"]);
    assert_eq!(shorts(&estate, "deny: {from: team-x, to: 203.0.112.0/23}"), ["error open team-x/app"]);
}

#[test]
fn addresses_that_the_mesh_may_know_are_undecided() {
    let app = APP.replace("\"false\"", "\"true\"");
    let mesh = "
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: team-x}
spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: [./*]}]}
";
    let entry = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: database, namespace: team-x}
spec:
  hosts: [database.example]
  addresses: [203.0.113.9]
  ports: [{number: 5432, name: tcp, protocol: TCP}]
  resolution: NONE
";
    let allow = DENY.replace("deny-all", "allow-all").replace("deny:", "allow:");
    let open = policy("[{}]");
    let statement = "allow: {from: team-x, to: \"203.0.113.9:5432\"}";
    assert_eq!(shorts(&[&app, mesh, &open, &allow], statement), ["error closed team-x/app"]);
    let [(found, message)] = &said(&[&app, mesh, entry, &open, &allow], statement)[..] else { panic!("one finding") };
    assert_eq!(found, "note undecided team-x/app");
    assert!(message.ends_with("proxies may know addresses of it by `database`"), "{message}");
}

#[test]
fn a_statement_about_nobody_is_told_at_its_place() {
    let estate = reference(&["deny: {from: paymets, to: example.com}"]);
    let [finding] = &report(estate.path(), &[])[..] else { panic!("one finding") };
    assert_eq!(short(finding), "warning no-workload");
    assert_eq!(
        finding["message"],
        "there is no namespace `paymets` with application workloads in the input, so \
         `deny: {from: paymets, to: example.com}` says nothing; did you mean `payments`?"
    );
    assert_eq!(finding["location"]["path"], "palisade.yaml");
    assert_eq!(finding["location"]["start"], serde_json::json!({"line": 2, "column": 16, "offset": 23}));
    says("deny: {from: payments/Deployment/chekout, to: example.com}", &["warning no-workload"]);
    // A namespace that waits for its workloads is no slip.
    says("deny: {from: istio-egress, to: example.com}", &["note no-workload"]);
    // Whom a part of the estate does not hold, another part may.
    let ran = run(estate.path(), &["check", "--rule", "unmet-expectation", "--format", "json", "cloud"]);
    assert_eq!(parsed(&ran.stdout)["findings"], Value::Array(Vec::new()));
}

#[test]
fn whom_one_of_several_estates_has_is_somebody() {
    let (x, y) = (APP.to_owned(), APP.replace("team-x", "team-y"));
    let settings =
        "deny: {from: team-x, to: example.com}\n- deny: {from: nobody, to: example.com}\nestates: {a: [a], b: [b]}";
    let files = vec![("a/a.yaml".to_owned(), x + "---" + &policy("[]") + "---" + DENY), ("b/b.yaml".to_owned(), y)];
    let found: Vec<String> = report(with(files, &[settings]).path(), &[]).iter().map(short).collect();
    assert_eq!(found, ["warning no-workload"]);
}

#[test]
fn addresses_of_the_cluster_are_not_judged() {
    let cluster = "
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerCluster
metadata: {name: main}
spec: {location: europe-west3, ipAllocationPolicy: {clusterIpv4CidrBlock: 10.4.0.0/14}}
";
    for word in ["allow", "deny"] {
        let statement = format!("{word}: {{from: team-x, to: 10.5.0.0/16}}");
        assert_eq!(shorts(&[APP, DENY, cluster], &statement), ["note no-way"], "{word}");
    }
}

#[test]
fn statements_about_one_workload_have_fingerprints_of_their_own() {
    let statements = [
        "deny: {from: payments, to: api.cardgate.example}",
        "deny: {from: payments, to: \"api.cardgate.example:443\"}",
        "deny: {from: payments, to: \"*.example\"}",
        "deny: {from: nobody, to: a.example}",
        "deny: {from: nobody, to: b.example}",
    ];
    let prints = |statements: &[&str]| -> BTreeSet<String> {
        let found = report(reference(statements).path(), &[]);
        found.iter().map(|one| one["fingerprint"].as_str().expect("a text").to_owned()).collect()
    };
    let all = prints(&statements);
    assert_eq!(all.len(), statements.len());
    assert!(all.iter().all(|print| !print.contains(':')), "{all:?}");
    // They stay the same wherever the statement stands.
    let turned: Vec<&str> = statements.iter().rev().copied().collect();
    assert_eq!(prints(&turned), all);
    assert!(prints(&statements[1..]).is_subset(&all));
}

#[test]
fn ignores_silence_them() {
    let statement = "deny: {from: payments, to: api.cardgate.example}";
    let ignore = |resource: &str| {
        let entry = format!(
            "{statement}\nignore:\n- {{rule: unmet-expectation, resource: {resource}, reason: until it moves, until: 2999-01-01}}"
        );
        report(reference(&[&entry]).path(), &[]).iter().map(short).collect::<Vec<_>>()
    };
    assert_eq!(ignore("payments/Deployment/checkout"), ["error open payments/checkout, silenced"]);
    assert_eq!(ignore("payments/Deployment/ledger"), ["error open payments/checkout"]);
    // What stands in the settings is silenced there.
    let nobody = "deny: {from: nobody, to: a.example} # palisade: ignore[unmet-expectation] because it is to come";
    says(nobody, &["warning no-workload, silenced"]);
    let ran = run(reference(&[nobody]).path(), &["check", "--rule", "unused-ignore", "--format", "json"]);
    assert_eq!(parsed(&ran.stdout)["findings"], Value::Array(Vec::new()));
}

#[test]
fn what_is_in_force_shows_the_statements() {
    let estate = reference(&[
        "deny: {from: payments, to: 203.0.113.0/24, via: direct}",
        "allow: {from: web, to: \"a.example:443\"}",
    ]);
    let shown = run(estate.path(), &["check", "--show-config"]).stdout;
    let lines: Vec<&str> = shown.lines().skip_while(|line| *line != "expect:").skip(1).take(2).collect();
    let [deny, allow] = lines[..] else { panic!("{shown}") };
    assert!(deny.starts_with("- deny: {from: payments, to: \"203.0.113.0/24\", via: direct}"), "{deny}");
    assert!(allow.starts_with("- allow: {from: web, to: \"a.example:443\"}"), "{allow}");
    assert!(deny.ends_with("# palisade.yaml:2") && allow.ends_with("# palisade.yaml:3"), "{shown}");
}
