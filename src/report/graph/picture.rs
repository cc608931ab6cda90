//! What is drawn, whatever it is written as.

use std::collections::{BTreeMap, HashMap};

use crate::analysis::Facts;
use crate::analysis::capture::Tier;
use crate::analysis::exits::{Class, Control, Holder, Step, Verdict, Via};
use crate::finding::{Decision, Hop, Object};
use crate::model::Estate;
use crate::report::paths::{Alike, Destination, Filter, Listing, Way, listing, place};
use crate::source::Location;
use crate::triage::Objects;

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

/// Draws an estate with the ways out that are asked for. `objects` says what stands where.
#[must_use]
pub fn picture(estate: &Estate<'_>, facts: &Facts<'_>, filter: &Filter, objects: &dyn Objects) -> Picture {
    let listing = listing(estate, facts, filter);
    let mut drawing = Drawing::new(estate, facts, objects);
    for pool in 0..estate.pools.len() {
        drawing.pool(pool);
    }
    for proxy in 0..facts.egress.proxies.len() {
        drawing.gateway(proxy);
    }
    let groups: Vec<usize> = listing.rows.iter().map(|row| drawing.group(row.names())).collect();
    let mut routes: Vec<Route> = Vec::new();
    for (row, group) in listing.rows.iter().zip(groups) {
        let Some((_, ways)) = row.workloads.first() else { continue };
        let mut known: BTreeMap<(Alike<'_>, Vec<usize>), usize> = BTreeMap::new();
        for way in ways {
            let route = drawing.route(group, way);
            let index = *known.entry((way.alike(), route.nodes.clone())).or_insert(routes.len());
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
    objects: &'e dyn Objects,
    /// Each node with a number, in the order in which they were met.
    nodes: BTreeMap<Node, usize>,
    /// Where each node is written, by its number.
    places: Vec<Option<Location>>,
    /// Each workload by its display name.
    named: HashMap<String, usize>,
    /// The node of each workload that is drawn.
    drawn: HashMap<String, usize>,
}

impl<'e, 'a> Drawing<'e, 'a> {
    fn new(estate: &'e Estate<'a>, facts: &'e Facts<'a>, objects: &'e dyn Objects) -> Self {
        let mut named = HashMap::new();
        for (index, workload) in estate.workloads.iter().enumerate() {
            named.entry(estate.display(workload)).or_insert(index);
        }
        Self { estate, facts, objects, nodes: BTreeMap::new(), places: Vec::new(), named, drawn: HashMap::new() }
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

    /// A group and its namespace.
    fn group(&mut self, workloads: Vec<String>) -> usize {
        let first = workloads.first().cloned().unwrap_or_default();
        let own = self.named.get(&first).map(|&index| &self.estate.workloads[index]);
        let namespace = own.map(|own| self.estate.namespace_of(own).name.to_owned());
        if let Some(namespace) = &namespace {
            self.namespace(namespace);
        }
        let group = Node { namespace, ..Node::new(Kind::Workloads, first, own.map(|own| own.name.at)) };
        let node = self.node(Node { workloads: workloads.clone(), ..group });
        self.drawn.extend(workloads.into_iter().map(|name| (name, node)));
        node
    }

    /// A workload that lets itself be used: with its group, where that is drawn.
    fn workload(&mut self, workload: usize) -> usize {
        let name = self.estate.display(&self.estate.workloads[workload]);
        match self.drawn.get(&name) {
            Some(&node) => node,
            None => self.group(vec![name]),
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

    fn route(&mut self, group: usize, way: &Way) -> Route {
        let mut nodes = vec![group];
        let mut hops = Vec::new();
        let mut holder = group;
        for (hop, step) in way.witness.iter().zip(&way.steps) {
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
            let node = if is_own { holder } else { self.control(hop, step, holder) };
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
