//! What a change does: findings of two runs that only one of them has, told apart by their fingerprints.

use std::collections::BTreeMap;

use super::estates::was_there;
use super::{Report, Reported};

/// The findings of a later run, seen against an earlier one.
#[derive(Debug, Default)]
pub struct Difference<'a> {
    /// What the later run has and the earlier has not.
    pub opened: Vec<&'a Reported>,
    /// What the earlier run has and the later has in no estate: as it was there.
    pub closed: Vec<&'a Reported>,
    /// What counted in the earlier run, and is still there but ignored.
    pub silenced: Vec<&'a Reported>,
    /// What both have.
    pub kept: Vec<&'a Reported>,
}

/// Compares two runs. What a finding explains counts as told: a way out that closes does not open its parts.
#[must_use]
pub fn difference<'a>(old: &'a Report, new: &'a Report) -> Difference<'a> {
    let estates: Vec<&str> = new.inputs.estates.iter().map(|(name, _)| name.as_str()).collect();
    let was_split = !old.inputs.estates.is_empty();
    let name = |reported: &'a Reported| reported.name(&estates, was_split);
    let names = |findings: &'a [Reported]| -> BTreeMap<&'a str, &'a [String]> {
        let all = findings.iter().flat_map(Reported::with_parts);
        all.map(|reported| (name(reported), reported.shared_estates())).collect()
    };
    let (before, now) = (names(&old.findings), names(&new.findings));
    let hidden = names(&new.suppressed);
    let in_set = |reported: &'a Reported, set: &BTreeMap<&str, _>| set.contains_key(name(reported));
    let was_there = |reported: &'a Reported| {
        let then = before.get(name(reported));
        then.is_some_and(|then| was_there(reported.shared_estates(), &estates, then))
    };
    let (kept, opened) = new.findings.iter().partition(|&reported| was_there(reported));
    let is_closed = |reported: &&'a Reported| !in_set(reported, &now) && !in_set(reported, &hidden);
    Difference {
        opened,
        closed: old.findings.iter().filter(is_closed).collect(),
        silenced: new.suppressed.iter().filter(|reported| in_set(reported, &before)).collect(),
        kept,
    }
}
