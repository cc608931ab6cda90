//! The direct ways out: from a workload around or through its proxy, past the network policies, from a node that the
//! firewall lets out (semantics C.11, path A).

mod witness;

use std::borrow::Cow;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::Facts;
use super::capture::{Tier, tcp};
use super::destinations::internet;
use super::firewall::Decider;
use super::placement::Landing;
use crate::finding::Hop;
use crate::model::{Estate, Layer};
use crate::source::Location;
use crate::traffic::{Protocol, Sample, Traffic, Transport};

/// A direct way to the internet that every layer in the input leaves open for certain, with one packet that takes it.
#[derive(Clone, Debug)]
pub struct Exit {
    /// The workloads that share it, by index, in the order of their names: same namespace, same reasons at every hop.
    pub workloads: Vec<usize>,
    /// The weakest attacker who succeeds.
    pub tier: Tier,
    /// One packet.
    pub sample: Sample,
    /// How the first of the workloads gets past its proxy.
    way: Way,
    /// Where that workload can run.
    landing: Landing,
    decider: Decider,
}

/// How traffic gets past the mesh.
#[derive(Clone, Debug)]
struct Way {
    traffic: Traffic,
    tier: Tier,
    /// The proxy sees it and passes it on, rather than not seeing it at all.
    through_proxy: bool,
    reason: Cow<'static, str>,
    at: Location,
}

impl Exit {
    /// The hops of the first workload's way, each with the line that decides.
    #[must_use]
    pub fn witness(&self, estate: &Estate<'_>, facts: &Facts<'_>) -> Vec<Hop> {
        witness::hops(self, estate, facts)
    }
}

/// Finds the exits of all application workloads. Where a layer is not in evidence or not certain there is none: what is
/// not known is said once, elsewhere.
pub(super) fn exits(estate: &Estate<'_>, facts: &Facts<'_>) -> Vec<Exit> {
    let needed = [Layer::NetworkPolicy, Layer::Scheduling, Layer::Firewall];
    if needed.into_iter().any(|layer| !estate.evidence.is_decided(layer)) {
        return Vec::new();
    }
    let outside = |pool: &super::firewall::PoolEgress| pool.certainly_allowed().restrict_addresses(internet());
    let pools: Vec<Traffic> = facts.firewall.iter().map(outside).collect();
    let mut tenants: Vec<usize> = estate.tenants().map(|(workload, _)| workload).collect();
    tenants.sort_by_cached_key(|&workload| estate.order_of(&estate.workloads[workload]));
    let all = tenants.into_iter().filter_map(|workload| exit(workload, estate, facts, &pools));
    grouped(all.collect(), estate, facts)
}

/// The first way out of a workload: the weakest attacker's, from the first pool that lets it out.
fn exit(workload: usize, estate: &Estate<'_>, facts: &Facts<'_>, pools: &[Traffic]) -> Option<Exit> {
    let policy = facts.network_policy.egress_outside(workload);
    let landings = facts.placement.landings(workload).iter().filter(|landing| landing.certain);
    let reachable: Vec<(&Landing, Traffic)> = landings
        .map(|landing| (landing, policy.certain.intersection(&pools[landing.pool])))
        .filter(|(_, traffic)| !traffic.is_empty())
        .collect();
    if reachable.is_empty() {
        return None;
    }
    ways(workload, estate, facts).into_iter().find_map(|way| {
        let (landing, sample) =
            reachable.iter().find_map(|(landing, open)| Some((**landing, open.intersection(&way.traffic).first()?)))?;
        let decider = facts.firewall[landing.pool].decider(&sample);
        Some(Exit { workloads: vec![workload], tier: way.tier, sample, way, landing, decider })
    })
}

/// The ways past the mesh, the weakest attacker's first.
fn ways(workload: usize, estate: &Estate<'_>, facts: &Facts<'_>) -> Vec<Way> {
    let escape = |escape: &super::capture::Escape| Way {
        traffic: escape.traffic.clone(),
        tier: escape.tier,
        through_proxy: false,
        reason: escape.reason.clone(),
        at: escape.at,
    };
    let (around, other): (Vec<Way>, Vec<Way>) =
        facts.capture[workload].escapes.iter().map(escape).partition(|way| takes_tcp(&way.traffic));
    let mut ways: Vec<Way> = around.into_iter().chain(passed_on(workload, estate, facts)).chain(other).collect();
    ways.sort_by_key(|way| way.tier);
    ways
}

fn takes_tcp(traffic: &Traffic) -> bool {
    !traffic.restrict_transport(&Transport::protocol(Protocol::Tcp)).is_empty()
}

/// What the proxy sends on to destinations that it does not know.
fn passed_on(workload: usize, estate: &Estate<'_>, facts: &Facts<'_>) -> Option<Way> {
    let outbound = facts.outbound[workload];
    outbound.is_open().then(|| Way {
        traffic: tcp().clone(),
        tier: Tier::Application,
        through_proxy: true,
        reason: "its proxy passes on what it does not know".into(),
        at: outbound.at().unwrap_or(estate.workloads[workload].name.at),
    })
}

/// Joins the exits of a namespace that are alike hop by hop, whichever workload takes them.
fn grouped(exits: Vec<Exit>, estate: &Estate<'_>, facts: &Facts<'_>) -> Vec<Exit> {
    let mut groups: Vec<Exit> = Vec::new();
    let mut known: FxHashMap<(usize, Vec<String>), usize> = FxHashMap::default();
    for exit in exits {
        let namespace = exit.workloads.first().map_or(0, |&workload| estate.workloads[workload].namespace);
        let reasons = exit.witness(estate, facts).into_iter().map(|hop| hop.reason).collect();
        match known.entry((namespace, reasons)) {
            Entry::Occupied(group) => groups[*group.get()].workloads.extend(exit.workloads),
            Entry::Vacant(vacant) => {
                vacant.insert(groups.len());
                groups.push(exit);
            }
        }
    }
    groups
}
