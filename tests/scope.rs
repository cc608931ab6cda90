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
    let chart = serde_json::json!([{"path": "shop", "templates": 3, "command": "helm template shop | palisade check -"}]);
    assert_eq!(inputs["charts"], chart);
    assert_eq!(ran.stderr.lines().filter(|line| line.contains("not audited")).count(), 2, "{}", ran.stderr);
    for format in ["terminal", "github", "markdown", "html", "junit", "gitlab", "sarif"] {
        let text = run(estate.path(), &["check", "--format", format]).stdout;
        assert_eq!(text.matches("helm template shop").count(), 1, "{format}: {text}");
        assert!(text.contains("is not rendered, so its 3 templates were not read") && text.contains("d.yaml"), "{format}");
    }
}
