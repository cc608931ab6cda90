//! What tells the ways out of workloads apart: what their proxies let pass, what their policies allow, and where they can
//! run. Workloads with equal profiles are asked about once.

use std::borrow::Cow;

use crate::analysis::Facts;
use crate::analysis::capture::{Injection, Tier, tcp};
use crate::analysis::tenancy::{self, Power};
use crate::finding::Decision;
use crate::model::{Estate, Layer, OutboundMode};
use crate::traffic::Traffic;

/// What an attacker meets, whichever workload of the profile is attacked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Profile<'f> {
    /// What leaves around the proxy by what the manifest says.
    pub around: Cow<'f, Traffic>,
    /// Whether there is a proxy at all: it allows where there is none.
    pub proxy: Proxy,
    /// What the policies let out for certain, and at most.
    pub policies: (&'f Traffic, &'f Traffic),
    /// The same, once tenants have written what they may.
    pub rewritten: (Cow<'f, Traffic>, &'f Traffic),
    /// Whether network policies are in evidence, or need not be because none would bind the pods.
    pub policies_known: bool,
    /// The pools that the pods can land on, and whether that is certain.
    pub landings: Vec<(usize, bool)>,
    /// What tenants of its namespace can have land on each of the gateway's pools.
    pub tenants_land: Vec<Decision>,
}

/// What becomes of TCP that is redirected to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Proxy {
    /// There is no proxy.
    None,
    /// It sends on what it does not know.
    PassesOn,
    /// It refuses what it does not know.
    Refuses,
    /// Whether there is one, or what it does, is not in the input.
    Unknown,
}

/// The profile of a workload.
pub(super) fn profile<'f>(
    index: usize,
    estate: &Estate<'_>,
    facts: &'f Facts<'_>,
    gateway_pools: &[usize],
) -> Profile<'f> {
    let workload = &estate.workloads[index];
    let policies = facts.network_policy.egress_outside(index);
    let open = facts.network_policy.egress_if_rewritten(index);
    let rewritten = match tenancy::unbinds_policies(estate, facts, workload.namespace) {
        Power::Yes(..) => (Cow::Borrowed(&open.certain), &open.allowed),
        Power::No => (Cow::Borrowed(&policies.certain), &policies.allowed),
        // What is open either way is open.
        Power::Unknown(..) => (Cow::Owned(policies.certain.intersection(&open.certain)), &open.allowed),
    };
    let tenants = |&pool: &usize| match tenancy::lands_on(facts, workload.namespace, &estate.pools[pool]) {
        Power::Yes(..) => Decision::Allow,
        Power::No => Decision::Deny,
        Power::Unknown(..) => Decision::Unknown,
    };
    let landings = facts.placement.landings(index).iter().map(|landing| (landing.pool, landing.certain));
    Profile {
        around: around(index, facts),
        proxy: proxy(index, facts),
        policies: (&policies.certain, &policies.allowed),
        rewritten,
        policies_known: estate.evidence.has(Layer::NetworkPolicy)
            || workload.host_network.is_some()
            || facts.network_policy.unenforced.is_some(),
        landings: landings.collect(),
        tenants_land: gateway_pools.iter().map(tenants).collect(),
    }
}

/// What leaves around the proxy although nobody tries.
fn around<'f>(index: usize, facts: &'f Facts<'_>) -> Cow<'f, Traffic> {
    let mut escapes = facts.capture[index].escapes.iter().filter(|escape| escape.tier == Tier::Application);
    let first = escapes.next().map_or(Cow::Owned(Traffic::none()), |first| Cow::Borrowed(&first.traffic));
    escapes.fold(first, |all, escape| Cow::Owned(all.union(&escape.traffic)))
}

fn proxy(index: usize, facts: &Facts<'_>) -> Proxy {
    match facts.capture[index].injection {
        Injection::Outside { .. } => Proxy::None,
        // The node's proxy knows no registry (semantics B.6).
        Injection::Ambient { .. } => Proxy::PassesOn,
        Injection::Unknown { .. } => Proxy::Unknown,
        Injection::In { .. } => match facts.outbound[index].mode {
            OutboundMode::AllowAny | OutboundMode::AllowAnyDynamicDns => Proxy::PassesOn,
            OutboundMode::RegistryOnly => Proxy::Refuses,
            OutboundMode::Unknown => Proxy::Unknown,
        },
    }
}

impl Profile<'_> {
    /// What gets past the proxy without anybody trying, for certain and possibly: around it, or through it as well.
    pub(super) fn past_proxy(&self, through: bool) -> (Cow<'_, Traffic>, Cow<'_, Traffic>) {
        let with_tcp = || Cow::Owned(self.around.union(tcp()));
        match self.proxy {
            Proxy::PassesOn if through => (with_tcp(), with_tcp()),
            Proxy::Unknown => (Cow::Borrowed(&*self.around), with_tcp()),
            _ => (Cow::Borrowed(&*self.around), Cow::Borrowed(&*self.around)),
        }
    }
}
