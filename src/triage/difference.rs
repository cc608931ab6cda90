//! What a change does: findings of two runs that only one of them has, told apart by their fingerprints.

use std::collections::BTreeSet;

use super::{Report, Reported};

/// The findings of a later run, seen against an earlier one.
#[derive(Debug, Default)]
pub struct Difference<'a> {
    /// What the later run has and the earlier has not.
    pub opened: Vec<&'a Reported>,
    /// What the earlier run has and the later has not: as it was there.
    pub closed: Vec<&'a Reported>,
    /// What counted in the earlier run, and is still there but ignored.
    pub silenced: Vec<&'a Reported>,
    /// What both have.
    pub kept: Vec<&'a Reported>,
}

/// Compares two runs. What a finding explains counts as told: a way out that closes does not open its parts.
#[must_use]
pub fn difference<'a>(old: &'a Report, new: &'a Report) -> Difference<'a> {
    let names = |findings: &'a [Reported]| -> BTreeSet<&'a str> {
        findings.iter().flat_map(Reported::with_parts).map(|reported| reported.fingerprint.as_str()).collect()
    };
    let (before, now) = (names(&old.findings), names(&new.findings));
    let hidden = names(&new.suppressed);
    let in_set = |reported: &Reported, set: &BTreeSet<&str>| set.contains(reported.fingerprint.as_str());
    let (kept, opened) = new.findings.iter().partition(|reported| in_set(reported, &before));
    let is_closed = |reported: &&Reported| !in_set(reported, &now) && !in_set(reported, &hidden);
    Difference {
        opened,
        closed: old.findings.iter().filter(is_closed).collect(),
        silenced: new.suppressed.iter().filter(|reported| in_set(reported, &before)).collect(),
        kept,
    }
}
