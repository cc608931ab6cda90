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
use palisade::source::{self, Walk};
use palisade::triage::Report;

/// What has exactly one right edit in an example of some page. Where other things are wrong besides, an edit may bring them
/// to light, and is then not made: such are listed with what came up.
const FIXABLE: &[&str] = &[
    "broken-gateway-hop/bad-ref",
    "broken-gateway-hop/mesh-only",
    "broken-gateway-hop/port-mismatch: Brings(\"missing-istio-mutual\")",
    "destination-rule-drops-tls/mode-missing",
    "destination-rule-drops-tls/port-level",
    "destination-rule-drops-tls/subset",
    "evadable-match/deny-host-exact",
    "missing-deny-all/deny-without-rules",
    "missing-istio-mutual/disabled",
    "missing-istio-mutual/disabled: Brings(\"broken-gateway-hop\")",
    "missing-istio-mutual/simple",
    "outbound-allow-any/ambiguous-empty",
    "policy-never-matches/port",
    "policy-never-matches/port: Brings(\"allow-without-destination\")",
    "policy-never-matches/scheme",
    "policy-type-mismatch/no-effect",
    "service-entry-overexported/unexported-to-gateway: Brings(\"missing-tls-origination\")",
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
    let estate = folder(&[
        (
            "a.yaml",
            &example("policy-never-matches", "which clients use: the pods listen on 8080, so it never allows anything"),
        ),
        ("b.yaml", POLICY),
    ]);
    let ran = fix(estate.path(), &["-q"]);
    let why = "not fixed: the edit would bring a finding of `allow-without-destination` [policy-never-matches]\n";
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("palisade: fixed: 1 finding in 1 file\n"), "{}", ran.stderr);
    assert_eq!(
        read(estate.path(), "a.yaml"),
        example("policy-never-matches", "which clients use: the pods listen on 8080, so it never allows anything")
    );
    assert_eq!(read(estate.path(), "b.yaml"), fixed(POLICY));
}

/// What `--fix` makes of a text.
fn repaired(text: &str) -> String {
    let estate = folder(&[("a.yaml", text)]);
    fix(estate.path(), &["-q"]);
    read(estate.path(), "a.yaml")
}

/// An estate whose gateway takes every host of its namespace: a listener for certain hosts is picked by the name that TLS
/// starts with, so that a mode alone mends nothing there.
fn of_any_host(text: &str) -> String {
    let text_of_any = text.replace("hosts: [istio-egress/example.com]", "hosts: [istio-egress/*]");
    assert_ne!(text_of_any, text);
    text_of_any
}

#[test]
fn a_mode_alone_is_not_set_where_the_listener_is_picked_by_name() {
    let text = example("missing-istio-mutual", "mode: DISABLE");
    let (without, _) = text.split_once("  trafficPolicy:").expect("a policy");
    assert_eq!(repaired(without), without);
}

#[test]
fn a_destination_rule_without_tls_gets_it_where_there_is_one_place_for_it() {
    let text = of_any_host(&example("missing-istio-mutual", "mode: DISABLE"));
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
    for certificate in ["caCertificates", "clientCertificate", "privateKey", "credentialName"] {
        for mode in ["mode: SIMPLE", "sni: example.com"] {
            let own = text.replace("mode: DISABLE\n", &format!("{mode}\n      {certificate}: own\n"));
            assert_ne!(own, text);
            assert_eq!(repaired(&own), own);
        }
    }
    let bare = text.replace("mode: DISABLE\n", "sni: example.com\n");
    assert_eq!(
        repaired(&bare),
        bare.replace("      sni: example.com\n", "      sni: example.com\n      mode: ISTIO_MUTUAL\n")
    );
}

#[test]
fn an_edit_that_is_right_in_one_of_several_estates_is_not_made() {
    let text = of_any_host(&example("missing-istio-mutual", "mode: DISABLE"));
    let (before, rest) =
        text.split_once("---\napiVersion: networking.istio.io/v1\nkind: Gateway\n").expect("a gateway");
    let (listeners, after) = rest.split_once("---\n").expect("more objects");
    let listeners = format!("apiVersion: networking.istio.io/v1\nkind: Gateway\n{listeners}");
    let common = format!("{before}---\n{after}");
    let plain = format!(
        "{listeners}    - port: {{number: 81, name: http, protocol: HTTP}}\n      hosts: [istio-egress/b.example]\n"
    );
    let settings = "estates:\n  live: [common.yaml, live.yaml]\n  test: [common.yaml, test.yaml]\n";
    for (other, is_fixed) in [(&listeners, true), (&plain, false)] {
        let estate = folder(&[
            ("palisade.yaml", settings),
            ("common.yaml", &common),
            ("live.yaml", &listeners),
            ("test.yaml", other),
        ]);
        fix(estate.path(), &["-q"]);
        assert_eq!(read(estate.path(), "common.yaml") != common, is_fixed);
    }
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

#[test]
fn the_gateway_is_shown_what_it_routes_to() {
    let text = example("service-entry-overexported", "exportTo: [team-x]");
    let tls = "---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: partner, namespace: istio-egress}
spec:
  host: partner.example
  exportTo: [.]
  trafficPolicy:
    tls: {mode: SIMPLE, sni: partner.example, subjectAltNames: [partner.example], caCertificates: system}
";
    let text = text + tls;
    assert_eq!(repaired(&text), text.replace("exportTo: [team-x]", "exportTo: [team-x, istio-egress]"));
    // Where nobody is meant to see it, or everybody may, there is nothing to add to.
    let hidden = text.replace("exportTo: [team-x]", "exportTo: [\"~\"]");
    assert_eq!(repaired(&hidden), hidden);
}

#[test]
fn an_edit_may_be_in_another_file_than_its_finding() {
    let text = example("broken-gateway-hop", "does not see the route for");
    let (before, after) = text
        .split_once("---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: upload")
        .expect("the route");
    let (route, rest) = after.split_once("---\n").expect("more objects");
    let route = format!("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: upload{route}");
    let other = route.replace("name: upload", "name: upload-mesh");
    let (second, _) = other.split_once("    - match: [{gateways: [egress-gateway]").expect("the second hop");
    let second = second.replace("gateways: [mesh, egress-gateway]", "gateways: [mesh]");
    // Where two are for the gateway, nobody can tell which one it should see.
    let both = format!("{before}---\n{rest}---\n{route}---\n{other}");
    assert!(!repaired(&both).contains("istio-egress]"));
    let estate =
        folder(&[("rest.yaml", &format!("{before}---\n{rest}")), ("route.yaml", &route), ("second.yaml", &second)]);
    let report = parsed(&run(estate.path(), &["check", "--format", "json"]).stdout);
    let paths = |place: &serde_json::Value| place["location"]["path"].as_str().unwrap_or_default().to_owned();
    let all = report["findings"].as_array().expect("findings");
    let apart = all.iter().filter(|one| one["fix"].is_object() && paths(&one["fix"]["edits"][0]) != paths(one));
    assert_eq!(apart.map(paths).collect::<Vec<_>>(), ["second.yaml"]);
    fix(estate.path(), &["-q"]);
    assert_eq!(read(estate.path(), "second.yaml"), second);
    assert_eq!(
        read(estate.path(), "route.yaml"),
        route.replace("exportTo: [team-x]", "exportTo: [team-x, istio-egress]")
    );
}

/// A text after the edits of a finding in the JSON report, made as a script would.
fn by_script(text: &str, fix: &serde_json::Value) -> String {
    let mut text = text.to_owned();
    for edit in fix["edits"].as_array().expect("edits").iter().rev() {
        let offset = |end: &str| edit["location"][end]["offset"].as_u64().and_then(|at| usize::try_from(at).ok());
        let (start, end) = (offset("start").expect("a start"), offset("end").expect("an end"));
        text.replace_range(start..end, edit["text"].as_str().expect("a text"));
    }
    text
}

#[test]
fn programs_are_told_the_edits() {
    let estate = folder(&[("a.yaml", POLICY)]);
    let report = parsed(&run(estate.path(), &["check", "--format", "json"]).stdout);
    let all = report["findings"].as_array().expect("findings");
    let (with, without): (Vec<_>, Vec<_>) = all.iter().partition(|finding| finding["fix"].is_object());
    assert_eq!(with.len(), 1);
    assert!(without.iter().all(|finding| finding.get("fix").is_none()));
    assert_eq!(with[0]["fix"]["title"], "add `Egress` to `policyTypes`");
    assert_eq!(by_script(POLICY, &with[0]["fix"]), fixed(POLICY));

    let log = parsed(&run(estate.path(), &["check", "--format", "sarif"]).stdout);
    let results = log["runs"][0]["results"].as_array().expect("results");
    let fixes: Vec<_> = results.iter().filter_map(|result| result.get("fixes")).collect();
    let offset = POLICY.find("]   # both").expect("the end of the list");
    let gap = serde_json::json!({
        "startLine": 7, "startColumn": 24, "endLine": 7, "endColumn": 24, "byteOffset": offset, "byteLength": 0
    });
    let replacement = serde_json::json!({"deletedRegion": gap, "insertedContent": {"text": ", Egress"}});
    let change = serde_json::json!({"artifactLocation": {"uri": "a.yaml"}, "replacements": [replacement]});
    let fix =
        serde_json::json!({"description": {"text": "Add `Egress` to `policyTypes`."}, "artifactChanges": [change]});
    assert_eq!(fixes, [&serde_json::json!([fix])]);
}

#[test]
fn a_reader_is_told_that_there_are_fixes() {
    let estate = folder(&[("a.yaml", POLICY)]);
    let line = "fixable:    1 finding has exactly one right edit (--fix=diff shows it)\n";
    assert!(run(estate.path(), &["check"]).stdout.contains(line));
    assert!(!run(estate.path(), &["check", "-q"]).stdout.contains("fixable"));
    assert!(!fix(estate.path(), &[]).stdout.contains("fixable"));
}
