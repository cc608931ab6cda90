//! Every way out of every workload: around or through its proxy, past the network policies, from a node that the firewall
//! lets out; by the gateway, by its nodes, by another workload, in names and in what Google stores (semantics C.11).
//!
//! Each way has a verdict for each kind of attacker, and the layers in between with what decides at each of them. A layer
//! counts only against attackers who cannot change it.

mod gateway;
mod judge;
mod kinds;
mod names;
mod pivot;
mod pools;
mod profile;
mod routes;
mod sheet;
mod step;
mod wanted;

use std::hash::Hash;
use std::sync::Arc;

use indexmap::IndexSet;
use rayon::prelude::*;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::Facts;
use super::capture::Tier;
use crate::finding::{Decision, Hop};
use crate::model::Estate;
use crate::traffic::{Sample, Traffic};

pub use gateway::Broken;
pub use kinds::{Class, Control, Verdict, Via};
pub use step::{Holder, Step};

use profile::profile;
use sheet::Desk;
use wanted::Wanted;

/// One way out, shared by all workloads that nothing can tell apart.
#[derive(Clone, Debug)]
pub struct Exit {
    /// Of whom this is said; where it is open, the weakest attacker who succeeds.
    pub tier: Tier,
    pub via: Via,
    pub class: Class,
    /// The host, where the way leads to one.
    pub host: Option<String>,
    pub verdict: Verdict,
    /// Whether an open way is one that is meant to be.
    pub approved: bool,
    /// What leaves, may leave or does not leave by it.
    pub traffic: Traffic,
    /// The packet that the steps are about; of a closed way, the one that the fewest layers stop.
    pub sample: Sample,
    /// The layers on the way, in the order in which traffic meets them.
    pub steps: Vec<Step>,
}

/// Workloads of one namespace that nothing can tell apart, with their ways out.
#[derive(Clone, Debug)]
pub struct Group {
    /// By index, in the order of their names.
    pub workloads: Vec<usize>,
    pub exits: Vec<Arc<Exit>>,
}

/// The ways out of an estate.
#[derive(Clone, Debug, Default)]
pub struct Exits {
    /// In the order of the names of their first workloads.
    pub groups: Vec<Group>,
    /// Ways that policies mean to be open and that are not.
    pub broken: Vec<Broken>,
    /// The group of each workload that has one.
    of: FxHashMap<usize, usize>,
}

impl Exit {
    /// The hops of a workload's way, each with the line that decides.
    #[must_use]
    pub fn witness(&self, workload: usize, estate: &Estate<'_>, facts: &Facts<'_>) -> Vec<Hop> {
        self.steps.iter().map(|step| self.hop(step, workload, estate, facts)).collect()
    }

    /// One step in words, as a workload takes it.
    #[must_use]
    pub fn hop(&self, step: &Step, workload: usize, estate: &Estate<'_>, facts: &Facts<'_>) -> Hop {
        let own = &estate.workloads[workload];
        step::Teller { exit: self, index: workload, workload: own, estate, facts }.hop(step)
    }

    /// Whether the same layers stop both ways and leave both open.
    #[must_use]
    pub fn has_layers_of(&self, other: &Self) -> bool {
        let decisive = |exit: &Self| -> Vec<(Control, Decision)> {
            exit.cut().chain(exit.gaps()).map(|step| (step.control, step.decision)).collect()
        };
        decisive(self) == decisive(other)
    }

    /// The layers that stop it, each for itself.
    pub fn cut(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.decision == Decision::Deny)
    }

    /// Whether exactly one layer keeps code in the pod from the internet.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.verdict == Verdict::Closed
            && self.via == Via::Direct
            && matches!(self.class, Class::Internet | Class::InternetV6)
            && self.tier == Tier::CodeExecution
            && self.cut().count() == 1
            && self.gaps().next().is_none()
    }

    /// The layers that cannot be decided.
    pub fn gaps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.decision == Decision::Unknown)
    }
}

impl Exits {
    /// The group of a workload; none for one that is no application.
    #[must_use]
    pub fn of(&self, workload: usize) -> Option<&Group> {
        self.groups.get(*self.of.get(&workload)?)
    }

    /// Every way out with the group that has it.
    pub fn iter(&self) -> impl Iterator<Item = (&Group, &Exit)> {
        self.groups.iter().flat_map(|group| group.exits.iter().map(move |exit| (group, &**exit)))
    }
}

/// Works out the ways out of all application workloads.
pub(super) fn exits(estate: &Estate<'_>, facts: &Facts<'_>) -> Exits {
    let hosts = Hosts { wanted: &|_, _| true, every: false, by_itself: false, meant: true };
    of_wanted(estate, facts, Wanted::new(estate), hosts)
}

/// Works out the ways out by which some traffic leaves, and of those to some hosts all but the closed ones.
#[must_use]
pub fn exits_left(
    estate: &Estate<'_>,
    facts: &Facts<'_>,
    traffic: &Traffic,
    hosts: &(dyn Fn(&str, Option<u16>) -> bool + Sync),
) -> Exits {
    let hosts = Hosts { wanted: hosts, every: false, by_itself: false, meant: false };
    of_wanted(estate, facts, Wanted::new(estate).narrowed(traffic), hosts)
}

/// Works out the ways out by which some traffic leaves and that lead to some hosts, as if there were no others.
#[must_use]
pub fn exits_to(
    estate: &Estate<'_>,
    facts: &Facts<'_>,
    traffic: &Traffic,
    hosts: &(dyn Fn(&str, Option<u16>) -> bool + Sync),
) -> Exits {
    let hosts = Hosts { wanted: hosts, every: true, by_itself: false, meant: false };
    of_wanted(estate, facts, Wanted::new(estate).narrowed(traffic), hosts)
}

/// The same ways as applications take them by themselves: whoever takes their place counts at none to a host.
#[must_use]
pub fn exits_by_itself(
    estate: &Estate<'_>,
    facts: &Facts<'_>,
    traffic: &Traffic,
    hosts: &(dyn Fn(&str, Option<u16>) -> bool + Sync),
) -> Exits {
    let hosts = Hosts { wanted: hosts, every: true, by_itself: true, meant: false };
    of_wanted(estate, facts, Wanted::new(estate).narrowed(traffic), hosts)
}

/// The hosts that are asked for.
#[derive(Clone, Copy)]
struct Hosts<'w> {
    /// Which are wanted, by name and port.
    wanted: &'w (dyn Fn(&str, Option<u16>) -> bool + Sync),
    /// Whether each of them is; else those that are closed need one example.
    every: bool,
    /// Whether only what the application does by itself is asked for.
    by_itself: bool,
    /// Whether it is asked, too, which ways policies mean to be open and are not.
    meant: bool,
}

fn of_wanted(estate: &Estate<'_>, facts: &Facts<'_>, wanted: Wanted, hosts: Hosts<'_>) -> Exits {
    let pools = pools::Pools::new(estate, facts);
    let desk = Desk { estate, pools: &pools, wanted };
    let mut tenants: Vec<usize> = estate.tenants().map(|(workload, _)| workload).collect();
    tenants.sort_by_cached_key(|&workload| estate.order_of(&estate.workloads[workload]));
    let around = || {
        let profile = |workload| profile(workload, estate, facts, &pools.gateways);
        Shared::of(&tenants, profile, |profile| arcs(desk.exits(profile)))
    };
    let through = || {
        let gateways = gateway::Gateways::new(estate, facts, &pools);
        let ways = |caller: &Option<_>| caller.as_ref().map(|caller| gateways.ways(caller, hosts)).unwrap_or_default();
        let through = Shared::of(&tenants, |workload| gateways.caller(workload), ways);
        (gateways, through)
    };
    let (around, (gateways, through)) = rayon::join(around, through);
    let (mut groups, of) = grouped(&tenants, |position, workload| {
        let class = facts.network_policy.class_of(workload);
        let numbers = (around.number_of[position], through.number_of[position]);
        (estate.workloads[workload].namespace, class, numbers, gateways.client_of(workload))
    });
    let routes = routes::Routes::new(estate, facts, &pools);
    let names = names::Names::new(&tenants, estate, facts);
    groups.par_iter_mut().for_each(|(position, group)| {
        let workload = tenants[*position];
        let profile = around.question(*position);
        let direct = gateways.client_of(workload).map(|client| routes.exits(client, workload, profile, hosts));
        let by_names = names.exit(workload, estate, facts, &desk.wanted);
        let own = arcs(direct.into_iter().flatten().chain(by_names));
        let shared = around.answer(*position).iter().chain(&through.answer(*position).exits);
        group.exits = shared.cloned().chain(own).collect();
        group.exits.sort_by_key(|exit| exit.via);
    });
    let mut groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
    pivot::add(&mut groups, estate, facts, &|workload| {
        let profile = profile(workload, estate, facts, &pools.gateways);
        let known = around.known(&profile).cloned();
        let exits = known.unwrap_or_else(|| arcs(desk.exits(&profile)));
        exits.into_iter().find(|exit| pivot::is_direct(exit))
    });
    let broken = tenants.iter().enumerate().flat_map(|(position, &workload)| {
        let broken = through.answer(position).broken.iter();
        broken.map(move |broken| Broken { workload, ..broken.clone() })
    });
    Exits { groups, broken: broken.collect(), of }
}

fn arcs(exits: impl IntoIterator<Item = Exit>) -> Vec<Arc<Exit>> {
    exits.into_iter().map(Arc::new).collect()
}

/// Answers that workloads share, because they depend on less than the workload: each distinct question is asked once.
struct Shared<Q, A> {
    questions: IndexSet<Q, FxBuildHasher>,
    answers: Vec<A>,
    /// The number of each workload's question, in the order in which the workloads were given.
    number_of: Vec<usize>,
}

impl<Q: Eq + Hash + Send + Sync, A: Send> Shared<Q, A> {
    fn of(workloads: &[usize], question: impl Fn(usize) -> Q + Sync, answer: impl Fn(&Q) -> A + Send + Sync) -> Self {
        let asked: Vec<Q> = workloads.par_iter().map(|&workload| question(workload)).collect();
        let mut questions = IndexSet::default();
        let number_of = asked.into_iter().map(|question| questions.insert_full(question).0).collect();
        let answers = questions.iter().collect::<Vec<_>>().into_par_iter().map(answer).collect();
        Self { questions, answers, number_of }
    }

    fn question(&self, position: usize) -> &Q {
        &self.questions[self.number_of[position]]
    }

    fn answer(&self, position: usize) -> &A {
        &self.answers[self.number_of[position]]
    }

    /// The answer to a question, if one of the workloads asked it.
    fn known(&self, question: &Q) -> Option<&A> {
        self.questions.get_index_of(question).map(|number| &self.answers[number])
    }
}

/// Workloads that a key does not tell apart, each group with the position of its first; and the group of each workload.
fn grouped<K: Eq + Hash>(
    workloads: &[usize],
    key: impl Fn(usize, usize) -> K,
) -> (Vec<(usize, Group)>, FxHashMap<usize, usize>) {
    let mut groups: Vec<(usize, Group)> = Vec::new();
    let (mut places, mut of) = (FxHashMap::default(), FxHashMap::default());
    for (position, &workload) in workloads.iter().enumerate() {
        let group = *places.entry(key(position, workload)).or_insert(groups.len());
        if group == groups.len() {
            groups.push((position, Group { workloads: Vec::new(), exits: Vec::new() }));
        }
        groups[group].1.workloads.push(workload);
        of.insert(workload, group);
    }
    (groups, of)
}
