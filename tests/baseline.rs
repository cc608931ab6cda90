//! Baselines: what is known does not count, what is new does, and what changes neither.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::fs;
use std::path::Path;

use common::program::{folder, parsed, run};
use palisade::config::Config;
use palisade::source::{self, Walk};
use tempfile::TempDir;

const AGENT: &str = "\
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: agent
  namespace: team-x
spec:
  template:
    spec:
      hostNetwork: true
      containers:
      - name: agent
        image: example.com/agent
";

const BASELINE: [&str; 3] = ["check", "--baseline", "palisade-baseline.json"];

/// An estate whose findings are in a baseline.
fn known(files: &[(&str, &str)]) -> TempDir {
    let estate = folder(files);
    let ran = run(estate.path(), &["check", "--write-baseline", "palisade-baseline.json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    estate
}

fn write(folder: &Path, path: &str, text: &str) {
    fs::write(folder.join(path), text).expect("a file can be written");
}

#[test]
fn what_is_known_does_not_fail() {
    let estate = known(&[("a.yaml", AGENT)]);
    assert_eq!(run(estate.path(), &["check"]).code, 1);
    let ran = run(estate.path(), &BASELINE);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("no new findings"), "{}", ran.stdout);
    assert!(ran.stdout.contains("findings that palisade-baseline.json has already"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("host-network-workload/"), "{}", ran.stdout);
}

#[test]
fn what_is_new_fails_and_is_all_that_is_shown() {
    let estate = known(&[("a.yaml", AGENT)]);
    write(estate.path(), "b.yaml", &AGENT.replace("name: agent", "name: other"));
    let ran = run(estate.path(), &BASELINE);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("b.yaml:9:20") && !ran.stdout.contains("a.yaml:9:20"), "{}", ran.stdout);
}

#[test]
fn json_and_sarif_tell_new_from_unchanged() {
    let estate = known(&[("a.yaml", AGENT)]);
    write(estate.path(), "b.yaml", &AGENT.replace("name: agent", "name: other"));
    let states = |format: &str, list: &str, rule: &str, key: &str| {
        let report = parsed(&run(estate.path(), &[&BASELINE[..], &["--format", format]].concat()).stdout);
        let all = report.pointer(list).and_then(serde_json::Value::as_array).expect("there are findings").clone();
        let own = all.iter().filter(|finding| finding[rule] == "host-network-workload");
        own.map(|finding| finding[key].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states("json", "/findings", "rule", "baseline"), ["unchanged", "new"]);
    assert_eq!(states("sarif", "/runs/0/results", "ruleId", "baselineState"), ["unchanged", "new"]);
    let report = parsed(&run(estate.path(), &["check", "--format", "json"]).stdout);
    assert!(report.get("baseline").is_none() && report["findings"][0].get("baseline").is_none());
}

#[test]
fn what_is_gone_is_counted_where_everything_is_reported() {
    let estate = known(&[("a.yaml", AGENT), ("b.yaml", &AGENT.replace("name: agent", "name: other"))]);
    fs::remove_file(estate.path().join("b.yaml")).expect("the file is there");
    let gone = |arguments: &[&str]| {
        let report = parsed(&run(estate.path(), &[&BASELINE[..], &["--format", "json"], arguments].concat()).stdout);
        report["baseline"]["gone"].as_array().expect("there is a list").clone()
    };
    let rules: Vec<_> = gone(&[]).iter().map(|gone| gone["rule"].clone()).collect();
    assert_eq!(rules, ["host-network-workload"]);
    assert!(gone(&["--min-severity", "critical"]).is_empty());
    assert!(run(estate.path(), &BASELINE).stdout.contains("gone:       1 finding of the baseline"));
}

#[test]
fn renewing_a_baseline_keeps_what_is_still_there() {
    let estate = known(&[("a.yaml", AGENT)]);
    let path = estate.path().join("palisade-baseline.json");
    let before = common::text(&path);
    let ran = run(estate.path(), &[&BASELINE[..], &["--write-baseline", "palisade-baseline.json"]].concat());
    assert_eq!((ran.code, common::text(&path)), (0, before));
}

#[test]
fn what_is_ignored_is_not_in_a_baseline() {
    let ignored = AGENT
        .replace("hostNetwork: true", "hostNetwork: true # palisade: ignore[host-network-workload] because a test");
    let estate = known(&[("a.yaml", &ignored)]);
    assert!(!common::text(&estate.path().join("palisade-baseline.json")).contains("host-network-workload\""));
}

#[test]
fn a_file_that_is_no_baseline_is_refused() {
    let estate = folder(&[("a.yaml", AGENT), ("old.json", "{\"schema\": 9, \"findings\": []}"), ("x.json", "[]")]);
    for (file, said) in [
        ("none.json", "none.json is no baseline: there is no such file"),
        ("none.json", "`--write-baseline none.json` writes one"),
        // What is no baseline is not to be written over.
        ("x.json", "`--write-baseline palisade-baseline.json` writes one"),
        ("x.json", "x.json is no baseline"),
        ("old.json", "its schema is 9"),
    ] {
        let ran = run(estate.path(), &["check", "--baseline", file]);
        assert!(ran.code == 2 && ran.stderr.contains(said), "{file}: {}", ran.stderr);
    }
}

#[test]
fn what_palisade_writes_is_no_manifest() {
    let estate = known(&[("a.yaml", AGENT)]);
    let arguments = ["check", "--baseline", "palisade-baseline.json", "--format", "json", "--output", "report.json"];
    for _ in 0..2 {
        run(estate.path(), &arguments);
        let report = parsed(&common::text(&estate.path().join("report.json")));
        assert_eq!((&report["inputs"]["files"], &report["inputs"]["unmodelled"]), (&1.into(), &serde_json::json!([])));
    }
}

/// The fingerprints of an estate that is given as texts.
fn fingerprints(files: Vec<(String, String)>) -> Vec<String> {
    let walk = Walk { sources: source::Sources::new(files), skipped: Vec::new() };
    let report = palisade::audit(&walk, &Config::default());
    let mut all: Vec<String> = report.findings.into_iter().map(|reported| reported.fingerprint).collect();
    all.sort();
    all
}

fn estates() -> Vec<Vec<(String, String)>> {
    let folders = common::entries(&common::project("fixtures/estates")).into_iter().filter(|path| path.is_dir());
    let pairs = |folder: std::path::PathBuf| {
        let walk = common::walk(&folder);
        walk.sources.iter().map(|source| (source.path().to_owned(), source.text().to_owned())).collect()
    };
    folders.map(pairs).collect()
}

fn is_yaml(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "yaml")
}

#[test]
fn lines_that_move_make_nothing_new() {
    for files in estates() {
        let moved = |(path, text): &(String, String)| {
            let text = if is_yaml(path) {
                format!("# a line\n\n# another\n{}", text.replace("\n---", "\n\n\n---"))
            } else {
                format!("\n\n{text}")
            };
            (path.clone(), text)
        };
        assert_eq!(fingerprints(files.iter().map(moved).collect()), fingerprints(files));
    }
}

#[test]
fn files_with_other_names_make_nothing_new() {
    for files in estates() {
        let renamed = |(path, text): &(String, String)| {
            let (folder, file) = path.rsplit_once('/').expect("a file is in a folder");
            let has_meaning = file.starts_with("kustomization") || !is_yaml(path);
            (if has_meaning { path.clone() } else { format!("{folder}/zz-{file}") }, text.clone())
        };
        assert_eq!(fingerprints(files.iter().map(renamed).collect()), fingerprints(files));
    }
}

#[test]
fn another_layout_makes_nothing_new() {
    for files in estates() {
        let rewritten = |(path, text): &(String, String)| {
            if !is_yaml(path) {
                return (path.clone(), text.clone());
            }
            let documents = serde_yaml::Deserializer::from_str(text).filter_map(|document| {
                let value: serde_yaml::Value = serde::Deserialize::deserialize(document).ok()?;
                (!value.is_null()).then_some(value)
            });
            // As JSON, on one line each, which is YAML too.
            let texts = documents.map(|value| serde_json::to_string(&value).expect("the value is plain"));
            (path.clone(), texts.collect::<Vec<_>>().join("\n---\n") + "\n")
        };
        assert_eq!(fingerprints(files.iter().map(rewritten).collect()), fingerprints(files));
    }
}

#[test]
fn items_in_another_order_make_nothing_new() {
    let gateway = |servers: [&str; 2]| {
        let text = format!(
            "\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: istio-egressgateway, namespace: istio-egress}}
spec:
  selector: {{matchLabels: {{istio: egressgateway}}}}
  template:
    metadata: {{labels: {{istio: egressgateway}}}}
    spec: {{containers: [{{name: istio-proxy, image: auto}}]}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: egress, namespace: istio-egress}}
spec:
  selector: {{istio: egressgateway}}
  servers:
{}{}",
            servers[0], servers[1]
        );
        fingerprints(vec![("gateway.yaml".to_owned(), text)])
    };
    let one = "  - {port: {number: 80, name: http, protocol: HTTP}, hosts: [\"istio-egress/*\"]}\n";
    let other =
        "  - {port: {number: 443, name: tls, protocol: TLS}, hosts: [\"istio-egress/*\"], tls: {mode: PASSTHROUGH}}\n";
    let both = gateway([one, other]);
    assert!(both.len() >= 2, "{both:?}");
    assert_eq!(both, gateway([other, one]));
}
