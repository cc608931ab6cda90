//! What the pools of nodes let out, worked out once for all profiles.

use rustc_hash::FxHashMap;

use crate::analysis::Facts;
use crate::analysis::pools::{ipv6_stack, node_exit};
use crate::finding::Decision;
use crate::model::{Estate, Match, NodePool};
use crate::traffic::Traffic;

/// The pools, indexed as the estate's are.
pub(super) struct Pools {
    pub views: Vec<PoolView>,
    /// The pools that are the egress gateway's, ascending.
    pub gateways: Vec<usize>,
}

/// A pool as a way out meets it.
pub(super) struct PoolView {
    /// What the firewall lets out for certain, and at most.
    pub certain: Traffic,
    pub possible: Traffic,
    /// Whether the egress gateway has its nodes here.
    pub gateway: bool,
    /// Whether its nodes get out of the network, where the input decides it.
    pub leaves_network: Option<Decision>,
    /// Whether Google's APIs can be reached from internal addresses, for certain.
    pub google_access: bool,
    /// Whether its nodes speak IPv6.
    pub v6: bool,
    /// Whether its pods see their own identity alone, and never the node's.
    pub hides_node_identity: bool,
    /// Equal for pools that no way out can tell apart.
    pub class: usize,
}

impl Pools {
    pub(super) fn new(estate: &Estate<'_>, facts: &Facts<'_>) -> Self {
        let mut views: Vec<PoolView> = (0..estate.pools.len()).map(|pool| view(pool, estate, facts)).collect();
        let mut known = FxHashMap::default();
        let classes: Vec<usize> = views
            .iter()
            .map(|view| {
                let next = known.len();
                let seen = (&view.certain, &view.possible, view.gateway, view.leaves_network);
                *known.entry((seen, view.google_access, view.v6)).or_insert(next)
            })
            .collect();
        for (view, class) in views.iter_mut().zip(classes) {
            view.class = class;
        }
        let gateways = views.iter().enumerate().filter(|(_, view)| view.gateway).map(|(pool, _)| pool).collect();
        Self { views, gateways }
    }
}

fn view(pool: usize, estate: &Estate<'_>, facts: &Facts<'_>) -> PoolView {
    let described = &estate.pools[pool];
    let egress = &facts.firewall[pool];
    let exit = node_exit(described, estate);
    PoolView {
        certain: egress.certainly_allowed(),
        possible: egress.certainly_denied().complement(),
        gateway: facts.pools.of(pool).gateway,
        leaves_network: leaves_network(described, estate),
        google_access: exit.google == Match::Yes,
        v6: ipv6_stack(described, estate).is_some(),
        hides_node_identity: described.metadata_mode.known().is_some_and(|mode| mode.value.starts_with("GKE_METADATA")),
        class: 0,
    }
}

/// Whether the nodes of a pool get out of the network. What the input does not show of it is no control: whoever has an
/// egress gateway has a way out for its nodes, and pools of a cluster mostly share their subnet.
fn leaves_network(pool: &NodePool<'_>, estate: &Estate<'_>) -> Option<Decision> {
    let exit = node_exit(pool, estate);
    match (exit.public, exit.nat) {
        (Match::Yes, _) | (_, Match::Yes) => Some(Decision::Allow),
        (Match::No, Match::No | Match::Unknown) if estate.evidence.cloud_is_complete() => {
            let covers = |nat| crate::analysis::pools::covers(nat, pool, estate) == Match::No;
            estate.topology.nats.iter().all(covers).then_some(Decision::Deny)
        }
        _ => None,
    }
}
