//! The report for people, as a picture: looked at, then kept.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

use palisade::finding::{Confidence, Decision, Finding, Hop, Level, Object, Severity};
use palisade::report::{Terminal, terminal};
use palisade::source::{Location, Problem, Skipped, Sources, Span, Unparsed};
use palisade::triage::{Inputs, Report, Reported, Unmodelled, Verdict};

const RULE_TEXT: &str = "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: egressgateway
  namespace: istio-egress
spec:
  host: istio-egressgateway.istio-egress.svc.cluster.local
  trafficPolicy:
    tls:
      mode: DISABLE
";

const WORKLOAD_TEXT: &str = "\
kind: Deployment
metadata:
  name: client # größer
  namespace: team-x
spec:
  template:
    metadata:
      annotations:
\ttraffic.sidecar.istio.io/excludeOutboundPorts: \"443\"
";

const FIREWALL_TEXT: &str = "kind: ComputeFirewall\nspec:\n  direction: EGRESS\n  destinationRanges: [0.0.0.0/0]\n";

fn sources() -> Sources {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    Sources::new(vec![
        file("cloud/firewall.yaml", FIREWALL_TEXT),
        file("mesh/destination-rule.yaml", RULE_TEXT),
        file("team-x/client.yaml", WORKLOAD_TEXT),
    ])
}

/// The place of a piece of text.
fn at(sources: &Sources, text: &str) -> Location {
    let found = sources.iter().find_map(|source| Some((source, source.text().find(text)?)));
    let (source, start) = found.expect("the text is in a source");
    let offset = |index: usize| u32::try_from(index).expect("the text is short");
    source.location(Span::new(offset(start), offset(start + text.len())))
}

fn finding(rule: &'static str, variant: &'static str, severity: Severity, at: Location, message: &str) -> Finding {
    let confidence = if severity == Severity::Medium { Confidence::Medium } else { Confidence::High };
    let (related, witness) = (Vec::new(), Vec::new());
    Finding {
        rule,
        variant,
        severity,
        confidence,
        message: message.to_owned(),
        at,
        related,
        witness,
        help: String::new(),
        estate_wide: false,
        subject: String::new(),
        parts: None,
        fix: None,
    }
}

fn object(kind: &str, namespace: &str, name: &str) -> Object {
    let namespace = Some(namespace.to_owned());
    Object { api_version: "v1".to_owned(), kind: kind.to_owned(), namespace, name: name.to_owned() }
}

fn findings(sources: &Sources) -> Vec<Reported> {
    let mutual = finding("missing-istio-mutual", "disabled", Severity::High, at(sources, "DISABLE"), "TLS towards the egress gateway is `DISABLE`, so the gateway cannot tell who asks and neither can any of its authorization policies")
        .see(at(sources, "istio-egressgateway.istio-egress.svc.cluster.local"), "the egress gateway's host")
        .see(at(sources, "EGRESS"), "a place in another file")
        .help("set `mode: ISTIO_MUTUAL`, so that the sidecars present the workloads' identities to the gateway and everything it logs can be attributed");
    let hop = |name: &str, decision, reason: &str, text: &str| Hop {
        name: name.to_owned(),
        decision,
        reason: reason.to_owned(),
        at: at(sources, text),
    };
    let path = finding(
        "direct-internet-path",
        "code-execution",
        Severity::Critical,
        at(sources, "client"),
        "`client` can reach the internet directly",
    )
    .witness(vec![
        hop("team-x/Deployment/client", Decision::NotCaptured, "port 443 is excluded from the proxy", "\"443\""),
        hop(
            "firewall",
            Decision::Allow,
            "a rule lets everything out, whatever the protocol and wherever it goes, from every node of the network",
            "0.0.0.0/0",
        ),
    ])
    .help("remove the exclusion");
    let low = finding("capture-excluded", "ports", Severity::Medium, at(sources, "\"443\""), "port 443 is excluded");
    let note =
        finding("incomplete-evidence", "nodes", Severity::Info, at(sources, "größer"), "the node pools are unknown");
    let reported = |finding: Finding, object| {
        let level = finding.severity.level();
        Reported {
            finding,
            level,
            object,
            fingerprint: String::new(),
            plain: String::new(),
            estates: Vec::new(),
            is_own: false,
            absorbed: Vec::new(),
            ignore: None,
            order: 0,
            repair: None,
        }
    };
    vec![
        reported(mutual, Some(object("DestinationRule", "istio-egress", "egressgateway"))),
        reported(path, Some(object("Deployment", "team-x", "client"))),
        reported(low, Some(object("Deployment", "team-x", "client"))),
        reported(note, None),
    ]
}

fn report(sources: &Sources) -> Report {
    let inputs = Inputs {
        charts: Vec::new(),
        estates: Vec::new(),
        files: 3,
        bytes: sources.bytes(),
        documents: 9,
        resources: 3,
        unparsed: vec![Unparsed { at: at(sources, "kind: ComputeFirewall"), reason: "a quote has no end".to_owned() }],
        unmodelled: vec![Unmodelled { api_version: "example.com/v1".to_owned(), kind: "Widget".to_owned(), count: 5 }],
        skipped: vec![Skipped { path: "logo.png".to_owned(), reason: "not YAML or JSON".to_owned() }],
        problems: vec![Problem { at: at(sources, "0.0.0.0/0"), message: "`x` is not a range of addresses".to_owned() }],
        placed: 1,
    };
    Report { verdict: Verdict::Incomplete, inputs, findings: findings(sources), ..Report::default() }
}

fn drawn(options: &Terminal) -> String {
    let sources = sources();
    terminal(&report(&sources), &sources, options)
}

#[test]
fn with_boxes() {
    insta::assert_snapshot!(drawn(&Terminal { verbose: true, ..Terminal::default() }));
}

#[test]
fn narrow_and_without_boxes() {
    insta::assert_snapshot!(drawn(&Terminal { unicode: false, width: 60, ..Terminal::default() }));
}

/// The text without the sequences that color it.
fn uncolored(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

#[test]
fn color_adds_nothing_but_color() {
    for unicode in [true, false] {
        let plain = drawn(&Terminal { unicode, ..Terminal::default() });
        let colored = drawn(&Terminal { unicode, color: true, ..Terminal::default() });
        assert!(colored.contains('\u{1b}') && !plain.contains('\u{1b}'));
        assert_eq!(trimmed(&uncolored(&colored)), trimmed(&plain));
    }
}

/// Styled lines may end in spaces that plain ones do not have.
fn trimmed(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).collect()
}

#[test]
fn quiet_is_the_findings_and_no_more() {
    let whole = drawn(&Terminal::default());
    let quiet = drawn(&Terminal { quiet: true, ..Terminal::default() });
    assert!(whole.starts_with(&quiet) && !quiet.contains("read:"));
}

#[test]
fn no_line_is_wider_than_the_screen() {
    let text = drawn(&Terminal { width: 60, quiet: true, ..Terminal::default() });
    let wide = text.lines().filter(|line| line.chars().count() > 60);
    // Only what is quoted from a file and what cannot be broken may be.
    let wide = wide.filter(|line| !line.contains("istio-egressgateway.istio-egress") && !line.contains("──"));
    assert_eq!(wide.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_hop_in_a_long_line_is_shown_where_it_is() {
    let line = format!("{}needle{}\n", "x".repeat(5_000), "y".repeat(5_000));
    let sources = Sources::new(vec![("a.json".to_owned(), line)]);
    let at = at(&sources, "needle");
    let hop = Hop { name: "pool".to_owned(), decision: Decision::Unknown, reason: "so".to_owned(), at };
    let finding = finding("a", "b", Severity::High, at, "said").witness(vec![hop]);
    let reported = Reported {
        finding,
        level: Level::Error,
        object: None,
        fingerprint: String::new(),
        plain: String::new(),
        estates: Vec::new(),
        is_own: false,
        absorbed: Vec::new(),
        ignore: None,
        order: 0,
        repair: None,
    };
    let report =
        Report { verdict: Verdict::Fail, inputs: Inputs::default(), findings: vec![reported], ..Report::default() };
    let text = terminal(&report, &sources, &Terminal::default());
    assert_eq!(text.matches("needle").count(), 2, "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 400), "{text}");
}
