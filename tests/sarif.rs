//! The SARIF that code scanning takes: valid, complete, within limits, and stable where findings are followed over time.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::{project, shared};
use palisade::config::Config;
use palisade::finding::Severity;
use palisade::report::{self, Paths, Sarif};
use palisade::rules::RULES;
use palisade::source::{Sources, Walk};
use palisade::triage::Report;
use rayon::prelude::*;
use serde_json::Value;

fn written(walk: &Walk, options: &Sarif) -> Value {
    let report = palisade::audit(walk, &Config::default());
    of_report(&report, &walk.sources, options)
}

fn of_report(report: &Report, sources: &Sources, options: &Sarif) -> Value {
    let text = report::sarif(report, sources, RULES, options);
    assert_eq!(text.lines().count(), 1, "the log is compact");
    serde_json::from_str(&text).expect("the log is JSON")
}

fn estates() -> Vec<PathBuf> {
    common::entries(&project("fixtures/estates")).into_iter().filter(|path| path.is_dir()).collect()
}

fn with(files: &[(&str, &str)]) -> Walk {
    let pairs = files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect();
    Walk { sources: Sources::new(pairs), skipped: Vec::new() }
}

fn results(log: &Value) -> &[Value] {
    log["runs"][0]["results"].as_array().expect("there are results")
}

/// The examples of all pages in files of their own: findings of every rule in one log.
fn all_pages() -> Walk {
    let examples =
        RULES.iter().flat_map(|rule| common::page::blocks(rule.page).into_iter().map(move |block| (rule, block)));
    // Gateways of one name in hundreds of examples would be one gateway with the routes of all of them.
    let bad = examples.filter(|(_, block)| block.info == "yaml bad" && !block.text.contains("kind: Gateway"));
    let files = bad.enumerate().map(|(index, (rule, block))| (format!("{}/{index}.yaml", rule.id), block.text));
    Walk { sources: Sources::new(files.collect()), skipped: Vec::new() }
}

#[test]
fn logs_are_valid() {
    let Some(schema) = shared("schemas/sarif-schema-2.1.0.json") else { return };
    let schema: Value = serde_json::from_str(&common::text(&schema)).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let broken = with(&[("a.yaml", "a: [\n---\nkind: x\n"), ("odd name#1.yaml", "a: 1\na: 2\n")]);
    let walks = estates().into_iter().map(|folder| common::walk(&folder)).chain([all_pages(), broken, Walk::default()]);
    let mut fixes = 0;
    for walk in walks.collect::<Vec<_>>() {
        let log = written(&walk, &Sarif::default());
        fixes += results(&log).iter().filter(|result| result["fixes"].is_array()).count();
        let faults: Vec<String> =
            validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    }
    assert!(fixes > 0, "no log has a fix");
}

#[test]
fn every_rule_is_described() {
    let log = written(&Walk::default(), &Sarif::default());
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("there are rules");
    assert_eq!(rules.len(), RULES.len());
    for (described, rule) in rules.iter().zip(RULES) {
        assert_eq!(described["id"], rule.id);
        assert_eq!(described["help"]["markdown"], rule.page);
        assert!(described["help"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(described["helpUri"].as_str().is_some_and(|uri| uri.ends_with(&format!("{}.md", rule.id))));
        for key in ["shortDescription", "fullDescription"] {
            let text = described[key]["text"].as_str().unwrap_or_default();
            assert!((10..=1024).contains(&text.chars().count()) && text.ends_with('.'), "{}: {text}", rule.id);
        }
        assert_ranks(described, rule.severity);
    }
}

/// The numbers and words that code scanning sorts by.
fn assert_ranks(described: &Value, severity: Severity) {
    let properties = &described["properties"];
    let score: f64 = properties["security-severity"].as_str().and_then(|text| text.parse().ok()).expect("a score");
    let band = match severity {
        Severity::Critical => 9.0..=10.0,
        Severity::High => 7.0..=8.9,
        Severity::Medium => 4.0..=6.9,
        Severity::Low | Severity::Info => 0.1..=3.9,
    };
    assert!(band.contains(&score), "{described}");
    assert_eq!(described["defaultConfiguration"]["level"], severity.level().as_str());
    assert!(["very-high", "high", "medium", "low"].iter().any(|word| properties["precision"] == **word));
    let tags = properties["tags"].as_array().expect("there are tags");
    assert!(tags.contains(&"security".into()) && tags.len() <= 10, "{tags:?}");
}

#[test]
fn results_name_their_rule_and_their_token() {
    let walk = all_pages();
    let log = written(&walk, &Sarif::default());
    let rules = &log["runs"][0]["tool"]["driver"]["rules"];
    assert!(!results(&log).is_empty());
    for result in results(&log) {
        let index = result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok()).expect("an index");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert_eq!(result["locations"].as_array().map(Vec::len), Some(1));
        let physical = &result["locations"][0]["physicalLocation"];
        let (region, uri) = (&physical["region"], physical["artifactLocation"]["uri"].as_str().expect("a path"));
        let source = walk.sources.iter().find(|source| source.path() == uri).expect("a file of the input");
        let number = |key: &str| usize::try_from(region[key].as_u64().expect("a number")).expect("a small one");
        let line = source.line(number("startLine"));
        let (start, end) = (number("startColumn"), number("endColumn"));
        assert_eq!(number("startLine"), number("endLine"), "an alert shows where all its lines changed: {result}");
        let by_columns: String = line.chars().skip(start - 1).take(end - start).collect();
        let bytes = number("byteOffset")..number("byteOffset") + number("byteLength");
        assert_eq!(by_columns, source.text()[bytes], "{result}");
        assert!(!by_columns.is_empty(), "{result}");
    }
}

#[test]
fn related_places_are_linked_from_the_message() {
    let log = written(&all_pages(), &Sarif::default());
    let mut linked = 0;
    for result in results(&log) {
        let message = result["message"]["text"].as_str().expect("a message");
        for related in result["relatedLocations"].as_array().into_iter().flatten() {
            let link = format!("]({})", related["id"]);
            assert!(message.contains(&link), "{message} has no {link}");
            linked += 1;
        }
    }
    assert!(linked > 0);
}

#[test]
fn a_witness_is_a_code_flow() {
    let walks: Vec<Walk> = estates().iter().map(|folder| common::walk(folder)).chain([all_pages()]).collect();
    let mut flows = 0;
    for walk in walks {
        let report = palisade::audit(&walk, &Config::default());
        let log = of_report(&report, &walk.sources, &Sarif::default());
        for (reported, result) in report.findings.iter().zip(results(&log)) {
            let hops = &reported.finding.witness;
            let flow = &result["codeFlows"][0]["threadFlows"][0]["locations"];
            assert_eq!(flow.as_array().map_or(0, Vec::len), hops.len());
            for (hop, step) in hops.iter().zip(flow.as_array().into_iter().flatten()) {
                let said = step["location"]["message"]["text"].as_str().unwrap_or_default();
                assert!(said.contains(&hop.name) && said.contains(&hop.reason), "{said}");
                flows += 1;
            }
        }
    }
    assert!(flows > 0);
}

/// The name of each finding over time, with the rule for orientation.
fn fingerprints(log: &Value) -> Vec<String> {
    let name = |result: &Value| format!("{} {}", result["ruleId"], result["partialFingerprints"]["palisadeFinding/v1"]);
    let mut names: Vec<String> = results(log).iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn fingerprints_survive_moved_lines_and_renamed_files() {
    let walk = all_pages();
    let pages: Vec<_> = walk.sources.iter().collect();
    pages.into_par_iter().for_each(|source| {
        let text = source.text();
        let wanted = fingerprints(&written(&with(&[("a.yaml", text)]), &Sarif::default()));
        let moved = format!("# a comment\n\n# another\n---\n{text}");
        assert_eq!(
            wanted,
            fingerprints(&written(&with(&[("a.yaml", &moved)]), &Sarif::default())),
            "{}",
            source.path()
        );
        assert_eq!(
            wanted,
            fingerprints(&written(&with(&[("b/c.yaml", text)]), &Sarif::default())),
            "{}",
            source.path()
        );
        let returns = text.replace('\n', "\r\n");
        assert_eq!(
            wanted,
            fingerprints(&written(&with(&[("a.yaml", &returns)]), &Sarif::default())),
            "{}",
            source.path()
        );
        let distinct: BTreeSet<&String> = wanted.iter().collect();
        assert_eq!(distinct.len(), wanted.len(), "{}: two findings have one name", source.path());
    });
}

#[test]
fn the_hash_of_the_line_follows_the_line() {
    let walk = all_pages();
    let source = walk.sources.iter().next().expect("there are pages");
    let hashes = |text: &str| -> Vec<String> {
        let log = written(&with(&[("a.yaml", text)]), &Sarif::default());
        results(&log)
            .iter()
            .map(|result| result["partialFingerprints"]["primaryLocationLineHash"].to_string())
            .collect()
    };
    let wanted = hashes(source.text());
    assert!(!wanted.is_empty() && wanted.iter().all(|hash| hash.contains(':')), "{wanted:?}");
    assert_eq!(wanted, hashes(&format!("# above\n{}", source.text())));
}

#[test]
fn paths_are_relative_to_the_repository() {
    let (_, text) = first_example();
    let options = Sarif {
        paths: Paths { root: "/work/repository".to_owned(), directory: "/work/repository/deploy".to_owned() },
        suppressed: false,
    };
    for (path, uri) in [
        ("mesh/a.yaml", "deploy/mesh/a.yaml"),
        ("./a b.yaml", "deploy/a%20b.yaml"),
        ("../a.yaml", "a.yaml"),
        ("/work/repository/x/a.yaml", "x/a.yaml"),
    ] {
        let log = written(&with(&[(path, &text)]), &options);
        let found = &results(&log)[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(found, uri);
    }
}

fn first_example() -> (String, String) {
    let walk = all_pages();
    let source = walk.sources.iter().next().expect("there are pages");
    (source.path().to_owned(), source.text().to_owned())
}

#[test]
fn what_was_not_understood_is_said() {
    let walk = with(&[("a.yaml", "apiVersion: v1\nkind: [\n")]);
    let log = written(&walk, &Sarif::default());
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!((&invocation["executionSuccessful"], &invocation["exitCode"]), (&false.into(), &2.into()));
    let notification = &invocation["toolExecutionNotifications"][0];
    assert_eq!(notification["level"], "error");
    assert_eq!(notification["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "a.yaml");
}

#[test]
fn there_are_never_more_results_than_are_shown() {
    let (path, text) = first_example();
    let walk = with(&[(&path, &text)]);
    let mut report = palisade::audit(&walk, &Config::default());
    let one = report.findings.pop().expect("an example has a finding");
    report.findings = vec![one; 6_000];
    let log = of_report(&report, &walk.sources, &Sarif::default());
    assert_eq!(results(&log).len(), 5_000);
    let said = log["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].as_str();
    assert!(said.is_some_and(|said| said.contains("1000 findings")), "{said:?}");
}
