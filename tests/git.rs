//! What needs a repository: reports of what has changed, and ignores that a change must not bring along.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::program::{Ran, folder, parsed, run, run_with_stdin};
use common::repository::{AGENT, commit, repository, write};

const COMMENT: &str = " # palisade: ignore[host-network-workload] because it counts packets";

fn named(name: &str) -> String {
    AGENT.replace("name: agent", &format!("name: {name}"))
}

fn ignored() -> String {
    AGENT.replace("hostNetwork: true", &format!("hostNetwork: true{COMMENT}"))
}

/// The findings that count, but for what the input leaves open, as `rule/variant at path:line`.
fn findings(ran: &Ran) -> Vec<String> {
    let report = parsed(&ran.stdout);
    let all = report["findings"].as_array().expect("there are findings");
    let counts = all.iter().filter(|finding| {
        let is_open = finding["rule"] == "incomplete-evidence" || finding["rule"] == "missing-egress-gateway";
        !is_open && finding["suppressed"].is_null()
    });
    let line = |finding: &serde_json::Value| {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let (path, line) = (&finding["location"]["path"], &finding["location"]["start"]["line"]);
        format!("{}/{} at {}:{line}", text(&finding["rule"]), text(&finding["variant"]), text(path))
    };
    counts.map(line).collect()
}

fn check(folder: &Path, arguments: &[&str]) -> Ran {
    run(folder, &[&["check", "--format", "json"], arguments].concat())
}

#[test]
fn only_what_points_at_changed_lines_is_reported() {
    let estate = repository(&[("a.yaml", &named("first")), ("b.yaml", &named("second"))]);
    let since = |revision: &str| findings(&check(estate.path(), &["--changed-since", revision]));
    assert_eq!(since("HEAD"), [""; 0]);
    assert_eq!(check(estate.path(), &["--changed-since", "HEAD"]).code, 0);
    // A line elsewhere in the file is no reason.
    write(estate.path(), "a.yaml", &named("first").replace("example.com/agent", "example.com/agent:2"));
    assert_eq!(since("HEAD"), [""; 0]);
    write(estate.path(), "b.yaml", &named("second").replace("hostNetwork: true", "hostNetwork:  true"));
    assert_eq!(since("HEAD"), ["host-network-workload/tenant at b.yaml:9"]);
    commit(estate.path());
    assert_eq!(since("HEAD"), [""; 0]);
    assert_eq!(since("HEAD~1"), ["host-network-workload/tenant at b.yaml:9"]);
    // What git does not follow yet is all new.
    write(estate.path(), "c.yaml", &named("third"));
    assert_eq!(since("HEAD"), ["host-network-workload/tenant at c.yaml:9"]);
}

#[test]
fn the_report_says_that_more_is_there() {
    let estate = repository(&[("a.yaml", AGENT)]);
    let text = run(estate.path(), &["check", "--changed-since", "main", "--min-severity", "high"]).stdout;
    assert!(text.contains("not shown:  1 finding on lines that have not changed since main"), "{text}");
}

#[test]
fn the_working_directory_may_be_anywhere() {
    let estate = repository(&[("deploy/a.yaml", AGENT), ("other/x", "")]);
    write(estate.path(), "deploy/a.yaml", &AGENT.replace("hostNetwork: true", "hostNetwork:  true"));
    let ran = check(&estate.path().join("other"), &["../deploy", "--changed-since", "HEAD"]);
    assert_eq!(findings(&ran), ["host-network-workload/tenant at ../deploy/a.yaml:9"]);
}

#[test]
fn what_git_cannot_answer_is_said() {
    let estate = repository(&[("a.yaml", AGENT)]);
    for option in ["--changed-since", "--deny-new-ignores"] {
        let ran = check(estate.path(), &[option, "no-such-branch"]);
        assert_eq!(ran.code, 2);
        assert!(
            ran.stderr.contains("no revision `no-such-branch`") && ran.stderr.contains("fetch-depth"),
            "{}",
            ran.stderr
        );
        assert_eq!(check(estate.path(), &[option, "--output=x"]).code, 2);
        let ran = run_with_stdin(estate.path(), &["check", "-", option, "HEAD"], AGENT);
        assert!(ran.code == 2 && ran.stderr.contains("standard input has no history"), "{}", ran.stderr);
        let nowhere = folder(&[("a.yaml", AGENT)]);
        let ran = check(nowhere.path(), &[option, "HEAD"]);
        assert!(ran.code == 2 && ran.stderr.contains("not a git repository"), "{}", ran.stderr);
    }
}

fn denied(folder: &Path) -> (i32, Vec<String>) {
    let ran = check(folder, &["--deny-new-ignores", "main"]);
    (ran.code, findings(&ran))
}

const FOUND: &str = "host-network-workload/tenant at a.yaml:9";

#[test]
fn a_comment_that_a_change_brings_along_silences_nothing() {
    let estate = repository(&[("a.yaml", AGENT)]);
    write(estate.path(), "a.yaml", &ignored());
    assert_eq!(check(estate.path(), &[]).code, 0);
    assert_eq!(denied(estate.path()), (1, vec![FOUND.to_owned(), "new-ignore/ignore at a.yaml:9".to_owned()]));
    // Once it is on the branch, it holds, and moving it along with its object changes nothing.
    commit(estate.path());
    assert_eq!(denied(estate.path()), (0, vec![]));
    fs::remove_file(estate.path().join("a.yaml")).expect("the file is there");
    write(
        estate.path(),
        "moved.yaml",
        &format!(
            "# a line more\n{}",
            ignored().replace("name: agent\n  namespace: team-x", "namespace: team-x\n  name: agent")
        ),
    );
    assert_eq!(denied(estate.path()), (0, vec![]));
    // At another object, or for longer, it is new.
    write(estate.path(), "moved.yaml", &ignored().replace("name: agent", "name: other"));
    assert_eq!(denied(estate.path()).0, 1);
}

#[test]
fn an_ignore_must_not_last_longer_than_it_did() {
    let until = |day: &str| ignored().replace("packets", &format!("packets until {day}"));
    let estate = repository(&[("a.yaml", &until("2998-01-01"))]);
    for (day, code) in [("2998-01-01", 0), ("2997-01-01", 0), ("2999-01-01", 1)] {
        write(estate.path(), "a.yaml", &until(day));
        assert_eq!(denied(estate.path()).0, code, "{day}");
    }
    write(estate.path(), "a.yaml", &ignored());
    assert_eq!(denied(estate.path()).0, 1);
}

#[test]
fn settings_that_a_change_lowers_are_taken_as_they_were() {
    let settings = "rules: {missing-deny-all: error}\nignore:\n- {rule: host-network-workload, resource: \"team-y/*\", reason: agents}\n";
    let estate = repository(&[("a.yaml", AGENT), ("palisade.yaml", settings)]);
    assert_eq!(
        denied(estate.path()),
        (1, vec![FOUND.to_owned(), "unused-ignore/no-object at palisade.yaml:3".to_owned()])
    );
    let cases = [
        ("rules: {host-network-workload: off, missing-deny-all: error}\n", "new-ignore/level at palisade.yaml:1"),
        ("rules: {host-network-workload: note, missing-deny-all: error}\n", "new-ignore/level at palisade.yaml:1"),
        ("fail-on: never\n", "new-ignore/setting at palisade.yaml:1"),
        ("min-severity: critical\n", "new-ignore/setting at palisade.yaml:1"),
        ("system-namespaces: [team-x]\n", "new-ignore/setting at palisade.yaml:1"),
        ("rules: {new-ignore: off}\nsystem-namespaces: [team-x]\n", "new-ignore/setting at palisade.yaml:2"),
        (
            "ignore:\n- {rule: host-network-workload, resource: \"team-*/*\", reason: agents}\n",
            "new-ignore/ignore at palisade.yaml:2",
        ),
    ];
    for (text, said) in cases {
        write(estate.path(), "palisade.yaml", text);
        assert_eq!(check(estate.path(), &[]).code, 0, "{text}");
        let (code, found) = denied(estate.path());
        assert!(code == 1 && found.contains(&FOUND.to_owned()) && found.contains(&said.to_owned()), "{text}{found:?}");
    }
    // Saying more, or ignoring less, is no news.
    write(estate.path(), "palisade.yaml", "rules: {missing-deny-all: error, public-node: error}\nfail-on: note\n");
    assert_eq!(denied(estate.path()), (1, vec![FOUND.to_owned()]));
}

#[test]
fn a_statement_that_a_change_takes_out_still_counts() {
    let statement = "deny: {from: nobody, to: example.com}";
    let estate = repository(&[("a.yaml", AGENT), ("palisade.yaml", &format!("expect:\n- {statement}\n"))]);
    let unmet = "unmet-expectation/no-workload at palisade.yaml";
    assert_eq!(denied(estate.path()), (1, vec![FOUND.to_owned(), format!("{unmet}:2")]));
    for (settings, line) in [("fail-on: error\nexpect: []\n", 2), ("fail-on: error\n", 1)] {
        write(estate.path(), "palisade.yaml", settings);
        let taken = [format!("new-ignore/setting at palisade.yaml:{line}"), format!("{unmet}:{line}")];
        let found: Vec<String> = denied(estate.path()).1.into_iter().skip(1).collect();
        assert_eq!(found, taken, "{settings}");
    }
    // Where it stands and what comes with it makes no difference.
    let more = format!("expect:\n- allow: {{from: nobody, to: example.com}}\n- {statement}\n");
    write(estate.path(), "palisade.yaml", &more);
    assert_eq!(denied(estate.path()).1[1..], [format!("{unmet}:2"), format!("{unmet}:3")]);
}

#[test]
fn settings_that_are_new_as_a_whole_are_held_against_none() {
    let estate = repository(&[("a.yaml", AGENT)]);
    let ignore = "ignore:\n- {rule: host-network-workload, resource: \"team-x/*\", reason: agents}\n";
    write(estate.path(), "palisade.yaml", ignore);
    assert_eq!(denied(estate.path()), (1, vec![FOUND.to_owned(), "new-ignore/ignore at palisade.yaml:2".to_owned()]));
}

#[test]
fn the_repository_is_left_as_it_was() {
    let estate = repository(&[("a.yaml", AGENT)]);
    write(estate.path(), "b.yaml", &named("second"));
    let listed = |folder: &Path| {
        let status =
            Command::new("git").arg("-C").arg(folder).args(["status", "--porcelain"]).output().expect("git starts");
        (String::from_utf8_lossy(&status.stdout).into_owned(), common::files(&folder.join(".git"), "").len())
    };
    let before = listed(estate.path());
    check(estate.path(), &["--deny-new-ignores", "HEAD", "--changed-since", "HEAD"]);
    assert_eq!(listed(estate.path()), before);
}

#[test]
fn a_statement_cannot_be_lost_with_its_file() {
    let quiet = "rules:\n  host-network-workload: off\n";
    let settings = format!("{quiet}expect:\n- deny: {{from: team-x, to: example.com}}\n");
    let estate = repository(&[("a.yaml", AGENT), ("palisade.yaml", &settings)]);
    let (_, kept) = denied(estate.path());
    let of = |rule: &str, found: &[String]| found.iter().filter(|found| found.starts_with(rule)).count();
    assert!(of("unmet-expectation/", &kept) > 0 && of("new-ignore/", &kept) == 0, "{kept:?}");
    for now in [Some(quiet), Some("# nothing\n"), Some(""), None] {
        match now {
            Some(text) => write(estate.path(), "palisade.yaml", text),
            None => fs::remove_file(estate.path().join("palisade.yaml")).expect("the file is there"),
        }
        let (code, found) = denied(estate.path());
        assert_eq!(code, 1, "{now:?}");
        assert_eq!(of("new-ignore/setting", &found), 1, "{now:?} {found:?}");
        assert_eq!(of("unmet-expectation/", &found), of("unmet-expectation/", &kept), "{now:?} {found:?}");
    }
}
