//! All rules on whole estates, against what is expected of them; and what must not change a finding.
//!
//! `UPDATE_EXPECTED=1 cargo test --test estates` rewrites `fixtures/estates/*/expected.txt`; the diff is for the review.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::{name, project, text};
use palisade::config::Config;
use palisade::finding::{Finding, Level};
use palisade::report::{self, Sarif, Terminal};
use palisade::rule::Rule;
use palisade::rules::RULES;
use palisade::source::{Location, Sources, Walk};
use palisade::triage::{Report, Reported};

fn estates() -> Vec<PathBuf> {
    let all: Vec<PathBuf> =
        common::entries(&project("fixtures/estates")).into_iter().filter(|path| path.is_dir()).collect();
    assert!(!all.is_empty(), "there are no estates");
    all
}

fn audit(walk: &Walk) -> Report {
    palisade::audit(walk, &Config::default())
}

/// The findings of an estate, one line each, with paths as seen from its folder.
fn lines(walk: &Walk, report: &Report, folder: &Path) -> String {
    let folder = folder.to_string_lossy();
    let line = |reported: &Reported| common::line(reported, &walk.sources, &folder) + "\n";
    // What a finding about a path explains is told under it.
    let explained = |reported: &Reported| -> String {
        reported.absorbed.iter().map(|part| format!("  explains {}", line(part))).collect()
    };
    report.findings.iter().map(|reported| line(reported) + &explained(reported)).collect()
}

#[test]
fn every_estate_has_the_findings_that_are_expected() {
    let mut faults = Vec::new();
    for folder in estates() {
        let walk = common::walk(&folder);
        let report = audit(&walk);
        let unread: Vec<&str> = report.inputs.unparsed.iter().map(|unparsed| unparsed.reason.as_str()).collect();
        let problems: Vec<&str> = report.inputs.problems.iter().map(|problem| problem.message.as_str()).collect();
        if report.inputs.documents == 0 || !unread.is_empty() || !problems.is_empty() {
            faults.push(format!("{}: not read as a whole: {unread:?} {problems:?}", name(&folder)));
        }
        let got = lines(&walk, &report, &folder);
        let golden = folder.join("expected.txt");
        if common::updates() {
            fs::write(&golden, &got).expect("the expected findings can be written");
        }
        let expected = if golden.exists() { text(&golden) } else { String::new() };
        let difference = common::difference(&expected, &got);
        faults.extend(difference.map(|difference| format!("{}\n{difference}", golden.display())));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_reference_estate_has_nothing_to_act_on() {
    let folder = project("fixtures/estates/reference");
    let walk = common::walk(&folder);
    let report = audit(&walk);
    let worth = report.findings.iter().filter(|reported| reported.level >= Level::Warning);
    let worth: Vec<String> =
        worth.map(|reported| common::line(reported, &walk.sources, &folder.to_string_lossy())).collect();
    assert!(worth.is_empty(), "\n{}", worth.join("\n"));
}

#[test]
fn every_rule_fires_somewhere() {
    let in_estates = estates().into_iter().flat_map(|folder| audit(&common::walk(&folder)).findings);
    let blocks = |rule: &'static Rule| common::page::blocks(rule.page).into_iter().map(move |block| (rule.id, block));
    let in_pages = RULES.iter().copied().flat_map(blocks).filter(|(_, block)| block.info.starts_with("yaml"));
    let in_pages = in_pages.flat_map(|(rule, block)| common::audit_example(rule, &block.text).1.findings);
    let fired: BTreeSet<&str> = in_estates.chain(in_pages).map(|reported| reported.finding.rule).collect();
    let silent: Vec<&str> = RULES.iter().map(|rule| rule.id).filter(|id| !fired.contains(id)).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for folder in estates() {
        let walk = common::walk(&folder);
        let once = documents(&walk, &audit(&walk));
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread can be had");
        let walk = common::walk(&folder);
        let again = alone.install(|| documents(&walk, &audit(&walk)));
        assert!(once == again, "{}", name(&folder));
    }
}

fn documents(walk: &Walk, report: &Report) -> [String; 3] {
    [
        report::json(report, &walk.sources),
        report::sarif(report, &walk.sources, RULES, &Sarif::default()),
        report::terminal(report, &walk.sources, &Terminal::default()),
    ]
}

/// A finding with all its places, as seen from a folder and with the names of split files made whole again.
fn whole(finding: &Finding, sources: &Sources) -> String {
    let place = |at: Location| {
        let path = sources[at.source].path();
        let path = path.split_once(SPLIT).map_or(path, |(path, _)| path);
        format!("{path}:{}", common::range(at, sources))
    };
    let mut related: Vec<String> =
        finding.related.iter().map(|label| format!("\n    {} {}", place(label.at), label.message)).collect();
    related.sort();
    let hops = finding.witness.iter().map(|hop| format!("\n    {} {} {}", place(hop.at), hop.name, hop.reason));
    let said: String = related.into_iter().chain(hops).collect();
    format!("{} {}/{} {}{said}", place(finding.at), finding.rule, finding.variant, finding.message)
}

fn findings(walk: &Walk) -> Vec<String> {
    let report = audit(walk);
    let mut all: Vec<String> = report.findings.iter().map(|reported| whole(&reported.finding, &walk.sources)).collect();
    all.sort();
    all
}

fn pairs(walk: &Walk) -> Vec<(String, String)> {
    walk.sources.iter().map(|source| (source.path().to_owned(), source.text().to_owned())).collect()
}

fn with(pairs: Vec<(String, String)>) -> Walk {
    Walk { sources: Sources::new(pairs), skipped: Vec::new() }
}

#[track_caller]
fn assert_same(folder: &Path, wanted: &[String], got: &[String]) {
    let difference = common::difference(&(wanted.join("\n") + "\n"), &(got.join("\n") + "\n"));
    assert!(difference.is_none(), "{}\n{}", name(folder), difference.unwrap_or_default());
}

#[test]
fn the_order_of_files_changes_nothing() {
    for folder in estates() {
        let walk = common::walk(&folder);
        let wanted = findings(&walk);
        let mut shuffled = pairs(&walk);
        shuffled.reverse();
        assert_same(&folder, &wanted, &findings(&with(shuffled.clone())));
        let half = shuffled.len() / 2;
        shuffled.rotate_left(half);
        assert_same(&folder, &wanted, &findings(&with(shuffled)));
        // Other names, so that another file comes first; what has a meaning by its name keeps it.
        let renamed = pairs(&walk).into_iter().enumerate().map(|(index, (path, text))| {
            let order = (index * 7919) % 1000;
            (turned(&path, order), text)
        });
        let renamed = with(renamed.collect());
        let report = audit(&renamed);
        assert_eq!(report.findings.len(), wanted.len(), "{}", name(&folder));
    }
}

/// The path of a file with another name in the same folder.
fn turned(path: &str, order: usize) -> String {
    match path.rsplit_once('/') {
        Some((_, file)) if has_meaning(file) => path.to_owned(),
        Some((folder, file)) => format!("{folder}/{order:03}-{file}"),
        None => format!("{order:03}-{path}"),
    }
}

/// Whether the name of a file says what it is.
fn has_meaning(file: &str) -> bool {
    let stem = file.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_yaml = Path::new(file).extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    stem == "kustomization" || !is_yaml
}

/// What separates the name of a file from the number of the document that was split off.
const SPLIT: &str = "~document-";

#[test]
fn a_file_for_each_document_changes_only_paths() {
    for folder in estates() {
        let walk = common::walk(&folder);
        let split: Vec<(String, String)> =
            pairs(&walk).into_iter().flat_map(|(path, text)| split(&path, &text)).collect();
        assert!(split.len() >= walk.sources.len());
        assert_same(&folder, &findings(&walk), &findings(&with(split)));
    }
}

/// Each document of a file in a file of its own, at the same lines.
fn split(path: &str, text: &str) -> Vec<(String, String)> {
    let file = path.rsplit('/').next().unwrap_or(path);
    if has_meaning(file) {
        return vec![(path.to_owned(), text.to_owned())];
    }
    let mut parts = vec![String::new()];
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.trim_end() == "---" {
            parts.push("\n".repeat(index));
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(line);
        }
    }
    let path = |index: usize| format!("{path}{SPLIT}{index:03}.yaml");
    parts.into_iter().enumerate().map(|(index, text)| (path(index), text)).collect()
}
