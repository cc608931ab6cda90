//! The binary as scripts see it: exit codes, streams, formats, settings.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use common::program::{BROKEN, CLEAN, WITH_ERROR, folder, palisade, parsed, ran, run, run_with_stdin};
use palisade::rules::RULES;
use serde_json::Value;

const FORMATS: [&str; 3] = ["terminal", "json", "sarif"];

#[test]
fn the_exit_code_is_the_same_in_every_format() {
    for format in FORMATS {
        for (text, code) in [(CLEAN, 0), (WITH_ERROR, 1), (BROKEN, 2)] {
            let estate = folder(&[("a.yaml", text)]);
            let ran = run(estate.path(), &["check", "--format", format]);
            assert_eq!(ran.code, code, "{format}\n{text}\n{}{}", ran.stdout, ran.stderr);
        }
    }
}

#[test]
fn the_level_that_fails_is_a_choice() {
    let estate = folder(&[("a.yaml", WITH_ERROR)]);
    for (level, code) in [("never", 0), ("error", 1), ("warning", 1), ("note", 1)] {
        assert_eq!(run(estate.path(), &["check", "--fail-on", level]).code, code, "{level}");
    }
    let warned = folder(&[("a.yaml", WITH_ERROR), ("palisade.yaml", "rules:\n  missing-egress-isolation: warning\n")]);
    for (level, code) in [("error", 0), ("warning", 1)] {
        let arguments = ["check", "--rule", "missing-egress-isolation", "--fail-on", level];
        assert_eq!(run(warned.path(), &arguments).code, code, "{level}");
    }
}

#[test]
fn what_cannot_be_audited_is_exit_code_2() {
    let estate = folder(&[("a.yaml", CLEAN), ("empty/README", "no manifests here\n")]);
    let cases: [(&[&str], &str); 9] = [
        (&[], "Usage"),
        (&["chek"], "unrecognized"),
        (&["check", "--fromat", "json"], "--format"),
        (&["check", "--format", "xml"], "sarif"),
        (&["check", "--rule", "foreign-gateway-tolerations"], "did you mean `foreign-gateway-toleration`"),
        (&["check", "--complete", "cluod"], "cloud"),
        (&["check", "--istio-version", "newest"], "1.28"),
        (&["check", "not-there"], "not-there"),
        (&["check", "empty"], "nothing to audit in empty"),
    ];
    for (arguments, said) in cases {
        let ran = run(estate.path(), arguments);
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn what_could_be_read_is_still_reported() {
    let estate = folder(&[("a.yaml", WITH_ERROR), ("b.yaml", BROKEN)]);
    let ran = run(estate.path(), &["check", "--format", "json"]);
    assert_eq!(ran.code, 2);
    let report = parsed(&ran.stdout);
    assert_eq!(report["verdict"], "incomplete");
    assert_eq!(report["inputs"]["unparsed"][0]["path"], "b.yaml");
    assert!(report["findings"].as_array().is_some_and(|findings| !findings.is_empty()));
    assert!(ran.stderr.contains("b.yaml:"), "{}", ran.stderr);
    assert!(run(estate.path(), &["check"]).stdout.contains("b.yaml:"));
}

#[test]
fn unparsable_documents_can_be_allowed() {
    let estate = folder(&[("a.yaml", CLEAN), ("b.yaml", BROKEN)]);
    assert_eq!(run(estate.path(), &["check"]).code, 2);
    let ran = run(estate.path(), &["check", "--allow-unparsed", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(parsed(&ran.stdout)["inputs"]["unparsed"][0]["path"], "b.yaml");
}

#[test]
fn standard_input_is_read() {
    let elsewhere = folder(&[]);
    let ran = run_with_stdin(elsewhere.path(), &["check", "-", "--format", "json"], WITH_ERROR);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let report = parsed(&ran.stdout);
    assert_eq!(report["inputs"]["documents"], 2);
    assert_eq!(report["findings"][0]["location"]["path"], "<stdin>");
    assert_eq!(run_with_stdin(elsewhere.path(), &["check", "-"], "").code, 2);
}

#[test]
fn standard_input_is_decoded_as_files_are() {
    let elsewhere = folder(&[("a.yaml", WITH_ERROR)]);
    let marked = std::iter::once(0xfeff).chain(WITH_ERROR.encode_utf16());
    let as_powershell_writes: Vec<u8> = marked.flat_map(u16::to_le_bytes).collect();
    let ran = run_with_stdin(elsewhere.path(), &["check", "-", "--format", "json"], as_powershell_writes);
    assert_eq!(parsed(&ran.stdout)["findings"][0]["location"]["path"], "<stdin>", "{}", ran.stderr);

    // What cannot be decoded is said, and is not fatal to the rest.
    let ran = run_with_stdin(elsewhere.path(), &["check", "-", "a.yaml", "--format", "json"], [0x80, 0x81]);
    assert_eq!(ran.code, 2);
    let report = parsed(&ran.stdout);
    assert_eq!(report["inputs"]["unparsed"][0]["path"], "<stdin>");
    assert_eq!(report["findings"][0]["location"]["path"], "a.yaml");
}

#[test]
fn standard_input_and_paths_are_one_estate() {
    let policies = folder(&[("policy.yaml", WITH_ERROR.split("---\n").nth(1).unwrap_or_default())]);
    let workload = WITH_ERROR.split("---\n").next().unwrap_or_default();
    let ran = run_with_stdin(policies.path(), &["check", "-", "policy.yaml", "--format", "json"], workload);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(parsed(&ran.stdout)["inputs"]["documents"], 2);
}

#[test]
fn the_json_is_what_the_contract_says() {
    let estate = folder(&[("mesh/a.yaml", WITH_ERROR)]);
    let ran = run(estate.path(), &["check", "mesh", "--format", "json", "--rule", "missing-egress-isolation"]);
    let report = parsed(&ran.stdout);
    assert_eq!((&report["schema"], &report["tool"]["name"]), (&1.into(), &"palisade".into()));
    assert_eq!(report["verdict"], "fail");
    for key in ["files", "documents", "resources", "bytes", "unparsed", "unmodelled", "skipped"] {
        assert!(!report["inputs"][key].is_null(), "{key}");
    }
    let finding = &report["findings"][0];
    for key in ["rule", "variant", "level", "severity", "confidence", "message", "help", "fingerprint"] {
        assert!(finding[key].is_string(), "{key}: {finding}");
    }
    let location = &finding["location"];
    assert_eq!(location["path"], "mesh/a.yaml");
    let offset = |at: &str| usize::try_from(location[at]["offset"].as_u64().expect("an offset")).expect("a small one");
    let start = offset("start");
    assert!(!WITH_ERROR[start..offset("end")].is_empty());
    let line = 1 + WITH_ERROR[..start].matches('\n').count();
    assert_eq!(location["start"]["line"], line);
    assert!(finding.get("suppressed").is_some_and(Value::is_null));
    assert_eq!(finding["resource"]["namespace"], "team-y");
}

#[test]
fn only_the_document_goes_to_standard_output() {
    let estate = folder(&[("a.yaml", WITH_ERROR)]);
    for format in ["json", "sarif"] {
        let ran = run(estate.path(), &["check", "-v", "--format", format]);
        parsed(&ran.stdout);
        assert!(ran.stderr.contains("fail (error: 1"), "{}", ran.stderr);
        let quiet = run(estate.path(), &["check", "-q", "--format", format]);
        assert_eq!((quiet.stdout, quiet.stderr.as_str()), (ran.stdout, ""));
    }
    assert_eq!(run(estate.path(), &["check"]).stderr, "");
}

#[test]
fn settings_are_found_from_the_audited_folder_upwards() {
    let off = "rules: {missing-egress-isolation: off}\n";
    let only = ["--rule", "missing-egress-isolation"];
    let code = |folder: &Path, arguments: &[&str]| run(folder, &[&["check"], arguments, &only].concat()).code;

    let estate = folder(&[("palisade.yaml", off), ("team/mesh/a.yaml", WITH_ERROR)]);
    assert_eq!(code(estate.path(), &[]), 0);
    assert_eq!(code(estate.path(), &["team"]), 0);
    assert_eq!(code(estate.path(), &["team/mesh/a.yaml"]), 0);
    assert_eq!(code(&estate.path().join("team/mesh"), &[]), 0);
    // The nearest wins, and a file named on the command line wins over that.
    fs::write(estate.path().join("team/palisade.yaml"), "rules: {}\n").expect("a file can be written");
    assert_eq!(code(estate.path(), &["team"]), 1);
    assert_eq!(code(estate.path(), &["team", "--config", "palisade.yaml"]), 0);
    assert_eq!(code(estate.path(), &["team", "--config", "none.yaml"]), 2);
    // Two paths with different settings are two audits.
    assert_eq!(code(estate.path(), &["team", "palisade.yaml"]), 2);
}

#[test]
fn settings_end_at_the_repository() {
    let estate = folder(&[
        ("palisade.yaml", "rules: {missing-egress-isolation: off}\n"),
        ("repository/.git/HEAD", "ref: refs/heads/main\n"),
        ("repository/a.yaml", WITH_ERROR),
    ]);
    let arguments = ["check", "repository", "--rule", "missing-egress-isolation"];
    assert_eq!(run(estate.path(), &arguments).code, 1);
}

#[test]
fn wrong_settings_are_shown_at_their_place() {
    let text = "rules:\n  missing-egress-isolaton: off\nunknown: 1\n";
    let estate = folder(&[("a.yaml", CLEAN), ("palisade.yaml", text)]);
    let ran = run(estate.path(), &["check"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("palisade.yaml:2:3: unknown rule"), "{}", ran.stderr);
    assert!(ran.stderr.contains("did you mean `missing-egress-isolation`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("palisade.yaml:3:1: unknown key"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}

#[test]
fn the_command_line_wins_over_the_settings() {
    let estate = folder(&[("a.yaml", CLEAN), ("palisade.yaml", "complete: [mesh]\nistio-version: \"1.20\"\n")]);
    let ran = run(estate.path(), &["check", "-v", "--complete", "kubernetes,cloud", "--istio-version", "1.28"]);
    assert_ne!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("settings from palisade.yaml"), "{}", ran.stderr);
}

#[test]
fn the_settings_are_no_manifest() {
    let estate = folder(&[("a.yaml", CLEAN), ("palisade.yaml", "complete: [mesh]\n")]);
    let report = parsed(&run(estate.path(), &["check", "--format", "json"]).stdout);
    assert_eq!(report["inputs"]["documents"], 1);
    assert_eq!(report["inputs"]["files"], 1);
}

#[test]
fn less_can_be_reported() {
    let estate = folder(&[("a.yaml", WITH_ERROR)]);
    for arguments in [["--min-severity", "critical"], ["--rule", "foreign-gateway-toleration"]] {
        let ran = run(estate.path(), &[&["check", "--format", "json"], &arguments[..]].concat());
        assert_eq!(ran.code, 0, "{arguments:?}");
        assert_eq!(parsed(&ran.stdout)["findings"], Value::Array(Vec::new()), "{arguments:?}");
    }
}

#[test]
fn color_is_for_terminals_unless_asked_for() {
    let estate = folder(&[("a.yaml", WITH_ERROR)]);
    let colored = |arguments: &[&str]| run(estate.path(), arguments).stdout.contains('\u{1b}');
    assert!(!colored(&["check"]));
    assert!(!colored(&["check", "--color", "never"]));
    assert!(colored(&["check", "--color", "always"]));
    assert!(colored(&["explain", "missing-egress-isolation", "--color", "always"]));
    assert!(!colored(&["check", "--color", "always", "--format", "json"]));
}

#[test]
fn boxes_are_for_terminals_that_have_them() {
    let estate = folder(&[("a.yaml", WITH_ERROR)]);
    let drawn = |name: &str, value: &str| {
        ran(&palisade(estate.path(), &["check"]).env(name, value).output().expect("the program starts")).stdout
    };
    assert!(!drawn("LANG", "en_US.UTF-8").is_ascii());
    assert!(drawn("LANG", "C").is_ascii(), "{}", drawn("LANG", "C"));
    assert!(drawn("TERM", "dumb").is_ascii());
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let estate = folder(&[("a.yaml", WITH_ERROR)]);
    let cases: [(&[&str], i32); 9] = [
        (&["check"], 1),
        (&["paths"], 0),
        (&["graph"], 0),
        (&["connections"], 0),
        (&["diff", "a.yaml", "a.yaml"], 0),
        (&["rules"], 0),
        (&["explain", "host-network-workload"], 0),
        (&["man"], 0),
        (&["completions", "bash"], 0),
    ];
    for (arguments, code) in cases {
        let mut command = palisade(estate.path(), arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("the program ends");
        assert_eq!((output.status.code(), ran(&output).stderr), (Some(code), String::new()), "{arguments:?}");
    }
}

#[test]
fn every_command_says_what_to_do_where_it_cannot() {
    let estate = folder(&[("ok/a.yaml", CLEAN), ("empty/README", "no manifests here\n")]);
    let cases: [(&[&str], &str); 6] = [
        (&["nowhere"], "name the folders or files that hold the manifests"),
        (&["empty"], "name where the manifests are"),
        (&["-"], "nothing to audit in standard input"),
        (&["ok", "--output", "no/such/file"], "there is no folder no/such; make it first"),
        (&["ok", "--config", "none.yaml"], "cannot read `none.yaml`"),
        (&["ok", "--formta", "json"], "a similar argument exists: '--format'"),
    ];
    for command in ["check", "paths", "graph", "connections"] {
        for (arguments, said) in cases {
            let ran = run(estate.path(), &[&[command], arguments].concat());
            assert_eq!(ran.code, 2, "{command} {arguments:?}");
            assert!(ran.stderr.contains(said), "{command} {arguments:?}: {}", ran.stderr);
        }
    }
}

#[test]
fn rules_are_listed_and_explained() {
    let here = folder(&[]);
    let listed = run(here.path(), &["rules"]);
    assert_eq!((listed.code, listed.stdout.lines().count()), (0, RULES.len()));
    let json = parsed(&run(here.path(), &["rules", "--format", "json"]).stdout);
    let ids = json["rules"].as_array().expect("a list").iter().map(|rule| rule["id"].as_str().unwrap_or_default());
    assert_eq!(ids.collect::<Vec<_>>(), RULES.iter().map(|rule| rule.id).collect::<Vec<_>>());
    for rule in RULES {
        let explained = run(here.path(), &["explain", rule.id]);
        assert_eq!(explained.code, 0);
        assert!(explained.stdout.starts_with(rule.page.trim_end()), "{}", rule.id);
        assert!(listed.stdout.contains(rule.summary), "{}", rule.id);
    }
    let unknown = run(here.path(), &["explain", "missing-egress-isolatoin"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("did you mean `missing-egress-isolation`"), "{}", unknown.stderr);
}

#[test]
fn the_help_lists_what_the_readme_says() {
    let readme = common::text(&common::project("README.md"));
    let here = folder(&[]);
    let help = run(here.path(), &["check", "--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    let section =
        readme.split("\n### Options\n").nth(1).and_then(|rest| rest.split("\n#").next()).expect("the options");
    let options = |text: &str| {
        let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
        let mut options: Vec<String> =
            words.filter(|word| word.len() > 3 && word.starts_with("--")).map(str::to_owned).collect();
        options.sort();
        options.dedup();
        options.retain(|option| option != "--help");
        options
    };
    assert_eq!(options(section), options(&help.stdout));
}

#[test]
fn what_says_of_nothing_what_it_is_is_nothing_to_audit() {
    let empty = folder(&[]);
    // What a command says that failed is YAML too.
    for said in ["Error: chart `shop` not found\n", "oops\n", "[]\n---\na: 1\n"] {
        for command in ["check", "paths", "connections"] {
            let ran = run_with_stdin(empty.path(), &[command, "-"], said);
            assert!(ran.code == 2 && ran.stderr.contains("nothing to audit in standard input"), "{said}{}", ran.stderr);
        }
    }
    let ran = run_with_stdin(empty.path(), &["check", "-"], "apiVersion: example.com/v1\nkind: Widget\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn every_command_writes_several_documents_at_once() {
    let estate = folder(&[("a.yaml", WITH_ERROR)]);
    let cases: [(&[&str], &str, &str); 5] = [
        (&["check"], "terminal", "json"),
        (&["paths"], "terminal", "json"),
        (&["graph"], "dot", "json"),
        (&["connections"], "text", "json"),
        (&["diff", "a.yaml", "a.yaml"], "markdown", "json"),
    ];
    for (command, first, second) in cases {
        let alone = |format: &str| {
            let ran = run(estate.path(), &[command, &["--format", format]].concat());
            (ran.code, ran.stdout)
        };
        let ((code, first_alone), (_, second_alone)) = (alone(first), alone(second));
        let pairs = ["--format", first, "--format", second, "--output", "second"];
        let ran = run(estate.path(), &[command, &pairs].concat());
        assert_eq!(ran.code, code, "{command:?}: {}", ran.stderr);
        // The last lines count files and seconds.
        let body = |text: &str| text.split("\n  fail: ").next().unwrap_or_default().to_owned();
        assert!(body(&ran.stdout) == body(&first_alone), "{command:?}: {}", ran.stdout);
        let written = fs::read_to_string(estate.path().join("second")).expect("it was written");
        assert!(written == second_alone, "{command:?}: {written}");
        // What an earlier run has written is no manifest.
        let again = run(estate.path(), &[command, &pairs].concat());
        assert!(body(&again.stdout) == body(&first_alone), "{command:?}: {}", again.stdout);
        let both = run(estate.path(), &[command, &["--format", first, "--format", second]].concat());
        assert_eq!(both.code, 2, "{command:?}");
        assert!(both.stderr.contains("give the others an --output"), "{command:?}: {}", both.stderr);
    }
}
