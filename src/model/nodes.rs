//! Clusters and node pools: where workloads can run, and who the machines are to the firewall.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::link::{Directory, Identity, Link, short};
use super::{Labels, Text};
use crate::resource::gcp::{self, Cloud, Item, NodeConfig, PoolTaint, Setting};
use crate::resource::{Kind, Resource, kubernetes};
use crate::source::{Location, Spanned};

/// A cluster.
#[derive(Clone, Debug)]
pub struct Cluster<'a> {
    pub name: Text<'a>,
    /// What other objects know it by.
    pub link: Link<'a>,
    /// The VPC network; none where the input does not say.
    pub network: Option<Link<'a>>,
    /// The subnet of its nodes; none where the input does not say.
    pub subnet: Option<Link<'a>>,
    /// Whether Google places and configures the nodes.
    pub autopilot: bool,
    pub enforcement: Enforcement,
    /// The account of nodes that auto-provisioning makes, where it is on.
    pub provisioning: Option<Provisioning>,
    /// The cluster as it was written.
    pub written: &'a gcp::Cluster<'a>,
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

/// Node auto-provisioning that is on, or may be.
#[derive(Clone, Debug)]
pub struct Provisioning {
    pub certain: bool,
    pub identity: Identity,
    /// The place of the account, or of the block that leaves it out.
    pub at: Location,
}

/// A pool of nodes that are alike.
#[derive(Clone, Debug)]
pub struct NodePool<'a> {
    pub name: Text<'a>,
    /// The index of its cluster in the estate, where that is in the input.
    pub cluster: Option<usize>,
    /// The name of its cluster, by which GKE tags the nodes.
    pub cluster_name: Option<&'a str>,
    /// The region of its nodes.
    pub region: Option<&'a str>,
    pub network: Option<Link<'a>>,
    pub subnet: Option<Link<'a>>,
    pub identity: Identity,
    /// The place of the service account, where one is named.
    pub identity_at: Option<Location>,
    /// The key under which the nodes are described, or the pool's name: where a field that is left out would stand.
    pub config_at: Location,
    pub tags: Vec<Text<'a>>,
    /// A tag that the input leaves open.
    pub tags_unknown: Option<Location>,
    /// Secure tags, as firewall policies know them; none where the input leaves them open.
    pub secure_tags: Option<Vec<&'a str>>,
    /// The nodes' labels, with those that GKE sets.
    pub labels: Labels<'a>,
    /// Labels that the input leaves open.
    pub labels_unknown: bool,
    pub taints: Vec<Taint<'a>>,
    /// Taints that the input leaves open.
    pub taints_unknown: Option<Location>,
    /// Whether the nodes have internal addresses only: the pool's own word, else the cluster's.
    pub private: Setting<bool>,
    /// What pods see of the metadata server.
    pub metadata_mode: Setting<&'a str>,
    pub scopes: Vec<Text<'a>>,
    pub autoscaling: Setting<bool>,
    pub max_nodes: Setting<i64>,
    /// Whether auto-provisioning makes the nodes when pods ask for them: with which labels and taints depends on the pods.
    pub provisioned: bool,
    /// Whether an object describes the pool, rather than nodes of a live cluster.
    pub described: bool,
    /// Whether the pool is described inside of its cluster.
    nested: bool,
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
        let is_open =
            self.provisioned || self.labels_unknown || PLATFORM_LABELS.iter().any(|prefix| key.starts_with(prefix));
        self.labels.get(key).is_some() || !is_open
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
    /// The place of the effect, or of the taint's key where it is left out.
    pub effect_at: Location,
    /// Whether GKE sets it by itself, for the kind of machine.
    pub automatic: bool,
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
pub const POOL_LABEL: &str = "cloud.google.com/gke-nodepool";

/// Labels whose value differs from node to node of a pool: no selector on them can be decided for the pool.
const PER_NODE_LABELS: [&str; 4] = [
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.gke.io/zone",
];

pub(super) fn is_network(item: &Item<'_>) -> bool {
    matches!(item, Item::Network(_))
}

pub(super) fn is_subnet(item: &Item<'_>) -> bool {
    matches!(item, Item::Subnetwork(_))
}

/// The clusters and their pools; nodes of a dump make pools of their own where no pool object describes them.
pub(super) fn nodes<'a>(list: &'a [Resource<'a>], directory: &Directory<'a>) -> (Vec<Cluster<'a>>, Vec<NodePool<'a>>) {
    let mut clusters = Vec::new();
    let mut pools = Vec::new();
    for (index, resource, cloud) in directory.clouds() {
        let Item::Cluster(written) = &cloud.item else { continue };
        clusters.push(cluster(written, resource, directory.own(index), directory));
        let own = clusters.len() - 1;
        if let Some(config) = &written.default_pool {
            let name = Spanned::new("default-pool", resource.meta.name.at);
            pools.push(pool(name, (resource, cloud), config, Some((own, &clusters[own])), directory));
        }
        pools.extend(provisioned_pool(own, &clusters[own], resource, directory));
    }
    for (_, resource, cloud) in directory.clouds() {
        let Item::NodePool(written) = &cloud.item else { continue };
        let link =
            written.cluster.map(|name| directory.resolve(name, resource, |item| matches!(item, Item::Cluster(_))));
        let exact = |cluster: &Cluster<'_>| link.is_some_and(|link| cluster.link.is_object(&link));
        let is_its = |cluster: &Cluster<'_>| link.is_some_and(|link| cluster.link.is(&link) == super::Match::Yes);
        let of = clusters.iter().position(exact).or_else(|| clusters.iter().position(is_its));
        let of = of.map(|index| (index, &clusters[index]));
        let name = resource.meta.name;
        let mut pool = pool(name, (resource, cloud), &written.node, of, directory);
        pool.private =
            written.private_nodes.or(of.map_or(Setting::Unknown(name.at), |(_, of)| of.written.private_nodes));
        pool.region = pool.region.or_else(|| region(written.location));
        pool.cluster_name = pool.cluster_name.or_else(|| link.and_then(|link| link.name));
        pool.autoscaling = written.autoscaling;
        pool.max_nodes = written.max_nodes;
        let subnet = written.subnetwork.map(|subnet| directory.resolve(subnet, resource, is_subnet));
        pool.subnet = subnet.or(pool.subnet);
        pool.nested = written.nested;
        pools.push(pool);
    }
    described_once(&mut pools);
    pools.extend(observed_pools(list, &pools));
    // What is said of the first of several does not depend on the order of the input.
    pools.sort_by_key(|pool| (pool.name.value, pool.name.at));
    (clusters, pools)
}

/// States and exports describe a pool in its cluster as well as on its own.
fn described_once(pools: &mut Vec<NodePool<'_>>) {
    let alone = pools.iter().filter(|pool| !pool.nested);
    let alone: FxHashSet<(Option<usize>, &str)> = alone.map(|pool| (pool.cluster, pool.name.value)).collect();
    pools.retain(|pool| !pool.nested || !alone.contains(&(pool.cluster, pool.name.value)));
}

/// The region of a location, which may be one of its zones: `europe-west1-b` is in `europe-west1`.
fn region(location: Setting<&str>) -> Option<&str> {
    let name = short(location.known()?.value);
    match name.rsplit_once('-') {
        Some((region, zone)) if zone.len() == 1 && region.contains('-') => Some(region),
        _ => Some(name),
    }
}

/// Dataplane V2 always enforces policies, as on Autopilot; the older dataplane only with Calico, which is asked for and has
/// an add-on of its own.
fn enforcement(written: &gcp::Cluster<'_>, name: Location) -> Enforcement {
    if written.autopilot.or_default(false) == Some(true) {
        return Enforcement::DataplaneV2;
    }
    match written.datapath.or_default("LEGACY_DATAPATH") {
        Some("ADVANCED_DATAPATH") => return Enforcement::DataplaneV2,
        Some("LEGACY_DATAPATH" | "DATAPATH_PROVIDER_UNSPECIFIED") if written.autopilot.unknown().is_none() => {}
        _ => return Enforcement::Unknown,
    }
    match (written.network_policy, written.policy_addon_disabled) {
        (Setting::Unknown(_), _) | (_, Setting::Unknown(_)) => Enforcement::Unknown,
        (Setting::Known(enabled), Setting::Known(off)) if enabled.value && off.value => Enforcement::Nothing(off.at),
        (Setting::Known(enabled), _) if enabled.value => Enforcement::Calico,
        (Setting::Known(disabled), _) => Enforcement::Nothing(disabled.at),
        (Setting::Absent, _) => Enforcement::Nothing(written.datapath.known().map_or(name, |datapath| datapath.at)),
    }
}

fn cluster<'a>(
    written: &'a gcp::Cluster<'a>,
    resource: &'a Resource<'a>,
    link: Link<'a>,
    directory: &Directory<'a>,
) -> Cluster<'a> {
    let wanted = &written.provisioning;
    let account = wanted.service_account;
    let provisioning = match wanted.enabled {
        Setting::Known(enabled) if enabled.value => Some((true, enabled.at)),
        Setting::Unknown(at) => Some((false, at)),
        _ => None,
    };
    let autopilot = written.autopilot.known().is_some_and(|autopilot| autopilot.value);
    Cluster {
        name: resource.meta.name,
        link,
        network: written.network.map(|network| directory.resolve(network, resource, is_network)),
        subnet: written.subnetwork.map(|subnet| directory.resolve(subnet, resource, is_subnet)),
        autopilot,
        enforcement: enforcement(written, resource.meta.name.at),
        provisioning: provisioning.filter(|_| !autopilot).map(|(certain, at)| Provisioning {
            certain,
            identity: account.map_or(Identity::Default, |account| directory.identity(account, resource)),
            at: account.map(|account| account.at()).or(wanted.at).unwrap_or(at),
        }),
        written,
    }
}

fn pool<'a>(
    name: Text<'a>,
    (resource, cloud): (&'a Resource<'a>, &'a Cloud<'a>),
    config: &'a NodeConfig<'a>,
    cluster: Option<(usize, &Cluster<'a>)>,
    directory: &Directory<'a>,
) -> NodePool<'a> {
    let of = cluster.map(|(_, cluster)| cluster);
    // A name that is made up later is no label that a selector could ask for.
    let is_named = cloud.name.known().is_some() || resource.namespace.is_some();
    NodePool {
        name,
        cluster: cluster.map(|(index, _)| index),
        cluster_name: of.and_then(|cluster| cluster.link.name),
        region: of.and_then(|cluster| region(cluster.written.location)),
        network: of.and_then(|cluster| cluster.network),
        subnet: of.and_then(|cluster| cluster.subnet),
        identity: config.service_account.map_or(Identity::Default, |account| directory.identity(account, resource)),
        identity_at: config.service_account.map(|account| account.at()),
        config_at: config.at.unwrap_or(name.at),
        tags: config.tags.items.clone(),
        tags_unknown: config.tags.unknown,
        secure_tags: config
            .secure_tags
            .unknown
            .is_none()
            .then(|| config.secure_tags.items.iter().map(|tag| tag.value).collect()),
        labels: labels(name, is_named, config),
        labels_unknown: config.labels_unknown.is_some(),
        taints: config.taints.items.iter().map(pool_taint).chain(automatic_taints(name, config)).collect(),
        taints_unknown: config.taints.unknown,
        private: of.map_or(Setting::Unknown(name.at), |cluster| cluster.written.private_nodes),
        metadata_mode: config.metadata_mode,
        scopes: config.scopes.items.clone(),
        autoscaling: Setting::Absent,
        max_nodes: Setting::Absent,
        provisioned: false,
        described: true,
        nested: false,
    }
}

/// The labels of a pool, with those that GKE sets by itself (semantics C.5).
fn labels<'a>(name: Text<'a>, is_named: bool, config: &NodeConfig<'a>) -> Labels<'a> {
    let mut labels = config.labels.clone();
    let family = config.machine.known().and_then(|machine| machine.value.split_once('-')).map(|(family, _)| family);
    let implied = [
        (POOL_LABEL, is_named.then_some(name.value)),
        ("kubernetes.io/os", Some(if is_windows(config) { "windows" } else { "linux" })),
        ("iam.gke.io/gke-metadata-server-enabled", Some("true")),
        ("cloud.google.com/machine-family", family),
    ];
    for (key, value) in implied {
        if let Some(value) = value.filter(|_| labels.get(key).is_none()) {
            labels.set(Spanned::new(key, name.at), Spanned::new(value, name.at));
        }
    }
    labels
}

fn is_windows(config: &NodeConfig<'_>) -> bool {
    config.image.known().is_some_and(|image| image.value.to_ascii_uppercase().starts_with("WINDOWS"))
}

/// The taints that GKE sets on nodes of special kinds (semantics C.5).
fn automatic_taints<'a>(name: Text<'a>, config: &NodeConfig<'a>) -> Vec<Taint<'a>> {
    /// The families of machines with Arm processors.
    const ARM: [&str; 4] = ["t2a-", "c4a-", "n4a-", "a4x-"];
    let is_arm = config.machine.known().is_some_and(|machine| ARM.iter().any(|arm| machine.value.starts_with(arm)));
    let kinds = [
        (config.accelerators.known().is_some(), "nvidia.com/gpu", "present"),
        (config.sandbox.known().is_some(), "sandbox.gke.io/runtime", "gvisor"),
        (is_arm, "kubernetes.io/arch", "arm64"),
        (is_windows(config), "node.kubernetes.io/os", "windows"),
    ];
    let taint = |(_, key, value)| Taint {
        key: Spanned::new(key, name.at),
        value,
        effect: Effect::NoSchedule,
        effect_at: name.at,
        automatic: true,
    };
    let is_new = |key: &str| !config.taints.items.iter().any(|own| own.key.value == key);
    kinds.into_iter().filter(|(applies, key, _)| *applies && is_new(key)).map(taint).collect()
}

/// The nodes that Google makes when pods ask for them: by auto-provisioning, or all of an Autopilot cluster.
fn provisioned_pool<'a>(
    index: usize,
    cluster: &Cluster<'a>,
    resource: &'a Resource<'a>,
    directory: &Directory<'a>,
) -> Option<NodePool<'a>> {
    let wanted = &cluster.written.provisioning;
    let (name, identity, at) = match &cluster.provisioning {
        Some(provisioning) => ("auto-provisioned", provisioning.identity.clone(), provisioning.at),
        None if cluster.autopilot => {
            let account = wanted.service_account;
            let identity = account.map_or(Identity::Default, |account| directory.identity(account, resource));
            ("autopilot", identity, account.map(|account| account.at()).or(wanted.at).unwrap_or(cluster.name.at))
        }
        None => return None,
    };
    Some(NodePool {
        name: Spanned::new(name, at),
        cluster: Some(index),
        cluster_name: cluster.link.name,
        region: region(cluster.written.location),
        network: cluster.network,
        subnet: cluster.subnet,
        identity,
        identity_at: Some(at),
        config_at: at,
        tags: wanted.tags.items.clone(),
        tags_unknown: wanted.tags.unknown,
        secure_tags: None,
        labels: Labels::default(),
        labels_unknown: true,
        taints: Vec::new(),
        taints_unknown: None,
        private: cluster.written.private_nodes,
        metadata_mode: Setting::Absent,
        scopes: Vec::new(),
        autoscaling: Setting::Absent,
        max_nodes: Setting::Absent,
        provisioned: true,
        described: true,
        nested: false,
    })
}

fn effect(name: &str) -> Effect {
    match name {
        "NoSchedule" | "NO_SCHEDULE" => Effect::NoSchedule,
        "PreferNoSchedule" | "PREFER_NO_SCHEDULE" => Effect::PreferNoSchedule,
        "NoExecute" | "NO_EXECUTE" => Effect::NoExecute,
        _ => Effect::Unknown,
    }
}

fn pool_taint<'a>(written: &PoolTaint<'a>) -> Taint<'a> {
    Taint {
        key: written.key,
        value: written.value.map_or("", |value| value.value),
        effect: written.effect.map_or(Effect::Unknown, |name| effect(name.value)),
        effect_at: written.effect.map_or(written.key.at, |effect| effect.at),
        automatic: false,
    }
}

fn node_taint<'a>(written: &kubernetes::Taint<'a>) -> Taint<'a> {
    Taint {
        key: written.key,
        value: written.value.map_or("", |value| value.value),
        effect: effect(written.effect.value),
        effect_at: written.effect.at,
        automatic: false,
    }
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
            cluster_name: None,
            region: None,
            network: None,
            subnet: None,
            identity: Identity::Unknown,
            identity_at: None,
            config_at: name.at,
            tags: Vec::new(),
            tags_unknown: Some(name.at),
            secure_tags: None,
            labels: shared_labels(&node.labels),
            labels_unknown: false,
            taints: node.taints.iter().map(node_taint).filter(|taint| !is_transient(taint.key.value)).collect(),
            taints_unknown: None,
            private: Setting::Unknown(name.at),
            metadata_mode: Setting::Unknown(name.at),
            scopes: Vec::new(),
            autoscaling: Setting::Unknown(name.at),
            max_nodes: Setting::Unknown(name.at),
            provisioned: false,
            described: false,
            nested: false,
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
