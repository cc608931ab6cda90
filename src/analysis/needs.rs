//! What a workload of the mesh must be able to reach: its control plane, the egress gateway, names, the metadata server
//! and Google's APIs (semantics A.8, NP03).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use rustc_hash::FxHashMap;

use super::authorization::enforced;
use super::capture::{Capture, Injection};
use super::destinations::{answered, google_private, google_restricted};
use super::egress::{Egress, EgressProxy};
use super::network_policy::{Dataplane, Target, UnseenPods};
use super::resolver::{KUBE_DNS, METADATA_ADDRESS, NODE_LOCAL_ADDRESS, NODE_LOCAL_DNS, RESOLVER_NAMESPACE, resolvers};
use crate::model::{Action, Attribute, Clause, Condition, Estate, GatewayReference, Labels, Workload};
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

/// What is the same for all workloads: who serves them.
#[derive(Debug)]
pub struct Needs<'a> {
    estate: &'a Estate<'a>,
    egress: &'a Egress<'a>,
    capture: &'a [Capture<'a>],
    /// The control plane's workloads, where it is in the input.
    control_plane: Vec<Target<'a>>,
    names: Need<'a>,
    google_apis: Need<'a>,
    metadata: Need<'a>,
    /// Whether some cluster gives pods identities of Google's.
    gives_identities: bool,
    /// The ports of each proxy to which the sidecars of a namespace are told to send.
    routed: FxHashMap<(usize, usize), BTreeSet<i64>>,
}

impl<'a> Needs<'a> {
    /// Finds out who serves the workloads of an estate.
    #[must_use]
    pub fn new(estate: &'a Estate<'a>, egress: &'a Egress<'a>, capture: &'a [Capture<'a>]) -> Self {
        let mut routed = FxHashMap::default();
        for (index, proxy) in egress.proxies.iter().enumerate() {
            for namespace in 0..estate.namespaces.len() {
                let ports = routed_ports(proxy, estate.namespaces[namespace].name, estate);
                if !ports.is_empty() {
                    routed.insert((index, namespace), ports);
                }
            }
        }
        Self {
            estate,
            egress,
            capture,
            control_plane: control_plane(estate),
            names: names(estate),
            google_apis: google_apis(estate),
            metadata: metadata(estate),
            gives_identities: estate.clusters.iter().any(|cluster| cluster.written.workload_pool.known().is_some()),
            routed,
        }
    }

    /// What a workload needs; nothing for one that is not known to be in the mesh.
    #[must_use]
    pub fn of(&self, workload: usize) -> Vec<Need<'a>> {
        let own = &self.estate.workloads[workload];
        if !matches!(self.capture[workload].injection, Injection::In { .. }) {
            return Vec::new();
        }
        let mut found: Vec<Need<'a>> = self.discovery(own).into_iter().collect();
        found.extend(self.gateways(own));
        // Who brings resolvers of his own, or asks the node's, does not need the cluster's.
        if !own.pod.dns.policy.is_some_and(|policy| matches!(policy.value, "None" | "Default")) {
            found.push(self.names.clone());
        }
        if let Some(used) = self.uses_google(own) {
            found.push(Need { used, ..self.google_apis.clone() });
            found.push(Need { used, ..self.metadata.clone() });
        }
        found
    }

    fn discovery(&self, workload: &Workload<'_>) -> Option<Need<'a>> {
        let mut targets = self.control_plane.clone();
        // A managed control plane is not in the cluster; where nothing tells, it need not be either.
        let managed = |revision: &str| revision.starts_with("asm-managed");
        if targets.is_empty() && revision(workload, self.estate).is_some_and(|revision| !managed(revision)) {
            let labels = vec![("app", "istiod"), ("istio", "istiod")];
            let namespace = self.estate.mesh.root_namespace;
            targets.push(Target::Pods(UnseenPods { namespace, labels, all_labels: false }));
        }
        let ways: Vec<Way<'a>> = targets.into_iter().map(|target| Way::to(target, Protocol::Tcp, DISCOVERY)).collect();
        let what = "TCP 15012 of the control plane".to_owned();
        (!ways.is_empty()).then_some(Need { purpose: Purpose::ControlPlane, what, ways, used: true })
    }

    /// The listeners of the gateway to which routes that the workload sees lead, if the gateway may let it through.
    fn gateways(&self, workload: &Workload<'_>) -> Vec<Need<'a>> {
        let mut found = Vec::new();
        for (index, proxy) in self.egress.proxies.iter().enumerate() {
            let Some(target) = proxy_target(proxy) else { continue };
            for &port in self.routed.get(&(index, workload.namespace)).into_iter().flatten() {
                let of_pods: Vec<u16> = proxy
                    .pod_ports(port, self.estate)
                    .into_iter()
                    .filter_map(|port| u16::try_from(port).ok())
                    .collect();
                if !of_pods.iter().any(|&port| admits(proxy, workload, port, self.estate)) {
                    continue;
                }
                let listed: Vec<String> = of_pods.iter().map(u16::to_string).collect();
                found.push(Need {
                    purpose: Purpose::EgressGateway,
                    what: format!("TCP {} of egress gateway `{}`", listed.join(" or "), proxy.name),
                    ways: vec![Way { targets: vec![target.clone()], protocol: Protocol::Tcp, ports: of_pods }],
                    used: true,
                });
            }
        }
        found
    }

    /// Whether a workload is known to use Google's identities; none where nothing says that it may.
    fn uses_google(&self, workload: &Workload<'_>) -> Option<bool> {
        let managed = revision(workload, self.estate).is_some_and(|revision| revision.starts_with("asm"));
        match workload.cloud_identity {
            Some(_) => Some(true),
            None => (managed || self.gives_identities).then_some(false),
        }
    }
}

/// The revision that a workload's proxy belongs to, where a label says.
fn revision<'w>(workload: &'w Workload<'_>, estate: &'w Estate<'_>) -> Option<&'w str> {
    const REVISION: &str = "istio.io/rev";
    let labels: &Labels<'_> = &estate.namespace_of(workload).labels;
    workload.labels.get(REVISION).or_else(|| labels.get(REVISION)).map(|revision| revision.value)
}

/// The port on which the control plane serves proxies.
const DISCOVERY: u16 = 15012;

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

/// The ports of the gateway's service to which sidecars of a namespace are told to send.
fn routed_ports(proxy: &EgressProxy<'_>, namespace: &str, estate: &Estate<'_>) -> BTreeSet<i64> {
    let seen = estate.mesh.virtual_services.iter().filter(|service| service.visibility.from(namespace));
    let routes = seen.flat_map(|service| {
        let by_sidecars = |route: &&_| service.taken_by(route).any(|(taker, _)| taker == GatewayReference::Mesh);
        service.routes.iter().filter(by_sidecars)
    });
    let destinations = routes.flat_map(|route| &route.destinations);
    let to_proxy = destinations.filter(|destination| proxy.hosts.contains(destination.host.as_str()));
    to_proxy.filter_map(|destination| destination.port).collect()
}

/// Whether the policies at a gateway may let a workload through on a port.
fn admits(proxy: &EgressProxy<'_>, workload: &Workload<'_>, port: u16, estate: &Estate<'_>) -> bool {
    let mut allowing = enforced(proxy, estate).filter(|policy| policy.action == Action::Allow).peekable();
    if allowing.peek().is_none() {
        return true;
    }
    allowing.flat_map(|policy| &policy.clauses).any(|clause| {
        clause.ports().is_none_or(|ports| ports.contains(&i64::from(port))) && may_be_from(clause, workload, estate)
    })
}

/// Whether a clause may speak of a workload, by its namespace and service account.
fn may_be_from(clause: &Clause<'_>, workload: &Workload<'_>, estate: &Estate<'_>) -> bool {
    let namespace = estate.namespace_of(workload).name;
    let account = workload.service_account;
    let may = |test: &Condition<'_>| {
        let holds = |value: &str| match test.attribute {
            Attribute::Namespace => pattern(value, namespace),
            Attribute::ServiceAccount => value == account || value == format!("{namespace}/{account}"),
            Attribute::Principal if value.contains('*') => true,
            Attribute::Principal => value.ends_with(&format!("/ns/{namespace}/sa/{account}")),
            _ => true,
        };
        test.negative || test.values.iter().any(|value| holds(value.value))
    };
    let of_sources = clause.sources.is_empty() || clause.sources.iter().any(|source| source.list.iter().all(may));
    of_sources && clause.conditions.iter().all(may)
}

/// Istio's strings: exact, a prefix, a suffix, or anything.
fn pattern(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(suffix), _) if pattern != "*" => text.ends_with(suffix),
        (_, Some(prefix)) => text.starts_with(prefix),
        _ => pattern == text,
    }
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
