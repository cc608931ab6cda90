//! Clusters and node pools: where workloads can run, and who the machines are to the firewall.

use std::collections::BTreeMap;

use super::{Labels, Text};
use crate::resource::gcp::{self, NodeConfig, Reference};
use crate::resource::{Kind, Resource, kubernetes};
use crate::source::{Location, Spanned};

/// A cluster.
#[derive(Clone, Debug)]
pub struct Cluster<'a> {
    pub name: Text<'a>,
    /// The VPC network by name; none where the input does not say.
    pub network: Option<Text<'a>>,
    /// Whether Google places and configures the nodes.
    pub autopilot: bool,
    pub enforcement: Enforcement,
}

/// Which dataplane enforces network policies in a cluster, if any does (semantics CL07).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    DataplaneV2,
    Calico,
    /// None does; the place that says so, or the cluster's name where nothing is said.
    Nothing(Location),
    /// The setting is filled in later.
    Unknown,
}

/// Who a machine is to the firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A service account's e-mail address.
    Account(String),
    /// The project's default compute service account.
    Default,
    /// A service account that the input does not name.
    Unknown,
}

/// A pool of nodes that are alike.
#[derive(Clone, Debug)]
pub struct NodePool<'a> {
    pub name: Text<'a>,
    /// The index of its cluster in the estate, where that is in the input.
    pub cluster: Option<usize>,
    pub network: Option<Text<'a>>,
    pub identity: Identity,
    /// The place of the service account, where one is named.
    pub identity_at: Option<Location>,
    pub tags: Vec<Text<'a>>,
    /// The nodes' labels, with those that GKE sets.
    pub labels: Labels<'a>,
    pub taints: Vec<Taint<'a>>,
}

/// The keys under which GKE and the kubelet label nodes by themselves: what the input does not show of them is unknown.
const PLATFORM_LABELS: [&str; 8] = [
    "kubernetes.io/",
    "beta.kubernetes.io/",
    "node.kubernetes.io/",
    "topology.kubernetes.io/",
    "failure-domain.beta.kubernetes.io/",
    "topology.gke.io/",
    "cloud.google.com/",
    "iam.gke.io/",
];

impl NodePool<'_> {
    /// Whether the input decides which value, or none, the pool's nodes have for a label.
    #[must_use]
    pub fn decides(&self, key: &str) -> bool {
        self.labels.get(key).is_some() || !PLATFORM_LABELS.iter().any(|prefix| key.starts_with(prefix))
    }
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
    /// An effect that nobody knows.
    Unknown,
}

/// A taint of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Taint<'a> {
    pub key: Text<'a>,
    pub value: &'a str,
    pub effect: Effect,
}

impl Effect {
    /// The effect's name in a toleration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
            Self::Unknown => "?",
        }
    }
}

/// The label that GKE sets on every node of a pool.
const POOL_LABEL: &str = "cloud.google.com/gke-nodepool";

/// Labels whose value differs from node to node of a pool: no selector on them can be decided for the pool.
const PER_NODE_LABELS: [&str; 4] = [
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.gke.io/zone",
];

/// The clusters and their pools; nodes of a dump make pools of their own where no pool object describes them.
pub(super) fn nodes<'a>(list: &'a [Resource<'a>], accounts: &Accounts<'a>) -> (Vec<Cluster<'a>>, Vec<NodePool<'a>>) {
    let mut clusters = Vec::new();
    let mut pools = Vec::new();
    for resource in list {
        if let Kind::Cluster(written) = &resource.kind {
            let network = written.network.map(|network| short_name(network.text()));
            let autopilot = written.autopilot.is_some_and(|autopilot| autopilot.value);
            let enforcement = enforcement(written, resource);
            clusters.push(Cluster { name: resource.meta.name, network, autopilot, enforcement });
            pools.extend(default_pool(written, resource, clusters.len() - 1, accounts, network));
        }
    }
    for resource in list {
        if let Kind::NodePool(written) = &resource.kind {
            let cluster = written.cluster.and_then(|name| {
                clusters.iter().position(|cluster| cluster.name.value == short_name(name.text()).value)
            });
            let network = cluster.and_then(|index| clusters[index].network);
            pools.push(pool(resource.meta.name, resource, &written.node, cluster, (network, accounts)));
        }
    }
    pools.extend(observed_pools(list, &pools));
    (clusters, pools)
}

/// Dataplane V2 always enforces policies, as on Autopilot; the older dataplane only with Calico, which is asked for and has
/// an add-on of its own.
fn enforcement(written: &gcp::Cluster<'_>, resource: &Resource<'_>) -> Enforcement {
    let inside =
        |place: &Location| place.source == resource.meta.at.source && resource.meta.placeholders.contains(place);
    let places = [written.datapath.map(|text| text.at), written.network_policy.map(|flag| flag.at)];
    if places.iter().flatten().any(inside) {
        return Enforcement::Unknown;
    }
    let datapath = written.datapath.map_or("LEGACY_DATAPATH", |datapath| datapath.value);
    if datapath == "ADVANCED_DATAPATH" || written.autopilot.is_some_and(|autopilot| autopilot.value) {
        return Enforcement::DataplaneV2;
    }
    if !matches!(datapath, "LEGACY_DATAPATH" | "DATAPATH_PROVIDER_UNSPECIFIED") {
        return Enforcement::Unknown;
    }
    let addon_off = written.policy_addon_disabled.filter(|disabled| disabled.value);
    match written.network_policy {
        Some(enabled) if enabled.value => addon_off.map_or(Enforcement::Calico, |off| Enforcement::Nothing(off.at)),
        Some(disabled) => Enforcement::Nothing(disabled.at),
        None => Enforcement::Nothing(written.datapath.map_or(resource.meta.name.at, |datapath| datapath.at)),
    }
}

/// The pool that a cluster brings along unless it is removed at creation.
fn default_pool<'a>(
    written: &'a gcp::Cluster<'a>,
    resource: &'a Resource<'a>,
    cluster: usize,
    accounts: &Accounts<'a>,
    network: Option<Text<'a>>,
) -> Option<NodePool<'a>> {
    let config = written.default_pool.as_ref().filter(|_| !written.removes_default_pool)?;
    let name = Spanned::new("default-pool", resource.meta.name.at);
    Some(pool(name, resource, config, Some(cluster), (network, accounts)))
}

fn pool<'a>(
    name: Text<'a>,
    resource: &Resource<'a>,
    config: &'a NodeConfig<'a>,
    cluster: Option<usize>,
    (network, accounts): (Option<Text<'a>>, &Accounts<'a>),
) -> NodePool<'a> {
    let mut labels = config.labels.clone();
    for (key, value) in
        [(POOL_LABEL, name.value), ("kubernetes.io/os", "linux"), ("iam.gke.io/gke-metadata-server-enabled", "true")]
    {
        if labels.get(key).is_none() {
            labels.set(Spanned::new(key, name.at), Spanned::new(value, name.at));
        }
    }
    NodePool {
        name,
        cluster,
        network,
        identity: config.service_account.map_or(Identity::Default, |account| identity(account, resource, accounts)),
        identity_at: config.service_account.map(|account| account.text().at),
        tags: config.tags.clone(),
        labels,
        taints: config.taints.iter().map(taint).collect(),
    }
}

fn taint<'a>(written: &kubernetes::Taint<'a>) -> Taint<'a> {
    let effect = match written.effect.value {
        "NoSchedule" | "NO_SCHEDULE" => Effect::NoSchedule,
        "PreferNoSchedule" | "PREFER_NO_SCHEDULE" => Effect::PreferNoSchedule,
        "NoExecute" | "NO_EXECUTE" => Effect::NoExecute,
        _ => Effect::Unknown,
    };
    Taint { key: written.key, value: written.value.map_or("", |value| value.value), effect }
}

/// Pools that a dump's nodes show and no pool object describes. Their service account is not to be seen.
fn observed_pools<'a>(list: &'a [Resource<'a>], known: &[NodePool<'a>]) -> Vec<NodePool<'a>> {
    let mut pools: BTreeMap<&str, NodePool<'a>> = BTreeMap::new();
    for resource in list {
        let Kind::Node(node) = &resource.kind else { continue };
        let name = node.labels.get(POOL_LABEL).unwrap_or(resource.meta.name);
        if known.iter().any(|pool| pool.name.value == name.value) {
            continue;
        }
        pools.entry(name.value).or_insert_with(|| NodePool {
            name,
            cluster: None,
            network: None,
            identity: Identity::Unknown,
            identity_at: None,
            tags: Vec::new(),
            labels: shared_labels(&node.labels),
            taints: node.taints.iter().map(taint).filter(|taint| !is_transient(taint.key.value)).collect(),
        });
    }
    pools.into_values().collect()
}

fn shared_labels<'a>(labels: &Labels<'a>) -> Labels<'a> {
    let mut shared = Labels::default();
    labels
        .iter()
        .filter(|(name, _)| !PER_NODE_LABELS.contains(&name.value))
        .for_each(|(name, value)| shared.set(name, value));
    shared
}

/// Taints that the node controller sets and clears with the node's health say nothing about the pool.
fn is_transient(key: &str) -> bool {
    key.starts_with("node.kubernetes.io/") || key.starts_with("node.cloudprovider.kubernetes.io/")
}

/// Service-account e-mails by the namespace and name of their Config Connector object.
pub(super) type Accounts<'a> = BTreeMap<(&'a str, &'a str), String>;

pub(super) fn accounts<'a>(list: &'a [Resource<'a>]) -> Accounts<'a> {
    let mut found = Accounts::new();
    for resource in list {
        if let Kind::CloudServiceAccount(written) = &resource.kind {
            let id = written.resource_id.unwrap_or(resource.meta.name);
            let namespace = resource.namespace.map_or("", |namespace| namespace.value);
            let email = email(id.value, project(resource, list));
            found.insert((namespace, resource.meta.name.value), email);
        }
    }
    found
}

fn email(id: &str, project: &str) -> String {
    format!("{id}@{project}.iam.gserviceaccount.com")
}

/// The project of a Config Connector object: its annotation, else its namespace's, else the namespace's name.
fn project<'a>(resource: &Resource<'a>, list: &'a [Resource<'a>]) -> &'a str {
    const PROJECT: &str = "cnrm.cloud.google.com/project-id";
    let namespace = resource.namespace.map_or("", |namespace| namespace.value);
    let declared =
        list.iter().find(|other| matches!(other.kind, Kind::Namespace) && other.meta.name.value == namespace);
    let annotation = resource.meta.annotations.get(PROJECT);
    annotation.or_else(|| declared?.meta.annotations.get(PROJECT)).map_or(namespace, |project| project.value)
}

/// The identity behind a reference, in every spelling: an object's name, an e-mail, a path that ends in one.
pub(super) fn identity(reference: Reference<'_>, from: &Resource<'_>, accounts: &Accounts<'_>) -> Identity {
    match reference {
        Reference::External(text) => match account_email(text.value) {
            Some(email) => Identity::Account(email.to_owned()),
            None if text.value == "default" => Identity::Default,
            None => Identity::Unknown,
        },
        Reference::Name { name, namespace } => {
            let own = from.namespace.map_or("", |namespace| namespace.value);
            let place = namespace.map_or(own, |namespace| namespace.value);
            accounts.get(&(place, name.value)).map_or(Identity::Unknown, |email| Identity::Account(email.clone()))
        }
    }
}

/// The e-mail address at the end of a service account's path or member name.
fn account_email(text: &str) -> Option<&str> {
    let last = text.rsplit(['/', ':']).next().unwrap_or(text);
    last.contains('@').then_some(last)
}

/// The last segment of a self-link or path: the name that every spelling shares.
pub(super) fn short_name(text: Text<'_>) -> Text<'_> {
    text.map(|text| text.rsplit('/').next().unwrap_or(text))
}
