//! Every format holds the same findings, is what its readers take, and lets nothing through that a manifest smuggles in.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use common::program::{BROKEN, CLEAN, WITH_ERROR, folder, parsed, run};
use palisade::config::Config;
use palisade::report::{self, Paths, Sarif, Terminal};
use palisade::rules::RULES;
use palisade::source::{Sources, Walk};
use palisade::triage::Report;
use serde_json::Value;

/// The formats for programs and people, but for the two that `tests/sarif.rs` and `tests/terminal.rs` look at.
const FORMATS: [&str; 5] = ["github", "gitlab", "junit", "markdown", "html"];

/// Every finding that the bad examples of all pages have; audited once for all tests.
fn all_pages() -> &'static (Walk, Report) {
    static PAGES: OnceLock<(Walk, Report)> = OnceLock::new();
    PAGES.get_or_init(audit_pages)
}

fn audit_pages() -> (Walk, Report) {
    let examples =
        RULES.iter().flat_map(|rule| common::page::blocks(rule.page).into_iter().map(move |block| (rule, block)));
    // Gateways of one name in hundreds of examples would be one gateway with the routes of all of them.
    let bad = examples.filter(|(_, block)| block.info == "yaml bad" && !block.text.contains("kind: Gateway"));
    let files = bad.enumerate().map(|(index, (rule, block))| (format!("{}/{index}.yaml", rule.id), block.text));
    let walk = Walk { sources: Sources::new(files.collect()), skipped: Vec::new() };
    let report = palisade::audit(&walk, &Config::default());
    (walk, report)
}

fn written(walk: &Walk, report: &Report) -> BTreeMap<&'static str, String> {
    let (sources, paths) = (&walk.sources, Paths::default());
    BTreeMap::from([
        ("github", report::github(report, sources, &paths)),
        ("gitlab", report::gitlab(report, sources, &paths)),
        ("junit", report::junit(report, sources, RULES, &paths)),
        ("markdown", report::markdown(report, sources, RULES, &paths)),
        ("html", report::html(report, sources, RULES)),
        ("json", report::json(report, sources)),
        ("sarif", report::sarif(report, sources, RULES, &Sarif::default())),
        ("terminal", report::terminal(report, sources, &Terminal::default())),
    ])
}

#[test]
fn every_format_has_every_finding() {
    let (walk, report) = all_pages();
    let texts = written(walk, report);
    let count = |format: &str, sign: &str| texts[format].matches(sign).count();
    let findings = report.findings.len();
    assert!(findings > 50, "{findings}");
    assert_eq!(count("github", "::error ") + count("github", "::warning ") + count("github", "::notice "), findings);
    assert_eq!(parsed(&texts["gitlab"]).as_array().map(Vec::len), Some(findings));
    assert_eq!(count("junit", "<failure ") + count("junit", "<skipped "), findings);
    assert_eq!(count("html", "<article "), findings);
    assert_eq!(count("json", "\"suppressed\": null"), findings);
    assert_eq!(parsed(&texts["sarif"])["runs"][0]["results"].as_array().map(Vec::len), Some(findings));
    let is_head =
        |line: &&str| ["error ", "warning ", "note "].iter().any(|level| line.trim_start().starts_with(level));
    assert_eq!(texts["terminal"].lines().filter(is_head).count(), findings);
    // A comment has its limit, and says what is beyond it.
    let shown = count("markdown", "\n- ");
    let left = texts["markdown"].rsplit_once('\n').and_then(|_| texts["markdown"].lines().last()).unwrap_or_default();
    let left: usize = left.split_once(" finding").and_then(|(count, _)| count.parse().ok()).unwrap_or(0);
    assert_eq!(shown + left, findings);
    assert!(texts["markdown"].chars().count() < 65_536);
}

#[test]
fn every_format_names_what_was_not_audited() {
    let estate = folder(&[("a.yaml", CLEAN), ("b.yaml", BROKEN)]);
    for format in FORMATS {
        let ran = run(estate.path(), &["check", "--format", format]);
        assert_eq!(ran.code, 2, "{format}");
        assert!(ran.stdout.contains("b.yaml") && ran.stdout.contains("not audited"), "{format}: {}", ran.stdout);
    }
}

#[test]
fn annotations_stand_at_their_lines() {
    let estate = folder(&[("deploy/a, b.yaml", WITH_ERROR)]);
    let arguments = ["check", "--format", "github", "--rule", "missing-egress-isolation"];
    let text = run(estate.path(), &arguments).stdout;
    let start = "::error file=deploy/a%2C b.yaml,line=5,endLine=5,col=14,endColumn=20,title=missing-egress-isolation::";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("%0Ahelp: ") && text.ends_with("palisade: fail: 1 error\n"), "{text}");
}

#[test]
fn the_code_quality_report_has_what_gitlab_asks_for() {
    let (walk, report) = all_pages();
    let entries = parsed(&report::gitlab(report, &walk.sources, &Paths::default()));
    let entries = entries.as_array().expect("it is a list");
    let mut fingerprints: Vec<&str> = Vec::new();
    for entry in entries {
        for key in ["description", "check_name", "fingerprint", "severity"] {
            assert!(entry[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {entry}");
        }
        assert!(["info", "minor", "major", "critical", "blocker"].iter().any(|word| entry["severity"] == *word));
        assert!(entry["location"]["lines"]["begin"].as_u64().is_some_and(|line| line > 0), "{entry}");
        assert!(entry["location"]["path"].as_str().is_some_and(|path| !path.starts_with(['.', '/'])), "{entry}");
        fingerprints.extend(entry["fingerprint"].as_str());
    }
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), entries.len(), "each fingerprint is of one entry");
}

#[test]
fn the_test_results_add_up() {
    let (walk, report) = all_pages();
    let text = report::junit(report, &walk.sources, RULES, &Paths::default());
    let document = roxmltree::Document::parse(&text).expect("it is XML");
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).expect("there is a suite");
    let count = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count();
    let said = |name: &str| suite.attribute(name).and_then(|count| count.parse::<usize>().ok());
    assert_eq!(said("tests"), Some(count("testcase")));
    assert_eq!((said("failures"), said("skipped")), (Some(count("failure")), Some(count("skipped"))));
    let failing = report.findings.iter().filter(|reported| report.fails(reported)).count();
    assert!(failing > 0 && said("failures") == Some(failing));
}

#[test]
fn a_lower_level_that_fails_makes_more_tests_fail() {
    let estate = folder(&[("a.yaml", WITH_ERROR)]);
    let failures = |level: &str| {
        run(estate.path(), &["check", "--format", "junit", "--fail-on", level]).stdout.matches("<failure ").count()
    };
    assert!(failures("never") == 0 && failures("error") == 1 && failures("note") > 1);
}

/// Names that would be markup, commands or control sequences if they were let through.
const HOSTILE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: \"<script>alert(1)</script>\\u001b[31m\\u202e::error::%0A](x) | </failure>]]>&\"
  namespace: team-y
spec:
  template:
    metadata:
      annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: \"443,\\u001b]8;;https://example.com\\u0007\"}
    spec:
      hostNetwork: true
      containers: [{name: client, image: example.com/client}]
";

#[test]
fn nothing_in_a_manifest_gets_through_as_more_than_text() {
    let estate = folder(&[("a.yaml", HOSTILE)]);
    for format in FORMATS.iter().chain(&["json", "sarif", "terminal"]) {
        let ran = run(estate.path(), &["check", "--format", format]);
        assert_eq!(ran.code, 1, "{format}: {}", ran.stderr);
        // In JSON a text is what it is; nothing there steers a terminal.
        let turns = |c: char| c == '\u{202e}' && !["gitlab", "json", "sarif"].contains(format);
        let is_plain = |c: char| c == '\n' || c == '\t' || !(c.is_control() || turns(c));
        let strange: Vec<char> = ran.stdout.chars().filter(|c| !is_plain(*c)).collect();
        assert!(strange.is_empty(), "{format}: {strange:?}");
    }
    assert!(!run(estate.path(), &["check", "--format", "html"]).stdout.contains("<script>alert"));
    let annotations = run(estate.path(), &["check", "--format", "github"]).stdout;
    assert!(annotations.lines().all(|line| line.matches("::").count() >= 2 || line.starts_with("palisade:")));
    let results = run(estate.path(), &["check", "--format", "junit"]).stdout;
    assert!(roxmltree::Document::parse(&results).is_ok(), "{results}");
}

#[test]
fn the_page_stands_alone() {
    let (walk, report) = all_pages();
    let page = report::html(report, &walk.sources, RULES);
    for other in ["src=", "<link", "@import", "url(", "fetch("] {
        assert!(!page.contains(other), "{other}");
    }
    // Each link within the page has its target.
    for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
    }
    for tag in ["article", "section", "figure", "details", "pre", "ul", "ol", "li", "table", "p", "mark", "code"] {
        let open = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(open, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn several_formats_go_to_their_files_at_once() {
    let estate = folder(&[("a.yaml", WITH_ERROR)]);
    let outputs = folder(&[]);
    let file = |format: &str| outputs.path().join(format).display().to_string();
    let pairs: Vec<String> = FORMATS
        .iter()
        .flat_map(|format| ["--format".to_owned(), (*format).to_owned(), "--output".to_owned(), file(format)])
        .collect();
    let arguments: Vec<&str> = std::iter::once("check").chain(pairs.iter().map(String::as_str)).collect();
    let ran = run(estate.path(), &arguments);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    for format in FORMATS {
        let alone = run(estate.path(), &["check", "--format", format]).stdout;
        assert_eq!(common::text(Path::new(&file(format))), alone, "{format}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (walk, report) = all_pages();
    let (_, again) = audit_pages();
    assert_eq!(written(walk, report), written(walk, &again));
}

#[test]
fn a_clean_estate_is_said_to_be_one() {
    let estate = folder(&[("a.yaml", CLEAN)]);
    for format in FORMATS {
        let ran = run(estate.path(), &["check", "--format", format]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{format}");
        assert!(!ran.stdout.is_empty(), "{format}");
    }
    assert_eq!(parsed(&run(estate.path(), &["check", "--format", "gitlab"]).stdout), Value::Array(Vec::new()));
}
