//! `check --fix`: the edits, what confirms them, and what is never written.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::page::blocks;
use common::program::{Ran, folder, parsed, run, run_with_stdin};
use common::repository::{commit, repository, write};
use palisade::config::{Config, Date};
use palisade::rules::RULES;
use palisade::source::{self, Edit, Into, Node, Scalar, Shape, Span, Walk};
use palisade::triage::Report;

/// What has exactly one right edit in an example of some page. Where other things are wrong besides, an edit may bring them
/// to light, and is then not made: such are listed with what came up.
const FIXABLE: &[&str] = &[
    "broken-gateway-hop/bad-ref",
    "broken-gateway-hop/port-mismatch: Brings(\"missing-istio-mutual\")",
    "destination-rule-drops-tls/mode-missing",
    "destination-rule-drops-tls/port-level",
    "destination-rule-drops-tls/subset",
    "evadable-match/deny-host-exact",
    "missing-deny-all/deny-without-rules",
    "missing-istio-mutual/disabled",
    "missing-istio-mutual/simple",
    "outbound-allow-any/ambiguous-empty",
    "policy-never-matches/port",
    "policy-never-matches/port: Brings(\"allow-without-destination\")",
    "policy-never-matches/scheme",
    "policy-type-mismatch/no-effect",
];

fn audit(walk: &Walk) -> Report {
    let config = Config { today: Date::parse("2026-12-01"), all: true, ..Config::default() };
    palisade::audit(walk, &config)
}

/// The findings by what they are about, without their numbers.
fn names(report: &Report) -> Vec<&str> {
    let all = report.findings.iter().chain(&report.suppressed);
    let mut names: Vec<&str> = all.map(|reported| reported.fingerprint.split(':').next().unwrap_or_default()).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_fix_of_every_example_makes_its_finding_go_and_brings_nothing_new() {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for rule in RULES {
        for block in blocks(rule.page).iter().filter(|block| block.info.starts_with("yaml")) {
            let walk = source::from_text("input.yaml", block.text.clone());
            let report = audit(&walk);
            let config = Config { today: Date::parse("2026-12-01"), ..Config::default() };
            let repaired = palisade::repaired(&walk, &config, &report, |_| true);
            let of = |finding: &palisade::finding::Finding| format!("{}/{}", finding.rule, finding.variant);
            seen.extend(repaired.left.iter().map(|(reported, left)| format!("{}: {left:?}", of(&reported.finding))));
            seen.extend(repaired.made.iter().map(|reported| of(&reported.finding)));
            let made: BTreeSet<&str> = repaired.made.iter().map(|reported| reported.fingerprint.as_str()).collect();
            let after = Walk { sources: repaired.sources, skipped: Vec::new() };
            let (page, line) = (rule.id, block.first_line);
            let after = audit(&after);
            let mut rest = names(&report);
            for name in &made {
                let bare = name.split(':').next().unwrap_or_default();
                let at = rest.iter().position(|other| *other == bare).expect("what is fixed was there");
                rest.remove(at);
            }
            for name in names(&after) {
                let at = rest.iter().position(|other| *other == name);
                rest.remove(at.unwrap_or_else(|| panic!("{page}:{line}: {name} is new or still there")));
            }
        }
    }
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(seen, FIXABLE);
}

#[test]
fn the_documentation_lists_what_has_a_fix() {
    let page = common::text(&common::project("docs/fixes.md"));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let listed: BTreeSet<&str> = rows.map(|(name, _)| name).collect();
    let shown = FIXABLE.iter().map(|name| name.split(':').next().unwrap_or_default());
    // The examples of these have no place, or other reasons, for an edit; tests below have.
    let others = ["missing-istio-mutual/missing", "unverified-tls-origination/skip-verify"];
    assert_eq!(listed, shown.chain(others).collect());
}

#[test]
fn every_finding_says_in_one_sentence_what_to_change() {
    for rule in RULES {
        for block in blocks(rule.page).iter().filter(|block| block.info == "yaml bad") {
            let (_, report) = common::audit_example(rule.id, &block.text);
            for reported in report.findings.iter().filter(|reported| reported.finding.rule == rule.id) {
                let help = &reported.finding.help;
                assert!(!help.is_empty() && !help.contains(['\n']), "{}:{}: `{help}`", rule.id, block.first_line);
            }
        }
    }
}

/// A text after an edit whose place is the only occurrence of a word in it; nothing where no edit can be made.
fn edited(path: &str, text: &str, word: &str, edit: impl Fn(source::Location) -> Edit) -> Option<String> {
    let walk = source::from_text(path, text.to_owned());
    let only = walk.sources.iter().next().expect("there is one source");
    let start = text.find(word).expect("the word is in the text");
    assert_eq!(text.matches(word).count(), 1, "`{word}` is there more than once");
    let offset = |at: usize| u32::try_from(at).expect("the text is short");
    let at = only.location(Span::new(offset(start), offset(start + word.len())));
    let parsed = source::parse(only);
    assert_eq!(parsed.unparsed, []);
    let mut replacements = parsed.documents.iter().filter_map(|document| document.replacement(&edit(at)));
    let replacement = replacements.next()?;
    let edited = walk.sources.edited(&[&replacement]);
    let text = edited.iter().next().expect("there is one source").text().to_owned();
    Some(text)
}

fn set(text: &str, word: &str, value: &str) -> Option<String> {
    edited("a.yaml", text, word, |at| Edit::Set { at, value: value.to_owned() })
}

fn insert(text: &str, word: &str, into: Into) -> Option<String> {
    edited("a.yaml", text, word, |at| Edit::Insert { at, into, keys: vec!["mode"], value: "STRICT".to_owned() })
}

fn append(text: &str, word: &str) -> Option<String> {
    edited("a.yaml", text, word, |at| Edit::Append { at, items: vec!["Egress".to_owned()] })
}

#[test]
fn a_value_keeps_its_quotes_and_its_type() {
    assert_eq!(set("a: OLD # why\n", "OLD", "NEW").as_deref(), Some("a: NEW # why\n"));
    assert_eq!(set("a: \"OLD\"\n", "\"OLD\"", "NEW").as_deref(), Some("a: \"NEW\"\n"));
    assert_eq!(set("a: 'OLD'\n", "'OLD'", "NEW").as_deref(), Some("a: 'NEW'\n"));
    assert_eq!(set("{\"a\": \"OLD\"}", "\"OLD\"", "NEW").as_deref(), Some("{\"a\": \"NEW\"}"));
    assert_eq!(set("a: 8080\n", "8080", "80").as_deref(), Some("a: 80\n"));
    assert_eq!(set("a: \"8080\"\n", "\"8080\"", "80").as_deref(), Some("a: \"80\"\n"));
    assert_eq!(set("a: false\n", "false", "true").as_deref(), Some("a: true\n"));
    assert_eq!(set("a: [x, OLD]\n", "OLD", "ns/new").as_deref(), Some("a: [x, ns/new]\n"));
    // Without quotes these would be something else.
    assert_eq!(set("a: OLD\n", "OLD", "*.example.com").as_deref(), Some("a: \"*.example.com\"\n"));
    assert_eq!(set("a: OLD\n", "OLD", "true").as_deref(), Some("a: \"true\"\n"));
    assert_eq!(set("a: OLD\n", "OLD", "80").as_deref(), Some("a: \"80\"\n"));
}

#[test]
fn no_value_is_changed_that_is_not_plainly_there() {
    for (text, word) in [
        ("a: &x OLD\nb: *x\n", "OLD"),
        ("a: &x OLD\nb: *x\n", "*x"),
        ("a: &x {c: OLD}\nb: {<<: *x}\n", "OLD"),
        ("a: |\n  OLD\n", "OLD"),
        ("a: |-\n  OLD", "OLD"),
        ("a: >-\n  \"OLD\"", "\"OLD\""),
        ("a: !!str OLD\n", "OLD"),
        ("a: 8080\n", "8080"),
        ("a: OLD\n  more\n", "OLD"),
        ("a: OLD x\n", "OLD"),
        ("OLD: {}\nb: 1\n", "{}"),
    ] {
        assert_eq!(set(text, word, "NEW"), None, "{text}");
    }
    assert_eq!(set("a: OLD\n", "OLD", "two words"), None);
    assert_eq!(set("a: OLD\n", "OLD", "a\"b"), None);
    let of_terraform = |at| Edit::Set { at, value: "NEW".to_owned() };
    assert_eq!(edited("a.tf", "locals {\n  a = \"OLD\"\n}\n", "\"OLD\"", of_terraform), None);
    // An anchor that nothing refers to counts in one place alone.
    assert_eq!(set("a: &x OLD\n", "OLD", "NEW").as_deref(), Some("a: &x NEW\n"));
}

#[test]
fn a_key_is_written_as_its_siblings_are() {
    let under = |text: &str| insert(text, "tls", Into::Value);
    assert_eq!(under("tls:\n  sni: a # b\nc: d\n").as_deref(), Some("tls:\n  sni: a # b\n  mode: STRICT\nc: d\n"));
    assert_eq!(
        under("tls:\r\n    sni: a\r\nc: d\r\n").as_deref(),
        Some("tls:\r\n    sni: a\r\n    mode: STRICT\r\nc: d\r\n")
    );
    assert_eq!(under("tls:\n  sni: a").as_deref(), Some("tls:\n  sni: a\n  mode: STRICT"));
    assert_eq!(
        under("tls:\n  names:\n  - a\nc: d\n").as_deref(),
        Some("tls:\n  names:\n  - a\n  mode: STRICT\nc: d\n")
    );
    assert_eq!(under("tls: {}\n").as_deref(), Some("tls: {mode: STRICT}\n"));
    assert_eq!(under("tls: { sni: a } # b\n").as_deref(), Some("tls: { sni: a, mode: STRICT } # b\n"));
    assert_eq!(under("tls:\n  a: {b: [1]}\nc: d\n").as_deref(), Some("tls:\n  a: {b: [1]}\n  mode: STRICT\nc: d\n"));
    assert_eq!(under("\u{feff}tls: {sni: a}\n").as_deref(), Some("\u{feff}tls: {sni: a, mode: STRICT}\n"));
    let under = |text: &str| insert(text, "\"tls\"", Into::Value);
    assert_eq!(under("{\"tls\": {}}").as_deref(), Some("{\"tls\": {\"mode\": \"STRICT\"}}"));
    assert_eq!(
        under("{\"tls\": {\"sni\": \"a\"}}").as_deref(),
        Some("{\"tls\": {\"sni\": \"a\", \"mode\": \"STRICT\"}}")
    );
    let pretty = "{\n  \"tls\": {\n    \"sni\": \"a\"\n  }\n}\n";
    let wanted = "{\n  \"tls\": {\n    \"sni\": \"a\",\n    \"mode\": \"STRICT\"\n  }\n}\n";
    assert_eq!(under(pretty).as_deref(), Some(wanted));
    let beside = |text: &str| insert(text, "host", Into::Parent);
    assert_eq!(beside("- host: a\n  b: c\n- d\n").as_deref(), Some("- host: a\n  b: c\n  mode: STRICT\n- d\n"));
    let deep = edited("a.yaml", "spec:\n  host: a\n", "host", |at| Edit::Insert {
        at,
        into: Into::Parent,
        keys: vec!["trafficPolicy", "tls", "mode"],
        value: "STRICT".to_owned(),
    });
    assert_eq!(deep.as_deref(), Some("spec:\n  host: a\n  trafficPolicy: {tls: {mode: STRICT}}\n"));
}

#[test]
fn no_key_is_added_where_the_layout_would_be_guessed() {
    for text in [
        "tls:\n",
        "tls: ~\n",
        "tls:\n  mode: x\n",
        "tls:\n  <<: *x\n",
        "tls: &x\n  sni: a\nb: *x\n",
        "tls: *x\n",
        "tls:\n  sni: |\n    a\n",
        "tls:\n  sni: |-\n    a",
        "tls:\n  sni: |-\n    \"a\"",
        "tls:\n  sni:\nb: c\n",
        "tls: {\n  sni: a }\n",
        "tls: {\n  sni: a,\n}\n",
        "tls: {\n  sni: a # b\n}\n",
        "tls: [a]\n",
    ] {
        let text = text.replace("*x", "*y");
        let text = if text.contains("*y") { format!("y: &y {{q: r}}\n{text}") } else { text };
        let text = if text.contains("&x") { text.replace("y: &y {q: r}\n", "").replace("*y", "*x") } else { text };
        assert_eq!(insert(&text, "tls", Into::Value), None, "{text}");
    }
}

#[test]
fn an_item_is_written_as_the_one_before_it_is() {
    assert_eq!(append("t:\n- Ingress # a\nb: c\n", "Ingress").as_deref(), Some("t:\n- Ingress # a\n- Egress\nb: c\n"));
    assert_eq!(append("t:\n  -   'Ingress'\n", "'Ingress'").as_deref(), Some("t:\n  -   'Ingress'\n  -   'Egress'\n"));
    assert_eq!(append("t:\n- x\n- Ingress", "Ingress").as_deref(), Some("t:\n- x\n- Ingress\n- Egress"));
    assert_eq!(append("t: [ Ingress ] # a\n", "Ingress").as_deref(), Some("t: [ Ingress, Egress ] # a\n"));
    assert_eq!(append("{\"t\": [\"Ingress\"]}", "\"Ingress\"").as_deref(), Some("{\"t\": [\"Ingress\", \"Egress\"]}"));
    let pretty = "{\"t\": [\n  \"x\",\n  \"Ingress\"\n]}";
    assert_eq!(append(pretty, "\"Ingress\"").as_deref(), Some("{\"t\": [\n  \"x\",\n  \"Ingress\",\n  \"Egress\"\n]}"));
    for (text, word) in [
        ("t: [x,\n  Ingress]\n", "Ingress"),
        ("t: &x\n- Ingress\nb: *x\n", "Ingress"),
        ("t:\n- - Ingress\n", "Ingress"),
        ("t: Ingress\n", "Ingress"),
    ] {
        assert_eq!(append(text, word), None, "{text}");
    }
}

/// A key or an index on the way from the top of a document.
type Step = serde_yaml::Value;

/// Every edit of a kind that a document offers a place for, with the steps to the collection or scalar that it is about.
fn places(node: Node<'_>, steps: &[Step], all: &mut Vec<(Vec<Step>, Edit)>) {
    let (value, keys) = ("NEW".to_owned(), vec!["added"]);
    let below = |step: Step| [steps, &[step]].concat();
    for entry in node.entries() {
        if entry.key.at() == node.head() {
            let edit = Edit::Insert { at: node.head(), into: Into::Parent, keys: keys.clone(), value: value.clone() };
            all.push((steps.to_vec(), edit));
        }
        let steps = below(entry.name().into());
        if entry.value.shape() == Shape::Mapping {
            let edit = Edit::Insert { at: entry.key.at(), into: Into::Value, keys: keys.clone(), value: value.clone() };
            all.push((steps.clone(), edit));
        }
        places(entry.value, &steps, all);
    }
    for (index, item) in node.items().enumerate() {
        if item.shape() == Shape::Scalar {
            all.push((steps.to_vec(), Edit::Append { at: item.at(), items: vec![value.clone()] }));
        }
        places(item, &below(index.into()), all);
    }
    if let Some(Scalar::Text(_)) = node.scalar() {
        all.push((steps.to_vec(), Edit::Set { at: node.at(), value }));
    }
}

/// The documents of a text, as another parser reads them.
fn values(text: &str) -> Vec<serde_yaml::Value> {
    use serde::Deserialize as _;
    let read = |document| serde_yaml::Value::deserialize(document).expect("a document can be read");
    serde_yaml::Deserializer::from_str(text).map(read).filter(|value| !value.is_null()).collect()
}

/// What an edit is meant to do.
fn apply(value: &mut serde_yaml::Value, steps: &[Step], edit: &Edit) {
    let mut place = value;
    for step in steps {
        place = match step.as_u64().filter(|_| place.is_sequence()) {
            Some(index) => place.get_mut(usize::try_from(index).expect("a small number")),
            None => place.get_mut(step),
        }
        .expect("both parsers see the same");
    }
    match edit {
        Edit::Set { value, .. } => *place = value.as_str().into(),
        Edit::Insert { keys, value, .. } => {
            place.as_mapping_mut().expect("a mapping").insert(keys[0].into(), value.as_str().into());
        }
        Edit::Append { items, .. } => {
            place.as_sequence_mut().expect("a list").extend(items.iter().map(|item| item.as_str().into()));
        }
    }
}

#[test]
fn an_edit_changes_what_it_is_about_and_nothing_else() {
    /// One of so many places of each text is tried.
    const SHARE: usize = 11;
    let pages = RULES.iter().flat_map(|rule| blocks(rule.page)).filter(|block| block.info.starts_with("yaml"));
    let texts: Vec<String> = pages.map(|block| block.text).collect();
    let json = texts.iter().flat_map(|text| values(text)).map(|value| serde_json::to_string_pretty(&value));
    let json: Vec<String> = json.map(|text| text.expect("a value can be written")).collect();
    let (mut made, mut left) = (0, 0);
    for (number, text) in texts.iter().chain(&json).enumerate() {
        let walk = source::from_text("input", text.clone());
        let only = walk.sources.iter().next().expect("there is one source");
        let parsed = source::parse(only);
        let before = values(text);
        assert_eq!(before.len(), parsed.documents.len(), "{text}");
        for (index, document) in parsed.documents.iter().enumerate() {
            let mut all = Vec::new();
            places(document.root(), &[], &mut all);
            for (steps, edit) in all.iter().skip(number % SHARE).step_by(SHARE) {
                let Some(replacement) = document.replacement(edit) else {
                    left += 1;
                    continue;
                };
                made += 1;
                let edited = walk.sources.edited(&[&replacement]);
                let after = edited.iter().next().expect("there is one source").text().to_owned();
                let mut wanted = before.clone();
                apply(&mut wanted[index], steps, edit);
                assert_eq!(values(&after), wanted, "{edit:?} in\n{text}\ngives\n{after}");
                let lines =
                    |text: &str| text.lines().filter(|line| line.contains('#')).map(str::to_owned).collect::<Vec<_>>();
                assert_eq!(lines(&after).len(), lines(text).len(), "{after}");
            }
        }
    }
    println!("{made} edits made, {left} left");
    assert!(made > 1_000 && left * 20 < made, "{made} edits made, {left} left");
}

/// One error: the clauses of `egress` have no effect.
const POLICY: &str = "\
# A policy.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: team-x}
spec:
  podSelector: {}
  policyTypes: [Ingress]   # both are meant
  egress:
  - to:
    - podSelector: {}
";

const FIXED: &str = "  policyTypes: [Ingress, Egress]   # both are meant\n";

const DIFF: &str = "\
--- a/a.yaml
+++ b/a.yaml
@@ -4,7 +4,7 @@
 metadata: {name: deny, namespace: team-x}
 spec:
   podSelector: {}
-  policyTypes: [Ingress]   # both are meant
+  policyTypes: [Ingress, Egress]   # both are meant
   egress:
   - to:
     - podSelector: {}
";

fn fixed(text: &str) -> String {
    text.replace("  policyTypes: [Ingress]   # both are meant\n", FIXED)
}

fn read(folder: &Path, path: &str) -> String {
    fs::read_to_string(folder.join(path)).expect("a file can be read")
}

fn fix(folder: &Path, more: &[&str]) -> Ran {
    run(folder, &[&["check", "--fix"], more].concat())
}

#[test]
fn the_edits_are_shown_and_written_and_the_result_is_what_is_reported() {
    let estate = folder(&[("a.yaml", POLICY)]);
    assert_eq!(run(estate.path(), &["check", "-q"]).code, 1);
    let shown = run(estate.path(), &["check", "--fix=diff", "-q"]);
    assert_eq!(shown.code, 1);
    assert!(shown.stdout.starts_with(DIFF) && shown.stdout.contains("policy-type-mismatch"), "{}", shown.stdout);
    assert_eq!(shown.stderr, "palisade: `--fix` repairs 1 finding in 1 file; nothing is written\n");
    assert_eq!(read(estate.path(), "a.yaml"), POLICY);

    let written = fix(estate.path(), &["-q"]);
    assert_eq!((written.code, written.stdout.as_str()), (0, DIFF));
    assert_eq!(written.stderr, "palisade: fixed: 1 finding in 1 file\n");
    assert_eq!(read(estate.path(), "a.yaml"), fixed(POLICY));

    let again = fix(estate.path(), &["-q"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""));
    assert_eq!(again.stderr, "palisade: nothing to fix: no finding has exactly one right edit\n");
}

#[test]
fn a_diff_can_be_applied_by_git() {
    let text = format!("\u{feff}{}", POLICY.trim_end().replace('\n', "\r\n"));
    let estate = repository(&[("deep/a b.yaml", &text)]);
    let shown = run(estate.path(), &["check", "--fix=diff", "-q"]);
    let patch = shown.stdout.split("\n  error").next().expect("a diff comes first").to_owned() + "\n";
    write(estate.path(), "x.patch", &patch);
    common::repository::git(estate.path(), &["apply", "x.patch"]);
    assert_eq!(read(estate.path(), "deep/a b.yaml"), text.replace("[Ingress]", "[Ingress, Egress]"));
}

#[test]
fn everything_but_the_edit_stays_byte_for_byte() {
    let windows = format!("\u{feff}{}", POLICY.replace('\n', "\r\n"));
    let several = format!("# first\n{POLICY}---\n# second\n{}...\n# end", POLICY.replace("deny", "other"));
    let json = r#"{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
  "metadata": {"name": "json", "namespace": "team-x"},
  "spec": {"podSelector": {}, "policyTypes": [
    "Ingress"
  ], "egress": [{"to": [{"podSelector": {}}]}]}}"#;
    let estate = folder(&[("a.yaml", &windows), ("b.yaml", &several), ("c.json", json), ("d.yaml", "kind: List\n")]);
    let ran = fix(estate.path(), &["-q", "--fail-on", "never"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "palisade: fixed: 4 findings in 3 files\n"));
    assert_eq!(read(estate.path(), "a.yaml"), windows.replace("[Ingress]", "[Ingress, Egress]"));
    assert_eq!(read(estate.path(), "b.yaml"), several.replace("[Ingress]", "[Ingress, Egress]"));
    assert_eq!(read(estate.path(), "c.json"), json.replace("\"Ingress\"\n", "\"Ingress\",\n    \"Egress\"\n"));
}

#[test]
fn standard_output_holds_the_document_alone() {
    let estate = folder(&[("a.yaml", POLICY)]);
    let ran = fix(estate.path(), &["--format", "json"]);
    assert_eq!(
        parsed(&ran.stdout)["findings"].as_array().map(|all| all.iter().filter(|one| one["level"] == "error").count()),
        Some(0)
    );
    assert!(ran.stderr.starts_with(DIFF), "{}", ran.stderr);
    // Where the document goes to a file, the diff has the place for itself.
    let estate = folder(&[("a.yaml", POLICY)]);
    let ran = fix(estate.path(), &["--format", "json", "--output", "report.json"]);
    assert_eq!(ran.stdout, DIFF);
}

#[test]
fn what_is_not_committed_is_not_written() {
    let estate = repository(&[("a.yaml", POLICY), ("b.yaml", &POLICY.replace("deny", "other"))]);
    let changed = POLICY.replace("# A policy.", "# A policy, changed.");
    write(estate.path(), "a.yaml", &changed);
    write(estate.path(), "c.yaml", &POLICY.replace("deny", "new"));
    let said = |ran: &Ran, path: &str, what: &str| {
        let line = format!("palisade: {path}: not written: {what}; commit or stash it, or say --allow-dirty\n");
        assert!(ran.stderr.contains(&line), "{}", ran.stderr);
    };
    let ran = fix(estate.path(), &["-q"]);
    said(&ran, "a.yaml", "has uncommitted changes");
    said(&ran, "c.yaml", "is not in git yet");
    assert!(ran.stderr.ends_with("palisade: fixed: 1 finding in 1 file\n"), "{}", ran.stderr);
    assert_eq!((ran.code, ran.stdout.matches("--- a/").count()), (1, 1));
    assert_eq!(read(estate.path(), "a.yaml"), changed);
    assert!(read(estate.path(), "b.yaml").contains(FIXED));

    // What is staged is as little committed, and the name of a file may be unusual.
    let estate = repository(&[("d ö[1].yaml", "a: 1\n")]);
    write(estate.path(), "d ö[1].yaml", POLICY);
    common::repository::git(estate.path(), &["add", "--all"]);
    said(&fix(estate.path(), &["-q"]), "d ö[1].yaml", "has uncommitted changes");
    assert_eq!(read(estate.path(), "d ö[1].yaml"), POLICY);
    commit(estate.path());
    assert_eq!(fix(estate.path(), &["-q"]).code, 0);
    assert_eq!(read(estate.path(), "d ö[1].yaml"), fixed(POLICY));

    let estate = repository(&[("a.yaml", "a: 1\n")]);
    write(estate.path(), "a.yaml", POLICY);
    assert_eq!(fix(estate.path(), &["-q", "--allow-dirty"]).code, 0);
    assert_eq!(read(estate.path(), "a.yaml"), fixed(POLICY));
    assert_eq!(run(estate.path(), &["check", "--allow-dirty"]).code, 2);
}

#[test]
fn what_is_no_file_of_the_estate_is_not_written() {
    let estate = folder(&[]);
    let ran = run_with_stdin(estate.path(), &["check", "--fix", "-q", "-"], POLICY);
    assert!(ran.stderr.contains("palisade: <stdin>: not written: it came from standard input\n"), "{}", ran.stderr);
    assert_eq!((ran.code, ran.stdout.contains("+++")), (1, false));

    let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(POLICY.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    fs::write(estate.path().join("a.yaml"), &bytes).expect("a file can be written");
    let ran = fix(estate.path(), &["-q"]);
    assert!(ran.stderr.contains("a.yaml: not written: it is encoded as UTF-16\n"), "{}", ran.stderr);
    assert_eq!(fs::read(estate.path().join("a.yaml")).expect("a file can be read"), bytes);

    let estate = folder(&[("a.yaml", POLICY)]);
    let path = estate.path().join("a.yaml");
    let mut permissions = fs::metadata(&path).expect("a file is there").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).expect("a file can be locked");
    let ran = fix(estate.path(), &["-q"]);
    assert!(ran.stderr.contains("a.yaml: not written: it is read-only\n"), "{}", ran.stderr);
    assert_eq!(read(estate.path(), "a.yaml"), POLICY);
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_to_a_file_of_the_estate_and_stays_a_link() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let estate = folder(&[("real/a.txt", POLICY)]);
    let real = estate.path().join("real/a.txt");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("a file has permissions");
    symlink("real/a.txt", estate.path().join("a.yaml")).expect("a link can be made");
    assert_eq!(fix(estate.path(), &["-q"]).code, 0);
    assert!(fs::symlink_metadata(estate.path().join("a.yaml")).expect("the link is there").is_symlink());
    assert_eq!(read(estate.path(), "real/a.txt"), fixed(POLICY));
    assert_eq!(fs::metadata(&real).expect("the file is there").permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(estate.path().join("real")).expect("a folder is there").count(), 1);
}

#[test]
fn only_what_counts_is_fixed() {
    let silenced = POLICY.replace("# both are meant", "# palisade: ignore[policy-type-mismatch] because it is so");
    let estate = folder(&[("a.yaml", &silenced)]);
    assert!(fix(estate.path(), &["-q"]).stderr.contains("nothing to fix"));
    assert_eq!(read(estate.path(), "a.yaml"), silenced);

    let estate = folder(&[("a.yaml", POLICY)]);
    assert!(fix(estate.path(), &["-q", "--rule", "missing-istio-mutual"]).stderr.contains("nothing to fix"));
    assert_eq!(run(estate.path(), &["check", "--write-baseline", "known.json"]).code, 0);
    assert!(fix(estate.path(), &["-q", "--baseline", "known.json"]).stderr.contains("nothing to fix"));
    assert_eq!(read(estate.path(), "a.yaml"), POLICY);
}

/// The bad example of a rule's page that holds a text, without its marks.
fn example(rule: &str, holds: &str) -> String {
    let rule = RULES.iter().find(|one| one.id == rule).expect("the rule is there");
    let bad = blocks(rule.page).into_iter().filter(|block| block.info == "yaml bad" && block.text.contains(holds));
    let [text] = &bad.map(|block| block.text).collect::<Vec<_>>()[..] else { panic!("not one example with `{holds}`") };
    let is_mark = |line: &&str| line.trim_start().starts_with('#') && line.contains('^');
    text.lines().filter(|line| !is_mark(line)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn an_edit_that_brings_something_new_is_not_made() {
    let estate =
        folder(&[("a.yaml", &example("policy-never-matches", "so it never allows anything")), ("b.yaml", POLICY)]);
    let ran = fix(estate.path(), &["-q"]);
    let why = "not fixed: the edit would bring a finding of `allow-without-destination` [policy-never-matches]\n";
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("palisade: fixed: 1 finding in 1 file\n"), "{}", ran.stderr);
    assert_eq!(read(estate.path(), "a.yaml"), example("policy-never-matches", "so it never allows anything"));
    assert_eq!(read(estate.path(), "b.yaml"), fixed(POLICY));
}

/// What `--fix` makes of a text.
fn repaired(text: &str) -> String {
    let estate = folder(&[("a.yaml", text)]);
    fix(estate.path(), &["-q"]);
    read(estate.path(), "a.yaml")
}

#[test]
fn a_destination_rule_without_tls_gets_it_where_there_is_one_place_for_it() {
    let text = example("missing-istio-mutual", "mode: DISABLE");
    let (without, policy) =
        (text.find("  trafficPolicy:").expect("a policy"), "trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}");
    assert_eq!(repaired(&text[..without]), format!("{}  {policy}\n", &text[..without]));
    let empty = format!("{}  trafficPolicy: {{connectionPool: {{}}}}\n", &text[..without]);
    assert_eq!(repaired(&empty), empty.replace("{}}\n", "{}, tls: {mode: ISTIO_MUTUAL}}\n"));
    // A subset may be where it is meant.
    let subset = format!("{}  subsets: [{{name: a}}]\n", &text[..without]);
    assert_eq!(repaired(&subset), subset);
    // Another listener takes plain text: then nobody can tell for which of them the rule is.
    let plain = text.replace("      tls: {mode: ISTIO_MUTUAL}\n", "      tls: {mode: ISTIO_MUTUAL}\n    - port: {number: 81, name: http, protocol: HTTP}\n      hosts: [istio-egress/plain.example]\n");
    assert_ne!(plain, text);
    assert_eq!(repaired(&plain), plain);
    // Certificates of one's own go with another mode.
    let own = text.replace("      mode: DISABLE\n", "      mode: SIMPLE\n      caCertificates: /etc/ca.pem\n");
    assert_eq!(repaired(&own), own);
}

#[test]
fn a_wrong_port_is_the_one_that_leads_to_the_pods() {
    let text = example("broken-gateway-hop", "number: 8080");
    let text = text.replace(
        "subsets: [{name: mutual, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}]",
        "trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}",
    );
    let text = text.replace("            subset: sealed\n", "");
    assert_eq!(repaired(&text), text.replace("number: 8080\n", "number: 80\n"));
    // Two ports lead there.
    let two = text.replace(
        "{port: 80, targetPort: 8080, name: https}",
        "{port: 80, targetPort: 8080, name: https}, {port: 443, targetPort: 8080, name: other}",
    );
    let two = two.replace("    - port: {number: 80, ", "    - port: {number: 443, name: other, protocol: HTTPS}\n      hosts: [istio-egress/*]\n      tls: {mode: ISTIO_MUTUAL}\n    - port: {number: 80, ");
    assert!(two.matches("443").count() >= 2, "{two}");
    assert!(repaired(&two).contains("number: 8080\n"));
}

#[test]
fn a_check_that_was_asked_for_is_switched_on_where_an_authority_is_named() {
    let rule = |more: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: a, namespace: istio-egress}}\nspec:\n  host: example.com\n  trafficPolicy:\n    tls:\n      mode: SIMPLE\n      sni: example.com\n      subjectAltNames: [example.com]\n      insecureSkipVerify: true\n{more}"
        )
    };
    let named = rule("      caCertificates: system\n");
    assert_eq!(repaired(&named), named.replace("insecureSkipVerify: true", "insecureSkipVerify: false"));
    assert_eq!(repaired(&rule("")), rule(""));
}
