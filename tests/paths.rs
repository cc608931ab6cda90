//! `palisade paths`: who can leave, how, and what stops them; what it lists, and what it refuses.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::path::PathBuf;

use common::program::{folder, parsed, run};
use serde_json::Value;

const APP: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: team-x}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: team-x}
spec:
  template:
    metadata: {labels: {app: app}}
    spec: {containers: [{name: app, image: app, securityContext: {runAsNonRoot: true, runAsUser: 1000}}]}
---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerCluster
metadata: {name: main}
spec:
  location: europe-west3
  networkRef: {name: vpc}
  datapathProvider: ADVANCED_DATAPATH
  privateClusterConfig: {enablePrivateNodes: true}
---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerNodePool
metadata: {name: apps}
spec: {location: europe-west3, clusterRef: {name: main}, nodeConfig: {serviceAccountRef: {name: apps}}}
";

const DENY: &str = "
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewall
metadata: {name: deny-all}
spec: {networkRef: {name: vpc}, direction: EGRESS, priority: 65535, destinationRanges: [0.0.0.0/0], deny: [{protocol: all}]}
";

const ALLOW: &str = "
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewall
metadata: {name: allow-partner}
spec:
  networkRef: {name: vpc}
  direction: EGRESS
  priority: 900
  destinationRanges: [203.0.113.0/24]
  allow: [{protocol: tcp, ports: [\"443\"]}]
";

const ISOLATED: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: team-x}
spec: {podSelector: {}, policyTypes: [Egress]}
";

fn fixture(name: &str) -> PathBuf {
    common::project(&format!("fixtures/estates/{name}"))
}

fn exits(documents: &[&str], arguments: &[&str]) -> Vec<Value> {
    let estate = folder(&[("estate.yaml", &documents.join("---\n"))]);
    let ran = run(estate.path(), &[&["paths", "--format", "json"], arguments].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let json = parsed(&ran.stdout);
    assert_eq!(json["schema"], 1);
    json["exits"].as_array().expect("a list").clone()
}

/// Way, class, verdict, weakest attacker and the layers that stop it.
fn short(exit: &Value) -> String {
    let layers = |key: &str| {
        let all = exit[key].as_array().into_iter().flatten();
        all.filter_map(|stop| stop["layer"].as_str()).collect::<Vec<_>>().join("+")
    };
    let of = |key: &str| exit[key].as_str().unwrap_or_default();
    let class = exit["destination"]["class"].as_str().unwrap_or_default();
    let text = [of("via"), class, of("verdict"), of("tier"), &layers("blocked_by"), &layers("unknown")].join(" ");
    text.trim_end().to_owned()
}

#[test]
fn a_way_is_open_where_no_layer_stops_it() {
    let direct = |documents: &[&str]| -> Vec<String> {
        let known = ["--complete", "kubernetes,mesh", "--tier", "application"];
        let all = exits(documents, &[&known[..], &["--via", "direct", "--to", "203.0.113.7:443", "--closed"]].concat());
        all.iter().filter(|exit| exit["destination"]["protocol"] == "TCP").map(short).collect()
    };
    assert_eq!(direct(&[APP, DENY, ALLOW]), ["direct internet open application"]);
    assert_eq!(direct(&[APP, DENY, ALLOW, ISOLATED]), ["direct internet closed application network-policy"]);
    assert_eq!(direct(&[APP, DENY, ISOLATED]), ["direct internet closed application network-policy+firewall"]);
    assert_eq!(direct(&[APP, DENY]), ["direct internet closed application firewall"]);
    let (without_cloud, _) = APP.split_once("---\napiVersion: container").expect("a cluster");
    assert_eq!(direct(&[without_cloud]), ["direct internet unknown application  scheduling+firewall"]);
}

#[test]
fn who_lands_on_the_gateways_nodes_reaches_whatever_they_reach() {
    let gateway = "
apiVersion: v1
kind: Namespace
metadata: {name: istio-egress}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: egress, namespace: istio-egress}
spec:
  template:
    metadata: {labels: {istio: egressgateway}}
    spec:
      nodeSelector: {cloud.google.com/gke-nodepool: gateway}
      tolerations: [{key: dedicated, value: gateway, effect: NoSchedule}]
      containers: [{name: istio-proxy, image: auto}]
---
apiVersion: v1
kind: Service
metadata: {name: egress, namespace: istio-egress}
spec: {selector: {istio: egressgateway}, ports: [{name: tls, port: 443}]}
---
apiVersion: iam.cnrm.cloud.google.com/v1beta1
kind: IAMServiceAccount
metadata: {name: apps}
---
apiVersion: iam.cnrm.cloud.google.com/v1beta1
kind: IAMServiceAccount
metadata: {name: gateway}
---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerNodePool
metadata: {name: gateway}
spec:
  location: europe-west3
  clusterRef: {name: main}
  nodeConfig:
    serviceAccountRef: {name: gateway}
    taint: [{key: dedicated, value: gateway, effect: NO_SCHEDULE}]
";
    let opened = |block: &str| {
        let rule = ALLOW.replace("203.0.113.0/24", block);
        rule.replace("  direction", "  targetServiceAccounts: [{name: gateway}]\n  direction")
    };
    let tolerant = APP.replace("spec: {containers", "spec: {tolerations: [{operator: Exists}], containers");
    let reached = [
        ("10.200.1.1", "private open application"),
        ("199.36.153.9", "google-api open code-execution"),
        ("203.0.113.7", "internet open application"),
    ];
    for (to, said) in reached {
        let rule = opened(&format!("{to}/32"));
        let to = format!("{to}:443");
        let ways = |app: &str| -> Vec<String> {
            let asked = ["--complete", "kubernetes,mesh", "--via", "gateway-node", "--to", &to];
            exits(&[app, DENY, &rule, gateway], &asked).iter().map(short).collect()
        };
        assert_eq!(ways(&tolerant), [format!("gateway-node {said}")]);
        assert_eq!(ways(APP), [""; 0]);
    }
}

#[test]
fn no_policy_is_named_that_does_not_bind() {
    let on_its_node = APP.replace("spec: {containers", "spec: {hostNetwork: true, containers");
    for exit in exits(&[&on_its_node, ISOLATED, ALLOW, DENY], &["--tier", "code-execution"]) {
        let hops = exit["witness"].as_array().expect("hops");
        let said = hops.iter().filter(|hop| hop["hop"].as_str().is_some_and(|hop| hop.starts_with("network policy")));
        for hop in said {
            assert_eq!(
                hop["reason"].as_str().map(|reason| reason.starts_with("network policies do not bind")),
                Some(true),
                "{hop}"
            );
        }
    }
}

#[test]
fn an_open_way_names_the_place_that_decides_each_hop() {
    let exits = exits(&[APP, DENY, ALLOW], &["--via", "direct", "--verdict", "open", "--to", "203.0.113.7:443"]);
    let [exit] = exits.as_slice() else { panic!("{exits:#?}") };
    assert_eq!(exit["workload"], "team-x/Deployment/app");
    assert_eq!(exit["destination"]["ports"], "443");
    assert_eq!(exit["destination"]["protocol"], "TCP");
    assert_eq!(exit["approved"], false);
    let witness = exit["witness"].as_array().expect("hops");
    assert!(witness.iter().all(|hop| hop["location"]["path"] == "estate.yaml"), "{witness:#?}");
    assert!(witness.iter().all(|hop| hop["location"]["start"]["line"].as_u64() > Some(0)), "{witness:#?}");
    let firewall = witness.iter().find(|hop| hop["hop"].as_str().is_some_and(|hop| hop.contains("allow-partner")));
    assert_eq!(firewall.expect("the rule that allows it")["decision"], "allow");
}

#[test]
fn a_way_begins_at_the_workload_that_takes_it() {
    for estate in common::entries(&common::project("fixtures/estates")) {
        let ran = run(&estate, &["paths", "--format", "json", "--closed"]);
        for exit in parsed(&ran.stdout)["exits"].as_array().expect("a list") {
            assert_eq!(exit["witness"][0]["hop"], exit["workload"], "{exit:#}");
        }
    }
}

#[test]
fn a_filter_lists_less_and_says_the_same() {
    let tutorial = fixture("tutorial");
    let listed = |arguments: &[&str]| -> Vec<Value> {
        let ran = run(&tutorial, &[&["paths", "--format", "json"], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        parsed(&ran.stdout)["exits"].as_array().expect("a list").clone()
    };
    let all = listed(&["--closed"]);
    let is = |key: &'static str, value: &'static str| move |exit: &&Value| exit[key] == value;
    let count = |wanted: &dyn Fn(&&Value) -> bool| all.iter().filter(wanted).count();
    assert_eq!(listed(&["--closed", "--via", "gateway"]).len(), count(&is("via", "gateway")));
    assert_eq!(listed(&["--verdict", "closed"]).len(), count(&is("verdict", "closed")));
    assert_eq!(listed(&[]).len(), all.len() - count(&is("verdict", "closed")));
    let of_y = listed(&["--closed", "--from", "team-y"]);
    assert_eq!(of_y.len(), count(&is("workload", "team-y/Deployment/test")));
    assert_eq!(listed(&["--closed", "--from", "team-y/Deployment/test"]), of_y);
    let open: Vec<Value> = listed(&["--via", "gateway", "--to", "example.com", "--verdict", "open"]);
    assert_eq!(open.len(), 2, "{open:#?}");
    assert!(open.iter().all(|exit| exit["destination"]["host"] == "example.com"));
    assert_eq!(listed(&["--to", "example.com:25", "--via", "gateway", "--verdict", "open"]).len(), 0);
}

#[test]
fn the_reference_estate_lists_nothing_open_but_what_is_approved() {
    let ran = run(&fixture("reference"), &["paths", "--format", "json", "--closed"]);
    let json = parsed(&ran.stdout);
    for exit in json["exits"].as_array().expect("a list") {
        assert_ne!(exit["verdict"], "unknown", "{exit:#}");
        assert_eq!(exit["verdict"] == "open", exit["approved"] == true, "{exit:#}");
    }
}

#[test]
fn the_command_refuses_what_it_cannot_answer() {
    let estate = folder(&[("a.yaml", APP)]);
    let cases: [(&[&str], &str); 9] = [
        (&["--format", "dot"], "terminal, json"),
        (&["--tier", "root"], "application, code-execution, tenant, node-root"),
        (&["--via", "internet"], "direct, sidecar, gateway, gateway-node, pivot, google-api, private, dns"),
        (&["--verdict", "maybe"], "open, unknown, closed"),
        (&["--to", "10.0.0.0/33"], "--to"),
        (&["--to", "example.com:99999"], "--to"),
        (&["--from", "team-x/app"], "--from"),
        (&["--from", "team-z"], "there is no namespace with application workloads `team-z` in the input"),
        (&["--from", "team-x/Deployment/apq"], "did you mean `team-x/Deployment/app`"),
    ];
    for (arguments, said) in cases {
        let ran = run(estate.path(), &[&["paths"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
    let ran = run(estate.path(), &["paths", "nowhere"]);
    assert_eq!(ran.code, 2);
    let empty = folder(&[]);
    assert_eq!(run(empty.path(), &["paths"]).code, 2);
    let broken = folder(&[("a.yaml", APP), ("b.yaml", "a: [")]);
    assert_eq!(run(broken.path(), &["paths"]).code, 2);
    assert_eq!(run(broken.path(), &["paths", "--allow-unparsed"]).code, 0);
}

#[test]
fn the_document_goes_to_the_file_that_is_named() {
    let estate = folder(&[("a.yaml", APP)]);
    let to_screen = run(estate.path(), &["paths", "--format", "json"]);
    let ran = run(estate.path(), &["paths", "--format", "json", "--output", "paths.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    let written = std::fs::read_to_string(estate.path().join("paths.json")).expect("a file");
    assert_eq!(written, to_screen.stdout);
}

/// Two teams on one pool of which the firewall says nothing: one is isolated, the other has two workloads that are not.
fn two_teams() -> Vec<String> {
    let of = |team: &str, name: &str| {
        APP.split("---\n")
            .nth(1)
            .expect("the workload")
            .replace("team-x", team)
            .replace("{name: app, namespace", &format!("{{name: {name}, namespace"))
    };
    let firewall = ALLOW.replace("203.0.113.0/24", "10.0.0.0/8");
    let mut documents: Vec<String> = [APP, ISOLATED, &firewall].map(str::to_owned).to_vec();
    documents.extend([of("team-y", "one"), of("team-y", "two")]);
    documents
}

fn whole(estate: &std::path::Path, arguments: &[&str]) -> Value {
    let ran = run(estate, &[&["paths", "--format", "json"], arguments].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    parsed(&ran.stdout)
}

/// The ways that are open to somebody below root on a node and not meant to be, as `workload via class tier`.
fn open_below_root(json: &Value) -> Vec<String> {
    let exits = json["exits"].as_array().expect("a list").iter();
    let open = exits.filter(|exit| exit["verdict"] == "open" && exit["approved"] == false);
    let counts = |exit: &&Value| exit["tier"] != "node-root" && exit["destination"]["class"] != "metadata";
    let line = |exit: &Value| {
        let word = |value: &Value| value.as_str().expect("a word").to_owned();
        [word(&exit["workload"]), word(&exit["via"]), word(&exit["destination"]["class"]), word(&exit["tier"])]
            .join(" ")
    };
    let mut lines: Vec<String> = open.filter(counts).map(line).collect();
    lines.dedup();
    lines
}

#[test]
fn what_to_do_first_comes_out_as_was_said() {
    let documents = two_teams();
    let estate = folder(&[("estate.yaml", &documents.join("---\n"))]);
    let before = whole(estate.path(), &[]);
    let first = &before["first"][0];
    let edits = first["edits"].as_array().expect("a list");
    let told: Vec<(&str, &str)> = edits
        .iter()
        .map(|edit| (edit["edit"].as_str().expect("a word"), edit["object"].as_str().expect("a name")))
        .collect();
    assert_eq!(told, [("firewall-deny-egress", "vpc"), ("default-deny-egress", "team-y")], "{first:#}");
    let number = |edit: &Value, key: &str| edit[key].as_u64().expect("a number");
    // The policy closes what is open in its namespace, and nothing else; root on a node is not bound by it.
    let policy = &edits[1];
    assert_eq!(policy["open_to"], "node-root");
    assert_eq!(policy["location"]["path"], "estate.yaml");
    let below = open_below_root(&before);
    assert!(!below.is_empty() && below.iter().all(|way| way.starts_with("team-y/")), "{below:?}");
    let with_policy =
        folder(&[("estate.yaml", &documents.join("---\n")), ("added.yaml", &ISOLATED.replace("team-x", "team-y"))]);
    assert_eq!(open_below_root(&whole(with_policy.path(), &[])), [""; 0]);
    let after = whole(with_policy.path(), &[]);
    assert_eq!(number(policy, "closes"), number(policy, "open_to_stronger"));
    // What it closes to all but root is open to root now, and was not told as that before.
    let of_root = |json: &Value| {
        let exits = json["exits"].as_array().expect("a list").iter();
        exits.filter(|exit| exit["verdict"] == "open" && exit["tier"] == "node-root").count()
    };
    assert!(of_root(&after) > of_root(&before));
    // The rule closes what falls through to the implied one: not private addresses, which another rule allows.
    let rule = &edits[0];
    assert_eq!((number(rule, "closes"), number(first, "open"), &rule["open_to"]), (12, 15, &Value::Null));
    let with_rule = folder(&[("estate.yaml", &documents.join("---\n")), ("added.yaml", DENY)]);
    let after = whole(with_rule.path(), &[]);
    assert_eq!(number(&after["first"][0], "open"), number(first, "open") - number(rule, "closes"));
    assert_eq!(number(rule, "stops_approved"), 0);
}

#[test]
fn what_to_do_first_is_about_what_is_asked_for() {
    let estate = folder(&[("estate.yaml", &two_teams().join("---\n"))]);
    let of_x = &whole(estate.path(), &["--from", "team-x"])["first"][0];
    let kinds: Vec<&Value> = of_x["edits"].as_array().expect("a list").iter().map(|edit| &edit["edit"]).collect();
    assert_eq!(kinds, ["firewall-deny-egress"], "{of_x:#}");
    let to = &whole(estate.path(), &["--from", "team-y/Deployment/one", "--to", "203.0.113.9:443"])["first"][0];
    // One over each protocol that has ports.
    assert_eq!((&to["open"], &to["edits"][0]["closes"]), (&3.into(), &3.into()), "{to:#}");
    let text = run(estate.path(), &["paths"]).stdout;
    let section: Vec<&str> = text.lines().skip_while(|line| *line != "what to do first").take(3).collect();
    assert!(
        section.len() == 3 && section[1].starts_with("  1. a firewall rule of priority 65535 that denies all egress"),
        "{text}"
    );
    assert!(!run(estate.path(), &["paths", "--quiet"]).stdout.contains("what to do first"));
    let closed = folder(&[("estate.yaml", &[APP, DENY, ISOLATED].join("---\n"))]);
    assert!(!run(closed.path(), &["paths"]).stdout.contains("what to do first"));
    assert_eq!(whole(closed.path(), &[])["first"][0]["edits"], Value::Array(Vec::new()));
}
