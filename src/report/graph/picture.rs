//! What is drawn, whatever it is written as.

use std::collections::BTreeMap;

use crate::analysis::Facts;
use crate::analysis::capture::Tier;
use crate::analysis::exits::{Class, Control, Verdict, Via};
use crate::finding::Hop;
use crate::model::Estate;
use crate::report::paths::{Alike, Destination, Filter, Listing, Way, listing, place};
use crate::source::Location;

/// Everything that is drawn.
#[derive(Clone, Debug)]
pub struct Picture {
    /// By kind, then by name.
    pub nodes: Vec<Node>,
    /// The ways out: in the order of the workloads that take them.
    pub routes: Vec<Route>,
    /// What the ways were taken from.
    pub listing: Listing,
}

/// What kind of thing a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Namespace,
    /// Workloads of one namespace that nothing can tell apart.
    Workloads,
    /// A rule, a policy or whatever else decides on a way.
    Control,
    /// A layer of which nothing is in the input.
    Missing,
    /// An egress proxy.
    Gateway,
    NodePool,
    Destination,
}

impl Kind {
    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Workloads => "workloads",
            Self::Control => "control",
            Self::Missing => "missing",
            Self::Gateway => "gateway",
            Self::NodePool => "node-pool",
            Self::Destination => "destination",
        }
    }
}

/// A thing that is drawn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    pub kind: Kind,
    pub name: String,
    /// Where it is written; none for what stands in no file.
    pub at: Option<Location>,
    /// The layer of a control.
    pub layer: Option<Control>,
    /// `namespace/Kind/name` of each of a group's workloads.
    pub workloads: Vec<String>,
}

impl Node {
    fn new(kind: Kind, name: String, at: Option<Location>) -> Self {
        Self { kind, name, at, layer: None, workloads: Vec::new() }
    }

    /// The namespace of a group of workloads.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.workloads.first()?.split('/').next()
    }
}

/// Ways out of a group of workloads that are alike hop by hop.
#[derive(Clone, Debug)]
pub struct Route {
    /// The nodes on the way by their index: the workloads first, where it leads to last.
    pub nodes: Vec<usize>,
    pub tier: Tier,
    pub via: Via,
    pub class: Class,
    pub host: Option<String>,
    pub verdict: Verdict,
    pub approved: bool,
    pub destinations: Vec<Destination>,
    /// The hops as the first of the workloads takes them, with the layer and the node of each.
    pub hops: Vec<(Hop, Control, usize)>,
}

/// Draws an estate with the ways out that are asked for.
#[must_use]
pub fn picture(estate: &Estate<'_>, facts: &Facts<'_>, filter: &Filter) -> Picture {
    let listing = listing(estate, facts, filter);
    let mut drawing = Drawing { estate, facts, nodes: BTreeMap::new() };
    for pool in 0..estate.pools.len() {
        drawing.pool(pool);
    }
    for proxy in 0..facts.egress.proxies.len() {
        drawing.gateway(proxy);
    }
    let mut routes = Vec::new();
    for row in &listing.rows {
        let Some((_, ways)) = row.workloads.first() else { continue };
        let names: Vec<String> = row.workloads.iter().map(|(name, _)| name.clone()).collect();
        let group = drawing.group(names);
        let mut known: BTreeMap<Alike<'_>, usize> = BTreeMap::new();
        for way in ways {
            let index = *known.entry(way.alike()).or_insert(routes.len());
            if index == routes.len() {
                routes.push(drawing.route(group, way));
            } else if let Some(route) = routes.get_mut(index) {
                route.destinations.extend(way.destinations.iter().cloned());
            }
        }
    }
    let (nodes, places) = sorted(drawing.nodes);
    for route in &mut routes {
        let hops = route.hops.iter_mut().map(|(.., node)| node);
        route.nodes.iter_mut().chain(hops).for_each(|node| *node = places[*node]);
    }
    Picture { nodes, routes, listing }
}

/// The nodes in their order, and the place of each of them by the number that it had.
fn sorted(nodes: BTreeMap<Node, usize>) -> (Vec<Node>, Vec<usize>) {
    let mut places = vec![0; nodes.len()];
    let mut list = Vec::with_capacity(nodes.len());
    for (index, (node, number)) in nodes.into_iter().enumerate() {
        places[number] = index;
        list.push(node);
    }
    (list, places)
}

struct Drawing<'e, 'a> {
    estate: &'e Estate<'a>,
    facts: &'e Facts<'a>,
    /// Each node with a number, in the order in which they were met.
    nodes: BTreeMap<Node, usize>,
}

impl Drawing<'_, '_> {
    fn node(&mut self, node: Node) -> usize {
        let next = self.nodes.len();
        *self.nodes.entry(node).or_insert(next)
    }

    fn pool(&mut self, pool: usize) -> usize {
        let name = self.estate.pools[pool].name;
        self.node(Node::new(Kind::NodePool, name.value.to_owned(), Some(name.at)))
    }

    fn gateway(&mut self, proxy: usize) -> usize {
        let name = self.facts.egress.proxies[proxy].name;
        self.node(Node::new(Kind::Gateway, name.value.to_owned(), Some(name.at)))
    }

    /// A group and its namespace.
    fn group(&mut self, workloads: Vec<String>) -> usize {
        let first = workloads.first().cloned().unwrap_or_default();
        let written = |name: &str| self.estate.namespaces.iter().find(|one| one.name == name).map(|one| one.at.at);
        let namespace = first.split('/').next().unwrap_or_default();
        let namespace = Node::new(Kind::Namespace, namespace.to_owned(), written(namespace));
        self.node(namespace);
        let own = self.estate.workloads.iter().find(|one| self.estate.display(one) == first);
        let at = own.map(|own| own.name.at);
        self.node(Node { workloads, ..Node::new(Kind::Workloads, first, at) })
    }

    fn route(&mut self, group: usize, way: &Way) -> Route {
        let mut nodes = vec![group];
        let mut hops = Vec::new();
        let mut gateway = way.through.proxy;
        for (index, (hop, step)) in way.witness.iter().zip(&way.steps).enumerate() {
            // The first thing of the mesh beyond the workload is the gateway's own.
            let node = if index == 0 && matches!(step.control, Control::Mesh | Control::Admission) {
                group
            } else if step.is_missing() {
                let name = format!("{} not in the input", step.control.as_str());
                self.node(Node { layer: Some(step.control), ..Node::new(Kind::Missing, name, None) })
            } else if let Some(proxy) = gateway.take_if(|_| step.control == Control::Mesh) {
                self.gateway(proxy)
            } else if let Some(pool) = step.pool().filter(|_| step.control == Control::Scheduling) {
                self.pool(pool)
            } else {
                let control = Node::new(Kind::Control, hop.name.clone(), Some(hop.at));
                self.node(Node { layer: Some(step.control), ..control })
            };
            if nodes.last() != Some(&node) {
                nodes.push(node);
            }
            hops.push((hop.clone(), step.control, node));
        }
        nodes.push(self.node(Node::new(Kind::Destination, place(way.class, way.host.as_deref()), None)));
        Route {
            nodes,
            tier: way.tier,
            via: way.via,
            class: way.class,
            host: way.host.clone(),
            verdict: way.verdict,
            approved: way.approved,
            destinations: way.destinations.clone(),
            hops,
        }
    }
}
