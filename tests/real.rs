//! Real manifests from beside the project: nothing in them stops an audit, and every document is counted.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::path::{Path, PathBuf};

use common::{name, shared};
use palisade::config::Config;
use palisade::report::{self, Sarif, Terminal};
use palisade::rules::RULES;
use palisade::source::{self, Walk};
use palisade::triage::{Inputs, Report};
use serde::Deserialize;
use serde_yaml::Value;

fn folders(parent: &str) -> Vec<PathBuf> {
    let Some(parent) = shared(parent) else { return Vec::new() };
    common::entries(&parent).into_iter().filter(|path| path.is_dir()).collect()
}

/// Audits and renders in every format.
fn audited(folder: &Path) -> (Walk, Report) {
    let walk = common::walk(folder);
    let report = palisade::audit(&walk, &Config::default());
    let json = report::json(&report, &walk.sources);
    let sarif = report::sarif(&report, &walk.sources, RULES, &Sarif::default());
    let drawn = report::terminal(&report, &walk.sources, &Terminal::default());
    for text in [json, sarif, drawn] {
        assert!(!text.is_empty(), "{}", name(folder));
        assert!(!text.contains('\u{1b}'), "{}: a control character in the output", name(folder));
    }
    (walk, report)
}

fn assert_sums(inputs: &Inputs, what: &str) {
    let unmodelled: usize = inputs.unmodelled.iter().map(|unmodelled| unmodelled.count).sum();
    assert_eq!(inputs.documents, inputs.resources + inputs.unparsed.len() + unmodelled, "{what}");
}

fn assert_audited(parent: &str) {
    let mut documents = 0;
    for folder in folders(parent) {
        let (walk, report) = audited(&folder);
        assert_sums(&report.inputs, &name(&folder));
        assert_places(&walk, &report, &name(&folder));
        documents += report.inputs.documents;
    }
    println!("audited {documents} documents of {parent}");
}

/// Every place is a piece of text of its file.
fn assert_places(walk: &Walk, report: &Report, what: &str) {
    for finding in report.findings.iter().map(|reported| &reported.finding) {
        let others = finding.related.iter().map(|label| label.at).chain(finding.witness.iter().map(|hop| hop.at));
        for at in std::iter::once(finding.at).chain(others) {
            let text = walk.sources[at.source].slice(at.span);
            assert!(!text.is_empty(), "{what}: `{}` points at nothing: {}", finding.rule, finding.message);
        }
    }
}

#[test]
fn real_estates_go_through() {
    assert_audited("real");
}

#[test]
fn conformance_cases_go_through() {
    assert_audited("conformance");
    for suite in ["conformance/cyclonus", "conformance/netpol"] {
        assert_audited(suite);
    }
}

/// What a file holds by another parser's count: documents that are not empty, each item of a list for one.
fn counted(text: &str) -> Option<usize> {
    let mut count = 0;
    for document in serde_yaml::Deserializer::from_str(text) {
        count += match Value::deserialize(document).ok()? {
            Value::Null => 0,
            value => objects(&value),
        };
    }
    Some(count)
}

fn objects(value: &Value) -> usize {
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match value.get("items").and_then(Value::as_sequence) {
        Some(items) if is_list => items.iter().map(objects).sum(),
        _ => 1,
    }
}

/// Whether a file holds objects of the cloud, each of which counts: a plan, a state, a list of assets or of API objects.
fn is_container(text: &str) -> bool {
    let is_asset = |value: &Value| value.get("asset_type").is_some() || value.get("assetType").is_some();
    let is_one = |value: &Value| {
        let items = value.as_sequence().is_some_and(|items| items.iter().any(is_asset));
        let keys = ["format_version", "lineage", "resource", "nodePools", "nats"];
        items || is_asset(value) || keys.iter().any(|key| value.get(key).is_some())
    };
    let mut documents = serde_yaml::Deserializer::from_str(text);
    documents.any(|document| Value::deserialize(document).is_ok_and(|value| is_one(&value)))
}

#[test]
fn no_document_is_dropped() {
    let mut faults = Vec::new();
    let mut compared = 0;
    for folder in folders("real") {
        for file in &common::walk(&folder).sources {
            let walk = source::from_text(file.path(), file.text().to_owned());
            let inputs = palisade::audit(&walk, &Config::default()).inputs;
            assert_sums(&inputs, file.path());
            match counted(file.text()) {
                // The other parser knows nothing of Terraform's language.
                _ if [".tf", ".tfvars"].iter().any(|ending| file.path().ends_with(ending)) => {}
                Some(count) if inputs.unparsed.is_empty() => {
                    compared += 1;
                    let holds_objects = is_container(file.text());
                    if if holds_objects { count > inputs.documents } else { count != inputs.documents } {
                        faults.push(format!("{}: {count} documents, counted as {}", file.path(), inputs.documents));
                    }
                }
                _ => {}
            }
        }
    }
    println!("compared {compared} files");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
