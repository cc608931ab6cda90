//! From findings to the report: levels, filters, order, fingerprints and the verdict. Everything is sorted and filtered here, once.

mod absorb;

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::config::Config;
use crate::finding::{Decision, Finding, Level, Object};
use crate::source::{Location, Problem, Skipped, Unparsed};

/// Whether the estate passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Audited, and nothing at or above the level that fails (exit code 0).
    Pass,
    /// Audited, with at least one finding at or above that level (exit code 1).
    Fail,
    /// Something could not be audited (exit code 2); the findings of the rest still stand.
    Incomplete,
}

impl Verdict {
    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Incomplete => "incomplete",
        }
    }

    /// The exit code of the program, the same for every format (contract: Exit codes).
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Incomplete => 2,
        }
    }
}

/// What was read, and what was not understood. `documents` is the sum of resources, unparsed and unmodelled documents.
#[derive(Debug, Default)]
pub struct Inputs {
    pub files: usize,
    pub bytes: usize,
    /// Documents, each item of a `List` counting as one; empty documents do not count.
    pub documents: usize,
    pub resources: usize,
    pub unparsed: Vec<Unparsed>,
    /// Kinds that are read but not modelled, with how many there are; sorted.
    pub unmodelled: Vec<Unmodelled>,
    pub skipped: Vec<Skipped>,
    /// What was understood, but not as the API server would take it.
    pub problems: Vec<Problem>,
    /// Namespaced objects that name no namespace and were placed in `default` or their kustomization's.
    pub placed: usize,
}

/// Documents of a kind that palisade does not model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmodelled {
    pub api_version: String,
    pub kind: String,
    pub count: usize,
}

/// A finding with what triage adds to it.
#[derive(Clone, Debug)]
pub struct Reported {
    pub finding: Finding,
    pub level: Level,
    /// The object that holds the primary place.
    pub object: Option<Object>,
    /// Rule, variant, the objects along the witness and the path of the field, hashed; never a line number.
    pub fingerprint: String,
    /// The findings that it explains and that are told with it.
    pub absorbed: Vec<Reported>,
}

/// What the outputs show.
#[derive(Debug)]
pub struct Report {
    pub verdict: Verdict,
    pub inputs: Inputs,
    pub findings: Vec<Reported>,
}

impl Report {
    /// How many findings have a level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|reported| reported.level == level).count()
    }
}

/// What triage asks about places; whoever holds the documents answers.
pub trait Objects {
    /// The object that holds a place.
    fn object(&self, at: Location) -> Option<Object>;

    /// The path of the field at a place, relative to the object that holds it.
    fn field(&self, at: Location) -> String;
}

/// Levels, filters and orders the findings, names them for comparison across runs, and judges.
#[must_use]
pub fn triage(findings: Vec<Finding>, mut inputs: Inputs, objects: &dyn Objects, config: &Config) -> Report {
    let mut kept: Vec<(Level, Finding)> = findings
        .into_iter()
        .map(|finding| (level(&finding, config), finding))
        .filter(|kept| keeps(kept, config))
        .collect();
    kept.sort_by(|(_, one), (_, other)| order(one, other));
    kept.dedup_by(|(_, one), (_, other)| one == other);
    sort_inputs(&mut inputs);

    let mut seen = HashMap::new();
    let report = |(level, finding): (Level, Finding)| {
        let object = objects.object(finding.at);
        let fingerprint = numbered(fingerprint(&finding, object.as_ref(), objects), &mut seen);
        Reported { finding, level, object, fingerprint, absorbed: Vec::new() }
    };
    let findings: Vec<Reported> = kept.into_iter().map(report).collect();
    let findings = if config.all { findings } else { absorb::absorb(findings, objects) };
    Report { verdict: verdict(&findings, &inputs, config), inputs, findings }
}

fn level(finding: &Finding, config: &Config) -> Level {
    config.levels.get(finding.rule).copied().unwrap_or_else(|| finding.severity.level())
}

fn keeps((level, finding): &(Level, Finding), config: &Config) -> bool {
    *level != Level::Off
        && finding.severity >= config.min_severity
        && finding.confidence >= config.min_confidence
        && (config.only.is_empty() || config.only.iter().any(|id| id == finding.rule))
}

/// A total order, so that the same findings come out alike whatever order the rules ran in; sources are ordered by path.
fn order(one: &Finding, other: &Finding) -> Ordering {
    let place = |finding: &Finding| (finding.at.source, finding.at.span.start);
    place(one)
        .cmp(&place(other))
        .then_with(|| wording(one).cmp(&wording(other)))
        .then_with(|| one.at.span.end.cmp(&other.at.span.end))
        .then_with(|| (one.severity, one.confidence).cmp(&(other.severity, other.confidence)))
        .then_with(|| related(one).cmp(related(other)))
        .then_with(|| hops(one).cmp(hops(other)))
}

fn wording(finding: &Finding) -> (&str, &str, &str, &str) {
    (finding.rule, finding.variant, &finding.message, &finding.help)
}

fn related(finding: &Finding) -> impl Iterator<Item = (Location, &str)> {
    finding.related.iter().map(|label| (label.at, label.message.as_str()))
}

fn hops(finding: &Finding) -> impl Iterator<Item = (Location, Decision, &str, &str)> {
    finding.witness.iter().map(|hop| (hop.at, hop.decision, hop.name.as_str(), hop.reason.as_str()))
}

fn sort_inputs(inputs: &mut Inputs) {
    inputs.unparsed.sort_by(|one, other| (one.at, &one.reason).cmp(&(other.at, &other.reason)));
    inputs.problems.sort_by(|one, other| (one.at, &one.message).cmp(&(other.at, &other.message)));
    inputs.skipped.sort_by(|one, other| one.path.cmp(&other.path));
    inputs.unmodelled.sort();
}

fn verdict(findings: &[Reported], inputs: &Inputs, config: &Config) -> Verdict {
    let is_empty = inputs.resources == 0 && inputs.unmodelled.is_empty() && inputs.unparsed.is_empty();
    if is_empty || !(inputs.unparsed.is_empty() || config.allow_unparsed) {
        return Verdict::Incomplete;
    }
    let fails = |reported: &Reported| config.fail_on != Level::Off && reported.level >= config.fail_on;
    if findings.iter().any(fails) { Verdict::Fail } else { Verdict::Pass }
}

/// What a finding is about, in words that moving lines or other objects does not change.
fn fingerprint(finding: &Finding, object: Option<&Object>, objects: &dyn Objects) -> u128 {
    let mut hash = Fnv::new();
    hash.word(finding.rule);
    hash.word(finding.variant);
    hash.object(object);
    hash.word(&objects.field(finding.at));
    for hop in &finding.witness {
        hash.word(&hop.name);
        hash.object(objects.object(hop.at).as_ref());
    }
    hash.0
}

/// The second finding with the same fingerprint is `…:2`, the third `…:3`.
fn numbered(hash: u128, seen: &mut HashMap<u128, usize>) -> String {
    let count = seen.entry(hash).or_default();
    *count += 1;
    if *count == 1 { format!("{hash:032x}") } else { format!("{hash:032x}:{count}") }
}

/// FNV-1a with 128 bits, written out: baselines outlive versions and platforms, so the hash must too.
struct Fnv(u128);

impl Fnv {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(Self::PRIME);
    }

    /// Each word ends in a zero byte, so that `ab`, `c` and `a`, `bc` differ.
    fn word(&mut self, word: &str) {
        word.bytes().for_each(|byte| self.byte(byte));
        self.byte(0);
    }

    /// The version is left out: `v1beta1` and `v1` of a kind are the same object.
    fn object(&mut self, object: Option<&Object>) {
        let Some(object) = object else { return self.byte(1) };
        self.word(object.api_version.split_once('/').map_or("", |(group, _)| group));
        self.word(&object.kind);
        self.word(object.namespace.as_deref().unwrap_or_default());
        self.word(&object.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Confidence, Severity};
    use crate::source::{Sources, Span};

    struct Nameless;

    impl Objects for Nameless {
        fn object(&self, _: Location) -> Option<Object> {
            None
        }

        fn field(&self, at: Location) -> String {
            format!("field{}", at.span.start / 10)
        }
    }

    fn finding(rule: &'static str, severity: Severity, start: u32) -> Finding {
        let sources = Sources::new(vec![("a.yaml".to_owned(), "a: 1\n".to_owned())]);
        let at = sources.iter().next().expect("one source was given").location(Span::new(start, start + 1));
        Finding {
            rule,
            variant: "only",
            severity,
            confidence: Confidence::High,
            message: "message".to_owned(),
            at,
            related: Vec::new(),
            witness: Vec::new(),
            help: String::new(),
            parts: None,
        }
    }

    fn some() -> Inputs {
        Inputs { resources: 1, documents: 1, ..Inputs::default() }
    }

    #[test]
    fn fnv_has_its_published_values() {
        assert_eq!(Fnv::new().0, 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        let mut hash = Fnv::new();
        hash.byte(b'a');
        assert_eq!(hash.0, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }

    #[test]
    fn sorts_by_place_and_drops_what_was_said_twice() {
        let findings = vec![
            finding("b", Severity::High, 10),
            finding("a", Severity::High, 10),
            finding("b", Severity::High, 10),
            finding("z", Severity::High, 2),
        ];
        let report = triage(findings, some(), &Nameless, &Config::default());
        let rules: Vec<_> = report.findings.iter().map(|reported| reported.finding.rule).collect();
        assert_eq!(rules, ["z", "a", "b"]);
    }

    #[test]
    fn levels_and_filters_decide_what_fails() {
        let findings = || vec![finding("a", Severity::High, 0), finding("b", Severity::Low, 20)];
        let judge = |config: &Config| {
            let report = triage(findings(), some(), &Nameless, config);
            (report.verdict, report.findings.len())
        };
        let config = Config::default();
        assert_eq!(judge(&config), (Verdict::Fail, 2));
        assert_eq!(judge(&Config { fail_on: Level::Off, ..config.clone() }), (Verdict::Pass, 2));
        assert_eq!(
            judge(&Config { levels: [("a".to_owned(), Level::Off)].into(), ..config.clone() }),
            (Verdict::Pass, 1)
        );
        assert_eq!(
            judge(&Config { levels: [("a".to_owned(), Level::Note)].into(), ..config.clone() }),
            (Verdict::Pass, 2)
        );
        assert_eq!(judge(&Config { min_severity: Severity::Medium, ..config.clone() }), (Verdict::Fail, 1));
        assert_eq!(judge(&Config { only: vec!["b".to_owned()], ..config.clone() }), (Verdict::Pass, 1));
    }

    #[test]
    fn nothing_to_audit_is_not_a_pass() {
        let report = triage(Vec::new(), Inputs::default(), &Nameless, &Config::default());
        assert_eq!(report.verdict, Verdict::Incomplete);
    }

    #[test]
    fn an_unparsed_document_outweighs_findings_unless_allowed() {
        let judge = |allow_unparsed| {
            let at = finding("a", Severity::High, 0).at;
            let unparsed = vec![Unparsed { at, reason: "broken".to_owned() }];
            let inputs = Inputs { unparsed, ..some() };
            let config = Config { allow_unparsed, ..Config::default() };
            triage(vec![finding("a", Severity::High, 0)], inputs, &Nameless, &config).verdict
        };
        assert_eq!(judge(false), Verdict::Incomplete);
        assert_eq!(judge(true), Verdict::Fail);
    }

    #[test]
    fn equal_fingerprints_are_numbered() {
        let findings =
            vec![finding("a", Severity::High, 11), finding("a", Severity::High, 12), finding("a", Severity::High, 20)];
        let report = triage(findings, some(), &Nameless, &Config::default());
        let [first, second, third] = report.findings.as_slice() else { panic!("three findings") };
        assert_eq!(second.fingerprint, format!("{}:2", first.fingerprint));
        assert_ne!(third.fingerprint, first.fingerprint);
    }
}
