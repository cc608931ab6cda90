//! Services: stable names for pods, the ports that traffic to them arrives at, and addresses that are no pods.

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use super::mesh::{Mesh, Visibility};
use super::namespace::{Namespace, find};
use super::service_entry::PortProtocol;
use super::{Labels, Text};
use crate::resource::{Kind, Resource, kubernetes};
use crate::source::{Location, Spanned};

/// A service inside the cluster.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    /// The index of its namespace in the estate.
    pub namespace: usize,
    pub name: Text<'a>,
    /// Selects nothing by itself where empty.
    pub selector: &'a Labels<'a>,
    pub ports: Vec<ServicePort<'a>>,
    pub kind: ServiceType,
    /// The host that it is another name of.
    pub external_name: Option<Text<'a>>,
    /// Addresses at which the nodes answer for it.
    pub external_ips: &'a [Text<'a>],
    /// Its virtual addresses, where they are written.
    pub cluster_ips: Vec<IpAddr>,
    /// What says that it has addresses of both families, and its pods with it.
    pub dual_stack: Option<Location>,
    /// Addresses behind it that Endpoints or endpoint slices in the input name.
    pub endpoints: Vec<Text<'a>>,
    /// Which namespaces' proxies see it (annotation `networking.istio.io/exportTo`).
    pub visibility: Visibility<'a>,
}

/// How a service is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceType {
    ClusterIp,
    NodePort,
    LoadBalancer,
    /// Another name of a host.
    ExternalName,
    Unknown,
}

/// A port of a service and the pods' port behind it.
#[derive(Clone, Copy, Debug)]
pub struct ServicePort<'a> {
    pub port: i64,
    /// The pods' port by number; none where it is the name of a container's port.
    pub target: Option<i64>,
    pub target_name: Option<Text<'a>>,
    pub protocol: PortProtocol,
}

impl Service<'_> {
    /// The host by which proxies know it.
    #[must_use]
    pub fn host(&self, namespaces: &[Namespace<'_>]) -> String {
        format!("{}.{}.svc.cluster.local", self.name, namespaces[self.namespace].name)
    }
}

const EXPORT: &str = "networking.istio.io/exportTo";

pub(super) fn services<'a>(
    list: &'a [Resource<'a>],
    namespaces: &[Namespace<'a>],
    mesh: &Mesh<'a>,
) -> Vec<Service<'a>> {
    let mut behind: FxHashMap<(&str, &str), Vec<Text<'a>>> = FxHashMap::default();
    for resource in list {
        if let (Kind::Endpoints(written), Some(namespace)) = (&resource.kind, resource.namespace)
            && let Some(service) = written.service
        {
            behind.entry((namespace.value, service.value)).or_default().extend(&written.addresses);
        }
    }
    let lower = |resource: &'a Resource<'a>| {
        let Kind::Service(written) = &resource.kind else { return None };
        let ports = written.ports.iter().map(|port| {
            let text = |text: Option<Text<'a>>| text.map(|text| text.value);
            ServicePort {
                port: port.port.value,
                target: port.target.map_or(Some(port.port.value), |target| target.value.parse().ok()),
                target_name: port.target.filter(|target| target.value.parse::<i64>().is_err()),
                protocol: PortProtocol::of_service(text(port.protocol), text(port.app_protocol), text(port.name)),
            }
        });
        let namespace = resource.namespace?.value;
        let exported: Vec<Text<'a>> = resource.meta.annotations.get(EXPORT).into_iter().flat_map(names).collect();
        Some(Service {
            namespace: find(namespaces, namespace)?,
            name: resource.meta.name,
            selector: &written.selector,
            ports: ports.collect(),
            kind: match written.service_type.map_or("ClusterIP", |text| text.value) {
                "ClusterIP" => ServiceType::ClusterIp,
                "NodePort" => ServiceType::NodePort,
                "LoadBalancer" => ServiceType::LoadBalancer,
                "ExternalName" => ServiceType::ExternalName,
                _ => ServiceType::Unknown,
            },
            external_name: written.external_name,
            external_ips: &written.external_ips,
            cluster_ips: written.cluster_ips.iter().filter_map(|text| text.value.parse().ok()).collect(),
            dual_stack: dual_stack(written),
            endpoints: behind.get(&(namespace, resource.meta.name.value)).cloned().unwrap_or_default(),
            visibility: mesh.exports.of_service(&exported, namespace),
        })
    };
    list.iter().filter_map(lower).collect()
}

/// What says that a service has both families of addresses: the policy that insists on them, or the second of the list.
fn dual_stack(written: &kubernetes::Service<'_>) -> Option<Location> {
    let insists = written.family_policy.filter(|policy| policy.value == "RequireDualStack");
    insists.or(written.families.get(1).copied()).map(|text| text.at)
}

/// The names in an annotation's list, each at the place of the whole.
fn names(list: Text<'_>) -> impl Iterator<Item = Text<'_>> {
    let names = list.value.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(move |name| Spanned::new(name, list.at))
}
