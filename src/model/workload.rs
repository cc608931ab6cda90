//! Workloads: controllers and bare pods, with what decides where they run, as whom, and what their network sees.

use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet};

use super::namespace::{Namespace, find};
use super::nodes::NodePool;
use super::scaling::{self, Scaling};
use super::selector::term_matches;
use super::{Labels, Match, Text};
use crate::resource::kubernetes::{NodeSelectorTerm, PodSpec, RuntimeClass, Workload as Written, WorkloadKind};
use crate::resource::{Kind, Meta, Resource};
use crate::source::{Location, Spanned};

pub use crate::resource::kubernetes::{Container, Mount};

/// A workload. Pods and replica sets whose owner is in the input are their owner's.
#[derive(Clone, Debug)]
pub struct Workload<'a> {
    /// The index of its namespace in the estate.
    pub namespace: usize,
    /// The owning controller's kind.
    pub kind: &'a str,
    /// The owning controller's name, or the pod's own.
    pub name: Text<'a>,
    pub labels: &'a Labels<'a>,
    pub annotations: &'a Labels<'a>,
    /// Present and true where the pods use the node's network.
    pub host_network: Option<Spanned<bool>>,
    pub service_account: &'a str,
    /// The Google service account that its pods act as, where their own is bound to one (Workload Identity).
    pub cloud_identity: Option<Text<'a>>,
    pub placement: Placement<'a>,
    pub scaling: Scaling<'a>,
    pub pod: &'a PodSpec<'a>,
    /// Whether a mesh gateway proxy is injected instead of a sidecar, so that it is no application.
    pub is_gateway: bool,
    /// Whether the pods were read from a live cluster, with everything that was injected.
    pub live: bool,
    /// The addresses of the pods that the input shows; on their node's network, those of their nodes.
    pub addresses: Vec<IpAddr>,
}

/// What the scheduler is told.
#[derive(Clone, Debug)]
pub struct Placement<'a> {
    /// Set where the scheduler is passed over.
    pub node_name: Option<Text<'a>>,
    node_selector: &'a Labels<'a>,
    /// What the pods' runtime class adds to the selector, where it is in the input.
    runtime: Option<&'a Labels<'a>>,
    affinity: Option<&'a [NodeSelectorTerm<'a>]>,
    pub tolerations: Vec<Toleration<'a>>,
}

/// A toleration with its defaults: operator Equal, every effect, an empty value.
#[derive(Clone, Copy, Debug)]
pub struct Toleration<'a> {
    /// None tolerates every key.
    pub key: Option<&'a str>,
    /// Whether the key alone is enough (`Exists`).
    pub exists: bool,
    /// An operator that is neither Equal nor Exists: what it tolerates is unknown.
    pub odd: bool,
    pub value: &'a str,
    /// None tolerates every effect.
    pub effect: Option<&'a str>,
    pub at: Location,
}

impl<'a> Placement<'a> {
    /// Whether node selector and required affinity admit the nodes of a pool (semantics C.5).
    #[must_use]
    pub fn admits(&self, pool: &NodePool<'_>) -> Match {
        let has = |(key, value): (Text<'_>, Text<'_>)| match pool.labels.get(key.value) {
            Some(found) => Match::from(found.value == value.value),
            None if pool.decides(key.value) => Match::No,
            None => Match::Unknown,
        };
        let selected = Match::all(self.selected().map(has));
        let Some(terms) = self.affinity else { return selected };
        let affine = Match::any(terms.iter().map(|term| term_matches(term, pool)));
        selected.and(affine)
    }

    /// Whether nothing narrows where the pods may run, taints apart. What every node of a cluster has narrows nothing.
    #[must_use]
    pub fn is_free(&self) -> bool {
        let is_common = |key: &str| matches!(key, "kubernetes.io/os" | "beta.kubernetes.io/os" | "kubernetes.io/arch");
        self.affinity.is_none() && self.selected().all(|(key, _)| is_common(key.value))
    }

    /// The labels that nodes must have, with their values.
    pub fn selected(&self) -> impl Iterator<Item = (Text<'a>, Text<'a>)> + '_ {
        self.node_selector.iter().chain(self.runtime.into_iter().flat_map(Labels::iter))
    }

    /// The first key by which nodes are chosen, where none of the keys that have to be met is sound.
    #[must_use]
    pub fn unsound_key(&self, is_sound: impl Fn(&str) -> bool) -> Option<Text<'_>> {
        let selected: Vec<Text<'_>> = self.selected().map(|(key, _)| key).collect();
        let terms = self.affinity.unwrap_or_default();
        let of_term = |term: &NodeSelectorTerm<'_>| term.expressions.iter().any(|one| is_sound(one.key.value));
        let in_every_term = !terms.is_empty() && terms.iter().all(of_term);
        if in_every_term || selected.iter().any(|key| is_sound(key.value)) {
            return None;
        }
        let asked = terms.iter().flat_map(|term| &term.expressions).map(|one| one.key);
        selected.into_iter().chain(asked).next()
    }
}

impl<'a> Workload<'a> {
    /// An annotation that is set to something.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<Text<'a>> {
        self.annotations.get(name)
    }

    /// The key `spec` of the pod: where a field that it leaves out would stand.
    #[must_use]
    pub fn pod_at(&self) -> Location {
        self.pod.at
    }
}

/// Controllers by namespace, kind and name, with their own controller.
type Owners<'a> = FxHashMap<(&'a str, &'a str, &'a str), Option<(&'a str, &'a str)>>;

/// All workloads, in the order of the input; after them the gateways that only an IstioOperator describes.
pub(super) fn workloads<'a>(list: &'a [Resource<'a>], namespaces: &[Namespace<'a>]) -> Vec<Workload<'a>> {
    let mut owners = Owners::default();
    for resource in list {
        if let (Kind::Workload(workload), Some(namespace)) = (&resource.kind, resource.namespace) {
            owners.insert((namespace.value, workload.kind.as_str(), resource.meta.name.value), workload.owner);
        }
    }
    let selected = selected_pod_labels(list);
    let mut places: FxHashMap<_, usize> = FxHashMap::default();
    let mut pods = Vec::new();
    let mut found: Vec<Workload<'a>> = Vec::with_capacity(owners.len());
    for resource in list {
        let (Kind::Workload(written), Some(namespace)) = (&resource.kind, resource.namespace) else { continue };
        let Some(index) = find(namespaces, namespace.value) else { continue };
        let owner = written.owner;
        if let Some((kind, name)) = owner.filter(|(kind, name)| owners.contains_key(&(namespace.value, kind, name))) {
            pods.push((topmost(namespace.value, kind, name, &owners), &**written));
            continue;
        }
        // Pods of one absent owner are one workload as long as nothing can tell them apart.
        if owner.is_some() {
            let known = *places.entry((index, owner, signature(&written.pod, &selected))).or_insert(found.len());
            if let Some(more) = found.get_mut(known) {
                more.addresses.extend(addresses(written));
                continue;
            }
        }
        found.push(workload(written, &resource.meta, index));
    }
    add_addresses(&mut found, pods, namespaces);
    found.extend(operator_gateways(list, namespaces, &owners));
    bind_identities(list, &mut found, namespaces);
    bind_runtime_classes(list, &mut found);
    scaling::bind(list, &mut found, namespaces);
    found
}

/// Finds the Google service accounts that workloads act as.
fn bind_identities<'a>(list: &'a [Resource<'a>], found: &mut [Workload<'a>], namespaces: &[Namespace<'a>]) {
    const BINDING: &str = "iam.gke.io/gcp-service-account";
    let mut bound = FxHashMap::default();
    for resource in list.iter().filter(|resource| matches!(resource.kind, Kind::ServiceAccount)) {
        if let (Some(namespace), Some(account)) = (resource.namespace, resource.meta.annotations.get(BINDING)) {
            bound.insert((namespace.value, resource.meta.name.value), account);
        }
    }
    for workload in found {
        let key = (namespaces[workload.namespace].name, workload.service_account);
        workload.cloud_identity = bound.get(&key).copied();
    }
}

/// Adds what runtime classes say about nodes to the pods that run under them (semantics C.5).
fn bind_runtime_classes<'a>(list: &'a [Resource<'a>], found: &mut [Workload<'a>]) {
    let classes: FxHashMap<&str, &'a RuntimeClass<'a>> = list
        .iter()
        .filter_map(|resource| match &resource.kind {
            Kind::RuntimeClass(class) => Some((resource.meta.name.value, class)),
            _ => None,
        })
        .collect();
    for workload in found {
        let named = workload.pod.runtime_class.and_then(|name| classes.get(name.value));
        if let Some(class) = named {
            workload.placement.runtime = Some(&class.node_selector);
            workload.placement.tolerations.extend(class.tolerations.iter().map(toleration));
        }
    }
}

/// The last controller in the input above one that is in it.
fn topmost<'a>(namespace: &'a str, kind: &'a str, name: &'a str, owners: &Owners<'a>) -> (&'a str, &'a str, &'a str) {
    let mut at = (namespace, kind, name);
    // Owners that own each other in a circle are bounded by the depth that Kubernetes has.
    for _ in 0..4 {
        match owners.get(&at) {
            Some(Some((kind, name))) if owners.contains_key(&(namespace, kind, name)) => at = (namespace, kind, name),
            _ => break,
        }
    }
    at
}

/// Gives controllers the addresses of their pods.
fn add_addresses<'a>(
    found: &mut [Workload<'a>],
    owned: Vec<((&'a str, &'a str, &'a str), &'a Written<'a>)>,
    namespaces: &[Namespace<'a>],
) {
    let mut by_owner: FxHashMap<_, Vec<IpAddr>> = FxHashMap::default();
    for (owner, written) in owned {
        by_owner.entry(owner).or_default().extend(addresses(written));
    }
    for workload in found {
        let key = (namespaces[workload.namespace].name, workload.kind, workload.name.value);
        workload.addresses.extend(by_owner.remove(&key).unwrap_or_default());
    }
}

/// The addresses of a live pod.
fn addresses<'a>(written: &'a Written<'a>) -> impl Iterator<Item = IpAddr> + 'a {
    written.addresses.iter().filter_map(|text| text.value.parse().ok())
}

/// Labels that differ from pod to pod of one controller and that a network policy asks for.
fn selected_pod_labels<'a>(list: &'a [Resource<'a>]) -> FxHashSet<&'a str> {
    let policies = list.iter().filter_map(|resource| match &resource.kind {
        Kind::NetworkPolicy(policy) => Some(policy),
        _ => None,
    });
    let mut selected = FxHashSet::default();
    for policy in policies {
        let clauses = policy.egress.iter().chain(&policy.ingress).flat_map(|clauses| &clauses.value);
        let peers = clauses.filter_map(|clause| clause.peers.as_ref()).flat_map(|peers| &peers.value);
        for selector in peers.filter_map(|peer| peer.pod_selector.as_ref()).chain(&policy.pod_selector) {
            selected.extend(selector.labels.iter().map(|(name, _)| name.value));
            selected.extend(selector.requirements.iter().map(|one| one.key.value));
        }
    }
    selected.retain(|name| is_of_one_pod(name));
    selected
}

/// Labels that controllers give to each of their pods, or to the pods of each of their versions.
fn is_of_one_pod(name: &str) -> bool {
    name.ends_with("-template-hash")
        || name.ends_with("pod-name")
        || name.ends_with("pod-index")
        || name.ends_with("controller-revision-hash")
        || name.ends_with("pod-template-generation")
}

/// Labels that the sidecar injector gives to pods, whatever their template says (semantics C.1).
const INJECTED: [&str; 4] = [
    "security.istio.io/tlsMode",
    "service.istio.io/canonical-name",
    "service.istio.io/canonical-revision",
    "networking.istio.io/tunnel",
];

/// Whether a label may be on pods although their template lacks it: the injector or their controller adds it.
pub(super) fn is_added_later(name: &str) -> bool {
    INJECTED.contains(&name) || is_of_one_pod(name) || name.ends_with("job-name") || name.ends_with("controller-uid")
}

/// The gateways that an IstioOperator asks for and whose Deployment, which Istio makes from it, is not in the input.
fn operator_gateways<'a>(
    list: &'a [Resource<'a>],
    namespaces: &[Namespace<'a>],
    owners: &Owners<'a>,
) -> Vec<Workload<'a>> {
    const KIND: &str = WorkloadKind::Deployment.as_str();
    let mut found = Vec::new();
    for resource in list {
        let Kind::Operator(operator) = &resource.kind else { continue };
        for gateway in &operator.egress_gateways {
            let Some(namespace) = gateway.namespace.or(resource.namespace) else { continue };
            let is_new = !owners.contains_key(&(namespace.value, KIND, gateway.name.value));
            if let Some(index) = find(namespaces, namespace.value).filter(|_| is_new) {
                let scaling = scaling::of_operator(gateway);
                found.push(Workload { is_gateway: true, scaling, ..from_pod(&gateway.pod, KIND, gateway.name, index) });
            }
        }
    }
    found
}

fn signature<'a>(pod: &PodSpec<'a>, selected: &FxHashSet<&str>) -> Vec<(&'a str, &'a str)> {
    let mut labels: Vec<_> = pod.labels.iter().map(|(name, value)| (name.value, value.value)).collect();
    labels.retain(|(name, _)| !is_of_one_pod(name) || selected.contains(name));
    labels.sort_unstable();
    labels
}

fn workload<'a>(written: &'a Written<'a>, meta: &Meta<'a>, namespace: usize) -> Workload<'a> {
    let owner = written.owner.filter(|_| matches!(written.kind, WorkloadKind::Pod | WorkloadKind::ReplicaSet));
    let kind = owner.map_or(written.kind.as_str(), |(kind, _)| kind);
    let name = owner.map_or(meta.name, |(_, name)| Spanned::new(name, meta.name.at));
    let mut workload = from_pod(&written.pod, kind, name, namespace);
    workload.live = written.live;
    workload.scaling = scaling::of_controller(written);
    workload.addresses = addresses(written).collect();
    if written.live {
        // A live pod has a node because the scheduler chose one (semantics ND05).
        workload.placement.node_name = None;
    }
    workload
}

fn from_pod<'a>(pod: &'a PodSpec<'a>, kind: &'a str, name: Text<'a>, namespace: usize) -> Workload<'a> {
    Workload {
        namespace,
        kind,
        name,
        labels: &pod.labels,
        annotations: &pod.annotations,
        host_network: pod.host_network.filter(|host| host.value),
        service_account: pod.service_account.map_or("default", |name| name.value),
        cloud_identity: None,
        placement: Placement {
            node_name: pod.node_name,
            node_selector: &pod.node_selector,
            runtime: None,
            affinity: pod.node_affinity.as_deref(),
            tolerations: pod.tolerations.iter().map(toleration).collect(),
        },
        scaling: Scaling::default(),
        pod,
        is_gateway: is_gateway(pod),
        live: false,
        addresses: Vec::new(),
    }
}

fn toleration<'a>(written: &crate::resource::kubernetes::Toleration<'a>) -> Toleration<'a> {
    let operator = written.operator.map_or("Equal", |operator| operator.value);
    Toleration {
        key: written.key.map(|key| key.value),
        exists: operator == "Exists",
        odd: !matches!(operator, "Exists" | "Equal"),
        value: written.value.map_or("", |value| value.value),
        effect: written.effect.map(|effect| effect.value),
        at: written.at,
    }
}

/// Gateways are deployed with the gateway injection template, or run Istio's proxy as a router and nothing else.
fn is_gateway(pod: &PodSpec<'_>) -> bool {
    let templates = pod.annotations.get("inject.istio.io/templates");
    let by_template = templates.is_some_and(|list| list.split(',').any(|name| name.trim() == "gateway"));
    let proxy = |container: &Container<'_>| container.name.value == "istio-proxy";
    let only_proxy = pod.containers.iter().any(proxy) && pod.containers.iter().filter(|c| !c.init).all(proxy);
    by_template && only_named_like_proxy(pod) || only_proxy
}

/// An application that borrows the gateway template keeps its own containers; a real gateway has only the proxy's stub.
fn only_named_like_proxy(pod: &PodSpec<'_>) -> bool {
    pod.containers.iter().filter(|container| !container.init).all(|container| {
        container.name.value == "istio-proxy" || container.image.is_some_and(|image| image.value == "auto")
    })
}
