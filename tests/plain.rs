//! What is written may be shown: no manifest steers a terminal, whatever the format, and nothing looks like a crash.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Names and values with sequences for terminals, in C0 and C1, and with letters that turn the reading order.
const HOSTILE: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: "a\e[31mred\a\x9b31m\u202e\x7f"
  namespace: "n\u0007s"
spec:
  template:
    metadata:
      labels: {app: x}
      annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: "4\e[0m43"}
    spec:
      hostNetwork: true
      containers: [{name: "c\e]8;;http://example.com\a", image: x}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: "p\e[5m", namespace: "n\u0007s"}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{}]
---
apiVersion: "x\e[1m/v1"
kind: "Foo\e[1m"
metadata: {name: x}
"#;

/// A control character outside of a string, which no YAML may hold.
const BROKEN: &str = "a: [\u{1}\n";

fn estate() -> TempDir {
    let folder = TempDir::new().expect("a folder can be made");
    fs::write(folder.path().join("hostile.yaml"), HOSTILE).expect("a file can be written");
    // A name that this system has, and Windows has not.
    let name = if cfg!(unix) { "bro\u{1b}[31mken.yaml" } else { "broken.yaml" };
    fs::write(folder.path().join(name), BROKEN).expect("a file can be written");
    folder
}

/// Fails where a text holds what is none: lines and tabs are text.
#[track_caller]
fn assert_plain(text: &[u8], what: &str) {
    let text = std::str::from_utf8(text).expect("the output is UTF-8");
    let steers = |c: char| (c.is_control() && !"\n\t".contains(c)) || ('\u{202a}'..='\u{202e}').contains(&c);
    if let Some(at) = text.find(steers) {
        let line = text[..at].rsplit('\n').next().unwrap_or_default();
        panic!("{what}: {:?} after {line}", text[at..].chars().next());
    }
}

fn assert_all_plain(folder: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(arguments)
        .current_dir(folder)
        .env("RUST_BACKTRACE", "1")
        .output()
        .expect("the program starts");
    let what = arguments.join(" ");
    assert_plain(&output.stdout, &what);
    assert_plain(&output.stderr, &what);
    assert_eq!(output.status.code(), Some(2), "{what}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked") && !said.contains("backtrace"), "{what}: {said}");
}

#[test]
fn no_manifest_steers_a_terminal() {
    let estate = estate();
    for format in ["terminal", "json", "sarif", "github", "gitlab", "junit", "markdown", "html"] {
        assert_all_plain(estate.path(), &["check", "--verbose", "--all", "--format", format]);
    }
    for format in ["text", "json", "csv", "dot"] {
        assert_all_plain(estate.path(), &["connections", "--explain", "--verbose", "--format", format]);
    }
    for format in ["terminal", "json"] {
        assert_all_plain(estate.path(), &["paths", "--closed", "--verbose", "--format", format]);
    }
}

#[test]
fn json_means_the_same() {
    let estate = estate();
    let output = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["check", "--format", "json"])
        .current_dir(estate.path())
        .output()
        .expect("the program starts");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("a list");
    let name = "a\u{1b}[31mred\u{7}\u{9b}31m\u{202e}\u{7f}";
    assert!(findings.iter().any(|finding| finding["resource"]["name"] == name), "{findings:#?}");
}

#[test]
fn settings_and_names_that_are_quoted_do_not_either() {
    let estate = TempDir::new().expect("a folder can be made");
    fs::write(estate.path().join("palisade.yaml"), "\"ru\\e[1mles\": 1\ncomplete: [\"\\e[5mmesh\"]\n").expect("a file");
    assert_all_plain(estate.path(), &["check"]);
    assert_all_plain(estate.path(), &["check", "no\u{1b}[31mpe"]);
    assert_all_plain(estate.path(), &["check", "--rule", "no\u{1b}[31mpe"]);
    assert_all_plain(estate.path(), &["check", "--fail-on", "no\u{1b}[31mpe"]);
    assert_all_plain(estate.path(), &["paths", "--from", "no\u{1b}[31mpe"]);
    assert_all_plain(estate.path(), &["--no\u{1b}[31mpe"]);
}
