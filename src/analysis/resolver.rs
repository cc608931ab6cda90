//! Who answers pods' questions for names: kube-dns, a cache on the node, or Cloud DNS (semantics A.8, NP03 and NP04).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use crate::model::{Cluster, Estate, Match, Setting};
use crate::traffic::{PortSet, Protocol, Transport};

/// The namespace of the cluster's own resolvers.
pub const RESOLVER_NAMESPACE: &str = "kube-system";
/// The label by which the pods of kube-dns, and of what replaces it, are known.
pub const KUBE_DNS: [(&str, &str); 1] = [("k8s-app", "kube-dns")];
/// The label of the cache's pods.
pub const NODE_LOCAL_DNS: [(&str, &str); 1] = [("k8s-app", "node-local-dns")];
/// Where the cache on the node answers.
pub const NODE_LOCAL_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 20, 10));
/// Where the metadata server answers, which is the resolver of the network as well.
pub const METADATA_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// The resolvers of which one answers the pods, as far as the input tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolvers {
    /// The pods of kube-dns, or of what stands in for it.
    pub kube_dns: bool,
    /// The cache on the node, by its address or its pods.
    pub node_local: bool,
    /// Cloud DNS, at the address of the metadata server.
    pub cloud_dns: bool,
}

/// Finds the resolvers that are possible. Whether a cluster has the cache by default depends on its version.
#[must_use]
pub fn resolvers(estate: &Estate<'_>) -> Resolvers {
    let cached = estate.workloads.iter().any(|workload| {
        let has_label = NODE_LOCAL_DNS
            .iter()
            .all(|(name, value)| workload.labels.get(name).is_some_and(|label| label.value == *value));
        has_label && estate.namespace_of(workload).name == RESOLVER_NAMESPACE
    });
    if cached {
        return Resolvers { kube_dns: false, node_local: true, cloud_dns: false };
    }
    let unknown = Resolvers { kube_dns: true, node_local: true, cloud_dns: true };
    let all = estate.clusters.iter().map(of_cluster);
    let either = |one: Resolvers, other: Resolvers| Resolvers {
        kube_dns: one.kube_dns || other.kube_dns,
        node_local: one.node_local || other.node_local,
        cloud_dns: one.cloud_dns || other.cloud_dns,
    };
    all.reduce(either).unwrap_or(unknown)
}

fn of_cluster(cluster: &Cluster<'_>) -> Resolvers {
    let cache = match cluster.written.dns_cache {
        Setting::Known(cache) => Match::from(cache.value),
        Setting::Absent | Setting::Unknown(_) => Match::Unknown,
    };
    let cloud = match cluster.written.dns_provider {
        Setting::Known(provider) if provider.value == "CLOUD_DNS" => Match::Yes,
        Setting::Known(provider) if provider.value == "KUBE_DNS" => Match::No,
        // Left to the platform, that is kube-dns on a cluster with nodes of one's own.
        Setting::Known(_) | Setting::Absent if !cluster.autopilot => Match::No,
        Setting::Known(_) | Setting::Absent | Setting::Unknown(_) => Match::Unknown,
    };
    Resolvers {
        kube_dns: cache != Match::Yes && cloud != Match::Yes && !cluster.autopilot,
        node_local: cache != Match::No,
        cloud_dns: cache != Match::Yes && cloud != Match::No,
    }
}

/// What resolvers are asked over: port 53, and port 853 for those that speak TLS.
#[must_use]
pub fn dns() -> &'static Transport {
    static DNS: LazyLock<Transport> = LazyLock::new(|| on([53, 853]));
    &DNS
}

/// The port that every resolver answers on.
#[must_use]
pub fn plain_dns() -> &'static Transport {
    static DNS: LazyLock<Transport> = LazyLock::new(|| on([53]));
    &DNS
}

fn on<const N: usize>(ports: [u16; N]) -> Transport {
    let ports: PortSet = ports.into_iter().collect();
    Transport::ports(Protocol::Udp, ports.clone()).union(&Transport::ports(Protocol::Tcp, ports))
}
