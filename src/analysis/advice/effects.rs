//! What an edit does to each way: the ways worked out again, held against those of before.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Item;
use crate::analysis::capture::Tier;
use crate::analysis::exits::{Class, Exit, Exits, Group, Verdict, Via};

/// What an edit does to a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    /// It is closed to everybody.
    Closed,
    /// It is closed to whom it is open now, and open to stronger attackers, of whom this is the weakest.
    ClosedBelow(Tier),
    /// A way that one control stopped has two.
    Seconded,
}

impl Effect {
    /// Whether an open way is open no more to whoever takes it now.
    pub(super) fn closes(self) -> bool {
        matches!(self, Self::Closed | Self::ClosedBelow(_))
    }
}

/// What becomes of each way; nothing of those that the edits do not bear on.
pub(super) fn effects(items: &[Item], bears_on: impl Fn(&Exit) -> bool, after: &Exits) -> Vec<Effect> {
    // Workloads that are alike before and after have one answer.
    let mut known: FxHashMap<(*const Exit, *const Group), Effect> = FxHashMap::default();
    let effect = |item: &Item| {
        let group = after.of(item.workload).filter(|_| bears_on(&item.exit));
        let Some(group) = group else { return Effect::Nothing };
        *known.entry((Arc::as_ptr(&item.exit), group)).or_insert_with(|| of(item, group))
    };
    items.iter().map(effect).collect()
}

fn of(item: &Item, after: &Group) -> Effect {
    let before = &*item.exit;
    let same = |exit: &&Exit| exit.via == before.via && exit.class == before.class && exit.host == before.host;
    let ways = || after.exits.iter().map(|exit| &**exit).filter(same);
    if item.single {
        let of_code = || ways().filter(|exit| exit.tier <= Tier::CodeExecution);
        let has_two = |exit: &Exit| exit.verdict == Verdict::Closed && exit.cut().count() > 1;
        let is_closed = of_code().filter(|exit| exit.tier == Tier::CodeExecution).all(has_two)
            && of_code().all(|exit| exit.verdict == Verdict::Closed);
        return if is_closed && of_code().next().is_some() { Effect::Seconded } else { Effect::Nothing };
    }
    let is_open = |exit: &Exit| match exit.verdict {
        Verdict::Open => !exit.traffic.intersection(&before.traffic).is_empty(),
        // What cannot be decided is told for one protocol of several, so that any of them may be meant.
        Verdict::Unknown => true,
        Verdict::Closed => false,
    };
    match ways().filter(|exit| is_open(exit)).map(|exit| exit.tier).min() {
        None => Effect::Closed,
        Some(tier) if tier > before.tier => Effect::ClosedBelow(tier),
        Some(_) => Effect::Nothing,
    }
}

/// How many of the ways that are meant to be open are not any more.
pub(super) fn stops(before: &Exits, wanted: &dyn Fn(usize, &Exit) -> bool, after: &Exits) -> usize {
    let mut stopped = 0;
    for group in &before.groups {
        // Names are asked for, and identities shown, from wherever pods run: whoever denies all lets them through anyway.
        let is_meant = |exit: &&Arc<Exit>| exit.approved && !matches!(exit.class, Class::Metadata | Class::Dns);
        for exit in group.exits.iter().filter(is_meant) {
            let is_open = |workload: usize| {
                let ways = after.of(workload).into_iter().flat_map(|group| &group.exits);
                let same = |other: &&Arc<Exit>| (other.via, &other.host) == (exit.via, &exit.host);
                ways.filter(same).any(|other| other.verdict != Verdict::Closed && other.via != Via::Dns)
            };
            let of = group.workloads.iter().filter(|&&workload| wanted(workload, exit));
            stopped += of.filter(|&&workload| !is_open(workload)).count();
        }
    }
    stopped
}
