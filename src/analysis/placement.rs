//! Where workloads can run: selectors, affinity and taints, pool by pool (semantics C.5).

use crate::model::{Effect, Estate, Match, NodePool, Taint, Toleration, Workload};
use crate::source::Location;

use super::egress::Egress;

/// Which pools each workload can land on, and which pools are the gateway's.
#[derive(Debug, Default)]
pub struct Placement {
    /// For each workload, in the order of the pools.
    landings: Vec<Vec<Landing>>,
    gateway_pools: Vec<GatewayPool>,
}

/// A pool that the scheduler may choose for a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The index of the pool in the estate.
    pub pool: usize,
    /// Whether it is certain that the pool is admitted, rather than possible.
    pub certain: bool,
    /// The toleration that lets the workload past a taint; none where the pool has no taint that keeps pods away.
    pub toleration: Option<Location>,
    /// The node name that passes the scheduler over, and with it taints that only the scheduler looks at.
    pub node_name: Option<Location>,
}

/// A pool that is kept for the egress gateway by a taint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayPool {
    /// The index of the pool in the estate.
    pub pool: usize,
    /// The gateway workload that can land there; none where the pool is only named like a gateway's.
    pub workload: Option<usize>,
}

impl Placement {
    /// The pools that a workload can land on; empty where no pool admits it or none is in the input.
    #[must_use]
    pub fn landings(&self, workload: usize) -> &[Landing] {
        &self.landings[workload]
    }

    /// The pools that taints keep for the egress gateway.
    #[must_use]
    pub fn gateway_pools(&self) -> &[GatewayPool] {
        &self.gateway_pools
    }

    /// Whether a pool is kept for the egress gateway.
    #[must_use]
    pub fn is_gateway_pool(&self, pool: usize) -> bool {
        self.gateway_pools.iter().any(|kept| kept.pool == pool)
    }

    /// The application workloads that can land on a pool (semantics A, `AppPools`).
    pub fn tenants_on<'e>(&'e self, pool: usize, estate: &'e Estate<'_>) -> impl Iterator<Item = usize> + 'e {
        let lands = move |workload: &usize| self.landings(*workload).iter().any(|landing| landing.pool == pool);
        estate.tenants().map(|(workload, _)| workload).filter(lands)
    }
}

/// The toleration by which a workload passes the taints of a pool that keep pods away, whether or not its selectors
/// admit the pool; `None` where a taint keeps it off, or where there is no such taint.
#[must_use]
pub fn passes_taints(workload: &Workload<'_>, pool: &NodePool<'_>) -> Option<Location> {
    let taints = pool.taints.iter().filter(|taint| keeps_away(taint, false));
    let by: Vec<_> = taints.map(|taint| tolerated(taint, &workload.placement.tolerations)).collect();
    let passes = by.iter().all(|(tolerated, _)| *tolerated != Match::No);
    by.first().filter(|_| passes).and_then(|(_, by)| *by)
}

/// The toleration by which a workload passes a taint that a gateway is known to tolerate.
#[must_use]
pub fn tolerates_like(workload: &Workload<'_>, gateway: &Toleration<'_>) -> Option<Location> {
    let key = gateway.key.filter(|key| !key.starts_with("node.kubernetes.io/"))?;
    let meets = |own: &&Toleration<'_>| {
        let effects = own.effect.is_none() || gateway.effect.is_none() || own.effect == gateway.effect;
        let values = own.exists || gateway.exists || own.value == gateway.value;
        effects && own.key.map_or(own.exists, |own| own == key && values)
    };
    workload.placement.tolerations.iter().find(meets).map(|own| own.at)
}

/// Works out where every workload can land.
pub(super) fn placement(estate: &Estate<'_>, egress: &Egress<'_>) -> Placement {
    let landings: Vec<Vec<Landing>> = estate.workloads.iter().map(|workload| landings(workload, estate)).collect();
    let gateway_pools = gateway_pools(estate, egress, &landings);
    Placement { landings, gateway_pools }
}

fn landings(workload: &Workload<'_>, estate: &Estate<'_>) -> Vec<Landing> {
    let pools = estate.pools.iter().enumerate();
    pools.filter_map(|(index, pool)| landing(workload, index, pool)).collect()
}

fn landing(workload: &Workload<'_>, index: usize, pool: &NodePool<'_>) -> Option<Landing> {
    let placement = &workload.placement;
    let admitted = placement.admits(pool);
    let mut landing =
        Landing { pool: index, certain: true, toleration: None, node_name: placement.node_name.map(|name| name.at) };
    let mut fits = admitted;
    for taint in pool.taints.iter().filter(|taint| keeps_away(taint, landing.node_name.is_some())) {
        let (tolerated, by) = tolerated(taint, &placement.tolerations);
        fits = fits.and(tolerated);
        landing.toleration = landing.toleration.or(by);
    }
    if pool.taints_unknown.is_some() || pool.provisioned {
        fits = fits.and(Match::Unknown);
    }
    // A node name says one node, and which pool that is in cannot be told.
    landing.certain = fits == Match::Yes && landing.node_name.is_none();
    (fits != Match::No).then_some(landing)
}

/// Whether a taint keeps pods off that do not tolerate it. Past the scheduler only the kubelet is left, which looks at
/// `NoExecute` alone; `PreferNoSchedule` keeps nobody away.
fn keeps_away(taint: &Taint<'_>, bypasses_scheduler: bool) -> bool {
    match taint.effect {
        Effect::NoExecute => true,
        Effect::NoSchedule | Effect::Unknown => !bypasses_scheduler,
        Effect::PreferNoSchedule => false,
    }
}

/// Whether some toleration covers a taint, and which.
fn tolerated(taint: &Taint<'_>, tolerations: &[Toleration<'_>]) -> (Match, Option<Location>) {
    let covers = |toleration: &Toleration<'_>| (covers(toleration, taint), Some(toleration.at));
    let all: Vec<_> = tolerations.iter().map(covers).collect();
    let found = |wanted| all.iter().copied().find(|(covered, _)| *covered == wanted);
    found(Match::Yes).or_else(|| found(Match::Unknown)).unwrap_or((Match::No, None))
}

/// Whether a toleration covers a taint: an absent effect is every effect, `Exists` without a key every taint.
fn covers(toleration: &Toleration<'_>, taint: &Taint<'_>) -> Match {
    let effect = match (toleration.effect, taint.effect) {
        (None, _) => Match::Yes,
        (Some(_), Effect::Unknown) => Match::Unknown,
        (Some(effect), known) => Match::from(effect == known.as_str()),
    };
    let key = match toleration.key {
        None => Match::from(toleration.exists),
        Some(key) => Match::from(key == taint.key.value),
    };
    let value = match (toleration.odd, toleration.exists) {
        (true, _) => Match::Unknown,
        (false, true) => Match::Yes,
        (false, false) => Match::from(toleration.value == taint.value),
    };
    effect.and(key).and(value)
}

/// The pools whose taints keep out whoever does not tolerate them and where a gateway can land. Where no gateway's pods
/// are in the input, those that are named like a gateway's.
fn gateway_pools(estate: &Estate<'_>, egress: &Egress<'_>, landings: &[Vec<Landing>]) -> Vec<GatewayPool> {
    // The taints that GKE sets for kinds of machines keep nothing for anybody.
    let keeps = |taint: &Taint<'_>| !taint.automatic && keeps_away(taint, false);
    let tainted = |pool: &usize| estate.pools[*pool].taints.iter().any(keeps);
    let pools = (0..estate.pools.len()).filter(tainted);
    let gateways = &egress.workloads;
    if gateways.is_empty() {
        let named = pools.filter(|pool| is_named_like_a_gateways(&estate.pools[*pool]));
        return named.map(|pool| GatewayPool { pool, workload: None }).collect();
    }
    let of_gateway = |pool: usize| {
        let lands = |workload: &&usize| landings[**workload].iter().any(|landing| landing.pool == pool);
        let workload = gateways.iter().find(lands).copied();
        workload.map(|workload| GatewayPool { pool, workload: Some(workload) })
    };
    pools.filter_map(of_gateway).collect()
}

fn is_named_like_a_gateways(pool: &NodePool<'_>) -> bool {
    let taints = pool.taints.iter().flat_map(|taint| [taint.key.value, taint.value]);
    taints.chain([pool.name.value]).any(|word| word.contains("gateway") || word.contains("egress"))
}
