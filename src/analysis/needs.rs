//! What a workload of the mesh must be able to reach: its control plane, the egress gateway, names, the metadata server
//! and Google's APIs (semantics A.8, NP03).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use super::authorization::{ByNamespace, enforced, may_be_about, namespaces_of};
use super::capture::{Capture, Injection};
use super::destinations::{answered, google_private, google_restricted};
use super::egress::{Egress, EgressProxy};
use super::network_policy::{Dataplane, Target, UnseenPods};
use super::resolver::{KUBE_DNS, METADATA_ADDRESS, NODE_LOCAL_ADDRESS, NODE_LOCAL_DNS, RESOLVER_NAMESPACE, resolvers};
use crate::model::{Action, AuthorizationPolicy, Clause, Estate, Labels, Workload};
use crate::traffic::{AddressSet, Protocol};

/// What a need is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    ControlPlane,
    EgressGateway,
    Names,
    GoogleApis,
    Metadata,
}

/// Something that a workload must be able to reach.
#[derive(Clone, Debug)]
pub struct Need<'a> {
    pub purpose: Purpose,
    /// What is to be reached, as a message says it.
    pub what: String,
    /// The ways to reach it, of which one is enough.
    pub ways: Vec<Way<'a>>,
    /// Whether the workload is known to use it, rather than likely to.
    pub used: bool,
}

/// One way to reach something.
#[derive(Clone, Debug)]
pub struct Way<'a> {
    /// All of these must be reached.
    pub targets: Vec<Target<'a>>,
    pub protocol: Protocol,
    /// The ports, of which one is enough: where a Service is not in the input, its target port is a guess.
    pub ports: Vec<u16>,
}

impl<'a> Way<'a> {
    fn to(target: Target<'a>, protocol: Protocol, port: u16) -> Self {
        Self { targets: vec![target], protocol, ports: vec![port] }
    }
}

/// What each workload needs. A need that many have is written once.
#[derive(Debug)]
pub struct Needs<'a> {
    all: Vec<Need<'a>>,
    /// For each workload, what it needs, by number.
    of: Vec<Vec<usize>>,
}

impl<'a> Needs<'a> {
    /// What a workload needs, each with its number; nothing for one that is not known to be in the mesh.
    pub fn of(&self, workload: usize) -> impl Iterator<Item = (usize, &Need<'a>)> {
        self.of[workload].iter().map(|&number| (number, &self.all[number]))
    }
}

/// Works out what the workloads of an estate need.
#[must_use]
pub(super) fn needs<'a>(estate: &'a Estate<'a>, egress: &Egress<'a>, capture: &[Capture<'_>]) -> Needs<'a> {
    let mut all = Vec::new();
    let offers = Offers::new(estate, egress, &mut all);
    let of = estate.workloads.par_iter().zip(capture).map(|(workload, capture)| match capture.injection {
        Injection::In { .. } => offers.to(workload, estate),
        _ => Vec::new(),
    });
    Needs { of: of.collect(), all }
}

/// Who serves the workloads of an estate. All numbers are those of needs.
struct Offers<'e, 'a> {
    /// The control plane that is in the input.
    control_plane: Option<usize>,
    /// The control plane that is not.
    unseen_control_plane: usize,
    listeners: Vec<Listener<'e, 'a>>,
    names: usize,
    /// Google's APIs and the metadata server, where they are likely used and where they are known to be.
    google: [[usize; 2]; 2],
    /// Whether some cluster gives pods identities of Google's.
    gives_identities: bool,
}

/// A port of an egress gateway to which sidecars are told to send.
struct Listener<'e, 'a> {
    need: usize,
    /// The namespaces, by index, whose sidecars are told so.
    namespaces: FxHashSet<usize>,
    /// Who may pass; none where no policy limits that.
    allowed: Option<Allowed<'e, 'a>>,
}

/// Clauses that allow something, and whom they may be about.
struct Allowed<'e, 'a> {
    clauses: Vec<(&'e AuthorizationPolicy<'a>, &'e Clause<'a>)>,
    by_namespace: ByNamespace<'a>,
}

impl<'e, 'a> Allowed<'e, 'a> {
    fn new(clauses: Vec<(&'e AuthorizationPolicy<'a>, &'e Clause<'a>)>) -> Self {
        let by_namespace = clauses.iter().map(|(policy, clause)| namespaces_of(policy, clause)).collect();
        Self { clauses, by_namespace }
    }

    fn holds(&self, workload: &Workload<'_>, estate: &Estate<'_>) -> bool {
        let namespace = estate.namespace_of(workload).name;
        let who = (namespace, workload.service_account);
        let mut about = self.by_namespace.about(namespace).map(|number| self.clauses[number]);
        about.any(|(policy, clause)| may_be_about(policy, clause, who, &estate.mesh))
    }
}

impl<'e, 'a> Offers<'e, 'a> {
    fn new(estate: &'a Estate<'a>, egress: &'e Egress<'a>, all: &mut Vec<Need<'a>>) -> Self {
        let mut add = |need| {
            all.push(need);
            all.len() - 1
        };
        let known: Vec<Target<'a>> = control_plane(estate);
        let unseen = Target::Pods(UnseenPods {
            namespace: estate.mesh.root_namespace,
            labels: vec![("app", "istiod"), ("istio", "istiod")],
            all_labels: false,
        });
        Self {
            control_plane: (!known.is_empty()).then(|| add(discovery(known))),
            unseen_control_plane: add(discovery(vec![unseen])),
            listeners: egress.proxies.iter().flat_map(|proxy| listeners(proxy, estate, &mut add)).collect(),
            names: add(names(estate)),
            google: [false, true]
                .map(|used| [add(Need { used, ..google_apis(estate) }), add(Need { used, ..metadata(estate) })]),
            gives_identities: estate.clusters.iter().any(|cluster| cluster.written.workload_pool.known().is_some()),
        }
    }

    /// What a workload of the mesh needs.
    fn to(&self, workload: &Workload<'_>, estate: &Estate<'_>) -> Vec<usize> {
        let revision = revision(workload, estate);
        // A managed control plane is not in the cluster; where nothing tells, it need not be either.
        let in_cluster = revision.is_some_and(|revision| !revision.starts_with("asm-managed"));
        let mut found: Vec<usize> =
            self.control_plane.or(in_cluster.then_some(self.unseen_control_plane)).into_iter().collect();
        let open = self.listeners.iter().filter(|listener| listener.admits(workload, estate));
        found.extend(open.map(|listener| listener.need));
        // Who brings resolvers of his own, or asks the node's, does not need the cluster's.
        if !workload.pod.dns.policy.is_some_and(|policy| matches!(policy.value, "None" | "Default")) {
            found.push(self.names);
        }
        let managed = revision.is_some_and(|revision| revision.starts_with("asm"));
        if workload.cloud_identity.is_some() || managed || self.gives_identities {
            found.extend(self.google[usize::from(workload.cloud_identity.is_some())]);
        }
        found
    }
}

impl Listener<'_, '_> {
    /// Whether routes that a workload sees lead here, and policies may let it through.
    fn admits(&self, workload: &Workload<'_>, estate: &Estate<'_>) -> bool {
        let may = |allowed: &Allowed<'_, '_>| allowed.holds(workload, estate);
        self.namespaces.contains(&workload.namespace) && self.allowed.as_ref().is_none_or(may)
    }
}

/// The listeners of a proxy to which routes lead, ascending by the port of its service.
fn listeners<'e, 'a>(
    proxy: &'e EgressProxy<'a>,
    estate: &'a Estate<'a>,
    add: &mut impl FnMut(Need<'a>) -> usize,
) -> Vec<Listener<'e, 'a>> {
    let Some(target) = proxy_target(proxy) else { return Vec::new() };
    let mut allowing = enforced(proxy, estate).filter(|policy| policy.action == Action::Allow).peekable();
    let is_limited = allowing.peek().is_some();
    let clauses = allowing.flat_map(|policy| policy.clauses.iter().map(move |clause| (policy, clause)));
    let clauses: Vec<(&'e AuthorizationPolicy<'a>, &'e Clause<'a>)> = clauses.collect();
    let of_port = |(port, namespaces): (i64, FxHashSet<usize>)| {
        let pod_ports = proxy.pod_ports(port, estate).into_iter();
        let ports: Vec<u16> = pod_ports.filter_map(|port| u16::try_from(port).ok()).collect();
        let is_of_port = |(_, clause): &(&AuthorizationPolicy<'_>, &Clause<'_>)| {
            clause.ports().is_none_or(|limits| ports.iter().any(|&port| limits.contains(&i64::from(port))))
        };
        let listed: Vec<String> = ports.iter().map(u16::to_string).collect();
        let allowed = is_limited.then(|| Allowed::new(clauses.iter().copied().filter(is_of_port).collect()));
        let need = add(Need {
            purpose: Purpose::EgressGateway,
            what: format!("TCP {} of egress gateway `{}`", listed.join(" or "), proxy.name),
            ways: vec![Way { targets: vec![target.clone()], protocol: Protocol::Tcp, ports }],
            used: true,
        });
        Listener { need, namespaces, allowed }
    };
    routed_ports(proxy, estate).into_iter().map(of_port).collect()
}

/// The control plane, on the port on which it serves proxies.
fn discovery(targets: Vec<Target<'_>>) -> Need<'_> {
    Need {
        purpose: Purpose::ControlPlane,
        what: "TCP 15012 of the control plane".to_owned(),
        ways: targets.into_iter().map(|target| Way::to(target, Protocol::Tcp, 15012)).collect(),
        used: true,
    }
}

/// The revision that a workload's proxy belongs to, where a label says.
fn revision<'w>(workload: &'w Workload<'_>, estate: &'w Estate<'_>) -> Option<&'w str> {
    const REVISION: &str = "istio.io/rev";
    let labels: &Labels<'_> = &estate.namespace_of(workload).labels;
    workload.labels.get(REVISION).or_else(|| labels.get(REVISION)).map(|revision| revision.value)
}

fn control_plane<'a>(estate: &'a Estate<'a>) -> Vec<Target<'a>> {
    let is_istiod = |one: &Workload<'_>| {
        let has = |key, value| one.labels.get(key).is_some_and(|label| label.value == value);
        estate.namespace_of(one).name == estate.mesh.root_namespace && (has("app", "istiod") || has("istio", "istiod"))
    };
    let found = estate.workloads.iter().enumerate().filter(|(_, one)| is_istiod(one));
    found.map(|(index, _)| Target::Workload(index)).collect()
}

/// The pods of a proxy; none where it is not known which namespace they are in.
#[must_use]
pub fn proxy_target<'a>(proxy: &EgressProxy<'a>) -> Option<Target<'a>> {
    if let Some(workload) = proxy.workload {
        return Some(Target::Workload(workload));
    }
    let [namespace] = proxy.namespaces[..] else { return None };
    let labels = proxy.labels?.iter().map(|(name, value)| (name.value, value.value)).collect();
    Some(Target::Pods(UnseenPods { namespace, labels, all_labels: false }))
}

/// The ports of the gateway's service to which sidecars are told to send, with the namespaces whose are.
fn routed_ports(proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> BTreeMap<i64, FxHashSet<usize>> {
    let mut found: BTreeMap<i64, FxHashSet<usize>> = BTreeMap::new();
    for service in &estate.mesh.virtual_services {
        let destinations = service.routes_of_sidecars().flat_map(|route| &route.destinations);
        let to_proxy = destinations.filter(|destination| proxy.hosts.contains(destination.host.as_str()));
        for port in to_proxy.filter_map(|destination| destination.port).collect::<BTreeSet<i64>>() {
            let all = estate.namespaces.iter().enumerate();
            let seeing = all.filter(|(_, namespace)| service.visibility.from(namespace.name));
            found.entry(port).or_default().extend(seeing.map(|(index, _)| index));
        }
    }
    found
}

/// Whoever answers for names, as far as the input tells.
#[must_use]
pub fn names<'a>(estate: &'a Estate<'a>) -> Need<'a> {
    let possible = resolvers(estate);
    let to = |target| Way::to(target, Protocol::Udp, 53);
    let mut ways = Vec::new();
    if possible.kube_dns {
        ways.extend(resolver_pods(&KUBE_DNS, estate).into_iter().map(to));
    }
    if possible.node_local {
        ways.push(to(Target::Address(NODE_LOCAL_ADDRESS)));
        ways.extend(resolver_pods(&NODE_LOCAL_DNS, estate).into_iter().map(to));
    }
    if possible.cloud_dns {
        ways.push(to(Target::Address(METADATA_ADDRESS)));
    }
    let what = match (possible.kube_dns, possible.node_local, possible.cloud_dns) {
        (false, true, false) => "UDP 53 of NodeLocal DNSCache",
        (false, false, true) => "UDP 53 of Cloud DNS at 169.254.169.254",
        (true, false, false) => "UDP 53 of kube-dns",
        _ => "UDP 53 of the cluster's resolver",
    };
    Need { purpose: Purpose::Names, what: what.to_owned(), ways, used: true }
}

fn resolver_pods<'a>(labels: &'static [(&'static str, &'static str)], estate: &'a Estate<'a>) -> Vec<Target<'a>> {
    let is_resolver = |workload: &Workload<'_>| {
        let has = |(name, value): &(&str, &str)| workload.labels.get(name).is_some_and(|label| label.value == *value);
        estate.namespace_of(workload).name == RESOLVER_NAMESPACE && labels.iter().all(has)
    };
    let found = estate.workloads.iter().enumerate().filter(|(_, workload)| is_resolver(workload));
    let found: Vec<Target<'a>> = found.map(|(index, _)| Target::Workload(index)).collect();
    if !found.is_empty() {
        return found;
    }
    vec![Target::Pods(UnseenPods { namespace: RESOLVER_NAMESPACE, labels: labels.to_vec(), all_labels: true })]
}

fn google_apis<'a>(estate: &'a Estate<'a>) -> Need<'a> {
    let (private, restricted) = (google_private(), google_restricted());
    let blocks = match (answered(private, estate).is_some(), answered(restricted, estate).is_some()) {
        (true, false) => vec![private],
        (false, true) => vec![restricted],
        _ => vec![private, restricted],
    };
    let addresses = |block: &AddressSet| -> Vec<Target<'a>> {
        let first = block.first();
        let four = (0..4).filter_map(move |offset| match first? {
            IpAddr::V4(first) => Some(IpAddr::V4((first.to_bits() + offset).into())),
            IpAddr::V6(_) => None,
        });
        four.map(Target::Address).collect()
    };
    let way = |block| Way { targets: addresses(block), protocol: Protocol::Tcp, ports: vec![443] };
    Need {
        purpose: Purpose::GoogleApis,
        what: "TCP 443 of Google's APIs at their private addresses".to_owned(),
        ways: blocks.into_iter().map(way).collect(),
        used: false,
    }
}

/// Where Workload Identity answers on the older dataplane, from the node that has it.
const OLD_METADATA: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(169, 254, 169, 252)), IpAddr::V4(Ipv4Addr::LOCALHOST)];

fn metadata<'a>(estate: &Estate<'_>) -> Need<'a> {
    let new = || Way::to(Target::Address(METADATA_ADDRESS), Protocol::Tcp, 80);
    let old = OLD_METADATA.map(|address| Way {
        targets: vec![Target::Address(address)],
        protocol: Protocol::Tcp,
        ports: vec![988, 987],
    });
    let (ways, what) = match Dataplane::of(estate) {
        Dataplane::Dpv2 => (vec![new()], "TCP 80 of the metadata server at 169.254.169.254"),
        Dataplane::Calico => (old.to_vec(), "TCP 988 of the metadata server at 169.254.169.252"),
        Dataplane::Unknown => {
            let all = [new()].into_iter().chain(old);
            (all.collect(), "the metadata server, at 169.254.169.254 or as the older dataplane has it")
        }
    };
    Need { purpose: Purpose::Metadata, what: what.to_owned(), ways, used: false }
}
