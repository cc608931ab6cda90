//! From findings to the report: levels, ignores, filters, order, fingerprints and the verdict. Everything is sorted and
//! filtered here, once.

mod absorb;
mod charts;
mod difference;
mod estates;
mod fingerprint;
mod silence;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use rayon::prelude::*;

pub use charts::{Chart, charts};
pub use difference::{Difference, difference};
pub use estates::{Told, together};
pub use silence::{accepted, comments, silence};

use crate::config::{Baseline, Changed, Config, Ignore, Known};
use crate::finding::{Decision, Finding, Level, Object};
use crate::source::{Edit, Location, Problem, Replacement, Skipped, SourceId, Sources, Unparsed};
use fingerprint::{fingerprint, numbered, with_estate};

/// Whether the estate passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Audited, and nothing at or above the level that fails (exit code 0).
    #[default]
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
    /// Helm charts whose templates are among what could not be read.
    pub charts: Vec<Chart>,
    /// Kinds that are read but not modelled, with how many there are; sorted.
    pub unmodelled: Vec<Unmodelled>,
    pub skipped: Vec<Skipped>,
    /// The estates that were audited apart, by name, with how many files each has; nothing where the input is one.
    pub estates: Vec<(String, usize)>,
    /// What was understood, but not as the API server would take it.
    pub problems: Vec<Problem>,
    /// Namespaced objects that name no namespace and were placed in `default` or their kustomization's.
    pub placed: usize,
}

impl Inputs {
    /// Whether there is nothing to audit: no document, or none that says what it is, such as what a command says that failed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_named = |unmodelled: &Unmodelled| !unmodelled.kind.is_empty() || !unmodelled.api_version.is_empty();
        self.resources == 0 && self.unparsed.is_empty() && !self.unmodelled.iter().any(is_named)
    }

    /// What could not be read, with one entry for all templates of a chart that nobody rendered.
    #[must_use]
    pub fn unread(&self, sources: &Sources) -> Vec<Unparsed> {
        charts::unread(&self.charts, sources, &self.unparsed)
    }
}

/// Documents of a kind that palisade does not model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmodelled {
    pub api_version: String,
    pub kind: String,
    pub count: usize,
}

/// A finding, and the ignore that silences it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    pub finding: Finding,
    pub ignore: Option<Ignore>,
    /// The estates that it is about; all where there are none.
    pub estates: Vec<String>,
    /// The places that it points at in the estates whose words are not told.
    pub elsewhere: Vec<Location>,
}

impl From<Finding> for Marked {
    fn from(finding: Finding) -> Self {
        Self { finding, ignore: None, estates: Vec::new(), elsewhere: Vec::new() }
    }
}

/// A finding with what triage adds to it.
#[derive(Clone, Debug)]
pub struct Reported {
    pub finding: Finding,
    pub level: Level,
    /// The object that holds the primary place.
    pub object: Option<Object>,
    /// Rule, variant, the objects along the witness, the path of the field and what else the finding is about, hashed; never
    /// a line number.
    pub fingerprint: String,
    /// The same without the estate that its file belongs to: for comparisons with a run in which the input was one estate.
    pub plain: String,
    /// The estates that it is about; all of the input where there are none.
    pub estates: Vec<String>,
    /// Whether its file belongs to one of several estates alone, so that its name says which.
    pub is_own: bool,
    /// The findings that it explains and that are told with it.
    pub absorbed: Vec<Reported>,
    /// The ignore that silences it.
    pub ignore: Option<Ignore>,
    /// Its rank among all findings of the run.
    pub order: usize,
    /// The one right edit, in the bytes of the sources.
    pub repair: Option<Repair>,
}

/// What is to be written where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// What it does, as a command in lower case without a full stop.
    pub title: String,
    /// In the order of their places; none overlaps another.
    pub replacements: Vec<Replacement>,
}

/// What the outputs show.
#[derive(Debug, Default)]
pub struct Report {
    pub verdict: Verdict,
    pub inputs: Inputs,
    /// What counts.
    pub findings: Vec<Reported>,
    /// What ignores silence.
    pub suppressed: Vec<Reported>,
    /// What the baseline has already.
    pub known: Vec<Reported>,
    /// The baseline that this was compared with.
    pub baseline: Option<Compared>,
    /// The lowest level that fails; `Off` where none does.
    pub fail_on: Level,
    /// How many findings are left out because no line that they point at has changed, and since when.
    pub untouched: Option<(usize, String)>,
}

/// What came of the comparison with a baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The baseline's name.
    pub name: String,
    /// What it has and the run has not; nothing where the run reports only a part.
    pub gone: Vec<Known>,
}

impl Reported {
    /// What it is called in a comparison with a run whose input was several estates, or was one.
    fn name<'r>(&'r self, estates: &[&str], was_split: bool) -> &'r str {
        if estates.is_empty() == was_split { &self.plain } else { &self.fingerprint }
    }

    /// The estates that it is about, where its name does not say so already.
    #[must_use]
    pub fn shared_estates(&self) -> &[String] {
        if self.is_own { &[] } else { &self.estates }
    }

    /// The finding and all that it explains.
    pub fn with_parts(&self) -> impl Iterator<Item = &Self> {
        // What a finding explains explains nothing itself: it would have been attached to the same.
        std::iter::once(self).chain(&self.absorbed)
    }
}

impl Report {
    /// Whether a finding fails the audit.
    #[must_use]
    pub fn fails(&self, reported: &Reported) -> bool {
        self.fail_on != Level::Off && reported.level >= self.fail_on
    }

    /// How many findings have a level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|reported| reported.level == level).count()
    }
}

/// What triage asks about places; whoever holds the documents answers.
pub trait Objects: Sync {
    /// The object that holds a place.
    fn object(&self, at: Location) -> Option<Object>;

    /// The path of the field at a place, relative to the object that holds it.
    fn field(&self, at: Location) -> String;

    /// The lines that a place is on, from 1.
    fn lines(&self, at: Location) -> RangeInclusive<usize>;

    /// What stands on a line, in words that moving the line does not change: its object and field.
    fn site(&self, source: SourceId, line: usize) -> String;

    /// Whether any object in the input has a name that an ignore gives.
    fn names(&self, ignore: &Ignore) -> bool;

    /// The estate that a file belongs to, where it belongs to one of several alone.
    fn estate(&self, source: SourceId) -> Option<&str>;

    /// An edit of an object in bytes; nothing where the layout would have to be guessed.
    fn replacement(&self, edit: &Edit) -> Option<Replacement>;
}

/// Levels, filters and orders the findings, names them for comparison across runs, and judges.
#[must_use]
pub fn triage(findings: Vec<Marked>, mut inputs: Inputs, objects: &dyn Objects, config: &Config) -> Report {
    let mut kept: Vec<(Level, Marked)> = findings
        .into_iter()
        .map(|marked| (level(&marked.finding, config), marked))
        .filter(|(level, marked)| keeps(*level, &marked.finding, config))
        .collect();
    kept.sort_by(|(_, one), (_, other)| order(&one.finding, &other.finding));
    kept.dedup_by(|(_, one), (_, other)| one.finding == other.finding && one.estates == other.estates);
    sort_inputs(&mut inputs);

    // Names are given before anything is set aside: what an ignore hides must not rename what it leaves.
    let (mut seen, mut seen_plain) = (HashMap::new(), HashMap::new());
    let hashed: Vec<(Option<Object>, u128)> = kept.par_iter().map(|(_, marked)| hashed(marked, objects)).collect();
    let named = kept.into_iter().zip(hashed).enumerate().map(|(order, ((level, marked), (object, hashed)))| {
        let is_touched = config.changed.as_ref().is_none_or(|changed| touches(changed, &marked, objects));
        let Marked { finding, ignore, estates, .. } = marked;
        let own = objects.estate(finding.at.source).filter(|_| !finding.estate_wide);
        let is_own = own.is_some();
        let plain = numbered(hashed, &mut seen_plain);
        let fingerprint = numbered(own.map_or(hashed, |estate| with_estate(hashed, estate)), &mut seen);
        let repair = repair(&finding, objects);
        let absorbed = Vec::new();
        let reported =
            Reported { finding, level, object, fingerprint, plain, estates, is_own, absorbed, ignore, order, repair };
        (is_touched, reported)
    });
    let (touched, mut findings): (Vec<bool>, Vec<Reported>) = named.unzip();
    let names: Vec<&str> = inputs.estates.iter().map(|(name, _)| name.as_str()).collect();
    let baseline = config.baseline.as_ref().map(|baseline| compared(baseline, &findings, &names, config));
    let untouched = findings.extract_if(.., |reported| !touched[reported.order]).count();
    let untouched = config.changed.as_ref().map(|changed| (untouched, changed.since.clone()));
    let suppressed = findings.extract_if(.., |reported| reported.ignore.is_some()).collect();
    let known = config.baseline.as_ref().map(|baseline| (baseline.is_split, baseline.by_name(!names.is_empty())));
    let is_known = |reported: &mut Reported| {
        let known = known.as_ref().and_then(|(was_split, known)| known.get(reported.name(&names, *was_split)));
        known.is_some_and(|known| estates::was_there(reported.shared_estates(), &names, &known.estates))
    };
    let known = findings.extract_if(.., is_known).collect();
    // After what is ignored is set aside: it neither hides what it would explain nor takes the path along.
    let findings = if config.all { findings } else { absorb::absorb(findings, objects) };
    let verdict = verdict(&findings, &inputs, config);
    Report { verdict, inputs, findings, suppressed, known, baseline, fail_on: config.fail_on, untouched }
}

/// The object of a finding, and what the finding is about.
fn hashed(marked: &Marked, objects: &dyn Objects) -> (Option<Object>, u128) {
    let object = objects.object(marked.finding.at);
    let hash = fingerprint(&marked.finding, object.as_ref(), &marked.estates, objects);
    (object, hash)
}

/// All edits of a finding's fix in bytes, or none.
fn repair(finding: &Finding, objects: &dyn Objects) -> Option<Repair> {
    let fix = finding.fix.as_ref()?;
    let mut replacements: Vec<_> = fix.edits.iter().map(|edit| objects.replacement(edit)).collect::<Option<_>>()?;
    replacements.sort();
    let is_apart = replacements.windows(2).all(|pair| !pair[0].touches(&pair[1]));
    is_apart.then(|| Repair { title: fix.title.clone(), replacements })
}

fn compared(baseline: &Baseline, all: &[Reported], estates: &[&str], config: &Config) -> Compared {
    let there: BTreeSet<&str> = all.iter().map(|reported| reported.name(estates, baseline.is_split)).collect();
    let known: BTreeMap<&str, &Known> = baseline.by_name(!estates.is_empty()).into_iter().collect();
    let gone = known.into_iter().filter(|(name, _)| config.reports_all() && !there.contains(name));
    Compared { name: baseline.name.clone(), gone: gone.map(|(_, known)| known.clone()).collect() }
}

/// Whether a finding points at a line that has changed, be it its own, a related one or a hop of its witness.
fn touches(changed: &Changed, marked: &Marked, objects: &dyn Objects) -> bool {
    let places = marked.finding.places().chain(marked.elsewhere.iter().copied());
    places.into_iter().any(|at| changed.touches(at.source, &objects.lines(at)))
}

fn level(finding: &Finding, config: &Config) -> Level {
    config.levels.get(finding.rule).copied().unwrap_or_else(|| finding.severity.level())
}

fn keeps(level: Level, finding: &Finding, config: &Config) -> bool {
    level != Level::Off
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
    if inputs.is_empty() || !(inputs.unparsed.is_empty() || config.allow_unparsed) {
        return Verdict::Incomplete;
    }
    let fails = |reported: &Reported| config.fail_on != Level::Off && reported.level >= config.fail_on;
    if findings.iter().any(fails) { Verdict::Fail } else { Verdict::Pass }
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

        fn lines(&self, _: Location) -> RangeInclusive<usize> {
            1..=1
        }

        fn site(&self, _: SourceId, _: usize) -> String {
            String::new()
        }

        fn names(&self, _: &Ignore) -> bool {
            false
        }

        fn estate(&self, _: SourceId) -> Option<&str> {
            None
        }

        fn replacement(&self, _: &Edit) -> Option<Replacement> {
            None
        }
    }

    fn finding(rule: &'static str, severity: Severity, start: u32) -> Marked {
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
            estate_wide: false,
            subject: String::new(),
            parts: None,
            fix: None,
        }
        .into()
    }

    fn some() -> Inputs {
        Inputs { resources: 1, documents: 1, ..Inputs::default() }
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
            let at = finding("a", Severity::High, 0).finding.at;
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
