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
