//! One estate in every format people keep it in: the same findings, resource by resource, each at its own file and line.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::fmt::Write as _;

use palisade::config::Config;
use palisade::rules::RULES;
use palisade::source::{self, Walk};
use palisade::triage::Report;

const FAMILIES: [&str; 4] = ["config-connector", "gcloud", "plan", "hcl"];

fn audited(family: &str) -> (Walk, Report) {
    let folder = common::project("fixtures/formats");
    let walk = source::walk(&[folder.join(family), folder.join("kubernetes")]).expect("the estate can be read");
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
    let (_, first) = audited(FAMILIES[0]);
    let wanted = sayings(&first);
    assert!(wanted.len() > 25, "{wanted:#?}");
    for family in &FAMILIES[1..] {
        let (_, report) = audited(family);
        let got = sayings(&report);
        let missing: Vec<_> = wanted.iter().filter(|one| !got.contains(one)).collect();
        let extra: Vec<_> = got.iter().filter(|one| !wanted.contains(one)).collect();
        assert!(missing.is_empty() && extra.is_empty(), "{family}: missing {missing:#?}, extra {extra:#?}");
        assert_eq!(wanted.len(), got.len(), "{family}");
    }
}

#[test]
fn each_finding_is_at_its_own_file_and_line() {
    let folder = common::project("fixtures/formats");
    let root = folder.to_string_lossy().into_owned();
    let mut all = String::new();
    for family in FAMILIES {
        let (walk, report) = audited(family);
        let of_cloud = |rule: &str| {
            let topic = RULES.iter().find(|one| one.id == rule).map_or("", |one| one.topic);
            ["cluster", "nodes", "firewall", "dns", "logging"].contains(&topic)
        };
        for reported in report.findings.iter().filter(|reported| of_cloud(reported.finding.rule)) {
            let finding = &reported.finding;
            let path = walk.sources[finding.at.source].path().trim_start_matches(&root).trim_start_matches('/');
            let range = common::range(finding.at, &walk.sources);
            let _ = writeln!(all, "{path}:{range} {}/{}", finding.rule, finding.variant);
        }
    }
    let golden = folder.join("expected.txt");
    if common::updates() {
        std::fs::write(&golden, &all).expect("the expected findings can be written");
        return;
    }
    let difference = common::difference(&common::text(&golden), &all);
    assert!(difference.is_none(), "\n{}", difference.unwrap_or_default());
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
