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
