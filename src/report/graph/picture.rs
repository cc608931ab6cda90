//! What is drawn, whatever it is written as.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::analysis::Facts;
use crate::analysis::exits::{Control, Exit, Holder, Step};
use crate::finding::{Decision, Hop, Object};
use crate::model::Estate;
use crate::report::paths::{Alike, Destination, Filter, Listing, Way, alike, place};
use crate::source::Location;
use crate::triage::Objects;

/// Everything that is drawn.
#[derive(Clone, Debug)]
pub struct Picture {
    /// By kind, then by name.
    pub nodes: Vec<Node>,
    /// The ways out: in the order of the workloads that take them.
    pub routes: Vec<Route>,
    /// The name of the estate; empty where the input is one.
    pub estate: String,
    /// How many workloads were asked for.
    pub workloads: usize,
    /// The namespaces and workloads that could have been asked for.
    pub names: BTreeSet<String>,
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
    /// The namespace that it runs in.
    pub namespace: Option<String>,
    /// The layer of a control.
    pub layer: Option<Control>,
    /// The object that a control is written in.
    pub object: Option<Object>,
    /// `namespace/Kind/name` of each of a group's workloads.
    pub workloads: Vec<String>,
}

impl Node {
    fn new(kind: Kind, name: String, at: Option<Location>) -> Self {
        Self { kind, name, at, namespace: None, layer: None, object: None, workloads: Vec::new() }
    }
}

/// Ways out of a group of workloads that are alike hop by hop.
#[derive(Clone, Debug)]
pub struct Route {
    /// The nodes on the way by their index: the workloads first, where it leads to last.
    pub nodes: Vec<usize>,
    /// The first of the ways.
    pub exit: Arc<Exit>,
    pub destinations: Vec<Destination>,
    /// The hops as the first of the workloads takes them, with the layer and the node of each.
    pub hops: Vec<(Hop, Control, usize)>,
}

/// Draws an estate with the ways out that are asked for; `name` tells it from others of the input. `objects` says what
/// stands where.
#[must_use]
pub fn picture(name: &str, estate: &Estate<'_>, facts: &Facts<'_>, filter: &Filter, objects: &dyn Objects) -> Picture {
    let listing = Listing::new(name, estate, facts, filter);
    let mut drawing = Drawing::new(estate, facts, objects);
    for pool in 0..estate.pools.len() {
        drawing.pool(pool);
    }
    for proxy in 0..facts.egress.proxies.len() {
        drawing.gateway(proxy);
    }
    let groups: Vec<usize> = listing.rows.iter().map(|row| drawing.group(&row.workloads)).collect();
    let mut routes: Vec<Route> = Vec::new();
    for (row, group) in listing.rows.iter().zip(groups) {
        let Some(&first) = row.workloads.first() else { continue };
        let mut known: BTreeMap<(Alike, Vec<usize>), usize> = BTreeMap::new();
        for exit in &row.exits {
            let way = listing.way(exit, first);
            let alike = alike(exit, way.witness.iter().cloned());
            let route = drawing.route(group, way);
            let index = *known.entry((alike, route.nodes.clone())).or_insert(routes.len());
            match routes.get_mut(index) {
                Some(same) => same.destinations.extend(route.destinations),
                None => routes.push(route),
            }
        }
    }
    let (nodes, places) = sorted(drawing.nodes);
    for route in &mut routes {
        let hops = route.hops.iter_mut().map(|(.., node)| node);
        route.nodes.iter_mut().chain(hops).for_each(|node| *node = places[*node]);
    }
    let workloads = listing.rows.iter().map(|row| row.workloads.len()).sum();
    Picture { nodes, routes, estate: name.to_owned(), workloads, names: listing.names() }
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
    objects: &'e dyn Objects,
    /// Each node with a number, in the order in which they were met.
    nodes: BTreeMap<Node, usize>,
    /// Where each node is written, by its number.
    places: Vec<Option<Location>>,
    /// The node of each workload that is drawn.
    drawn: HashMap<usize, usize>,
}

impl<'e, 'a> Drawing<'e, 'a> {
    fn new(estate: &'e Estate<'a>, facts: &'e Facts<'a>, objects: &'e dyn Objects) -> Self {
        Self { estate, facts, objects, nodes: BTreeMap::new(), places: Vec::new(), drawn: HashMap::new() }
    }

    fn node(&mut self, node: Node) -> usize {
        let next = self.nodes.len();
        let at = node.at;
        let number = *self.nodes.entry(node).or_insert(next);
        if number == next {
            self.places.push(at);
        }
        number
    }

    fn pool(&mut self, pool: usize) -> usize {
        let name = self.estate.pools[pool].name;
        self.node(Node::new(Kind::NodePool, name.value.to_owned(), Some(name.at)))
    }

    fn gateway(&mut self, proxy: usize) -> usize {
        let proxy = &self.facts.egress.proxies[proxy];
        let workload = proxy.workload.map(|workload| &self.estate.workloads[workload]);
        let name = workload.map_or_else(|| proxy.name.value.to_owned(), |workload| self.estate.display(workload));
        let namespace = workload.map(|workload| self.estate.namespace_of(workload).name.to_owned());
        if let Some(namespace) = &namespace {
            self.namespace(namespace);
        }
        self.node(Node { namespace, ..Node::new(Kind::Gateway, name, Some(proxy.name.at)) })
    }

    fn namespace(&mut self, name: &str) {
        let at = self.estate.namespace(name).map(|namespace| namespace.at.at);
        self.node(Node::new(Kind::Namespace, name.to_owned(), at));
    }

    /// A group, which is named as its first workload, and its namespace.
    fn group(&mut self, workloads: &[usize]) -> usize {
        let names: Vec<String> =
            workloads.iter().map(|&own| self.estate.display(&self.estate.workloads[own])).collect();
        let own = workloads.first().map(|&first| &self.estate.workloads[first]);
        let namespace = own.map(|own| self.estate.namespace_of(own).name.to_owned());
        if let Some(namespace) = &namespace {
            self.namespace(namespace);
        }
        let name = names.first().cloned().unwrap_or_default();
        let group = Node { namespace, ..Node::new(Kind::Workloads, name, own.map(|own| own.name.at)) };
        let node = self.node(Node { workloads: names, ..group });
        self.drawn.extend(workloads.iter().map(|&workload| (workload, node)));
        node
    }

    /// A workload that lets itself be used: with its group, where that is drawn.
    fn workload(&mut self, workload: usize) -> usize {
        match self.drawn.get(&workload) {
            Some(&node) => node,
            None => self.group(&[workload]),
        }
    }

    /// What decides. Where no policy does, a hop is told at whoever has the traffic: nothing stands between.
    fn control(&mut self, hop: &Hop, step: &Step, holder: usize) -> usize {
        let node = if step.is_missing() {
            Node::new(Kind::Missing, format!("{} not in the input", step.control.as_str()), None)
        } else {
            let object = self.objects.object(hop.at);
            let by_policy = matches!(step.control, Control::Mesh | Control::NetworkPolicy | Control::Authorization);
            let is_of_holder =
                || object.is_some() && self.places[holder].and_then(|at| self.objects.object(at)) == object;
            if by_policy && step.decision != Decision::Deny && is_of_holder() {
                return holder;
            }
            Node { object, ..Node::new(Kind::Control, hop.name.clone(), Some(hop.at)) }
        };
        self.node(Node { layer: Some(step.control), ..node })
    }

    fn route(&mut self, group: usize, Way { exit, destinations, witness }: Way) -> Route {
        let mut nodes = vec![group];
        let mut hops = Vec::new();
        let mut holder = group;
        for (hop, step) in witness.into_iter().zip(&exit.steps) {
            let held = match step.holder() {
                Some(Holder::Own) => Some(group),
                Some(Holder::Workload(workload)) => Some(self.workload(workload)),
                Some(Holder::Proxy(proxy)) => Some(self.gateway(proxy)),
                Some(Holder::Pool(pool)) => Some(self.pool(pool)),
                None => None,
            };
            if let Some(node) = held.filter(|node| *node != holder) {
                holder = node;
                nodes.push(node);
            }
            // Of the steps on a node, those about its network have controls of their own.
            let is_own = held.is_some() && !matches!(step.control, Control::Firewall | Control::Nat);
            let node = if is_own { holder } else { self.control(&hop, step, holder) };
            if nodes.last() != Some(&node) {
                nodes.push(node);
            }
            hops.push((hop, step.control, node));
        }
        nodes.push(self.node(Node::new(Kind::Destination, place(exit.class, exit.host.as_deref()), None)));
        Route { nodes, exit, destinations, hops }
    }
}
