//! What refers to what, resolved once: the estate as a graph whose nodes are indices into the estate's lists.

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use rustc_hash::FxHashMap;

use super::{Estate, Labels};

/// Something in the estate, by its index in the list of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    Workload(usize),
    Service(usize),
    Gateway(usize),
    Cluster(usize),
    Pool(usize),
}

/// How one thing refers to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// By a selector on labels: a service or gateway to the workloads that it picks.
    Selects,
    /// A cluster to its pools.
    Contains,
}

/// The graph of the estate's references.
#[derive(Debug, Default)]
pub struct Relations {
    graph: DiGraph<Entity, Relation>,
    nodes: FxHashMap<Entity, NodeIndex>,
}

impl Relations {
    fn node(&mut self, entity: Entity) -> NodeIndex {
        *self.nodes.entry(entity).or_insert_with(|| self.graph.add_node(entity))
    }

    fn add(&mut self, from: Entity, relation: Relation, to: Entity) {
        let (from, to) = (self.node(from), self.node(to));
        self.graph.add_edge(from, to, relation);
    }

    /// The indices of the workloads that a service or gateway selects, in order.
    pub fn selected(&self, by: Entity) -> impl Iterator<Item = usize> {
        let mut workloads: Vec<usize> = self
            .nodes
            .get(&by)
            .into_iter()
            .flat_map(|node| self.graph.edges(*node))
            .filter(|edge| *edge.weight() == Relation::Selects)
            .filter_map(|edge| match self.graph[edge.target()] {
                Entity::Workload(index) => Some(index),
                _ => None,
            })
            .collect();
        workloads.sort_unstable();
        workloads.into_iter()
    }

    /// The services and gateways that select a workload, in order.
    #[must_use]
    pub fn selectors_of(&self, workload: usize) -> Vec<Entity> {
        let incoming = |node: &NodeIndex| self.graph.neighbors_directed(*node, petgraph::Direction::Incoming);
        let mut found: Vec<Entity> = self
            .nodes
            .get(&Entity::Workload(workload))
            .into_iter()
            .flat_map(incoming)
            .map(|node| self.graph[node])
            .collect();
        found.sort_unstable();
        found
    }
}

/// Resolves the references of an estate whose lists are complete.
pub(super) fn relations(estate: &Estate<'_>) -> Relations {
    let mut relations = Relations::default();
    let mut by_namespace: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
    for (index, workload) in estate.workloads.iter().enumerate() {
        by_namespace.entry(workload.namespace).or_default().push(index);
    }
    for (index, service) in estate.services.iter().enumerate().filter(|(_, service)| !service.selector.is_empty()) {
        for &workload in by_namespace.get(&service.namespace).into_iter().flatten() {
            if service.selector.is_subset(estate.workloads[workload].labels) {
                relations.add(Entity::Service(index), Relation::Selects, Entity::Workload(workload));
            }
        }
    }
    let by_label = workloads_by_label(estate);
    for (index, gateway) in estate.mesh.gateways.iter().enumerate() {
        // Istio: a gateway's selector looks for pods in every namespace (semantics C.7).
        let Some(selector) = gateway.selector else { continue };
        for workload in candidates(selector, &by_label) {
            if selector.is_subset(estate.workloads[workload].labels) {
                relations.add(Entity::Gateway(index), Relation::Selects, Entity::Workload(workload));
            }
        }
    }
    for (index, pool) in estate.pools.iter().enumerate() {
        if let Some(cluster) = pool.cluster {
            relations.add(Entity::Cluster(cluster), Relation::Contains, Entity::Pool(index));
        }
    }
    relations
}

type ByLabel<'e> = FxHashMap<(&'e str, &'e str), Vec<usize>>;

fn workloads_by_label<'e>(estate: &'e Estate<'_>) -> ByLabel<'e> {
    let asked = estate.mesh.gateways.iter().filter_map(|gateway| gateway.selector).flat_map(Labels::iter);
    let mut by_label: ByLabel<'e> = asked.map(|(name, value)| ((name.value, value.value), Vec::new())).collect();
    for (index, workload) in estate.workloads.iter().enumerate() {
        for (name, value) in workload.labels.iter() {
            if let Some(having) = by_label.get_mut(&(name.value, value.value)) {
                having.push(index);
            }
        }
    }
    by_label
}

/// The workloads that have the rarest of a selector's labels.
fn candidates(selector: &Labels<'_>, by_label: &ByLabel<'_>) -> Vec<usize> {
    let lists =
        selector.iter().map(|(name, value)| by_label.get(&(name.value, value.value)).cloned().unwrap_or_default());
    lists.min_by_key(Vec::len).unwrap_or_default()
}
