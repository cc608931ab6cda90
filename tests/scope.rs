//! What is audited together and what apart, and what is said where the input is not what an audit needs.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use common::program::{CLEAN, folder, parsed, run};

const TEMPLATE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
{{- if .Values.labels }}
  labels: {{ toYaml .Values.labels }}
{{- end }}
";

#[test]
fn a_chart_that_nobody_rendered_is_named_with_the_command_that_renders_it() {
    let estate = folder(&[
        ("a.yaml", CLEAN),
        ("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
        ("shop/templates/a.yaml", TEMPLATE),
        ("shop/templates/b.yaml", TEMPLATE),
        ("shop/charts/cart/Chart.yaml", "apiVersion: v2\nname: cart\nversion: 1.0.0\n"),
        ("shop/charts/cart/templates/c.yaml", TEMPLATE),
        ("other/d.yaml", TEMPLATE),
    ]);
    let ran = run(estate.path(), &["check", "--format", "json"]);
    assert_eq!(ran.code, 2);
    let inputs = &parsed(&ran.stdout)["inputs"];
    assert_eq!(inputs["unparsed"].as_array().map(Vec::len), Some(4));
    let chart =
        serde_json::json!([{"path": "shop", "templates": 3, "command": "helm template shop | palisade check -"}]);
    assert_eq!(inputs["charts"], chart);
    assert_eq!(ran.stderr.lines().filter(|line| line.contains("not audited")).count(), 2, "{}", ran.stderr);
    for format in ["terminal", "github", "markdown", "html", "junit", "gitlab", "sarif"] {
        let text = run(estate.path(), &["check", "--format", format]).stdout;
        assert_eq!(text.matches("helm template shop").count(), 1, "{format}: {text}");
        assert!(
            text.contains("is not rendered, so its 3 templates were not read") && text.contains("d.yaml"),
            "{format}"
        );
    }
}

/// Some namespaces with a workload each, and nothing else.
fn teams(count: usize) -> String {
    let team = |number: usize| {
        format!(
            "\
apiVersion: v1
kind: Namespace
metadata: {{name: team-{number}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app, namespace: team-{number}}}
spec:
  template:
    metadata: {{labels: {{app: app}}}}
    spec: {{containers: [{{name: app, image: app}}]}}
"
        )
    };
    (0..count).map(team).collect::<Vec<_>>().join("---\n")
}

/// The rules that found something, each as often as it did.
fn rules(text: &str, arguments: &[&str]) -> Vec<String> {
    let estate = folder(&[("a.yaml", text)]);
    let report = parsed(&run(estate.path(), &[&["check", "--format", "json"], arguments].concat()).stdout);
    let findings = report["findings"].as_array().expect("there are findings").clone();
    let name = |finding: &serde_json::Value| format!("{}/{}", finding["rule"], finding["variant"]).replace('"', "");
    findings.iter().map(name).filter(|name| !name.starts_with("incomplete-evidence")).collect()
}

#[test]
fn without_a_gateway_one_calm_statement_stands_for_hundreds() {
    let complete = ["--complete", "kubernetes,mesh,cloud"];
    assert_eq!(rules(&teams(60), &[]), ["missing-egress-gateway/unknown"]);
    assert_eq!(rules(&teams(60), &complete), ["missing-egress-gateway/missing"]);
    let all = rules(&teams(60), &[&complete[..], &["--all"]].concat());
    assert!(all.len() > 100, "{all:?}");
    // Of a few workloads each is told.
    assert!(rules(&teams(3), &complete).len() > 3);
}

#[test]
fn a_namespace_that_is_named_as_the_gateways_is_a_gateway_in_scope() {
    let gateway = "apiVersion: v1\nkind: Namespace\nmetadata: {name: way-out}\n---\n";
    let estate =
        folder(&[("a.yaml", &(gateway.to_owned() + &teams(2))), ("palisade.yaml", "egress-namespaces: [way-out]\n")]);
    let text = run(estate.path(), &["check"]).stdout;
    assert!(!text.contains("no egress gateway in scope"), "{text}");
}

/// The names of the estates of an input, with their files.
fn estates(files: &[(&str, &str)]) -> Vec<String> {
    let estate = folder(files);
    let report = parsed(&run(estate.path(), &["check", "--format", "json"]).stdout);
    let estates = report["inputs"]["estates"].as_array().expect("there is a list").clone();
    estates.iter().map(|estate| format!("{} {}", estate["name"], estate["files"]).replace('"', "")).collect()
}

fn workload(name: &str, image: &str) -> String {
    format!(
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: shop}}
spec:
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: {name}, image: {image}}}]}}
"
    )
}

const DENY: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
";

const BASE: &str = "resources: [cart.yaml]\n";

fn overlay(more: &str) -> String {
    format!("resources: [../../base{more}]\n")
}

#[test]
fn overlays_of_one_base_are_audited_apart() {
    let (cart, prod, staging) = (workload("cart", "cart"), overlay(", deny.yaml"), overlay(", other.yaml"));
    let elsewhere = DENY.replace("namespace: shop", "namespace: other");
    let files = [
        ("base/kustomization.yaml", BASE),
        ("base/cart.yaml", cart.as_str()),
        ("overlays/prod/kustomization.yaml", &prod),
        ("overlays/prod/deny.yaml", DENY),
        ("overlays/staging/kustomization.yaml", &staging),
        ("overlays/staging/other.yaml", &elsewhere),
        ("namespaces.yaml", CLEAN),
    ];
    assert_eq!(estates(&files), ["prod 5", "staging 5"]);
    // The policy of one overlay closes nothing in the other.
    let estate = folder(&files);
    let arguments = ["check", "--format", "json", "--rule", "missing-egress-isolation"];
    let report = parsed(&run(estate.path(), &arguments).stdout);
    let findings = report["findings"].as_array().expect("there are findings");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["estates"], serde_json::json!(["staging"]));
    let text = run(estate.path(), &["check"]).stdout;
    assert!(text.contains("2 estates, each audited by itself") && text.contains("prod (5 files)"), "{text}");
    assert!(text.contains("severity, in staging"), "{text}");
}

#[test]
fn overlays_of_several_services_for_one_stage_are_one_estate() {
    let (cart, pay) = (workload("cart", "cart"), workload("pay", "pay"));
    let prod = overlay(", ../../../common");
    let patched = format!("{prod}patches: [{{path: patch.yaml}}]\n");
    let patch = workload("cart", "other");
    let files = [
        ("common/kustomization.yaml", "kind: Component\nresources: []\n"),
        ("cart/base/kustomization.yaml", BASE),
        ("cart/base/cart.yaml", cart.as_str()),
        ("pay/base/kustomization.yaml", "resources: [pay.yaml]\n"),
        ("pay/base/pay.yaml", &pay),
        ("cart/overlays/prod/kustomization.yaml", &prod),
        ("pay/overlays/prod/kustomization.yaml", &prod),
        ("cart/overlays/dev/kustomization.yaml", &patched),
        ("cart/overlays/dev/patch.yaml", &patch),
        ("pay/overlays/dev/kustomization.yaml", &prod),
    ];
    let all = estates(&files);
    let names: Vec<&str> = all.iter().filter_map(|name| name.split(' ').next()).collect();
    assert_eq!(names, ["dev", "prod"]);
}

#[test]
fn folders_of_clusters_are_audited_apart() {
    let cart = workload("cart", "cart");
    let files = [
        ("clusters/prod/cart.yaml", cart.as_str()),
        ("clusters/prod/deny.yaml", DENY),
        ("clusters/staging/cart.yaml", &cart),
        ("clusters/shared/namespaces.yaml", CLEAN),
        ("cloud/a.yaml", CLEAN),
    ];
    assert_eq!(estates(&files), ["prod 4", "staging 3"]);
    assert_eq!(estates(&files[..2]), [""; 0]);
}

#[test]
fn folders_that_contradict_each_other_are_audited_apart() {
    let (one, other) = (workload("cart", "cart:1"), workload("cart", "cart:2"));
    let files = [("stage1/a.yaml", one.as_str()), ("stage2/a.yaml", &other), ("mesh/b.yaml", CLEAN)];
    assert_eq!(estates(&files), ["stage1 2", "stage2 2"]);
    // Neither the same words twice nor a namespace that several declare is a contradiction.
    assert_eq!(estates(&[("x/a.yaml", &one), ("y/a.yaml", &one)]), [""; 0]);
    let labelled = CLEAN.to_owned() + "  labels: {istio-injection: enabled}\n";
    assert_eq!(estates(&[("x/a.yaml", CLEAN), ("y/a.yaml", &labelled)]), [""; 0]);
    // Two files of one folder are no two estates.
    assert_eq!(estates(&[("x/a.yaml", &one), ("x/b.yaml", &other)]), [""; 0]);
}

#[test]
fn the_settings_say_what_is_apart() {
    let (one, other) = (workload("cart", "cart:1"), workload("cart", "cart:2"));
    let settings = "estates:\n  live: [one, common]\n  test: [other.yaml, common, nowhere]\n";
    let estate = folder(&[
        ("deploy/one/a.yaml", one.as_str()),
        ("deploy/other.yaml", &other),
        ("deploy/common/b.yaml", CLEAN),
        ("deploy/old/c.yaml", &one),
        ("deploy/palisade.yaml", settings),
    ]);
    let report = parsed(&run(estate.path(), &["check", "deploy", "--format", "json"]).stdout);
    let inputs = &report["inputs"];
    assert_eq!(inputs["estates"], serde_json::json!([{"name": "live", "files": 2}, {"name": "test", "files": 2}]));
    assert_eq!((&inputs["files"], &inputs["documents"]), (&3.into(), &3.into()));
    let skipped = inputs["skipped"].to_string();
    assert!(skipped.contains("deploy/old/c.yaml") && skipped.contains("in none of the `estates`"), "{skipped}");
    let problem = &inputs["problems"][0];
    assert_eq!(problem["message"], "nothing in the input is `nowhere` or below it");
    assert_eq!(problem["location"]["start"]["line"], 3);
}
