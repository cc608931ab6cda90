//! What an edit does to each way: the ways worked out again, held against those of before.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Item;
use crate::analysis::capture::Tier;
use crate::analysis::exits::{Class, Exit, Exits, Group, Verdict};

/// What an edit does to a way, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    Nothing,
    /// It is closed to whom it is open now, and open to stronger attackers, of whom this is the weakest.
    ClosedBelow(Tier),
    /// It is closed to everybody.
    Closed,
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
    let is_open =
        |exit: &&Exit| exit.verdict == Verdict::Open && !exit.traffic.intersection(&before.traffic).is_empty();
    // What cannot be decided is told for one protocol of several, so that any of them may be meant.
    let is_undecided = |exit: &Exit| exit.verdict == Verdict::Unknown && exit.tier <= before.tier;
    match ways().filter(is_open).map(|exit| exit.tier).min() {
        Some(tier) if tier <= before.tier => Effect::Nothing,
        _ if ways().any(is_undecided) => Effect::Nothing,
        Some(tier) => Effect::ClosedBelow(tier),
        None => Effect::Closed,
    }
}

/// The ways that are meant to be open.
pub(super) struct Meant {
    ways: Vec<(usize, Arc<Exit>)>,
    /// Whether it is asked what becomes of them.
    asked: bool,
}

/// To how many approved hosts it is asked whether an edit stops the ways: to each from each workload.
const HOSTS: usize = 50;

impl Meant {
    pub(super) fn new(before: &Exits, wanted: &dyn Fn(usize, &Exit) -> bool) -> Self {
        // Names are asked for, and identities shown, from wherever pods run: whoever denies all lets them through anyway.
        let is_meant = |exit: &&Arc<Exit>| exit.approved && !matches!(exit.class, Class::Metadata | Class::Dns);
        let mut ways = Vec::new();
        for group in &before.groups {
            for exit in group.exits.iter().filter(is_meant) {
                let of = group.workloads.iter().filter(|&&workload| wanted(workload, exit));
                ways.extend(of.map(|&workload| (workload, Arc::clone(exit))));
            }
        }
        let hosts: FxHashSet<&str> = ways.iter().filter_map(|(_, exit)| exit.host.as_deref()).collect();
        let asked = hosts.len() <= HOSTS;
        Self { ways, asked }
    }

    /// The hosts to ask about, unless there are too many.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.ways.iter().filter(|_| self.asked).filter_map(|(_, exit)| exit.host.as_deref())
    }

    /// How many are closed after an edit; none where there are too many hosts to ask about.
    pub(super) fn stopped(&self, after: &Exits) -> Option<usize> {
        let is_stopped = |(workload, exit): &&(usize, Arc<Exit>)| {
            let mut ways = after.of(*workload).into_iter().flat_map(|group| &group.exits);
            let same = |other: &&Arc<Exit>| (other.via, &other.host) == (exit.via, &exit.host);
            !ways.any(|other| same(&other) && other.verdict != Verdict::Closed)
        };
        self.asked.then(|| self.ways.iter().filter(is_stopped).count())
    }
}
