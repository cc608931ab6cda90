//! Estate to facts: typed answers with the places that make them so, each worked out once. Rules only word them.

pub mod access;
pub mod access_log;
pub mod advice;
pub mod authorization;
pub mod capture;
pub mod destinations;
pub mod egress;
pub mod exits;
pub mod expectations;
pub mod firewall;
pub mod needs;
pub mod network_policy;
pub mod outbound;
pub mod placement;
pub mod pools;
pub mod resolver;
pub mod routing;
pub mod tenancy;
pub mod tls;

use crate::model::Estate;

/// What follows from an estate. Lists that speak of workloads or pools are indexed as the estate's lists are.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The proxies through which traffic leaves the mesh.
    pub egress: egress::Egress<'a>,
    /// For each workload, what of its traffic the mesh sees.
    pub capture: Vec<capture::Capture<'a>>,
    /// For each workload, what its proxy does with destinations it does not know.
    pub outbound: Vec<outbound::Outbound<'a>>,
    /// Where requests go.
    pub routing: routing::Routing<'a>,
    /// What network policies allow.
    pub network_policy: network_policy::NetworkPolicies<'a>,
    /// What each workload must be able to reach.
    pub needs: needs::Needs<'a>,
    /// Which pools each workload can land on.
    pub placement: placement::Placement,
    /// What each pool is for.
    pub pools: pools::Pools,
    /// For each pool, what the firewall lets out.
    pub firewall: Vec<firewall::PoolEgress>,
    /// What tenants may write, and where.
    pub access: access::Access<'a>,
    /// The clauses of network policies that let application workloads out, for certain.
    pub openings: Vec<network_policy::Opening<'a>>,
    /// Every way out of every application workload.
    pub exits: exits::Exits,
}

/// Works out all facts of an estate.
#[must_use]
pub fn analyze<'a>(estate: &'a Estate<'a>) -> Facts<'a> {
    let mut facts = analyze_but_exits(estate);
    let openings = || facts.network_policy.openings();
    (facts.exits, facts.openings) = rayon::join(|| exits::exits(estate, &facts), openings);
    facts
}

/// Works out all facts of an estate but the ways out and what opens them, for who asks about some of these alone.
#[must_use]
pub fn analyze_but_exits<'a>(estate: &'a Estate<'a>) -> Facts<'a> {
    let ((egress, capture), (network_policy, (firewall, access))) = rayon::join(
        || (egress::egress(estate), capture::capture(estate)),
        || {
            let apart = || rayon::join(|| firewall::firewall(estate), || access::access(estate));
            rayon::join(|| network_policy::network_policies(estate), apart)
        },
    );
    let outbound = outbound::outbound(estate, &capture);
    let placement = placement::placement(estate, &egress);
    let pools = pools::pools(estate, &egress, &placement);
    let (routing, needs) =
        rayon::join(|| routing::routing(estate, &egress, &capture), || needs::needs(estate, &egress, &capture));
    Facts {
        egress,
        capture,
        outbound,
        routing,
        network_policy,
        needs,
        placement,
        pools,
        firewall,
        access,
        openings: Vec::new(),
        exits: exits::Exits::default(),
    }
}
