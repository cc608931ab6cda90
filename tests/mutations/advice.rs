//! What to do first: every edit that is suggested, about every estate and every mutation, is written into a copy of it, and
//! closes as many ways as was said.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade::analysis::capture::Tier;
use palisade::analysis::exits::{Class, Exit, Group, Verdict, Via};
use palisade::config::Config;
use palisade::report::paths::{Filter, First, Suggested};
use palisade::source::LineColumn;
use rayon::prelude::*;
use serde_yaml::Value;

use crate::common::{self, entries, judged_walk, project};
use crate::{Files, mutations, reference, walk};

fn advice(files: &Files) -> (First, Vec<Option<(String, usize)>>) {
    let walk = walk(files);
    let filter = Filter { first: true, ..Filter::default() };
    let (first, _) = palisade::paths(&walk, &Config::default(), &filter, |listings, _| {
        assert_eq!(listings.len(), 1);
        listings[0].first.clone()
    });
    let place = |suggested: &Suggested| {
        let at = suggested.at?;
        let LineColumn { line, .. } = walk.sources[at.source].line_column(at.span.start);
        Some((walk.sources[at.source].path().to_owned(), line))
    };
    let places = first.suggestions.iter().map(place).collect();
    (first, places)
}

/// The estate with an edit written into its files.
fn edited(files: &Files, suggested: &Suggested, place: Option<&(String, usize)>) -> Files {
    let mut files = files.clone();
    let object = &suggested.object;
    let (path, line) = place.expect("each of these has a place");
    match suggested.kind {
        "default-deny-egress" => {
            let policy = format!(
                "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: added, namespace: {object}}}\n\
                 spec: {{podSelector: {{}}, policyTypes: [Egress], egress: []}}\n"
            );
            files.insert("added.yaml".to_owned(), policy);
        }
        "firewall-deny-egress" => {
            let network =
                if object.is_empty() { String::new() } else { format!("networkRef: {{external: {object}}}, ") };
            let rule = |name: &str, range: &str| {
                format!(
                    "apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeFirewall\nmetadata: {{name: {name}}}\n\
                     spec: {{{network}direction: EGRESS, priority: 65535, destinationRanges: [\"{range}\"], \
                     deny: [{{protocol: all}}]}}\n"
                )
            };
            files.insert(
                "added.yaml".to_owned(),
                [rule("added-v4", "0.0.0.0/0"), rule("added-v6", "::/0")].join("---\n"),
            );
        }
        "unbind" => change(&mut files, path, *line, |document| document["subjects"] = Value::Sequence(Vec::new())),
        "untolerate" => change(&mut files, path, *line, |document| {
            let key = suggested.what.split('`').nth(1).expect("the key is named").to_owned();
            let document = named(document, object);
            let kind = document["kind"].as_str().unwrap_or_default().to_owned();
            let template =
                if kind == "CronJob" { &mut document["spec"]["jobTemplate"]["spec"] } else { &mut document["spec"] };
            let list = template["template"]["spec"]["tolerations"].as_sequence_mut().expect("there are tolerations");
            list.retain(|one| one["key"].as_str().is_some_and(|own| own != key));
        }),
        "registry-only" => {
            let content = files.get_mut(path).expect("the file is there");
            let mut lines: Vec<String> = content.lines().map(str::to_owned).collect();
            let changed = lines[line - 1].replace("ALLOW_ANY", "REGISTRY_ONLY");
            assert_ne!(changed, lines[line - 1], "{path}:{line}");
            lines[line - 1] = changed;
            *content = lines.join("\n") + "\n";
        }
        other => panic!("an edit that nobody knows how to write: {other}"),
    }
    files
}

/// The object of a name in a document: itself, or an item of the list that it is.
fn named<'d>(document: &'d mut Value, object: &str) -> &'d mut Value {
    let is_list = document["kind"] == "List";
    let name = object.rsplit('/').next().unwrap_or_default();
    let is_named = |item: &&mut Value| {
        item["metadata"]["name"] == name && object.contains(&format!("/{}/", item["kind"].as_str().unwrap_or_default()))
    };
    if !is_list {
        return document;
    }
    document["items"].as_sequence_mut().and_then(|items| items.iter_mut().find(is_named)).expect("the object is there")
}

/// Changes the document of a file that a line is in.
fn change(files: &mut Files, path: &str, line: usize, with: impl FnOnce(&mut Value)) {
    let content = files.get_mut(path).expect("the file is there");
    let before: String = content.lines().take(line - 1).map(|line| format!("{line}\n")).collect();
    let number = before.split("\n---").count() - 1;
    let mut parts: Vec<String> = content.split("\n---").map(str::to_owned).collect();
    let own = parts[number].trim_start_matches('-').to_owned();
    let mut document: Value = serde_yaml::from_str(&own).expect("this is YAML");
    with(&mut document);
    let text = if content.starts_with('{') {
        serde_json::to_string_pretty(&document).expect("it can be written")
    } else {
        serde_yaml::to_string(&document).expect("it can be written")
    };
    parts[number] = format!("\n{text}");
    *content = parts.join("\n---");
}

type Listed = Vec<(String, Arc<Exit>)>;

/// Whether a way that was open is closed to whoever took it, and whether a single control that stopped one has another.
fn becomes(name: &str, way: &Exit, after: &Listed) -> bool {
    let same = |(other, found): &&(String, Arc<Exit>)| {
        other == name && found.via == way.via && found.class == way.class && found.host == way.host
    };
    let mut found = after.iter().filter(same).map(|(_, way)| way);
    if way.verdict == Verdict::Open {
        return !found.any(|now| {
            let overlaps = now.verdict == Verdict::Unknown || !now.traffic.intersection(&way.traffic).is_empty();
            now.tier <= way.tier && now.verdict != Verdict::Closed && overlaps
        });
    }
    found
        .filter(|now| now.tier <= Tier::CodeExecution)
        .all(|now| now.verdict == Verdict::Closed && (now.tier < Tier::CodeExecution || now.cut().count() > 1))
}

/// How many ways an edit closes, and to how many it gives a second control.
fn counted(kinds: &[&str], before: &Listed, after: &Listed) -> (usize, usize) {
    // A policy that denies all has to let these through.
    let bears = |way: &Exit| {
        kinds.iter().any(|kind| *kind != "default-deny-egress") || !matches!(way.via, Via::Gateway | Via::Dns)
    };
    let is_open = |way: &Exit| way.verdict == Verdict::Open && !way.approved && way.class != Class::Metadata;
    let is_single = |way: &Exit| {
        let to_internet = way.via == Via::Direct && matches!(way.class, Class::Internet | Class::InternetV6);
        way.verdict == Verdict::Closed && to_internet && way.tier == Tier::CodeExecution && way.cut().count() == 1
    };
    let count = |is: &dyn Fn(&Exit) -> bool| {
        before.iter().filter(|(name, way)| is(way) && bears(way) && becomes(name, way, after)).count()
    };
    (count(&is_open), count(&|way| is_single(way) && way.gaps().next().is_none()))
}

/// Every way out of every workload.
fn all_ways(files: &Files) -> Listed {
    judged_walk(&walk(files), &Config::default(), |estate, facts| {
        let of_group = |group: &Group| {
            let names = group.workloads.iter().map(|&workload| estate.display(&estate.workloads[workload]));
            names
                .flat_map(|name| group.exits.iter().map(move |exit| (name.clone(), Arc::clone(exit))))
                .collect::<Vec<_>>()
        };
        facts.exits.groups.iter().flat_map(of_group).collect()
    })
}

/// What is suggested about an estate and does not come out so; and of which kinds edits were suggested.
fn faults(name: &str, files: &Files) -> (Vec<String>, BTreeSet<&'static str>) {
    let (first, places) = advice(files);
    let mut faults = Vec::new();
    let before = all_ways(files);
    let mut check = |what: &str, kinds: &[&str], changed: &Files, said: (usize, usize)| {
        let is = counted(kinds, &before, &all_ways(changed));
        if is != said {
            faults.push(format!("{name}: {what}: closes and seconds {is:?}, not {said:?}"));
        }
    };
    for (suggested, place) in first.suggestions.iter().zip(&places) {
        let changed = edited(files, suggested, place.as_ref());
        check(&suggested.what, &[suggested.kind], &changed, (suggested.closes, suggested.seconds));
    }
    let chosen = &first.smallest.suggestions;
    let mut all = files.clone();
    for &number in chosen {
        let added = all.remove("added.yaml").unwrap_or_default();
        all = edited(&all, &first.suggestions[number], places[number].as_ref());
        if !added.is_empty() {
            let own = all.remove("added.yaml").map(|own| format!("---\n{own}")).unwrap_or_default();
            all.insert("added.yaml".to_owned(), added + &own);
        }
    }
    if !chosen.is_empty() {
        let kinds: Vec<&str> = chosen.iter().map(|&number| first.suggestions[number].kind).collect();
        check(&format!("{kinds:?} together"), &kinds, &all, (first.smallest.closes, first.smallest.seconds));
    }
    let most = first.suggestions.iter().map(|suggested| suggested.closes).max().unwrap_or_default();
    if first.smallest.closes < most || first.open < first.smallest.closes {
        faults.push(format!("{name}: {:?} of {} where one closes {most}", first.smallest, first.open));
    }
    (faults, first.suggestions.iter().map(|suggested| suggested.kind).collect())
}

#[test]
fn every_suggestion_about_every_estate_comes_out_as_was_said() {
    let of_folder = |folder: &std::path::PathBuf| {
        let walk = common::walk(folder);
        let files: Files =
            walk.sources.iter().map(|source| (source.path().to_owned(), source.text().to_owned())).collect();
        faults(&folder.display().to_string(), &files)
    };
    let folders = entries(&project("fixtures/estates"));
    let all: Vec<_> = folders.par_iter().filter(|folder| folder.is_dir()).map(of_folder).collect();
    let faults: Vec<&String> = all.iter().flat_map(|(faults, _)| faults).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(all.iter().any(|(_, kinds)| !kinds.is_empty()), "nothing is suggested about any estate");
}

#[test]
fn every_suggestion_about_every_mutation_comes_out_as_was_said() {
    let reference = reference();
    let unruled = without_firewall(&reference);
    let bare = without_policies(&unruled);
    // Each mutation of the estate as it is, or of one of which so much is open that it matters what else is done.
    let of_mutation = |(number, mutation): (usize, &crate::Mutation)| {
        let bases = [("", &reference), (" without a firewall", &unruled), (" without a firewall and policies", &bare)];
        // What the proxy refuses matters where nothing else does.
        let (what, base) = bases[if mutation.rule == "outbound-allow-any" { 2 } else { number % 3 }];
        let mutated = mutation.of(base).ok();
        mutated.map(|files| faults(&format!("{}{what}", mutation.name), &files))
    };
    let all: Vec<_> = mutations().par_iter().enumerate().filter_map(of_mutation).collect();
    let faults: Vec<&String> = all.iter().flat_map(|(faults, _)| faults).collect();
    assert!(faults.is_empty(), "{} faults\n{faults:#?}", faults.len());
    let kinds: BTreeSet<&str> = all.iter().flat_map(|(_, kinds)| kinds).copied().collect();
    let every = ["default-deny-egress", "firewall-deny-egress", "registry-only", "unbind", "untolerate"];
    assert_eq!(kinds, BTreeSet::from(every));
}

/// An estate without the rules that deny all.
fn without_firewall(files: &Files) -> Files {
    let mut files = files.clone();
    let firewall = files.get_mut("cloud/firewall.yaml").expect("there are rules");
    assert!(firewall.contains("  priority: 65535\n"));
    *firewall = firewall.replace("  priority: 65535\n", "  priority: 65535\n  disabled: true\n");
    files
}

/// An estate of which tenants have no network policies.
fn without_policies(files: &Files) -> Files {
    let is_theirs = |path: &str| path.starts_with("tenants/") && path.ends_with("network-policies.yaml");
    let left: Files = files.clone().into_iter().filter(|(path, _)| !is_theirs(path)).collect();
    assert!(left.len() < files.len());
    left
}
