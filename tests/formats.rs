//! One estate in every format people keep it in: the same findings, resource by resource, each at its own file and line.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::fmt::Write as _;

use palisade::config::Config;
use palisade::rules::RULES;
use palisade::source::{self, Sources, Walk};
use palisade::triage::Report;
use serde_json::{Value, json};

const FAMILIES: [&str; 4] = ["config-connector", "gcloud", "plan", "hcl"];

/// A plain estate, and one with every layer of the firewall, pools that differ and a NAT that does not last.
const ESTATES: [&str; 2] = ["formats", "formats-layers"];

fn audited(family: &str) -> (Walk, Report) {
    audited_in(ESTATES[0], family)
}

fn audited_in(estate: &str, family: &str) -> (Walk, Report) {
    let folder = common::project(&format!("fixtures/{estate}")).join(family);
    let kubernetes = common::project("fixtures/formats/kubernetes");
    let walk = source::walk(&[folder, kubernetes]).expect("the estate can be read");
    let report = palisade::audit(&walk, &Config::default());
    assert!(report.inputs.unparsed.is_empty(), "{family}: {:?}", report.inputs.unparsed);
    assert!(report.inputs.problems.is_empty(), "{family}: {:?}", report.inputs.problems);
    (walk, report)
}

/// What is said about which object. Objects that carry no name of their own in some format are left out of the comparison.
fn sayings(report: &Report) -> Vec<String> {
    let unnamed = ["IAMPolicyMember", "IamPolicy", "DNSRecordSet", "ResourceRecordSet", "FirewallPolicy"];
    let is_unnamed = |kind: &str| {
        unnamed.contains(&kind)
            || kind.ends_with("_iam_member")
            || kind == "google_dns_record_set"
            || kind.contains("FirewallPolicyRule")
            || kind.contains("firewall_policy_rule")
    };
    let said = report.findings.iter().map(|reported| {
        let finding = &reported.finding;
        let object = reported.object.as_ref().filter(|object| !is_unnamed(&object.kind));
        let name = object.map_or("", |object| object.name.as_str());
        let severity = finding.severity.as_str();
        format!("{}/{} {severity} [{name}] {}", finding.rule, finding.variant, finding.message)
    });
    let mut said: Vec<String> = said.collect();
    said.sort();
    said
}

#[test]
fn every_format_has_the_same_findings() {
    for estate in ESTATES {
        let wanted = sayings(&audited_in(estate, FAMILIES[0]).1);
        assert!(wanted.len() > 30, "{estate}: {wanted:#?}");
        for family in &FAMILIES[1..] {
            let got = sayings(&audited_in(estate, family).1);
            let missing: Vec<_> = wanted.iter().filter(|one| !got.contains(one)).collect();
            let extra: Vec<_> = got.iter().filter(|one| !wanted.contains(one)).collect();
            let which = format!("{estate}/{family}");
            assert!(missing.is_empty() && extra.is_empty(), "{which}: missing {missing:#?}, extra {extra:#?}");
            assert_eq!(wanted.len(), got.len(), "{which}");
        }
    }
}

#[test]
fn each_finding_is_at_its_own_file_and_line() {
    for estate in ESTATES {
        let golden = common::project(&format!("fixtures/{estate}/expected.txt"));
        let all: String = FAMILIES.iter().map(|family| places(estate, family)).collect();
        if common::updates() {
            std::fs::write(&golden, &all).expect("the expected findings can be written");
            continue;
        }
        let difference = common::difference(&common::text(&golden), &all);
        assert!(difference.is_none(), "\n{}", difference.unwrap_or_default());
    }
}

/// Where the findings about the cloud are, a line each.
fn places(estate: &str, family: &str) -> String {
    let (walk, report) = audited_in(estate, family);
    let root = common::project("fixtures").to_string_lossy().into_owned();
    let is_of_cloud = |rule: &str| {
        let topic = RULES.iter().find(|one| one.id == rule).map_or("", |one| one.topic);
        ["cluster", "nodes", "firewall", "dns", "logging"].contains(&topic)
    };
    let mut all = String::new();
    for reported in report.findings.iter().filter(|reported| is_of_cloud(reported.finding.rule)) {
        let finding = &reported.finding;
        let path = walk.sources[finding.at.source].path().trim_start_matches(&root).trim_start_matches('/');
        let range = common::range(finding.at, &walk.sources);
        let _ = writeln!(all, "{path}:{range} {}/{}", finding.rule, finding.variant);
    }
    all
}

#[test]
fn what_goes_away_is_not_there_and_every_object_counts() {
    for (family, documents) in [("config-connector", 25), ("gcloud", 23), ("plan", 25), ("hcl", 26)] {
        let (_, report) = audited(family);
        let inputs = &report.inputs;
        let unmodelled: usize = inputs.unmodelled.iter().map(|kind| kind.count).sum();
        assert_eq!(inputs.documents, inputs.resources + unmodelled + inputs.unparsed.len(), "{family}");
        assert_eq!(inputs.documents, documents, "{family}");
        assert!(!report.findings.iter().any(|reported| reported.finding.message.contains("`old`")));
    }
}

/// Audits texts as files beside the Kubernetes part of the estate.
fn audited_texts(files: Vec<(String, String)>) -> Report {
    let folder = common::project("fixtures/formats/kubernetes");
    let shared = common::files(&folder, ".yaml").into_iter().map(|path| (common::name(&path), common::text(&path)));
    let walk = Walk { sources: Sources::new(files.into_iter().chain(shared).collect()), skipped: Vec::new() };
    let report = palisade::audit(&walk, &Config::default());
    assert!(report.inputs.unparsed.is_empty(), "{:?}", report.inputs.unparsed);
    report
}

#[track_caller]
fn assert_alike(files: Vec<(String, String)>, what: &str) {
    let (_, wanted) = audited(FAMILIES[0]);
    let (wanted, got) = (sayings(&wanted), sayings(&audited_texts(files)));
    let missing: Vec<_> = wanted.iter().filter(|one| !got.contains(one)).collect();
    let extra: Vec<_> = got.iter().filter(|one| !wanted.contains(one)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{what}: missing {missing:#?}, extra {extra:#?}");
}

/// The objects of the API, out of their envelopes, each with its type in Cloud Asset Inventory.
fn assets() -> Vec<Value> {
    let folder = common::project("fixtures/formats/gcloud");
    let read = |file: &str| -> Value { serde_json::from_str(&common::text(&folder.join(file))).expect("JSON") };
    let list = |value: Value| value.as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    let mut add = |kind: &str, objects: Vec<Value>| {
        for data in objects {
            let name = format!("//{kind}/projects/example/{}", data["name"].as_str().unwrap_or_default());
            found.push(json!({"name": name, "asset_type": kind, "resource": {"version": "v1", "data": data}}));
        }
    };
    add("compute.googleapis.com/Network", list(read("networks.json")));
    let subnets = read("subnets.json");
    add("compute.googleapis.com/Subnetwork", list(subnets["items"]["regions/europe-west1"]["subnetworks"].clone()));
    add("compute.googleapis.com/Router", list(read("routers.json")["items"].clone()));
    add("container.googleapis.com/Cluster", list(read("clusters.json")["clusters"].clone()));
    add("compute.googleapis.com/Firewall", list(read("firewalls.json")));
    add("compute.googleapis.com/FirewallPolicy", list(read("firewall-policies.json")));
    add("dns.googleapis.com/ManagedZone", list(read("dns.json")["managedZones"].clone()));
    add("dns.googleapis.com/ResourceRecordSet", list(read("records.json")));
    add("dns.googleapis.com/Policy", list(read("dns-policies.json")));
    add("iam.googleapis.com/ServiceAccount", list(read("accounts.json")));
    let policy = read("iam-policy.json");
    let project = "cloudresourcemanager.googleapis.com/Project";
    found.push(json!({"name": "//project", "asset_type": project, "iam_policy": policy}));
    found
}

#[test]
fn asset_exports_are_read_in_both_spellings_and_a_line_each() {
    let assets = assets();
    let array = Value::Array(assets.clone()).to_string();
    assert_alike(vec![("assets.json".to_owned(), array)], "an array of assets");
    let lines: Vec<String> = assets
        .into_iter()
        .map(|mut asset| {
            let fields = asset.as_object_mut().expect("an asset");
            for (from, to) in [("asset_type", "assetType"), ("iam_policy", "iamPolicy")] {
                if let Some(value) = fields.remove(from) {
                    fields.insert(to.to_owned(), value);
                }
            }
            asset.to_string()
        })
        .collect();
    assert_alike(vec![("assets.jsonl".to_owned(), lines.join("\n"))], "an asset a line");
}

/// The plan's file is what PowerShell writes.
fn plan() -> Value {
    let walk = common::walk(&common::project("fixtures/formats/plan"));
    let text = walk.sources.iter().next().map(|source| source.text().to_owned()).expect("the plan");
    serde_json::from_str(&text).expect("JSON")
}

/// Fills in what a plan leaves open, as a state has it.
fn applied(resource: &Value) -> Value {
    let mut resource = resource.clone();
    let kind = resource["type"].as_str().unwrap_or_default().to_owned();
    let label = resource["name"].as_str().unwrap_or_default().to_owned();
    let values = &mut resource["values"];
    let network = "projects/example/global/networks/vpc";
    let email = |label: &str| format!("nodes-{label}@example.iam.gserviceaccount.com");
    match kind.as_str() {
        "google_compute_subnetwork" | "google_compute_router" => values["network"] = json!(network),
        "google_container_cluster" => {
            values["network"] = json!(network);
            values["subnetwork"] = json!("projects/example/regions/europe-west1/subnetworks/nodes");
            values["private_cluster_config"][0]["enable_private_nodes"] = Value::Null;
        }
        "google_container_node_pool" => values["node_config"][0]["service_account"] = json!(email(&label)),
        "google_service_account" => values["email"] = json!(email(&label)),
        "google_project_iam_member" => values["member"] = json!(format!("serviceAccount:{}", email("apps"))),
        "google_compute_network_firewall_policy_association" => values["attachment_target"] = json!(network),
        "google_dns_managed_zone" => {
            values["private_visibility_config"][0]["networks"][0]["network_url"] = json!(network);
        }
        "google_dns_policy" => values["networks"][0]["network_url"] = json!(network),
        _ => {}
    }
    resource
}

#[test]
fn states_are_read_as_plans_are() {
    let plan = plan();
    let root = &plan["planned_values"]["root_module"];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let own: Vec<Value> = list(&root["resources"]).iter().map(applied).collect();
    let below: Vec<Value> = list(&root["child_modules"][0]["resources"]).iter().map(applied).collect();
    let module = json!({"resources": own, "child_modules": [{"address": "module.firewall", "resources": below}]});
    let shown = json!({"format_version": "1.0", "terraform_version": "1.9.8", "values": {"root_module": module}});
    assert_alike(vec![("state.json".to_owned(), shown.to_string())], "a state as it is shown");
    let raw = own.iter().chain(&below).map(|resource| {
        json!({
            "mode": "managed", "type": resource["type"], "name": resource["name"],
            "instances": [{"schema_version": 0, "attributes": resource["values"]}]
        })
    });
    let raw = json!({
        "version": 4, "terraform_version": "1.9.8", "serial": 1, "lineage": "x", "outputs": {},
        "resources": raw.collect::<Vec<_>>()
    });
    assert_alike(vec![("terraform.tfstate".to_owned(), raw.to_string())], "a state as it is kept");
}

#[test]
fn effective_firewalls_need_no_association() {
    let folder = common::project("fixtures/formats/gcloud");
    let mut files: Vec<(String, String)> = common::files(&folder, ".json")
        .into_iter()
        .filter(|path| !common::name(path).starts_with("firewall"))
        .map(|path| (common::name(&path), common::text(&path)))
        .collect();
    let read = |file: &str| -> Value { serde_json::from_str(&common::text(&folder.join(file))).expect("JSON") };
    let rules = read("firewall-policies.json")[0]["rules"].clone();
    let policies = json!([{"name": "net-policy", "type": "NETWORK", "rules": rules}]);
    let effective = json!({"firewalls": read("firewalls.json"), "firewallPolicys": policies});
    files.push(("effective.json".to_owned(), effective.to_string()));
    assert_alike(files, "effective firewalls");
}
