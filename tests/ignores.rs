//! Ignores: what they silence, what is said of those that silence nothing, and where silenced findings are still seen.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::path::Path;

use common::program::{folder, parsed, run, run_with_stdin};
use serde_json::Value;
use tempfile::TempDir;

/// One error that can be silenced: the workload uses its node's network.
const AGENT: &str = "\
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: agent
  namespace: team-x
spec:
  template:
    spec:
      hostNetwork: true
      containers:
      - name: agent
        image: example.com/agent
";

const COMMENT: &str = "# palisade: ignore[host-network-workload] because it counts packets";

fn with_comment(comment: &str) -> TempDir {
    folder(&[("agent.yaml", &AGENT.replace("hostNetwork: true", &format!("hostNetwork: true {comment}")))])
}

fn with_settings(ignore: &str) -> TempDir {
    folder(&[("agent.yaml", AGENT), ("palisade.yaml", &format!("ignore:\n- {{{ignore}}}\n"))])
}

/// The findings of a run but for what the input leaves open: `rule/variant at path:line`, those silenced in brackets.
fn findings(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let ran = run(folder, &[&["check", "--format", "json"], arguments].concat());
    shown(&parsed(&ran.stdout))
}

fn shown(report: &Value) -> Vec<String> {
    let line = |finding: &Value| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let (path, line) = (&finding["location"]["path"], &finding["location"]["start"]["line"]);
        let said = format!("{}/{} at {}:{line}", text("rule"), text("variant"), path.as_str().unwrap_or_default());
        if finding["suppressed"].is_null() { said } else { format!("({said})") }
    };
    let all = report["findings"].as_array().expect("there are findings");
    let is_open = |finding: &&Value| {
        ["incomplete-evidence", "missing-egress-gateway"].iter().any(|rule| finding["rule"] == **rule)
    };
    all.iter().filter(|finding| !is_open(finding)).map(line).collect()
}

const FOUND: &str = "host-network-workload/tenant at agent.yaml:9";
const SILENCED: &str = "(host-network-workload/tenant at agent.yaml:9)";

#[test]
fn a_comment_silences_what_stands_on_its_line_or_the_next() {
    assert_eq!(findings(with_comment("").path(), &[]), [FOUND]);
    assert_eq!(findings(with_comment(COMMENT).path(), &[]), [SILENCED]);
    let above = AGENT.replace("      hostNetwork", &format!("      {COMMENT}\n      # for now\n      hostNetwork"));
    assert_eq!(
        findings(folder(&[("agent.yaml", &above)]).path(), &[]),
        ["(host-network-workload/tenant at agent.yaml:11)"]
    );
    let elsewhere = AGENT.replace("kind:", &format!("{COMMENT}\nkind:"));
    assert_eq!(
        findings(folder(&[("agent.yaml", &elsewhere)]).path(), &[]),
        ["unused-ignore/no-finding at agent.yaml:2", "host-network-workload/tenant at agent.yaml:10"]
    );
}

#[test]
fn the_settings_silence_what_is_in_the_objects_they_name() {
    let entry =
        |resource: &str| format!("rule: host-network-workload, resource: \"{resource}\", reason: it counts packets");
    for resource in ["team-x/agent", "team-x/*", "*/DaemonSet/agent", "team-*/DaemonSet/*"] {
        assert_eq!(findings(with_settings(&entry(resource)).path(), &[]), [SILENCED], "{resource}");
    }
    for resource in ["team-y/*", "agent", "team-x/Deployment/agent"] {
        assert_eq!(
            findings(with_settings(&entry(resource)).path(), &[]),
            [FOUND, "unused-ignore/no-object at palisade.yaml:2"],
            "{resource}"
        );
    }
    let other = "rule: capture-excluded, resource: \"team-x/*\", reason: none yet";
    assert_eq!(findings(with_settings(other).path(), &[]), [FOUND, "unused-ignore/no-finding at palisade.yaml:2"]);
}

#[test]
fn an_ignore_ends_after_its_last_day() {
    for (until, wanted) in
        [("2999-01-01", vec![SILENCED]), ("2020-01-01", vec![FOUND, "expired-ignore/ended at agent.yaml:9"])]
    {
        assert_eq!(findings(with_comment(&format!("{COMMENT} until {until}")).path(), &[]), wanted);
    }
    let entry = "rule: host-network-workload, resource: \"team-x/*\", reason: for now, until: 2020-01-01";
    assert_eq!(findings(with_settings(entry).path(), &[]), [FOUND, "expired-ignore/ended at palisade.yaml:2"]);
}

#[test]
fn what_cannot_be_followed_silences_nothing() {
    for (comment, variant) in [
        ("# palisade: ignore[host-network-workload]", "no-reason"),
        ("# palisade: ignore[host-network-workloads] because it counts packets", "unknown-rule"),
        ("# palisade: ignore[host-network-workload] because of packets until 2027-02-31", "no-date"),
        ("# palisade: skip", "unreadable"),
    ] {
        let wanted = [FOUND.to_owned(), format!("malformed-ignore/{variant} at agent.yaml:9")];
        assert_eq!(findings(with_comment(comment).path(), &[]), wanted, "{comment}");
    }
}

#[test]
fn the_verdict_counts_what_is_not_silenced() {
    assert_eq!(run(with_comment("").path(), &["check"]).code, 1);
    let silenced = with_comment(COMMENT);
    assert_eq!(run(silenced.path(), &["check"]).code, 0);
    assert_eq!(run(silenced.path(), &["check", "--no-ignores"]).code, 1);
    assert_eq!(findings(silenced.path(), &["--no-ignores"]), [FOUND]);
}

#[test]
fn what_is_silenced_stays_in_json_with_who_says_so() {
    let estate = with_comment(&format!("{COMMENT} until 2999-12-31"));
    let report = parsed(&run(estate.path(), &["check", "--format", "json"]).stdout);
    let finding =
        report["findings"].as_array().and_then(|all| all.iter().find(|finding| finding["suppressed"].is_object()));
    let suppressed = &finding.expect("one is silenced")["suppressed"];
    assert_eq!((&suppressed["by"], &suppressed["until"]), (&"comment".into(), &"2999-12-31".into()));
    assert_eq!(suppressed["reason"], "it counts packets");
    assert_eq!(suppressed["location"]["start"]["line"], 9);
}

#[test]
fn sarif_has_silenced_findings_where_they_are_asked_for() {
    let estate = with_comment(COMMENT);
    let results = |arguments: &[&str]| {
        let log = parsed(&run(estate.path(), &[&["check", "--format", "sarif"], arguments].concat()).stdout);
        let results = log["runs"][0]["results"].as_array().expect("there are results").clone();
        results.into_iter().filter(|result| result["ruleId"] == "host-network-workload").collect::<Vec<_>>()
    };
    assert_eq!(results(&[]), Vec::<Value>::new());
    let shown = results(&["--sarif-suppressed"]);
    let suppression = &shown[0]["suppressions"][0];
    assert_eq!(
        (&suppression["kind"], &suppression["justification"]),
        (&"inSource".into(), &"it counts packets".into())
    );
}

#[test]
fn the_report_says_how_many_are_silenced() {
    let estate = with_comment(COMMENT);
    let text = run(estate.path(), &["check"]).stdout;
    assert!(text.contains("ignored:    1 finding for a reason that is given"), "{text}");
    let text = run(estate.path(), &["check", "-v"]).stdout;
    assert!(text.contains("agent.yaml:9:20: host-network-workload because it counts packets"), "{text}");
}

#[test]
fn less_that_is_reported_makes_no_ignore_unused() {
    let estate = with_comment(COMMENT);
    for arguments in [["--rule", "unused-ignore"], ["--min-severity", "critical"], ["--min-confidence", "high"]] {
        assert!(!findings(estate.path(), &arguments).iter().any(|said| said.starts_with("unused")), "{arguments:?}");
    }
    let off = folder(&[
        ("agent.yaml", &AGENT.replace("hostNetwork: true", &format!("hostNetwork: true {COMMENT}"))),
        ("palisade.yaml", "rules: {host-network-workload: off}\n"),
    ]);
    assert_eq!(findings(off.path(), &[]), [""; 0]);
}

#[test]
fn a_part_of_the_estate_says_nothing_of_ignores_about_the_rest() {
    let entry = "ignore: [{rule: host-network-workload, resource: \"team-y/*\", reason: node agents}]\n";
    let estate = folder(&[("x/agent.yaml", AGENT), ("palisade.yaml", entry)]);
    let unused = |arguments: &[&str]| {
        findings(estate.path(), arguments).iter().filter(|said| said.starts_with("unused")).count()
    };
    assert_eq!((unused(&[]), unused(&["."]), unused(&["x"]), unused(&["x/agent.yaml"])), (1, 1, 0, 0));
    let ran = run_with_stdin(estate.path(), &["check", "-", "--format", "json"], AGENT);
    assert_eq!(shown(&parsed(&ran.stdout)), ["host-network-workload/tenant at <stdin>:9"]);
}

#[test]
fn a_rule_that_could_not_be_judged_makes_no_ignore_unused() {
    // Nothing of the firewall is in the input, so nobody knows whether there is something to silence.
    let comment = "# palisade: ignore[implied-egress-allow] because it is closed elsewhere";
    assert_eq!(findings(with_comment(comment).path(), &[]), [FOUND]);
    let vouched = findings(with_comment(comment).path(), &["--complete", "cloud"]);
    assert!(vouched.iter().any(|said| said.starts_with("unused-ignore/no-finding")), "{vouched:?}");
}

#[test]
fn comments_within_the_mesh_configuration_count() {
    let config = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    outboundTrafficPolicy:
      mode: ALLOW_ANY # palisade: ignore[outbound-allow-any] because each namespace has its own
";
    let estate =
        folder(&[("mesh.yaml", config), ("agent.yaml", &AGENT.replace("hostNetwork: true", "hostNetwork: false"))]);
    let found = findings(estate.path(), &[]);
    assert!(found.iter().any(|said| said.starts_with("(outbound-allow-any")), "{found:?}");
}

#[test]
fn comments_in_terraform_count() {
    let firewall = "\
resource \"google_compute_network\" \"shop\" {
  name = \"shop\"
}

resource \"google_compute_firewall\" \"out\" {
  name    = \"out\"
  network = google_compute_network.shop.name
  direction = \"EGRESS\"
  allow {
    protocol = \"all\" # palisade: ignore[app-node-egress-allowed] because a test
  }
  destination_ranges = [\"0.0.0.0/0\"]
}
";
    let estate = folder(&[("firewall.tf", firewall)]);
    let found = findings(estate.path(), &["--complete", "cloud"]);
    assert!(found.iter().any(|said| said == "unused-ignore/no-finding at firewall.tf:10"), "{found:?}");
}

#[test]
fn what_makes_a_path_possible_can_be_ignored_and_the_path_cannot_hide_behind_it() {
    let estate = common::project("fixtures/estates/no-deny-firewall");
    let contributors = "\
ignore:
- {rule: missing-egress-isolation, resource: \"*/*\", reason: a test}
- {rule: workload-outside-mesh, resource: \"*/*\", reason: a test}
- {rule: implied-egress-allow, resource: \"*/*\", reason: a test}
- {rule: ineffective-firewall-rule, resource: \"*/*\", reason: a test}
";
    let settings = folder(&[("settings.yaml", contributors)]);
    let settings = settings.path().join("settings.yaml").display().to_string();
    let ran = run(&estate, &["check", "--config", &settings, "--format", "json", "--min-severity", "high"]);
    let silenced = |said: &String| said.starts_with('(');
    let (silenced, left): (Vec<_>, Vec<_>) = shown(&parsed(&ran.stdout)).into_iter().partition(silenced);
    assert!(silenced.len() >= 3, "{silenced:?}");
    assert_eq!(left, ["direct-internet-path/application at cluster.yaml:40"]);
    assert_eq!(ran.code, 1);
}
