//! What to do first: which edits close the ways that are open, and give a second control to those that one control stops.
//!
//! Nothing is guessed from what an edit looks like. Each is made in a copy of the estate, the ways out are worked out again,
//! and what is closed then is what it closes.

mod changes;
mod cover;
mod effects;

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::Facts;
use super::capture::Tier;
use super::exits::{Class, Exit, Exits, Verdict};
use crate::model::{Change, Estate};

use effects::Effect;

/// What is worth doing, the most first.
#[derive(Clone, Debug, Default)]
pub struct Advice {
    /// How many ways are open that are not meant to be, one for each workload.
    pub open: usize,
    /// How many direct ways to the internet a single control keeps from code in the pod.
    pub single: usize,
    /// The edits that change something, by how much.
    pub suggestions: Vec<Suggestion>,
    /// The fewest of them that do all that they can do together.
    pub smallest: Smallest,
    /// How many more edits there would be that were not tried.
    pub untried: usize,
}

/// An edit and what comes of it, made alone.
#[derive(Clone, Debug)]
pub struct Suggestion {
    pub edit: Change,
    /// How many of the open ways it closes to whoever takes them now.
    pub closes: usize,
    /// How many of those are still open to stronger attackers, such as root on a node.
    pub left: usize,
    /// The weakest of those attackers.
    pub left_to: Option<Tier>,
    /// How many of the ways that one control stops it gives another.
    pub seconds: usize,
    /// How many approved ways it stops as well, so that it has to let these through; none where there are too many to ask.
    pub stops: Option<usize>,
}

/// A set of suggestions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Smallest {
    /// By their numbers, ascending.
    pub suggestions: Vec<usize>,
    pub closes: usize,
    pub seconds: usize,
}

/// A way of one workload that is worth an edit.
#[derive(Clone, Debug)]
struct Item {
    workload: usize,
    exit: Arc<Exit>,
    /// Whether it is closed by a single control, rather than open.
    single: bool,
}

/// Works out the ways of the estate with some edits made; of those to hosts, the ways to these that are not closed.
pub type Again<'f> = dyn Fn(&[Change], &(dyn Fn(&str) -> bool + Sync)) -> Exits + 'f;

/// Tries edits. `wanted` says which ways of which workloads are asked about.
#[must_use]
pub fn advise(
    (estate, facts): (&Estate<'_>, &Facts<'_>),
    before: &Exits,
    wanted: &dyn Fn(usize, &Exit) -> bool,
    again: &Again<'_>,
) -> Advice {
    let items = items(before, wanted);
    let (single, open): (Vec<&Item>, Vec<&Item>) = items.iter().partition(|item| item.single);
    let mut advice = Advice { open: open.len(), single: single.len(), ..Advice::default() };
    let (candidates, untried) = changes::candidates(&items, estate, facts);
    advice.untried = untried;
    let meant = effects::Meant::new(before, wanted);
    let again = |edits: &[Change]| {
        let bears = |item: &&Item| edits.iter().any(|&edit| changes::bears_on(edit, &item.exit));
        let hosts = items.iter().filter(bears).filter_map(|item| item.exit.host.as_deref());
        let hosts: FxHashSet<&str> = hosts.chain(meant.hosts()).collect();
        again(edits, &|host| hosts.contains(host))
    };
    let tried = candidates.into_iter().map(|edit| {
        let after = again(&[edit]);
        (edit, effects::effects(&items, |exit| changes::bears_on(edit, exit), &after), meant.stopped(&after))
    });
    let mut tried: Vec<(Suggestion, Vec<Effect>)> = tried
        .map(|(edit, effects, stops)| (suggestion(edit, &effects, stops), effects))
        .filter(|(suggestion, _)| suggestion.closes + suggestion.seconds > 0)
        .collect();
    tried.sort_by_key(|(one, _)| (std::cmp::Reverse((one.closes, one.seconds)), one.left, one.stops, one.edit));
    let (suggestions, effects): (Vec<Suggestion>, Vec<Vec<Effect>>) = tried.into_iter().unzip();
    let chosen = cover::smallest(&effects);
    advice.smallest = together(&suggestions, chosen, &items, &again);
    advice.suggestions = suggestions;
    advice
}

fn suggestion(edit: Change, effects: &[Effect], stops: Option<usize>) -> Suggestion {
    let left = effects.iter().filter_map(|effect| match effect {
        Effect::ClosedBelow(tier) => Some(*tier),
        _ => None,
    });
    let left: Vec<Tier> = left.collect();
    let (closes, seconds) = counts(effects);
    Suggestion { edit, closes, left: left.len(), left_to: left.into_iter().min(), seconds, stops }
}

/// How many ways are closed, and how many have a second control.
fn counts(effects: &[Effect]) -> (usize, usize) {
    let count = |is: fn(Effect) -> bool| effects.iter().filter(|effect| is(**effect)).count();
    (count(Effect::closes), count(|effect| effect == Effect::Seconded))
}

/// What some of the suggestions come to when all of them are made.
fn together(
    suggestions: &[Suggestion],
    chosen: Vec<usize>,
    items: &[Item],
    again: &dyn Fn(&[Change]) -> Exits,
) -> Smallest {
    if let [only] = chosen[..] {
        let Suggestion { closes, seconds, .. } = suggestions[only];
        return Smallest { suggestions: chosen, closes, seconds };
    }
    let mut edits: Vec<Change> = chosen.iter().map(|&number| suggestions[number].edit).collect();
    if edits.is_empty() {
        return Smallest::default();
    }
    // The last first: what is taken out of a list moves what comes after it.
    edits.sort_unstable_by(|one, other| other.cmp(one));
    let bears = |exit: &Exit| edits.iter().any(|&edit| changes::bears_on(edit, exit));
    let effects = effects::effects(items, bears, &again(&edits));
    let (closes, seconds) = counts(&effects);
    Smallest { suggestions: chosen, closes, seconds }
}

/// The ways that are open and not meant to be, and those that a single control keeps from code in the pod.
fn items(exits: &Exits, wanted: &dyn Fn(usize, &Exit) -> bool) -> Vec<Item> {
    let mut items = Vec::new();
    for group in &exits.groups {
        for exit in &group.exits {
            // Where pods get their own identity from is no way out.
            let is_open = exit.verdict == Verdict::Open && !exit.approved && exit.class != Class::Metadata;
            let single = exit.is_single();
            if is_open || single {
                let of = group.workloads.iter().filter(|&&workload| wanted(workload, exit));
                items.extend(of.map(|&workload| Item { workload, exit: Arc::clone(exit), single }));
            }
        }
    }
    items
}
