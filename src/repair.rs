//! Making the fixes of findings: those that can be made together, and of these the ones after which an audit confirms that
//! the finding is gone and that nothing new has appeared.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Finding, Severity};
use crate::source::{Location, Replacement, Sources};
use crate::triage::{Repair, Report, Reported};

/// What came of the fixes.
#[derive(Debug)]
pub struct Repaired<'r> {
    /// The sources with the fixes that were made.
    pub sources: Sources,
    /// The findings that are gone.
    pub made: Vec<&'r Reported>,
    /// The findings whose fix was not made, and why not.
    pub left: Vec<(&'r Reported, Left)>,
}

/// Why a fix was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Another fix changes the same text.
    Meets,
    /// An audit of the result still has the finding.
    Stays,
    /// An audit of the result has a finding of this rule that was not there before, or that is worse.
    Brings(&'static str),
    /// The result cannot be read as it could before.
    Unread,
}

/// One edit, and the findings that propose it.
struct Candidate<'r> {
    repair: &'r Repair,
    findings: Vec<&'r Reported>,
}

/// The findings of a report that have a fix, those told with others among them.
pub fn fixable(report: &Report) -> impl Iterator<Item = (&Reported, &Repair)> {
    let all = report.findings.iter().flat_map(Reported::with_parts);
    all.filter_map(|reported| Some((reported, reported.repair.as_ref()?)))
}

/// Makes as many fixes as an audit confirms: all at once where that goes well, else fewer and fewer.
pub fn tried<'r>(
    sources: &Sources,
    report: &'r Report,
    may: impl Fn(&Repair) -> bool,
    audit: impl Fn(Sources) -> Report,
) -> Repaired<'r> {
    let mut left = Vec::new();
    let candidates = apart(fixable(report).filter(|(_, repair)| may(repair)), &mut left);
    if candidates.is_empty() {
        return Repaired { sources: sources.edited(&[]), made: Vec::new(), left };
    }
    let before = Standing::of(&audit(sources.edited(&[])));
    let objection = |set: &[&Candidate<'_>]| {
        let after = Standing::of(&audit(sources.edited(&replacements(set))));
        let gone = || set.iter().flat_map(|candidate| &candidate.findings).copied();
        before.without(gone()).objection(&after, &gone().map(name).collect())
    };
    let mut made: Vec<&Candidate<'_>> = Vec::new();
    let mut waiting: Vec<&[Candidate<'_>]> = vec![&candidates];
    while let Some(part) = waiting.pop() {
        let together: Vec<_> = made.iter().copied().chain(part).collect();
        match (objection(&together), part) {
            (None, _) => made = together,
            (Some(why), [candidate]) => left.extend(candidate.findings.iter().map(|finding| (*finding, why))),
            (Some(_), several) => {
                let (first, rest) = several.split_at(several.len() / 2);
                waiting.extend([rest, first]);
            }
        }
    }
    let sources = sources.edited(&replacements(&made));
    let made = made.iter().flat_map(|candidate| candidate.findings.iter().copied()).collect();
    left.sort_by_key(|(reported, _)| reported.order);
    Repaired { sources, made, left }
}

fn replacements<'r>(set: &[&Candidate<'r>]) -> Vec<&'r Replacement> {
    set.iter().flat_map(|candidate| &candidate.repair.replacements).collect()
}

/// The fixes that do not meet, each once; of those that do, the first.
fn apart<'r>(
    all: impl Iterator<Item = (&'r Reported, &'r Repair)>,
    left: &mut Vec<(&'r Reported, Left)>,
) -> Vec<Candidate<'r>> {
    let mut kept: Vec<Candidate<'r>> = Vec::new();
    // By their ends: what is kept is apart, so only the neighbours of an edit can meet it.
    let mut taken: BTreeMap<Location, &Replacement> = BTreeMap::new();
    for (reported, repair) in all {
        if let Some(same) = kept.iter_mut().find(|candidate| candidate.repair.replacements == repair.replacements) {
            same.findings.push(reported);
            continue;
        }
        let meets = |edit: &Replacement| {
            let before = taken.range(..=edit.at).next_back();
            let after = taken.range(edit.at..).next();
            before.into_iter().chain(after).any(|(_, other)| other.touches(edit))
        };
        if repair.replacements.iter().any(meets) {
            left.push((reported, Left::Meets));
            continue;
        }
        taken.extend(repair.replacements.iter().map(|edit| (edit.at, edit)));
        kept.push(Candidate { repair, findings: vec![reported] });
    }
    kept
}

/// What is there, told or silenced, and how much could not be read.
struct Standing {
    findings: BTreeMap<String, Same>,
    unread: usize,
}

/// The findings of one name: how many there are, how bad the worst is, and whose they are.
#[derive(Clone, Copy)]
struct Same {
    count: usize,
    worst: Severity,
    rule: &'static str,
}

impl Standing {
    fn of(report: &Report) -> Self {
        let mut findings: BTreeMap<String, Same> = BTreeMap::new();
        for reported in report.findings.iter().chain(&report.suppressed) {
            let Finding { severity, rule, .. } = reported.finding;
            let same = findings.entry(name(reported)).or_insert(Same { count: 0, worst: severity, rule });
            (same.count, same.worst) = (same.count + 1, severity.max(same.worst));
        }
        Self { findings, unread: report.inputs.unparsed.len() + report.inputs.problems.len() }
    }

    fn without<'r>(&self, gone: impl Iterator<Item = &'r Reported>) -> Self {
        let mut findings = self.findings.clone();
        for reported in gone {
            findings.entry(name(reported)).and_modify(|same| same.count = same.count.saturating_sub(1));
        }
        Self { findings, unread: self.unread }
    }

    /// What the state afterwards has that must not be: less to read, a finding that should be gone, one that is new or worse.
    fn objection(&self, after: &Self, gone: &BTreeSet<String>) -> Option<Left> {
        if after.unread > self.unread {
            return Some(Left::Unread);
        }
        let is_covered = |(name, same): &(&String, &Same)| {
            self.findings.get(*name).is_some_and(|own| own.count >= same.count && own.worst >= same.worst)
        };
        let (name, same) = after.findings.iter().find(|found| !is_covered(found))?;
        Some(if gone.contains(name) { Left::Stays } else { Left::Brings(same.rule) })
    }
}

/// The fingerprint without the number that tells apart those of the same name, which moves up when another one goes; and
/// the estates that it is about, for in another one it would be new.
fn name(reported: &Reported) -> String {
    let hash = reported.fingerprint.split(':').next().unwrap_or_default();
    format!("{hash} {}", reported.shared_estates().join(" "))
}
