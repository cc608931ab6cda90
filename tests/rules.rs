//! Every example on every rule's page: the marked places are found with the written words, and nothing else of the rule.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::fmt::Write as _;

use common::page::{Block, Mark, blocks, headings, written};
use palisade::finding::Severity;
use palisade::rule::Rule;
use palisade::rules::RULES;
use palisade::triage::Report;

const HEADINGS: [&str; 5] = ["## Why it matters", "## Example", "## Instead", "## Drawbacks", "## References"];

fn path(rule: &Rule) -> String {
    format!("rules/{}/{}.md", rule.topic, rule.id)
}

/// Fails with all faults of all pages at once.
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_page_has_the_headings_in_order() {
    let fault = |rule: &&'static Rule| {
        let title = format!("# {}", rule.id);
        let wanted: Vec<&str> = std::iter::once(title.as_str()).chain(HEADINGS).collect();
        let got = headings(rule.page);
        (got != wanted).then(|| format!("{}: the headings are {got:?}, not {wanted:?}", path(rule)))
    };
    assert_none(&RULES.iter().filter_map(fault).collect::<Vec<_>>());
}

#[test]
fn every_page_has_both_kinds_of_examples_and_no_others() {
    let mut faults = Vec::new();
    for rule in RULES {
        let blocks = blocks(rule.page);
        for (section, info) in [("Example", "yaml bad"), ("Instead", "yaml good")] {
            if !blocks.iter().any(|block| block.section == section && block.info == info) {
                faults.push(format!("{}: no block `{info}` under `{section}`", path(rule)));
            }
        }
        for block in blocks.iter().filter(|block| block.info.starts_with("yaml")) {
            if !matches!((block.section, block.info), ("Example", "yaml bad") | ("Instead", "yaml good")) {
                let (section, info) = (block.section, block.info);
                faults.push(format!("{}:{}: a block `{info}` under `{section}`", path(rule), block.first_line - 1));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_bad_example_marks_something() {
    let mut faults = Vec::new();
    for rule in RULES {
        let blocks = blocks(rule.page);
        let unmarked = blocks.iter().filter(|block| block.info == "yaml bad" && block.marks().is_empty());
        faults.extend(unmarked.map(|block| format!("{}:{}: nothing is marked", path(rule), block.first_line)));
    }
    assert_none(&faults);
}

#[test]
fn every_example_is_found_as_marked() {
    let faults = RULES.iter().flat_map(|rule| blocks(rule.page).into_iter().filter_map(|block| fault(rule, &block)));
    assert_none(&faults.collect::<Vec<_>>());
}

/// What an audit of a block says that its marks do not, and the other way round.
fn fault(rule: &Rule, block: &Block<'_>) -> Option<String> {
    if !block.info.starts_with("yaml") {
        return None;
    }
    let (walk, report) = common::audit_example(rule.id, &block.text);
    let mut said = unread(block, &walk, &report);
    let got = found(rule, &walk, &report);
    let wanted = if block.info == "yaml bad" { block.marks() } else { Vec::new() };
    for mark in wanted.iter().filter(|mark| !got.contains(mark)) {
        let _ = writeln!(said, "  line {}: marked, not found:  {mark}", block.page_line(mark.line));
    }
    for mark in got.iter().filter(|mark| !wanted.contains(mark)) {
        let line = block.text.lines().nth(mark.line - 1).unwrap_or_default();
        let _ = writeln!(said, "  line {}: found, not marked:  {mark}", block.page_line(mark.line));
        let _ = writeln!(said, "    to mark it:\n{line}\n{}", written(mark, line));
    }
    if said.is_empty() && got != wanted {
        said = format!("  found {} times, marked {} times\n", got.len(), wanted.len());
    }
    (!said.is_empty()).then(|| format!("{}:{} ({})\n{said}", path(rule), block.first_line, block.info))
}

/// An example must be read whole, or what it shows is not what was judged.
fn unread(block: &Block<'_>, walk: &palisade::source::Walk, report: &Report) -> String {
    let unparsed = report.inputs.unparsed.iter().map(|unparsed| (unparsed.at, &unparsed.reason));
    let problems = report.inputs.problems.iter().map(|problem| (problem.at, &problem.message));
    let mut said = String::new();
    for (at, reason) in unparsed.chain(problems) {
        let line = walk.sources[at.source].line_column(at.span.start).line;
        let _ = writeln!(said, "  line {}: not understood: {reason}", block.page_line(line));
    }
    if report.inputs.documents == 0 {
        said.push_str("  no document was read\n");
    }
    said
}

fn found(rule: &Rule, walk: &palisade::source::Walk, report: &Report) -> Vec<Mark> {
    let own = report.findings.iter().map(|reported| &reported.finding).filter(|finding| finding.rule == rule.id);
    let mut marks: Vec<Mark> = own
        .map(|finding| {
            let source = &walk.sources[finding.at.source];
            let (start, end) = (source.line_column(finding.at.span.start), source.line_column(finding.at.span.end));
            // A place on several lines cannot be marked; its end column tells.
            let end = if start.line == end.line { end.column } else { usize::MAX };
            Mark { line: start.line, start: start.column, end, message: finding.message.clone() }
        })
        .collect();
    marks.sort();
    marks
}

/// A cluster that stores network policies and enforces none.
const UNENFORCED: &str = "\
---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerCluster
metadata: {name: idle, namespace: infra}
spec: {location: europe-west1, datapathProvider: LEGACY_DATAPATH, networkPolicy: {enabled: false}}
";

/// What a block with a cluster of its own says, or one whose policies need a network plugin that enforces them.
const ENFORCED: [&str; 3] = ["kind: ContainerCluster", "kind: Cilium", "policy.networking.k8s.io"];

#[test]
fn what_network_policies_say_weighs_little_where_the_cluster_enforces_none() {
    let (mut faults, mut held) = (Vec::new(), 0);
    // That a policy overrides another (NP09) is about what is written; all else is about what holds (semantics D, roll-ups).
    let judged = |rule: &&&Rule| rule.topic == "network-policy" && rule.id != "network-policy-overridden";
    for rule in RULES.iter().filter(judged) {
        let blocks = blocks(rule.page).into_iter().filter(|block| block.info == "yaml bad");
        for block in blocks.filter(|block| !ENFORCED.iter().any(|own| block.text.contains(own))) {
            let (_, report) = common::audit_example(rule.id, &format!("{}{UNENFORCED}", block.text));
            for found in report.findings.iter().filter(|found| found.finding.rule == rule.id) {
                held += 1;
                let says = found.finding.related.iter().any(|related| related.message.contains("`idle`"));
                if found.finding.severity > Severity::Low || !says {
                    faults.push(format!("{}: {:?}: {}", path(rule), found.finding.severity, found.finding.message));
                }
            }
        }
    }
    assert_none(&faults);
    assert!(held > 20, "{held} findings");
}

#[test]
fn every_saying_is_worded_as_all_are() {
    let mut faults = Vec::new();
    for rule in RULES {
        faults.extend(wording(rule.summary).map(|fault| format!("{}: the summary {fault}", rule.id)));
        for block in blocks(rule.page).iter().filter(|block| block.info.starts_with("yaml")) {
            let (_, report) = common::audit_example(rule.id, &block.text);
            for reported in report.findings.iter().filter(|reported| reported.finding.rule == rule.id) {
                let sayings = common::sayings(reported).into_iter();
                faults.extend(sayings.filter_map(|said| Some(format!("{}: `{said}` {}", rule.id, wording(said)?))));
                faults.extend(remedy(&reported.finding.help).map(|fault| format!("{}: the help {fault}", rule.id)));
            }
        }
    }
    faults.sort();
    faults.dedup();
    assert_none(&faults);
}

/// What is wrong with the wording of a message: one line, lower case, no full stop, the user's words in backticks.
fn wording(said: &str) -> Option<&'static str> {
    let mut words = said.split_whitespace();
    let first = words.next().unwrap_or_default();
    // Names of kinds and abbreviations keep their capitals.
    let is_name = first.chars().skip(1).any(char::is_uppercase);
    match said {
        "" => Some("is empty"),
        _ if said.contains('\n') => Some("has several lines"),
        _ if said.ends_with('.') && !said.ends_with("…") => Some("ends in a full stop"),
        _ if said.trim() != said || said.contains("  ") => Some("has stray spaces"),
        _ if said.matches('`').count() % 2 == 1 => Some("has an open backtick"),
        _ if first.starts_with(char::is_uppercase) && !is_name => Some("starts with a capital"),
        _ => None,
    }
}

/// What is wrong with a remedy: it is one line and says something.
fn remedy(help: &str) -> Option<&'static str> {
    match help {
        "" => Some("is missing"),
        _ if help.contains('\n') => Some("has several lines"),
        _ => None,
    }
}

#[test]
fn carets_mark_the_columns_they_stand_under() {
    let text = "a:\n  mode: X\n  #     ^ said\n  #^^^ more\nb: c\n#^ x\n# a comment\n# ^\n";
    let block = Block { section: "", info: "", first_line: 10, text: text.to_owned() };
    let shown: Vec<String> = block.marks().iter().map(Mark::to_string).collect();
    assert_eq!(shown, ["2:3-7 more", "2:9-10 said", "5:1-3 x"]);
    for mark in block.marks() {
        let line = text.lines().nth(mark.line - 1).unwrap_or_default();
        assert!(text.contains(&written(&mark, line)), "{}", written(&mark, line));
    }
}

/// Where the list of rules stands in the README.
const TABLE: [&str; 2] =
    ["<!-- rules: written by `UPDATE_EXPECTED=1 cargo test --test rules` -->\n", "<!-- /rules -->"];

#[test]
fn the_readme_lists_the_rules() {
    let path = common::project("README.md");
    let readme = common::text(&path);
    let (before, rest) = readme.split_once(TABLE[0]).expect("the table has a beginning");
    let (listed, after) = rest.split_once(TABLE[1]).expect("the table has an end");
    let row = |rule: &&'static Rule| {
        let summary = rule.summary.replace('|', "\\|");
        format!("| [`{}`]({}) | {} | {} | {summary} |\n", rule.id, self::path(rule), rule.topic, rule.severity.as_str())
    };
    let rows: String = RULES.iter().map(row).collect();
    let table = format!("| rule | topic | severity | finds |\n|---|---|---|---|\n{rows}");
    if common::updates() {
        let whole = [before, TABLE[0], &table, TABLE[1], after].concat();
        std::fs::write(&path, whole).expect("the README can be written");
        return;
    }
    let difference = common::difference(&table, listed);
    assert!(difference.is_none(), "\n{}", difference.unwrap_or_default());
}

#[test]
fn the_documentation_lists_the_rules_by_topic() {
    let mut topics: Vec<&str> = RULES.iter().map(|rule| rule.topic).collect();
    topics.sort_unstable();
    topics.dedup();
    let mut page = String::from(
        "# Rules\n\n<!-- Written by `UPDATE_EXPECTED=1 cargo test --test rules` -->\n\nBy topic. *Speaks where* names the \
         layers that have to be in the input, at least in part, before a rule says anything.\n*Controls* are those of \
         standards, where a rule bears on one: `cis-gke` (CIS Google Kubernetes Engine Benchmark), `pci-dss-4.0`,\n\
         `nsa-cisa` (Kubernetes Hardening Guidance) and others by their own ids.\n",
    );
    for topic in topics {
        write!(page, "\n## {topic}\n\n| rule | finds | severity | confidence | speaks where | controls |\n")
            .expect("text");
        page.push_str("|---|---|---|---|---|---|\n");
        for rule in RULES.iter().filter(|rule| rule.topic == topic) {
            let needs: Vec<&str> = rule.needs.iter().map(|layer| layer.as_str()).collect();
            let controls: Vec<String> = rule.controls.iter().map(|control| format!("`{control}`")).collect();
            writeln!(
                page,
                "| [`{id}`](../rules/{topic}/{id}.md) | {} | {} | {} | {} | {} |",
                rule.summary.replace('|', "\\|"),
                rule.severity.as_str(),
                rule.confidence.as_str(),
                needs.join(", "),
                controls.join(", "),
                id = rule.id,
            )
            .expect("text");
        }
    }
    let path = common::project("docs/rules.md");
    if common::updates() {
        std::fs::write(&path, page).expect("the page can be written");
        return;
    }
    let difference = common::difference(&page, &common::text(&path));
    assert!(difference.is_none(), "\n{}", difference.unwrap_or_default());
}
