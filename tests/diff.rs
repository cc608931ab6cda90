//! `palisade diff`: what a change opens, closes, silences and keeps, between folders and between revisions.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::fs;
use std::path::Path;

use common::program::{BROKEN, Ran, folder, parsed, run};
use common::repository::{AGENT, commit, git, repository, write};
use serde_json::Value;

/// The findings of each kind, by the names of the objects that they are in.
fn objects(ran: &Ran) -> [Vec<String>; 4] {
    let change = parsed(&ran.stdout);
    ["new", "gone", "silenced", "kept"].map(|kind| {
        let all = change["findings"][kind].as_array().unwrap_or_else(|| panic!("{}", ran.stdout)).iter();
        let own = all.filter(|finding| finding["rule"] == "host-network-workload");
        own.map(|finding| finding["resource"]["name"].as_str().unwrap_or_default().to_owned()).collect()
    })
}

fn named(name: &str) -> String {
    AGENT.replace("name: agent", &format!("name: {name}"))
}

fn diff(folder: &Path, arguments: &[&str]) -> Ran {
    run(folder, &[&["diff", "--format", "json"], arguments].concat())
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn two_folders_are_compared() {
    let estates = folder(&[
        ("old/a.yaml", &named("one")),
        ("old/b.yaml", &named("two")),
        ("new/x/c.yaml", &named("two")),
        ("new/d.yaml", &named("three")),
    ]);
    let ran = diff(estates.path(), &["old", "new"]);
    assert_eq!(objects(&ran), [words(&["three"]), words(&["one"]), vec![], words(&["two"])]);
    assert_eq!(ran.code, 1);
    let back = diff(estates.path(), &["new", "old"]);
    assert_eq!(objects(&back), [words(&["one"]), words(&["three"]), vec![], words(&["two"])]);
    let same = diff(estates.path(), &["old", "old"]);
    assert_eq!((same.code, objects(&same)), (0, [vec![], vec![], vec![], words(&["one", "two"])]));
    assert_eq!(parsed(&same.stdout)["verdict"], "pass");
}

#[test]
fn what_only_closes_passes() {
    let estates =
        folder(&[("old/a.yaml", &named("one")), ("old/b.yaml", &named("two")), ("new/b.yaml", &named("two"))]);
    let ran = diff(estates.path(), &["old", "new"]);
    assert_eq!((ran.code, objects(&ran)[1].as_slice()), (0, words(&["one"]).as_slice()));
}

#[test]
fn the_level_that_fails_and_the_rank_that_counts_are_choices() {
    let estates =
        folder(&[("old/a.yaml", &named("one")), ("new/a.yaml", &named("one")), ("new/b.yaml", &named("two"))]);
    for (arguments, code) in
        [(["--fail-on", "never"], 0), (["--fail-on", "error"], 1), (["--min-severity", "critical"], 0)]
    {
        assert_eq!(diff(estates.path(), &[&["old", "new"], &arguments[..]].concat()).code, code, "{arguments:?}");
    }
}

#[test]
fn two_revisions_are_compared() {
    let estate = repository(&[("deploy/a.yaml", &named("one"))]);
    git(estate.path(), &["checkout", "--quiet", "-b", "change"]);
    write(estate.path(), "deploy/b.yaml", &named("two"));
    commit(estate.path());
    let opened = [words(&["two"]), vec![], vec![], words(&["one"])];
    for arguments in
        [&["main..change"][..], &["main..HEAD"], &["main.."], &["main", "change"], &["main...change"], &["main"]]
    {
        let ran = diff(estate.path(), arguments);
        assert_eq!((objects(&ran), ran.code), (opened.clone(), 1), "{arguments:?}: {}", ran.stderr);
    }
    let location = &parsed(&diff(estate.path(), &["main..change"]).stdout)["findings"]["new"][0]["location"]["path"];
    assert_eq!(location, "deploy/b.yaml");
    // What the other branch did since is no part of the change.
    git(estate.path(), &["checkout", "--quiet", "main"]);
    write(estate.path(), "deploy/c.yaml", &named("three"));
    commit(estate.path());
    assert_eq!(objects(&diff(estate.path(), &["main...change"])), opened);
    assert_eq!(objects(&diff(estate.path(), &["main..change"]))[1], words(&["three"]));
}

#[test]
fn a_revision_is_compared_with_the_working_tree() {
    let estate = repository(&[("a.yaml", &named("one")), (".gitignore", "ignored.yaml\n")]);
    write(estate.path(), "b.yaml", &named("two"));
    write(estate.path(), "ignored.yaml", &named("three"));
    for arguments in [&["HEAD"][..], &["HEAD", "."]] {
        assert_eq!(objects(&diff(estate.path(), arguments)), [words(&["two"]), vec![], vec![], words(&["one"])]);
    }
}

#[test]
fn a_part_of_the_repository_is_compared() {
    let estate = repository(&[("x/a.yaml", &named("one")), ("y/b.yaml", &named("two"))]);
    fs::remove_dir_all(estate.path().join("y")).expect("the folder is there");
    write(estate.path(), "x/c.yaml", &named("three"));
    commit(estate.path());
    let range = "HEAD~1..HEAD";
    assert_eq!(objects(&diff(estate.path(), &[range])), [words(&["three"]), words(&["two"]), vec![], words(&["one"])]);
    assert_eq!(
        objects(&diff(estate.path(), &[range, "--path", "x"])),
        [words(&["three"]), vec![], vec![], words(&["one"])]
    );
    assert_eq!(
        objects(&diff(&estate.path().join("x"), &[range])),
        [words(&["three"]), vec![], vec![], words(&["one"])]
    );
    // A part that was not there yet was empty.
    assert_eq!(objects(&diff(estate.path(), &["HEAD..HEAD~1", "--path", "y"]))[0], words(&["two"]));
}

#[test]
fn each_state_has_its_own_settings() {
    let estate = repository(&[("a.yaml", AGENT)]);
    write(estate.path(), "palisade.yaml", "rules: {host-network-workload: off}\n");
    commit(estate.path());
    assert_eq!(objects(&diff(estate.path(), &["HEAD~1..HEAD"]))[1], words(&["agent"]));
    let both = folder(&[("settings.yaml", "complete: []\n")]);
    let both = both.path().join("settings.yaml").display().to_string();
    assert_eq!(objects(&diff(estate.path(), &["HEAD~1..HEAD", "--config", &both]))[3], words(&["agent"]));
}

#[test]
fn what_is_only_ignored_is_not_closed() {
    let ignored = AGENT.replace(
        "hostNetwork: true",
        "hostNetwork: true # palisade: ignore[host-network-workload] because it is urgent",
    );
    let estates = folder(&[("old/a.yaml", AGENT), ("new/a.yaml", &ignored)]);
    let ran = diff(estates.path(), &["old", "new"]);
    assert_eq!(objects(&ran), [vec![], vec![], words(&["agent"]), vec![]]);
    for format in ["terminal", "markdown"] {
        let text = run(estates.path(), &["diff", "old", "new", "--format", format]).stdout;
        assert!(text.to_lowercase().contains("ignored from now on") && text.contains("because it is urgent"), "{text}");
    }
}

#[test]
fn people_read_what_opened_with_its_lines() {
    let estates = folder(&[("old/a.yaml", &named("one")), ("new/b.yaml", &named("two"))]);
    let text = run(estates.path(), &["diff", "old", "new"]).stdout;
    assert!(text.contains("new/b.yaml:9:20") && text.contains("hostNetwork: true"), "{text}");
    assert!(text.contains("- old/a.yaml:9:20: error host-network-workload"), "{text}");
    let last = text.lines().last().unwrap_or_default();
    assert!(last.starts_with("  old to new: findings: 1 opened, 1 closed, "), "{text}");
    assert!(!text.contains('\u{1b}'));
    let comment = run(estates.path(), &["diff", "old", "new", "--format", "markdown"]).stdout;
    assert!(comment.starts_with("## palisade: this change opens a way that was closed\n"), "{comment}");
    assert!(comment.contains("### Opened") && comment.contains("### Closed"), "{comment}");
    let nothing = run(estates.path(), &["diff", "old", "old", "--format", "markdown"]).stdout;
    assert!(nothing.starts_with("## palisade: this change opens nothing\n"), "{nothing}");
}

#[test]
fn a_comparison_goes_to_a_file() {
    let estates = folder(&[("old/a.yaml", &named("one")), ("new/b.yaml", &named("two"))]);
    let ran = run(estates.path(), &["diff", "old", "new", "--format", "json", "--output", "out.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert_eq!(parsed(&common::text(&estates.path().join("out.json")))["schema"], Value::from(1));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let estates = folder(&[("old/a.yaml", AGENT), ("empty/x", ""), ("new/a.yaml", AGENT), ("new/b.yaml", BROKEN)]);
    let repository = repository(&[("a.yaml", AGENT)]);
    let cases: [(&Path, &[&str], &str); 6] = [
        (estates.path(), &["old"], "`palisade diff old NEW`"),
        (estates.path(), &["old", "nwe"], "not a git repository"),
        (estates.path(), &["empty", "empty"], "nothing to audit in empty"),
        (estates.path(), &[], "Usage"),
        (repository.path(), &["mian..HEAD"], "no revision `mian`"),
        (repository.path(), &["HEAD", "HEAD", "--format", "sarif"], "markdown"),
    ];
    for (folder, arguments, said) in cases {
        let ran = run(folder, &[&["diff"], arguments].concat());
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
    let ran = run(estates.path(), &["diff", "old", "new"]);
    assert!(ran.code == 2 && ran.stdout.contains("1 document of new could not be read"), "{}", ran.stdout);
    assert_eq!(run(estates.path(), &["diff", "old", "new", "--allow-unparsed"]).code, 0);
    // What could not be read before says nothing against what is there now.
    assert_eq!(run(estates.path(), &["diff", "new", "old"]).code, 0);
}

/// An estate whose firewall denies, and the same with the rule disabled.
fn firewalled() -> tempfile::TempDir {
    let estate = common::project("fixtures/estates/no-deny-firewall");
    let [cloud, cluster] = ["cloud.yaml", "cluster.yaml"].map(|file| common::text(&estate.join(file)));
    assert!(cloud.contains("disabled: true"));
    let denying = cloud.replace("disabled: true", "disabled: false");
    let files =
        [("old/cloud.yaml", &denying), ("old/a.yaml", &cluster), ("new/cloud.yaml", &cloud), ("new/a.yaml", &cluster)];
    folder(&files.map(|(path, text)| (path, text.as_str())))
}

#[test]
fn ways_out_are_compared() {
    let estates = firewalled();
    let moves = |old: &str, new: &str, kind: &str| {
        let ran = diff(estates.path(), &[old, new, "--rule", "unused-ignore"]);
        let moves = parsed(&ran.stdout)["exits"][kind].as_array().expect("there is a list").clone();
        let said =
            |moved: &Value| format!("{} {} {}", moved["workloads"][0], moved["tier"], moved["via"]).replace('"', "");
        (ran.code, moves.iter().map(said).collect::<Vec<_>>())
    };
    let (code, opened) = moves("old", "new", "opened");
    assert_eq!(code, 1, "a way out that opens fails by itself");
    assert!(opened.contains(&"migration/Deployment/copier application direct".to_owned()), "{opened:?}");
    let (code, closed) = moves("new", "old", "closed");
    assert_eq!((code, &closed), (0, &opened));
    assert_eq!(moves("new", "new", "opened"), (0, vec![]));
    assert_eq!(moves("new", "old", "opened").1, [""; 0]);

    let text = run(estates.path(), &["diff", "old", "new"]).stdout;
    assert!(
        text.contains("  ways out opened:\n    - migration/Deployment/copier: direct to the application, "),
        "{text}"
    );
    assert!(text.contains("implied firewall rule: allow, "), "{text}");
    let comment = run(estates.path(), &["diff", "old", "new", "--format", "markdown"]).stdout;
    assert!(comment.contains("### Ways out opened\n") && comment.contains("**allow**"), "{comment}");
}

#[test]
fn what_can_no_longer_be_decided_is_said() {
    let estates = firewalled();
    fs::remove_file(estates.path().join("new/cloud.yaml")).expect("the file is there");
    let change = parsed(&diff(estates.path(), &["old", "new"]).stdout);
    assert!(change["exits"]["undecided"].as_array().is_some_and(|moves| !moves.is_empty()), "{change}");
}
