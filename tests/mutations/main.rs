//! The reference estate lets nothing out but what is meant, and every single thing that somebody may do to it is reported: by
//! the rule that names it, and by a path where a path opens.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod advice;
mod cloud;
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod gateway;
mod laws;
mod mesh;
mod pods;
mod policies;

use std::collections::{BTreeMap, BTreeSet};

use palisade::analysis::capture::Tier;
use palisade::analysis::exits::{Class, Verdict, Via};
use palisade::config::Config;
use palisade::report::paths::{Filter, Listing, Way};
use palisade::source::{Sources, Walk};
use rayon::prelude::*;

/// One thing that is done to the estate.
pub struct Mutation {
    pub name: &'static str,
    pub edits: Vec<Edit>,
    /// The rule that names it, with its variant after a slash where that matters.
    pub rule: &'static str,
    /// The rule about the path that opens or breaks; none where the other layers hold.
    pub path: Option<&'static str>,
}

/// A change to a file of the estate.
pub enum Edit {
    /// The first text, which must be there, becomes the second one, at its occurrence of this number from 0.
    Replace(&'static str, &'static str, &'static str, usize),
    /// Added at the end.
    Append(&'static str, &'static str),
    /// Taken away as a whole.
    Remove(&'static str),
}

/// A mutation that changes one text.
pub fn replace(
    name: &'static str,
    (file, from, to): (&'static str, &'static str, &'static str),
    rule: &'static str,
    path: Option<&'static str>,
) -> Mutation {
    Mutation { name, edits: vec![Edit::Replace(file, from, to, 0)], rule, path }
}

/// A mutation that adds an object.
pub fn append(
    name: &'static str,
    (file, text): (&'static str, &'static str),
    rule: &'static str,
    path: Option<&'static str>,
) -> Mutation {
    Mutation { name, edits: vec![Edit::Append(file, text)], rule, path }
}

/// Paths and texts of an estate.
pub type Files = BTreeMap<String, String>;

/// The files of the reference estate by their paths in its folder.
pub fn reference() -> Files {
    let folder = common::project("fixtures/estates/reference");
    let walk = common::walk(&folder);
    let relative = |path: &str| path.split("estates/reference/").nth(1).unwrap_or(path).to_owned();
    walk.sources.iter().map(|source| (relative(source.path()), source.text().to_owned())).collect()
}

impl Mutation {
    /// The files with the mutation in them, or what is not there to change.
    pub(crate) fn of(&self, files: &Files) -> Result<Files, String> {
        let mut files = files.clone();
        for edit in &self.edits {
            let (Edit::Replace(file, ..) | Edit::Append(file, _) | Edit::Remove(file)) = edit;
            let text = files.get_mut(*file).ok_or_else(|| format!("no file {file}"))?;
            match edit {
                Edit::Replace(_, from, to, number) => {
                    let found = text.match_indices(from).nth(*number).map(|(at, _)| at);
                    let at = found.ok_or_else(|| format!("`{from}` is not in {file}"))?;
                    text.replace_range(at..at + from.len(), to);
                }
                Edit::Append(_, added) => {
                    text.push_str("---\n");
                    text.push_str(added.trim_start_matches('\n'));
                }
                Edit::Remove(_) => {
                    files.remove(*file);
                }
            }
        }
        Ok(files)
    }
}

pub fn walk(files: &Files) -> Walk {
    let files = files.iter().map(|(path, text)| (path.clone(), text.clone())).collect();
    Walk { sources: Sources::new(files), skipped: Vec::new() }
}

/// How often each rule finds something, by its id and by id and variant; what a path's finding explains counts as well.
fn found(files: &Files) -> BTreeMap<String, usize> {
    let report = palisade::audit(&walk(files), &Config::default());
    assert!(report.inputs.unparsed.is_empty(), "{:?}", report.inputs.unparsed);
    let mut counts = BTreeMap::new();
    let mut count = |finding: &palisade::finding::Finding| {
        *counts.entry(finding.rule.to_owned()).or_insert(0) += 1;
        *counts.entry(format!("{}/{}", finding.rule, finding.variant)).or_insert(0) += 1;
    };
    for reported in &report.findings {
        count(&reported.finding);
        reported.absorbed.iter().for_each(|part| count(&part.finding));
    }
    counts
}

/// Every way out of every workload, closed or not.
pub fn ways(files: &Files) -> Vec<(String, Way)> {
    listed(files, &Filter { closed: true, ..Filter::default() })
}

/// Every way out of every workload that is open to somebody.
pub fn open_ways(files: &Files) -> Vec<(String, Way)> {
    listed(files, &Filter { verdict: Some(Verdict::Open), ..Filter::default() })
}

fn listed(files: &Files, filter: &Filter) -> Vec<(String, Way)> {
    let ways = |listing: &Listing<'_>| listing.ways().map(|(name, way)| (name.to_string(), way)).collect::<Vec<_>>();
    palisade::paths(&walk(files), &Config::default(), filter, |listings, _| listings.iter().flat_map(ways).collect()).0
}

/// What is open to the application, to code in its pod or to its tenant and is not meant to be.
pub fn open(files: &Files) -> BTreeSet<String> {
    let is_open = |way: &Way| !way.exit.approved && way.exit.tier <= Tier::Tenant;
    open_ways(files)
        .into_iter()
        .filter(|(_, way)| is_open(way))
        .map(|(name, way)| {
            let host = way.exit.host.as_deref().unwrap_or_default();
            format!("{name} {} {} {host} {}", way.exit.via.as_str(), way.exit.class.as_str(), way.exit.tier.as_str())
        })
        .collect()
}

pub fn mutations() -> Vec<Mutation> {
    [cloud::all(), cluster::all(), gateway::all(), mesh::all(), pods::all(), policies::all()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn nothing_leaves_the_reference_estate_but_what_is_meant() {
    let reference = reference();
    assert_eq!(open(&reference), BTreeSet::new());
    let unknown: Vec<_> =
        ways(&reference).into_iter().filter(|(_, way)| way.exit.verdict == Verdict::Unknown).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn two_independent_layers_close_every_direct_way() {
    let all = ways(&reference());
    let direct: Vec<_> = all
        .iter()
        .filter(|(_, way)| {
            way.exit.via == Via::Direct && way.exit.class == Class::Internet && way.exit.verdict == Verdict::Closed
        })
        .collect();
    let workloads: BTreeSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(workloads.len(), 7);
    assert_eq!(direct.len(), workloads.len());
    for (name, way) in direct {
        let layers: BTreeSet<&str> = way.exit.cut().map(|step| step.control.as_str()).collect();
        assert_eq!(layers, BTreeSet::from(["firewall", "network-policy"]), "{name}");
    }
}

#[test]
fn every_mutation_is_reported_by_the_rule_that_names_it() {
    let reference = reference();
    let base = found(&reference);
    let untouched = open(&reference);
    let before = |rule: &str| base.get(rule).copied().unwrap_or_default();
    let mutations = mutations();
    assert!(mutations.len() >= 60, "{} mutations", mutations.len());
    let names: BTreeSet<&str> = mutations.iter().map(|mutation| mutation.name).collect();
    assert_eq!(names.len(), mutations.len(), "a mutation is there twice");
    let faults: Vec<String> = mutations
        .par_iter()
        .flat_map_iter(|mutation| {
            let files = mutation.of(&reference).unwrap_or_else(|fault| panic!("{}: {fault}", mutation.name));
            let found = found(&files);
            let mut faults = Vec::new();
            for rule in [Some(mutation.rule), mutation.path].into_iter().flatten() {
                if found.get(rule).is_none_or(|times| *times <= before(rule)) {
                    let new = found.iter().filter(|(rule, times)| rule.contains('/') && **times > before(rule));
                    let new: Vec<&str> = new.map(|(rule, _)| rule.as_str()).collect();
                    faults.push(format!("{}: no `{rule}`; new: {}", mutation.name, new.join(", ")));
                }
            }
            let opened: Vec<String> = open(&files).difference(&untouched).cloned().collect();
            let opens = mutation.path.is_some_and(|path| path != "intended-path-broken");
            if opens == opened.is_empty() {
                faults.push(format!("{}: opens {opened:?}", mutation.name));
            }
            faults
        })
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
