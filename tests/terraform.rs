//! What Terraform leaves open: an expression that only a plan can tell is unknown, at its place, and never absent.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

use palisade::config::Config;
use palisade::source::{self, Sources, Walk};
use palisade::{analysis, model, resource};

const CLUSTER: &str = "resource \"google_compute_network\" \"vpc\" {\n  name = \"vpc\"\n}\n\
    resource \"google_container_cluster\" \"main\" {\n  name    = \"main\"\n  network = google_compute_network.vpc.id\n}\n\
    resource \"google_container_node_pool\" \"apps\" {\n  name    = \"apps\"\n  cluster = google_container_cluster.main.name\n}\n";

/// A denial of everything, with lines of its own in place of those that start alike.
fn deny_all(lines: &[&str]) -> String {
    let usual = [
        "network = google_compute_network.vpc.name",
        "direction = \"EGRESS\"",
        "priority = 65535",
        "destination_ranges = [\"0.0.0.0/0\"]",
        "deny {\n    protocol = \"all\"\n  }",
    ];
    let word = |line: &str| {
        line.trim_start_matches("dynamic ").trim_start_matches('"').split([' ', '"']).next().map(str::to_owned)
    };
    let kept = usual.iter().filter(|line| !lines.iter().any(|own| word(own) == word(line)));
    let all: Vec<&str> = kept.copied().chain(lines.iter().copied()).collect();
    format!("resource \"google_compute_firewall\" \"deny_all\" {{\n  name = \"deny-all\"\n  {}\n}}\n", all.join("\n  "))
}

/// What the firewall of the one pool depends on, in the user's words; and the findings.
fn judged(files: &[(&str, &str)]) -> (Option<String>, Vec<String>) {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let walk = Walk { sources: Sources::new(files), skipped: Vec::new() };
    let config = Config::default();
    let parsed = source::parse_all(&walk.sources);
    assert!(parsed.unparsed.is_empty(), "{:?}", parsed.unparsed);
    let embedded = resource::embedded_documents(&parsed.documents);
    let resources = resource::read(&parsed.documents, &embedded);
    let estate = model::lower(&resources, &config);
    let facts = analysis::analyze(&estate);
    let unknown = facts.firewall.first().and_then(|pool| pool.unknown.as_ref());
    let words = unknown.map(|unknown| walk.sources[unknown.at.source].slice(unknown.at.span).to_owned());
    let report = palisade::audit(&walk, &config);
    let found = report.findings.iter().map(|reported| reported.finding.rule.to_owned()).collect();
    (words, found)
}

#[track_caller]
fn assert_open(lines: &[&str], expression: &str) {
    let (words, found) = judged(&[("main.tf", CLUSTER), ("firewall.tf", &deny_all(lines))]);
    assert_eq!(words.as_deref(), Some(expression));
    assert!(!found.contains(&"implied-egress-allow".to_owned()), "{found:?}");
    assert!(!found.contains(&"essential-flow-denied".to_owned()), "{found:?}");
    assert!(found.contains(&"incomplete-evidence".to_owned()), "{found:?}");
}

#[test]
fn what_is_written_out_is_known() {
    let (words, found) = judged(&[("main.tf", CLUSTER), ("firewall.tf", &deny_all(&[]))]);
    assert_eq!(words, None);
    assert!(!found.contains(&"implied-egress-allow".to_owned()), "{found:?}");
    let (words, found) = judged(&[("main.tf", CLUSTER)]);
    assert_eq!(words, None);
    assert!(found.contains(&"implied-egress-allow".to_owned()), "{found:?}");
}

#[test]
fn a_firewall_without_pools_says_what_it_leaves_open() {
    let network = "resource \"google_compute_network\" \"vpc\" {\n  name = \"vpc\"\n}\n";
    let notes = |lines: &[&str]| {
        let files = [("vpc.tf", network.to_owned()), ("firewall.tf", deny_all(lines))];
        let files = files.map(|(path, text)| (path.to_owned(), text)).to_vec();
        let walk = Walk { sources: Sources::new(files), skipped: Vec::new() };
        let report = palisade::audit(&walk, &Config::default());
        let notes = report.findings.into_iter().map(|reported| reported.finding);
        let of_firewall = notes.filter(|note| (note.rule, note.variant) == ("incomplete-evidence", "firewall"));
        let words = |at: source::Location| walk.sources[at.source].slice(at.span).to_owned();
        of_firewall.map(|note| note.related.iter().map(|related| words(related.at)).collect()).collect()
    };
    let open: Vec<Vec<String>> = notes(&["priority = var.priority"]);
    assert_eq!(open, [["var.priority"]]);
    assert_eq!(notes(&[]), Vec::<Vec<String>>::new());
}

#[test]
fn values_of_the_folder_are_known_wherever_they_stand() {
    let values = "variable \"everywhere\" {\n  default = [\"0.0.0.0/0\"]\n}\nlocals {\n  last = 65535\n  rules = { priority = local.last }\n}\n";
    let rule = deny_all(&[
        "destination_ranges = var.everywhere",
        "priority = local.rules.priority",
        "name_prefix = \"${var.unset}-x\"",
    ]);
    let (words, found) = judged(&[("main.tf", CLUSTER), ("values.tf", values), ("firewall.tf", &rule)]);
    assert_eq!(words, None);
    assert!(!found.contains(&"implied-egress-allow".to_owned()), "{found:?}");
}

#[test]
fn an_expression_is_open_at_its_place() {
    assert_open(&["count = var.enabled ? 1 : 0"], "var.enabled ? 1 : 0");
    assert_open(&["for_each = toset(var.names)"], "toset(var.names)");
    assert_open(
        &["dynamic \"deny\" {\n    for_each = var.denied\n    content {\n      protocol = deny.value\n    }\n  }"],
        "var.denied",
    );
    assert_open(&["destination_ranges = var.ranges"], "var.ranges");
    assert_open(&["destination_ranges = concat([\"10.0.0.0/8\"], var.ranges)"], "concat([\"10.0.0.0/8\"], var.ranges)");
    assert_open(&["priority = lookup(var.rule, \"priority\", 65535)"], "lookup(var.rule, \"priority\", 65535)");
    assert_open(&["disabled = !var.enforced"], "!var.enforced");
    assert_open(&["direction = var.direction"], "var.direction");
    assert_open(&["deny {\n    protocol = var.protocol\n  }"], "var.protocol");
    assert_open(
        &["network = data.google_compute_network.shared.self_link"],
        "data.google_compute_network.shared.self_link",
    );
    assert_open(
        &["target_service_accounts = [data.google_service_account.nodes.email]"],
        "data.google_service_account.nodes.email",
    );
}

#[test]
fn an_argument_of_a_module_is_no_default() {
    let rule = deny_all(&["disabled = var.off"]);
    let inside = format!("variable \"off\" {{\n  default = false\n}}\n{CLUSTER}{rule}");
    let (words, _) = judged(&[("net/main.tf", &inside)]);
    assert_eq!(words, None);
    let call = "module \"net\" {\n  source = \"./net\"\n  off    = true\n}\n";
    let (words, found) = judged(&[("net/main.tf", &inside), ("main.tf", call)]);
    assert_eq!(words.as_deref(), Some("var.off"));
    assert!(!found.contains(&"implied-egress-allow".to_owned()), "{found:?}");
}

#[test]
fn a_module_from_elsewhere_may_deny() {
    let call = |source: &str, arguments: &str| format!("module \"rules\" {{\n  source = \"{source}\"\n{arguments}}}\n");
    let open = |text: &str| judged(&[("main.tf", CLUSTER), ("rules.tf", text)]);
    let denial = "  rules = [{ name = \"deny-all\", direction = \"EGRESS\", deny = [{ protocol = \"all\" }] }]\n";
    let incoming = "  rules = [{ name = \"deny-in\", direction = \"INGRESS\", deny = [{ protocol = \"all\" }] }]\n";
    assert_eq!(open(&call("example/rules/google", denial)).0.as_deref(), Some("deny"));
    assert_eq!(open(&call("example/rules/google", incoming)).0, None);
    assert_eq!(open(&call("terraform-google-modules/network/google", "")).0.as_deref(), Some("\"rules\""));
    assert_eq!(open(&call("../../modules/net-vpc-firewall", "")).0.as_deref(), Some("\"rules\""));
    assert_eq!(open(&call("example/bucket/google", "")).0, None);
    // A module whose files are in the input makes what they say.
    let (words, found) =
        judged(&[("main.tf", CLUSTER), ("rules.tf", &call("./network", "")), ("network/main.tf", "locals {}\n")]);
    assert_eq!(words, None);
    assert!(found.contains(&"implied-egress-allow".to_owned()), "{found:?}");
}

#[test]
fn configuration_as_json_is_read_alike() {
    let text = r#"{"resource": {
        "google_container_cluster": {"main": {"name": "main", "network": "vpc"}},
        "google_container_node_pool": {"apps": [{"name": "apps", "cluster": "${google_container_cluster.main.name}"}]},
        "google_compute_firewall": {"deny": {"name": "deny", "network": "vpc", "direction": "EGRESS", "disabled": "${var.off}",
            "deny": [{"protocol": "all"}]}}
    }}"#;
    let (words, found) = judged(&[("main.tf.json", text)]);
    assert_eq!(words.as_deref(), Some("\"${var.off}\""));
    assert!(!found.contains(&"implied-egress-allow".to_owned()), "{found:?}");
}

#[test]
fn an_override_leaves_open_what_it_overrides() {
    let changed = "resource \"google_compute_firewall\" \"deny_all\" {\n  disabled = true\n}\n";
    let judge = |name| judged(&[("main.tf", CLUSTER), ("firewall.tf", &deny_all(&[])), (name, changed)]);
    for name in ["override.tf", "firewall_override.tf"] {
        let (words, found) = judge(name);
        assert_eq!(words.as_deref(), Some("\"deny_all\""), "the label in the override file");
        assert!(found.contains(&"incomplete-evidence".to_owned()), "{found:?}");
    }
    let elsewhere = judge("other/override.tf");
    assert_eq!(elsewhere.0, None);
}
