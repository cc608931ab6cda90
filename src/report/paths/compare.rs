//! Which ways out a change opens and closes: the ways of two estates, by whose they are, how they leave and where to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::listing::destinations;
use super::terminal::{attacker, few, leads_to};
use crate::analysis::Facts;
use crate::analysis::capture::Tier;
use crate::analysis::exits::{Class, Group, Verdict, Via};
use crate::finding::Hop;
use crate::model::Estate;
use crate::traffic::Traffic;

/// How a way leaves and where it leads, whoever takes it.
type Way = (Via, Class, Option<String>);

/// What leaves by a way, for each attacker who is the weakest to succeed.
type Leaving = BTreeMap<Tier, State>;

#[derive(Clone, Debug, Default)]
struct State {
    open: Traffic,
    approved: Traffic,
    unknown: Traffic,
    /// The hops of what is open, or else of what is approved.
    witness: Vec<Hop>,
}

type Ways = BTreeMap<Way, Leaving>;

/// The ways out of an estate, kept to be compared with those of another.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// By workload and by the name of its estate, which is empty where the input is one.
    by_workload: BTreeMap<(String, String), Arc<Ways>>,
    estates: BTreeSet<String>,
}

impl Snapshot {
    /// Keeps what leaves an estate or may leave it; `name` tells it from others of the same input.
    #[must_use]
    pub fn new(estate: &Estate<'_>, facts: &Facts<'_>, name: &str) -> Self {
        let mut by_workload = BTreeMap::new();
        for group in &facts.exits.groups {
            let ways = Arc::new(ways(group, estate, facts));
            for &workload in &group.workloads {
                let workload = estate.display(&estate.workloads[workload]);
                by_workload.insert((workload, name.to_owned()), Arc::clone(&ways));
            }
        }
        Self { by_workload, estates: BTreeSet::from([name.to_owned()]) }
    }

    /// What corresponds to a workload of another state: itself in the estate of that name; where one of the states is not
    /// split, or has no such estate, itself in the only one or in each.
    fn counterparts(&self, (workload, estate): &(String, String)) -> Vec<&Arc<Ways>> {
        let of = |estate: &String| self.by_workload.get(&(workload.clone(), estate.clone()));
        if self.estates.contains(estate) {
            of(estate).into_iter().collect()
        } else {
            self.estates.iter().filter_map(of).collect()
        }
    }
}

impl FromIterator<Snapshot> for Snapshot {
    /// The ways out of several estates.
    fn from_iter<I: IntoIterator<Item = Snapshot>>(snapshots: I) -> Self {
        let mut all = Self::default();
        for snapshot in snapshots {
            all.by_workload.extend(snapshot.by_workload);
            all.estates.extend(snapshot.estates);
        }
        all
    }
}

fn ways(group: &Group, estate: &Estate<'_>, facts: &Facts<'_>) -> Ways {
    let mut ways = Ways::new();
    let Some(&workload) = group.workloads.first() else { return ways };
    for exit in group.exits.iter().filter(|exit| exit.verdict != Verdict::Closed) {
        let way = (exit.via, exit.class, exit.host.clone());
        let state = ways.entry(way).or_default().entry(exit.tier).or_default();
        let part = match (exit.verdict, exit.approved) {
            (Verdict::Open, false) => &mut state.open,
            (Verdict::Open, true) => &mut state.approved,
            _ => &mut state.unknown,
        };
        *part = part.union(&exit.traffic);
        if exit.verdict == Verdict::Open && (state.witness.is_empty() || !exit.approved) {
            state.witness = exit.witness(workload, estate, facts);
        }
    }
    ways
}

/// A way out that differs between two estates, for workloads alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    pub workloads: Vec<String>,
    pub tier: Tier,
    pub via: Via,
    pub class: Class,
    pub host: Option<String>,
    /// What leaves where to, in words.
    pub leads: String,
    /// The hops as one of the workloads takes them; empty for what is not open.
    pub witness: Vec<Hop>,
}

impl Move {
    /// The way in one line: `direct to code that runs in it, TCP 443 to the internet`.
    #[must_use]
    pub fn said(&self) -> String {
        format!("{} {}, {}", self.via.as_str(), attacker(self.tier), self.leads)
    }

    /// Whether code in the workload can take it as things are, without its tenant's or its node's rights.
    #[must_use]
    pub fn is_at_hand(&self) -> bool {
        self.tier <= Tier::CodeExecution
    }

    /// The workloads in brief.
    #[must_use]
    pub fn whose(&self) -> String {
        few(self.workloads.iter())
    }
}

/// The ways out that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Open now, and not meant to be.
    pub opened: Vec<Move>,
    /// Newly open as policy allows.
    pub approved: Vec<Move>,
    /// Neither open nor undecided before, and undecided now.
    pub undecided: Vec<Move>,
    /// Open before, whether or not that was meant, and not now.
    pub closed: Vec<Move>,
}

/// Compares the ways out of two estates. A workload that only one of them has counts with all of its ways.
#[must_use]
pub fn compare(old: &Snapshot, new: &Snapshot) -> Moves {
    let open = |state: &State| state.open.clone();
    let approved = |state: &State| state.approved.clone();
    let leaving = |state: &State| state.open.union(&state.approved);
    let possible = |state: &State| leaving(state).union(&state.unknown);
    Moves {
        opened: moved(new, old, open, open),
        approved: moved(new, old, approved, leaving),
        undecided: moved(new, old, |state| state.unknown.clone(), possible),
        closed: moved(old, new, leaving, leaving),
    }
}

/// The traffic of one estate that the other has not, told once for workloads alike and for the weakest attacker.
fn moved(
    there: &Snapshot,
    other: &Snapshot,
    what: impl Fn(&State) -> Traffic,
    unless: impl Fn(&State) -> Traffic,
) -> Vec<Move> {
    let mut known: BTreeMap<(usize, Vec<usize>), Vec<Move>> = BTreeMap::new();
    let mut moves: Vec<Move> = Vec::new();
    for (key, ways) in &there.by_workload {
        let (name, estate) = key;
        let workload = if estate.is_empty() { name.clone() } else { format!("{name} of {estate}") };
        let others = other.counterparts(key);
        let compared = (Arc::as_ptr(ways) as usize, others.iter().map(|ways| Arc::as_ptr(ways) as usize).collect());
        // An estate that is new must not open more than each of those before; one that is left was any of them.
        let joined = if estate.is_empty() { Traffic::union } else { Traffic::intersection };
        let differing = known.entry(compared).or_insert_with(|| differing(ways, (&others, joined), &what, &unless));
        for found in differing.iter() {
            let same =
                |known: &&mut Move| (known.tier, &known.leads, known.via) == (found.tier, &found.leads, found.via);
            match moves.iter_mut().find(same) {
                Some(known) => known.workloads.push(workload.clone()),
                None => moves.push(Move { workloads: vec![workload.clone()], ..found.clone() }),
            }
        }
    }
    moves.sort_by(|one, other| (one.tier, &one.workloads, one.via).cmp(&(other.tier, &other.workloads, other.via)));
    moves
}

/// How several sets of traffic become one.
type Joined = fn(&Traffic, &Traffic) -> Traffic;

/// What the ways have and the others, joined, have not.
fn differing(
    ways: &Ways,
    (others, joined): (&[&Arc<Ways>], Joined),
    what: &impl Fn(&State) -> Traffic,
    unless: &impl Fn(&State) -> Traffic,
) -> Vec<Move> {
    let mut found = Vec::new();
    for (way, leaving) in ways {
        let (via, class, host) = way;
        // What a weaker attacker can do, a stronger one can too.
        let mut told = Traffic::none();
        for (tier, state) in leaving {
            let of = |other: &Ways| {
                let leaving = other.get(way).into_iter().flatten().filter(|(known, _)| *known <= tier);
                Traffic::union_all(leaving.map(|(_, state)| unless(state)))
            };
            let before = others.iter().map(|other| of(other)).reduce(|all, other| joined(&all, &other));
            let before = before.unwrap_or_else(Traffic::none);
            let rest = what(state).difference(&before).difference(&told);
            if rest.first().is_none() {
                continue;
            }
            let leads = destinations(&rest, host.is_some());
            let leads = leads_to(*class, host.as_deref(), &leads.iter().collect::<Vec<_>>());
            told = told.union(&rest);
            let (host, witness) = (host.clone(), state.witness.clone());
            found.push(Move { workloads: Vec::new(), tier: *tier, via: *via, class: *class, host, leads, witness });
        }
    }
    found
}
