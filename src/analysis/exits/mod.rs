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

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Facts;
use super::capture::Tier;
use crate::finding::{Decision, Hop};
use crate::model::Estate;
use crate::traffic::{Sample, Traffic};

pub use gateway::Broken;
pub use kinds::{Class, Control, Verdict, Via};
pub use step::Step;

use profile::{Profile, profile};
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
    /// What is said of the steps, where that does not depend on the workload.
    said: Vec<step::Said>,
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
    let hosts = Hosts { wanted: &|_, _| true, every: false, by_itself: false };
    of_wanted(estate, facts, Wanted::new(estate), hosts)
}

/// Works out the ways out by which some traffic leaves and that lead to some hosts, as if there were no others.
#[must_use]
pub fn exits_to(
    estate: &Estate<'_>,
    facts: &Facts<'_>,
    traffic: &Traffic,
    hosts: &dyn Fn(&str, Option<u16>) -> bool,
) -> Exits {
    let hosts = Hosts { wanted: hosts, every: true, by_itself: false };
    of_wanted(estate, facts, Wanted::new(estate).narrowed(traffic), hosts)
}

/// The same ways as applications take them by themselves: whoever takes their place counts at none to a host.
#[must_use]
pub fn exits_by_itself(
    estate: &Estate<'_>,
    facts: &Facts<'_>,
    traffic: &Traffic,
    hosts: &dyn Fn(&str, Option<u16>) -> bool,
) -> Exits {
    let hosts = Hosts { wanted: hosts, every: true, by_itself: true };
    of_wanted(estate, facts, Wanted::new(estate).narrowed(traffic), hosts)
}

/// The hosts that are asked for.
#[derive(Clone, Copy)]
struct Hosts<'w> {
    /// Which are wanted, by name and port.
    wanted: &'w dyn Fn(&str, Option<u16>) -> bool,
    /// Whether each of them is; else those that are closed need one example.
    every: bool,
    /// Whether only what the application does by itself is asked for.
    by_itself: bool,
}

fn of_wanted(estate: &Estate<'_>, facts: &Facts<'_>, wanted: Wanted, hosts: Hosts<'_>) -> Exits {
    let pools = pools::Pools::new(estate, facts);
    let gateways = gateway::Gateways::new(estate, facts, &pools);
    let routes = routes::Routes::new(estate, facts, &pools);
    let names = names::Names::new(estate);
    let desk = Desk { estate, pools: &pools, wanted };
    let mut tenants: Vec<usize> = estate.tenants().map(|(workload, _)| workload).collect();
    tenants.sort_by_cached_key(|&workload| estate.order_of(&estate.workloads[workload]));
    let mut asked = Asked::default();
    let mut places: FxHashMap<[usize; 5], usize> = FxHashMap::default();
    let mut groups: Vec<Group> = Vec::new();
    let (mut broken, mut of) = (Vec::new(), FxHashMap::default());
    for workload in tenants {
        let (sheet, around) = asked.sheet(workload, &desk, facts);
        let (call, through) = asked.call(workload, &gateways, hosts);
        let client = gateways.client_of(workload);
        let class = facts.network_policy.class_of(workload);
        let alike = [estate.workloads[workload].namespace, class, sheet, call, client.map_or(0, |client| client + 1)];
        let group = *places.entry(alike).or_insert(groups.len());
        of.insert(workload, group);
        if let Some(caller) = gateways.caller(workload).filter(|_| !hosts.every) {
            broken.extend(gateways.broken(&caller, workload));
        }
        if let Some(group) = groups.get_mut(group) {
            group.workloads.push(workload);
            continue;
        }
        let mut exits: Vec<Arc<Exit>> = around.into_iter().chain(through).collect();
        let profile = profile(workload, estate, facts, &pools.gateways);
        let direct = client.map(|client| routes.exits(client, workload, &profile, hosts));
        exits.extend(direct.into_iter().flatten().map(Arc::new));
        exits.extend(names.exit(workload, estate, facts, &desk.wanted).map(Arc::new));
        exits.sort_by_key(|exit| exit.via);
        groups.push(Group { workloads: vec![workload], exits });
    }
    let mut direct = |workload| {
        let (_, exits) = asked.sheet(workload, &desk, facts);
        exits.into_iter().find(|exit| pivot::is_direct(exit))
    };
    pivot::add(&mut groups, estate, facts, &mut direct);
    Exits { groups, broken, of }
}

/// Answers that workloads share, by number.
#[derive(Default)]
struct Asked<'f, 'a> {
    sheets: FxHashMap<Profile<'f>, (usize, Vec<Arc<Exit>>)>,
    calls: FxHashMap<gateway::Caller<'a>, (usize, Vec<Arc<Exit>>)>,
}

impl<'f, 'a> Asked<'f, 'a> {
    /// The ways of a workload to addresses.
    fn sheet(&mut self, workload: usize, desk: &Desk<'f, 'a>, facts: &'f Facts<'_>) -> (usize, Vec<Arc<Exit>>) {
        let profile = profile(workload, desk.estate, facts, &desk.pools.gateways);
        let next = self.sheets.len();
        let of_profile = |profile: &Profile<'f>| (next, desk.exits(profile).into_iter().map(Arc::new).collect());
        self.sheets.entry(profile).or_insert_with_key(of_profile).clone()
    }

    /// The ways of a workload through the gateway.
    fn call(
        &mut self,
        workload: usize,
        gateways: &gateway::Gateways<'_, 'a>,
        hosts: Hosts<'_>,
    ) -> (usize, Vec<Arc<Exit>>) {
        let next = self.calls.len() + 1;
        let Some(caller) = gateways.caller(workload) else { return (0, Vec::new()) };
        self.calls.entry(caller).or_insert_with_key(|caller| (next, gateways.exits(caller, hosts))).clone()
    }
}
