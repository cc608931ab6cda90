//! Resources to one estate: what the input means, whoever wrote it in whichever format. Defaults (semantics C.0) are
//! applied here and nowhere else, and each keeps the place of the object that left the field out.

pub mod access;
mod access_log;
pub mod admission;
mod authorization;
mod change;
mod dns;
mod evidence;
mod expectation;
mod extension;
mod firewall;
mod gateway_api;
mod iam;
mod injection;
mod link;
mod listeners;
mod mesh;
mod namespace;
mod network;
mod network_policy;
mod nodes;
mod peer;
mod relations;
mod route;
mod scaling;
mod selector;
mod service;
mod service_entry;
mod sidecar;
mod tls;
mod version;
mod workload;

pub use access_log::{AccessLogs, MeshLog, Telemetry};
pub use authorization::{Action, Attribute, AuthorizationPolicy, Clause, Condition, Conditions, TargetRef};
pub use change::Change;
pub use dns::{Dns, DnsPolicy, DnsZone, Resolvers, ResponsePolicy};
pub use evidence::{Evidence, Layer};
pub use expectation::{Expectation, Expectations, To};
pub use extension::Extension;
pub use firewall::{Direction, FirewallPolicy, FirewallRule, PolicyLevel, RuleSet, Target, Verdict};
pub use iam::{AuditLog, Holder, Iam, IamBinding, Perimeter};
pub use injection::{CaptureDefaults, Cni, InjectionSettings, InjectionWebhook, ProxyVariables};
pub use link::{Identity, Link};
pub use listeners::{Clash, LeftOut, clash};
pub use mesh::{Mesh, OutboundMode, OutboundPolicy, Visibility, WorkloadEntry};
pub use namespace::{NAME_LABEL, Namespace, Role};
pub use network::{
    EnforcementOrder, GoogleEndpoint, Nat, NatSubnet, Network, Peering, Route as NetworkRoute, Subnet, Topology,
};
pub use network_policy::{
    ClauseAction, NamespaceScope, NetworkPolicy, Peer, PeerScope, PodScope, PolicyClause, PolicyKind, Ports, Section,
    Tier,
};
pub use nodes::{Cluster, Effect, Enforcement, NodePool, POOL_LABEL, Provisioning, Taint};
pub use peer::{PeerAuthentication, PeerMode, RequestAuthentication};
pub use relations::{Entity, Relation, Relations};
pub use route::{
    Destination, Gateway, GatewayReference, Hop, Route, RouteKind, RoutesFrom, Server, ServerProtocol, VirtualService,
};
pub use scaling::{Autoscaler, Scaling};
pub use selector::{Match, Requirement, Selector};
pub use service::{Service, ServicePort, ServiceType};
pub use service_entry::{EntryPort, PortProtocol, Resolution, ServiceEntry};
pub use sidecar::{EgressListener, Import, ImportFrom, Sidecar};
pub use tls::{ClientMode, ClientTls, DestinationRule, ServerMode, TlsLayer};
pub use version::IstioVersion;
pub use workload::{Container, Mount, Placement, Toleration, Workload};

pub use crate::resource::gcp::{Listed, NextHop, Setting};
pub use crate::resource::kubernetes::NetworkLogging;
pub use crate::resource::{Labels, Text};

use crate::config::Config;
use crate::resource::{Kind, Resources};
use crate::source::{Location, Problem};

/// The resolved model of one set of manifests.
#[derive(Debug, Default)]
pub struct Estate<'a> {
    pub namespaces: Vec<Namespace<'a>>,
    pub workloads: Vec<Workload<'a>>,
    pub services: Vec<Service<'a>>,
    pub network_policies: Vec<NetworkPolicy<'a>>,
    pub mesh: Mesh<'a>,
    pub access_logs: AccessLogs<'a>,
    /// What Dataplane V2 is told to log of the decisions of network policies.
    pub network_logging: Vec<(Text<'a>, NetworkLogging)>,
    pub clusters: Vec<Cluster<'a>>,
    pub pools: Vec<NodePool<'a>>,
    pub firewall: Vec<FirewallRule<'a>>,
    pub firewall_policies: Vec<FirewallPolicy<'a>>,
    pub topology: Topology<'a>,
    pub dns: Dns<'a>,
    pub iam: Iam<'a>,
    pub access: access::Access<'a>,
    pub admission: admission::Admission<'a>,
    pub evidence: Evidence<'a>,
    /// What the settings state about the ways out.
    pub expectations: Expectations<'a>,
    pub relations: Relations,
    /// What could not be taken as written, such as an address that is none.
    pub problems: Vec<Problem>,
}

/// Lowers resources to the estate they describe.
#[must_use]
pub fn lower<'a>(resources: &'a Resources<'a>, config: &'a Config) -> Estate<'a> {
    let list = &resources.list;
    let mut estate = Estate { evidence: evidence::evidence(resources, config), ..Estate::default() };
    estate.access_logs = access_log::access_logs(list);
    estate.network_logging.extend(list.iter().filter_map(|resource| match &resource.kind {
        Kind::NetworkLogging(written) => Some((resource.meta.name, *written)),
        _ => None,
    }));
    estate.mesh = mesh::mesh(list, version::istio_versions(list, config));
    estate.namespaces = namespace::namespaces(list, &estate.mesh, config);
    (estate.workloads, (estate.services, estate.network_policies)) = rayon::join(
        || workload::workloads(list, &estate.namespaces),
        || {
            let policies = network_policy::network_policies(list, &estate.namespaces, &mut estate.problems);
            (service::services(list, &estate.namespaces, &estate.mesh), policies)
        },
    );
    let directory = link::Directory::new(list);
    (estate.clusters, estate.pools) = nodes::nodes(list, &directory);
    (estate.firewall, estate.firewall_policies) = firewall::firewall(&directory, &mut estate.problems);
    estate.topology = network::topology(list, &directory);
    estate.suppose_network();
    estate.dns = dns::dns(list, &directory);
    estate.iam = iam::iam(&directory, config);
    estate.admission = admission::admission(list);
    estate.access = access::access(list, &estate.namespaces, config);
    estate.expectations = Expectations::new(config);
    estate.relations = relations::relations(&estate);
    estate.evidence.note_cloud_roles(&estate.iam);
    estate.evidence.note_admission(&estate.admission);
    estate.evidence.note_gateways(&estate.mesh, &estate.relations);
    estate
}

impl<'a> Estate<'a> {
    /// Puts the pools and rules that leave out their network into the only one that the input names.
    fn suppose_network(&mut self) {
        let Some(only) = network::only_network(&self.topology, &self.clusters, &self.firewall) else { return };
        let of_pools = self.pools.iter_mut().map(|pool| (&mut pool.network, pool.name.at));
        let of_rules = self.firewall.iter_mut().filter(|rule| rule.set == RuleSet::Vpc);
        let of_rules = of_rules.map(|rule| (&mut rule.network, rule.name.at));
        for (network, at) in of_pools.chain(of_rules).filter(|(network, _)| network.is_none()) {
            *network = Some(only.seen_at(at));
        }
    }

    /// The namespace of a workload.
    #[must_use]
    pub fn namespace_of(&self, workload: &Workload<'_>) -> &Namespace<'a> {
        &self.namespaces[workload.namespace]
    }

    /// A namespace by its name.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&Namespace<'a>> {
        namespace::find(&self.namespaces, name).map(|index| &self.namespaces[index])
    }

    /// The namespaces in which application teams run something, or may: neither those of gateways nor of controllers.
    #[must_use]
    pub fn tenant_namespaces(&self) -> Vec<usize> {
        let mut holds: Vec<Option<bool>> = vec![None; self.namespaces.len()];
        for workload in &self.workloads {
            let tenants = &mut holds[workload.namespace];
            *tenants = Some(tenants.unwrap_or(false) || !workload.is_gateway);
        }
        let is_tenants = |&index: &usize| {
            let namespace = &self.namespaces[index];
            let runs = holds[index].unwrap_or(namespace.declared);
            runs && namespace.role == Role::Tenant && !access::is_controllers(namespace.name)
        };
        (0..self.namespaces.len()).filter(is_tenants).collect()
    }

    /// Who a namespace belongs to; one that is not in the input is known by its name.
    #[must_use]
    pub fn role_of_namespace(&self, name: &str) -> Role {
        let by_name = || if namespace::is_platform(name) { Role::System } else { Role::Tenant };
        self.namespace(name).map_or_else(by_name, |namespace| namespace.role)
    }

    /// The workload's name in the outputs: `namespace/Kind/name`.
    #[must_use]
    pub fn display(&self, workload: &Workload<'_>) -> String {
        format!("{}/{}/{}", self.namespace_of(workload).name, workload.kind, workload.name.value)
    }

    /// What workloads are sorted by where their order is to be seen: never the order of the input.
    #[must_use]
    pub fn order_of<'w>(&self, workload: &Workload<'w>) -> (&'a str, &'w str, &'w str, Location) {
        (self.namespace_of(workload).name, workload.kind, workload.name.value, workload.name.at)
    }

    /// The workloads that application teams own: neither the platform's nor the egress gateway's (semantics A, `WorkloadNs`).
    pub fn tenants(&self) -> impl Iterator<Item = (usize, &Workload<'a>)> {
        let is_tenant = |workload: &Workload<'_>| self.namespace_of(workload).role == Role::Tenant;
        self.workloads.iter().enumerate().filter(move |(_, workload)| is_tenant(workload) && !workload.is_gateway)
    }

    /// The workloads that a gateway's selector picks, anywhere in the cluster.
    pub fn gateway_workloads(&self, gateway: usize) -> impl Iterator<Item = (usize, &Workload<'a>)> {
        self.relations.selected(Entity::Gateway(gateway)).map(|index| (index, &self.workloads[index]))
    }
}

/// A value that the input may leave open: its place and why it is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    pub at: Location,
    pub reason: String,
}
