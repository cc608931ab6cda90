//! Clusters and node pools.

use super::view::{Listed, Reference, Setting, View};
use crate::resource::reader::{Labels, Text};
use crate::source::{Location, Spanned};

/// A GKE cluster.
#[derive(Clone, Debug)]
pub struct Cluster<'a> {
    pub network: Option<Reference<'a>>,
    pub subnetwork: Option<Reference<'a>>,
    /// The region or zone.
    pub location: Setting<&'a str>,
    pub datapath: Setting<&'a str>,
    pub network_policy: Setting<bool>,
    /// The add-on without which the setting above does nothing.
    pub policy_addon_disabled: Setting<bool>,
    pub autopilot: Setting<bool>,
    /// Whether nodes have internal addresses only where their pool does not say: the newer field, else the older one.
    pub private_nodes: Setting<bool>,
    /// The block that holds the older field: it may be there without it.
    pub private_block: Setting<()>,
    pub networking_mode: Setting<&'a str>,
    pub stack_type: Setting<&'a str>,
    /// The range of the control plane; none where it is reached through Private Service Connect.
    pub control_plane_cidr: Setting<&'a str>,
    pub pod_cidr: Setting<&'a str>,
    /// The name of the subnet's secondary range from which pods get their addresses.
    pub pod_range: Setting<&'a str>,
    pub service_cidr: Setting<&'a str>,
    pub workload_pool: Setting<&'a str>,
    pub provisioning: Provisioning<'a>,
    /// What the pool is like that the cluster brings along.
    pub default_pool: Option<NodeConfig<'a>>,
    pub intranode_visibility: Setting<bool>,
    /// What the cluster logs; absent means the default, system components and workloads.
    pub logging: Listed<Text<'a>>,
    pub logging_service: Setting<&'a str>,
    /// Whether pods keep their own address towards the world.
    pub snat_disabled: Setting<bool>,
    /// Who answers pods' questions for names.
    pub dns_provider: Setting<&'a str>,
    /// Whether a cache on each node answers first (`dnsCacheConfig`).
    pub dns_cache: Setting<bool>,
}

/// Node auto-provisioning.
#[derive(Clone, Debug, Default)]
pub struct Provisioning<'a> {
    pub enabled: Setting<bool>,
    pub service_account: Option<Reference<'a>>,
    /// The block that holds the service account, or would.
    pub at: Option<Location>,
    /// The network tags of the nodes that Google makes.
    pub tags: Listed<Text<'a>>,
}

/// A node pool.
#[derive(Clone, Debug)]
pub struct NodePool<'a> {
    pub cluster: Option<Reference<'a>>,
    /// Whether the pool is written inside of its cluster.
    pub nested: bool,
    /// The region or zone.
    pub location: Setting<&'a str>,
    pub private_nodes: Setting<bool>,
    pub subnetwork: Option<Reference<'a>>,
    pub autoscaling: Setting<bool>,
    pub max_nodes: Setting<i64>,
    pub node: NodeConfig<'a>,
}

/// What the nodes of a pool are like.
#[derive(Clone, Debug, Default)]
pub struct NodeConfig<'a> {
    pub service_account: Option<Reference<'a>>,
    pub scopes: Listed<Text<'a>>,
    pub tags: Listed<Text<'a>>,
    /// Secure tags, as the resource manager knows them.
    pub secure_tags: Listed<Text<'a>>,
    pub labels: Labels<'a>,
    /// Labels that the input leaves open.
    pub labels_unknown: Option<Location>,
    pub taints: Listed<PoolTaint<'a>>,
    pub metadata_mode: Setting<&'a str>,
    pub image: Setting<&'a str>,
    pub machine: Setting<&'a str>,
    pub sandbox: Setting<()>,
    pub accelerators: Setting<()>,
    /// The key of the block; none where the pool leaves it out.
    pub at: Option<Location>,
}

/// A taint as pools write it.
#[derive(Clone, Copy, Debug)]
pub struct PoolTaint<'a> {
    pub key: Text<'a>,
    pub value: Option<Text<'a>>,
    pub effect: Option<Text<'a>>,
}

const NODE_CONFIG: [&str; 2] = ["nodeConfig", "config"];

/// Whether a cluster comes with a pool that no object describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DefaultPool {
    /// Whoever asks for a cluster without naming its pools gets one.
    Made,
    Removed,
    /// The API lists all pools, and only of older clusters it says elsewhere what the nodes are like.
    Listed,
}

pub(super) fn cluster(view: View<'_>, default_pool: DefaultPool) -> Cluster<'_> {
    let networks = view.block(&["networkConfig"]);
    let private = view.block(&["privateClusterConfig"]);
    let allocation = view.block(&["ipAllocationPolicy"]);
    let autopilot = view.flag(&["enableAutopilot"]).or(view.block(&["autopilot"]).flag(&["enabled"]));
    let config = view.block(&["nodeConfig"]);
    let count = view.integer(&["initialNodeCount"]).known().is_some_and(|count| count.value > 0);
    let is_autopilot = autopilot.known().is_some_and(|autopilot| autopilot.value);
    let has_pools = view.get(&["nodePools", "nodePool"]).is_there();
    let is_kept = view.flag(&["removeDefaultNodePool"]).or_default(false) == Some(false);
    let has_default_pool = match default_pool {
        _ if has_pools || is_autopilot || !is_kept => false,
        DefaultPool::Made => config.is_there() || count,
        DefaultPool::Listed => config.is_there(),
        DefaultPool::Removed => false,
    };
    Cluster {
        network: networks.reference(&["network"]).or_else(|| view.reference(&["network", "networkRef"])),
        subnetwork: networks.reference(&["subnetwork"]).or_else(|| view.reference(&["subnetwork", "subnetworkRef"])),
        location: view.text(&["location", "zone", "region"]),
        datapath: view.text(&["datapathProvider"]).or(networks.text(&["datapathProvider"])),
        network_policy: view.block(&["networkPolicy"]).flag(&["enabled"]),
        policy_addon_disabled: view.block(&["addonsConfig"]).block(&["networkPolicyConfig"]).flag(&["disabled"]),
        autopilot,
        private_nodes: networks
            .flag(&["defaultEnablePrivateNodes"])
            .or(view.block(&["defaultNodeNetworkConfig"]).flag(&["enablePrivateNodes"]))
            .or(private.flag(&["enablePrivateNodes"]))
            .or(view.flag(&["enablePrivateNodes"])),
        private_block: private.presence(),
        networking_mode: view.text(&["networkingMode"]).or(routes_based(allocation)),
        stack_type: allocation.text(&["stackType"]),
        control_plane_cidr: private.text(&["masterIpv4CidrBlock"]),
        pod_cidr: allocation.text(&["clusterIpv4CidrBlock", "clusterIpv4Cidr"]).or(view.text(&["clusterIpv4Cidr"])),
        pod_range: allocation.text(&["clusterSecondaryRangeName"]),
        service_cidr: allocation
            .text(&["servicesIpv4CidrBlock", "servicesIpv4Cidr"])
            .or(view.text(&["servicesIpv4Cidr"])),
        workload_pool: view.block(&["workloadIdentityConfig"]).text(&["workloadPool", "identityNamespace"]),
        provisioning: provisioning(view),
        default_pool: has_default_pool.then(|| node_config(config)),
        intranode_visibility: view
            .flag(&["enableIntranodeVisibility"])
            .or(networks.flag(&["enableIntraNodeVisibility"])),
        logging: logging(view.block(&["loggingConfig"])),
        logging_service: view.text(&["loggingService"]),
        snat_disabled: view
            .block(&["defaultSnatStatus"])
            .or_block(networks, &["defaultSnatStatus"])
            .flag(&["disabled"]),
        dns_provider: view.block(&["dnsConfig"]).or_block(networks, &["dnsConfig"]).text(&["clusterDns"]),
        dns_cache: view.block(&["addonsConfig"]).block(&["dnsCacheConfig"]).flag(&["enabled"]),
    }
}

/// The API says of a cluster whose pods have no alias addresses `useIpAliases: false`, or `useRoutes: true`.
fn routes_based(allocation: View<'_>) -> Setting<&'static str> {
    let told = |setting: Setting<bool>, value: bool| setting.known().filter(|flag| flag.value == value);
    let routes = told(allocation.flag(&["useRoutes"]), true).or(told(allocation.flag(&["useIpAliases"]), false));
    routes.map_or(Setting::Absent, |flag| Setting::Known(Spanned::new("ROUTES", flag.at)))
}

fn logging(config: View<'_>) -> Listed<Text<'_>> {
    config.or_block(config, &["componentConfig"]).texts(&["enableComponents"])
}

fn provisioning(view: View<'_>) -> Provisioning<'_> {
    let autoscaling = view.block(&["autoscaling", "clusterAutoscaling"]);
    let defaults = autoscaling.block(&["autoprovisioningNodePoolDefaults", "autoProvisioningDefaults"]);
    Provisioning {
        enabled: autoscaling.flag(&["enableNodeAutoprovisioning", "enabled"]),
        service_account: defaults.reference(&["serviceAccount", "serviceAccountRef"]),
        at: defaults.key().or(autoscaling.key()),
        tags: view.block(&["nodePoolAutoConfig"]).block(&["networkTags"]).texts(&["tags"]),
    }
}

pub(super) fn node_pool<'a>(view: View<'a>, of: Option<Reference<'a>>) -> NodePool<'a> {
    let networks = view.block(&["networkConfig"]);
    let scaling = view.block(&["autoscaling"]);
    let max = scaling.integer(&["maxNodeCount", "totalMaxNodeCount"]);
    let is_scaled = match scaling.presence() {
        Setting::Absent => Setting::Absent,
        Setting::Unknown(at) => Setting::Unknown(at),
        // Only the API has a switch; elsewhere the block is the switch.
        Setting::Known(at) => scaling.flag(&["enabled"]).or(match max {
            Setting::Absent => Setting::Known(Spanned::new(false, at.at)),
            _ => Setting::Known(Spanned::new(true, at.at)),
        }),
    };
    NodePool {
        nested: matches!(of, Some(Reference::Parent(_))),
        cluster: of.or_else(|| view.reference(&["cluster", "clusterRef"])),
        location: view.text(&["location", "zone", "region"]),
        private_nodes: networks.flag(&["enablePrivateNodes"]),
        subnetwork: networks.reference(&["subnetwork"]),
        autoscaling: is_scaled,
        max_nodes: max.or(view.integer(&["nodeCount", "initialNodeCount"])),
        node: node_config(view.block(&NODE_CONFIG)),
    }
}

fn node_config(view: View<'_>) -> NodeConfig<'_> {
    let (labels, labels_unknown) = view.labels(&["labels"]);
    NodeConfig {
        service_account: view.reference(&["serviceAccount", "serviceAccountRef"]),
        scopes: view.texts(&["oauthScopes"]),
        tags: view.texts(&["tags"]),
        secure_tags: secure_tags(view.block(&["resourceManagerTags"])),
        labels,
        labels_unknown,
        taints: taints(view.list(&["taints", "taint"])),
        metadata_mode: view.block(&["workloadMetadataConfig"]).text(&["mode", "nodeMetadata"]),
        image: view.text(&["imageType"]),
        machine: view.text(&["machineType"]),
        sandbox: view.block(&["sandboxConfig"]).presence(),
        accelerators: view.block(&["accelerators", "guestAccelerator", "guestAccelerators"]).presence(),
        at: view.key(),
    }
}

/// Secure tags are a map from key to value; the API puts it one level deeper.
fn secure_tags(view: View<'_>) -> Listed<Text<'_>> {
    let inner = view.block(&["tags"]);
    let map = if inner.is_there() { inner } else { view };
    map.values()
}

fn taints(list: Listed<View<'_>>) -> Listed<PoolTaint<'_>> {
    let mut taints = Listed { items: Vec::new(), at: list.at, unknown: list.unknown };
    for item in list.items {
        let (key, value, effect) = (item.text(&["key"]), item.text(&["value"]), item.text(&["effect"]));
        let unknown = key.unknown().or(value.unknown()).or(effect.unknown());
        match (key.known(), unknown) {
            (Some(key), None) => {
                taints.items.push(PoolTaint { key, value: value.known(), effect: effect.known() });
            }
            (_, unknown) => taints.unknown = taints.unknown.or(unknown),
        }
    }
    taints
}
