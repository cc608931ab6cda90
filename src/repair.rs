//! Making the fixes of findings: those that can be made together, and of these the ones after which an audit confirms that
//! the finding is gone and that nothing new has appeared.

use std::collections::BTreeMap;

use crate::finding::Severity;
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
    /// The audit of the result still has the finding, or has one that was not there before.
    Unconfirmed,
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
    let confirms = |set: &[&Candidate<'_>]| {
        let after = Standing::of(&audit(sources.edited(&replacements(set))));
        before.without(set.iter().flat_map(|candidate| &candidate.findings)).covers(&after)
    };
    let mut made: Vec<&Candidate<'_>> = Vec::new();
    let mut waiting: Vec<&[Candidate<'_>]> = vec![&candidates];
    while let Some(part) = waiting.pop() {
        let together: Vec<_> = made.iter().copied().chain(part).collect();
        if confirms(&together) {
            made = together;
        } else if let [candidate] = part {
            left.extend(candidate.findings.iter().map(|finding| (*finding, Left::Unconfirmed)));
        } else {
            let (first, rest) = part.split_at(part.len() / 2);
            waiting.extend([rest, first]);
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

/// What is there, told or silenced: how often each finding is, and how bad at most; and how much could not be read.
struct Standing {
    findings: BTreeMap<String, (usize, Severity)>,
    unread: usize,
}

impl Standing {
    fn of(report: &Report) -> Self {
        let mut findings = BTreeMap::new();
        for reported in report.findings.iter().chain(&report.suppressed) {
            let severity = reported.finding.severity;
            let (count, worst) = findings.entry(name(reported)).or_insert((0, severity));
            (*count, *worst) = (*count + 1, severity.max(*worst));
        }
        Self { findings, unread: report.inputs.unparsed.len() + report.inputs.problems.len() }
    }

    fn without<'r>(&self, gone: impl Iterator<Item = &'r &'r Reported>) -> Self {
        let mut findings = self.findings.clone();
        for reported in gone {
            findings.entry(name(reported)).and_modify(|(count, _)| *count = count.saturating_sub(1));
        }
        Self { findings, unread: self.unread }
    }

    /// Whether the other has nothing that is not here, and nothing that is worse there.
    fn covers(&self, other: &Self) -> bool {
        let has = |(name, (count, worst)): (&String, &(usize, Severity))| {
            self.findings.get(name).is_some_and(|(own, bad)| own >= count && bad >= worst)
        };
        other.unread <= self.unread && other.findings.iter().all(has)
    }
}

/// The fingerprint without the number that tells apart those of the same name: it moves up when another one goes.
fn name(reported: &Reported) -> String {
    reported.fingerprint.split(':').next().unwrap_or_default().to_owned()
}
