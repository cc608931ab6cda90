//! Google Cloud objects, read alike from every format in which they are kept (inputs 2).

mod api;
mod cluster;
mod dns;
mod firewall;
mod iam;
mod module;
mod network;
mod terraform;
mod view;

pub use cluster::{Cluster, NodeConfig, NodePool, PoolTaint, Provisioning};
pub use dns::{DnsPolicy, DnsZone, RecordSet, ResponsePolicy, ResponseRule};
pub use firewall::{Association, Firewall, FirewallPolicy, PolicyLevel, PolicyRule, Ports};
pub use iam::{AuditLog, Grant, Grants, Perimeter, ServiceAccount};
pub use network::{
    ForwardingRule, LogSettings, Nat, NatSubnet, Network, NextHop, Peering, Route, Router, SecondaryRange, Subnetwork,
};
pub use view::{Listed, Reference, Setting};

pub(super) use api::envelope;
pub(super) use module::{Folders, ModuleCall, UNMODELLED as MODULE, folders};
pub(super) use terraform::{is_override, terraform};
pub(super) use view::View;

use self::cluster::DefaultPool;
use super::reader::Text;
use crate::source::{Location, Node};

/// An object of the cloud.
#[derive(Clone, Debug)]
pub struct Cloud<'a> {
    pub item: Item<'a>,
    /// The name by which the cloud knows it, which may differ from the object's own.
    pub name: Setting<&'a str>,
    pub project: Setting<&'a str>,
    /// How Terraform's expressions refer to it.
    pub address: Option<Address<'a>>,
    /// Why it is not certain that the object exists once: `count`, `for_each`.
    pub multiplied: Option<Location>,
    /// The same block in an override file of Terraform, which changes arguments of this one.
    pub overridden: Option<Location>,
}

impl<'a> Cloud<'a> {
    /// A call of a module whose arguments are all that is known of it.
    pub(super) fn module(name: Text<'a>, at: Location) -> Self {
        Self {
            item: Item::Module(at),
            name: Setting::Known(name),
            project: Setting::Absent,
            address: None,
            multiplied: None,
            overridden: None,
        }
    }
}

/// The address of a resource in Terraform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address<'a> {
    /// The file of a plan or state, or the folder of configuration files.
    pub scope: &'a str,
    /// The module within a plan or state; empty at the root.
    pub module: &'a str,
    pub kind: &'a str,
    pub label: &'a str,
}

/// What an object of the cloud is.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    Cluster(Box<Cluster<'a>>),
    NodePool(Box<NodePool<'a>>),
    Network(Network<'a>),
    Subnetwork(Box<Subnetwork<'a>>),
    Firewall(Box<Firewall<'a>>),
    FirewallPolicy(FirewallPolicy<'a>),
    PolicyRule(Box<PolicyRule<'a>>),
    Association(Association<'a>),
    Router(Router<'a>),
    Nat(Box<Nat<'a>>),
    Route(Route<'a>),
    Peering(Peering<'a>),
    ForwardingRule(ForwardingRule<'a>),
    DnsZone(DnsZone<'a>),
    RecordSet(RecordSet<'a>),
    DnsPolicy(DnsPolicy<'a>),
    ResponsePolicy(ResponsePolicy<'a>),
    ResponseRule(ResponseRule<'a>),
    ServiceAccount(ServiceAccount<'a>),
    Grants(Grants<'a>),
    Perimeter(Perimeter<'a>),
    /// A call of a module that may make firewall rules that the input does not show; the place says where.
    Module(Location),
}

/// The kinds of objects that are read, by what they are rather than by what a format calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Cluster,
    NodePool,
    Network,
    Subnetwork,
    Firewall,
    Policy(PolicyLevel),
    /// A policy as it is in force for a network, with its rules.
    Effective(PolicyLevel),
    PolicyRule(PolicyLevel),
    Association(PolicyLevel),
    Router,
    Nat,
    Route,
    Peering,
    ForwardingRule,
    DnsZone,
    RecordSet,
    DnsPolicy,
    ResponsePolicy,
    ResponseRule,
    ServiceAccount,
    Grants,
    Perimeter,
}

/// An object of the cloud as it was found in whatever holds it.
pub(super) struct Found<'a> {
    pub api_version: &'a str,
    pub kind: &'a str,
    pub family: Family,
    pub view: View<'a>,
    /// The whole object.
    pub node: Node<'a>,
    /// The object's name in its format where it is no field of the object, such as a label in Terraform.
    pub label: Option<Text<'a>>,
    pub project: Setting<&'a str>,
    pub address: Option<Address<'a>>,
    pub multiplied: Option<Location>,
    /// The extent of the object in which this one stands.
    pub parent: Option<Location>,
    /// The cluster of a pool, where the pool's own path names it.
    pub cluster: Option<Text<'a>>,
}

/// What a container of objects holds: those that are modelled, and the rest by type.
#[derive(Default)]
pub(super) struct Contents<'a> {
    pub found: Vec<Found<'a>>,
    pub modules: Vec<ModuleCall<'a>>,
    pub unmodelled: Vec<(&'a str, &'a str)>,
}

impl Family {
    /// The family of a kind of Config Connector.
    pub fn of_config_connector(kind: &str) -> Option<Self> {
        use PolicyLevel::{Global, Hierarchical, Regional};
        Some(match kind {
            "ContainerCluster" => Self::Cluster,
            "ContainerNodePool" => Self::NodePool,
            "ComputeNetwork" => Self::Network,
            "ComputeSubnetwork" => Self::Subnetwork,
            "ComputeFirewall" => Self::Firewall,
            "ComputeFirewallPolicy" => Self::Policy(Hierarchical),
            "ComputeFirewallPolicyRule" => Self::PolicyRule(Hierarchical),
            "ComputeFirewallPolicyAssociation" => Self::Association(Hierarchical),
            "ComputeNetworkFirewallPolicy" => Self::Policy(Global),
            "ComputeNetworkFirewallPolicyRule" => Self::PolicyRule(Global),
            "ComputeNetworkFirewallPolicyAssociation" => Self::Association(Global),
            "ComputeRegionNetworkFirewallPolicy" => Self::Policy(Regional),
            "ComputeRegionNetworkFirewallPolicyRule" => Self::PolicyRule(Regional),
            "ComputeRegionNetworkFirewallPolicyAssociation" => Self::Association(Regional),
            "ComputeRouter" => Self::Router,
            "ComputeRouterNAT" => Self::Nat,
            "ComputeRoute" => Self::Route,
            "ComputeNetworkPeering" => Self::Peering,
            "ComputeForwardingRule" => Self::ForwardingRule,
            "DNSManagedZone" => Self::DnsZone,
            "DNSRecordSet" => Self::RecordSet,
            "DNSPolicy" => Self::DnsPolicy,
            "DNSResponsePolicy" => Self::ResponsePolicy,
            "DNSResponsePolicyRule" => Self::ResponseRule,
            "IAMServiceAccount" => Self::ServiceAccount,
            "IAMPolicy" | "IAMPartialPolicy" | "IAMPolicyMember" | "IAMAuditConfig" => Self::Grants,
            "AccessContextManagerServicePerimeter" => Self::Perimeter,
            _ => return None,
        })
    }

    /// The family of a resource type of Terraform's Google provider.
    pub fn of_terraform(kind: &str) -> Option<Self> {
        let name = kind.strip_prefix("google_")?;
        if ["_iam_member", "_iam_binding", "_iam_policy", "_iam_audit_config"].iter().any(|end| name.ends_with(end)) {
            return Some(Self::Grants);
        }
        Some(match name {
            "container_cluster" => Self::Cluster,
            "container_node_pool" => Self::NodePool,
            "compute_network" => Self::Network,
            "compute_subnetwork" => Self::Subnetwork,
            "compute_firewall" => Self::Firewall,
            "compute_router" => Self::Router,
            "compute_router_nat" => Self::Nat,
            "compute_route" => Self::Route,
            "compute_network_peering" => Self::Peering,
            "compute_forwarding_rule" | "compute_global_forwarding_rule" => Self::ForwardingRule,
            "dns_managed_zone" => Self::DnsZone,
            "dns_record_set" => Self::RecordSet,
            "dns_policy" => Self::DnsPolicy,
            "dns_response_policy" => Self::ResponsePolicy,
            "dns_response_policy_rule" => Self::ResponseRule,
            "service_account" => Self::ServiceAccount,
            "access_context_manager_service_perimeter" => Self::Perimeter,
            _ => return firewall_policy(name),
        })
    }
}

/// The resources of firewall policies: `compute_[[region_]network_]firewall_policy[_rule|_association|_with_rules]`.
fn firewall_policy(name: &str) -> Option<Family> {
    let levels = [
        ("compute_firewall_policy", PolicyLevel::Hierarchical),
        ("compute_network_firewall_policy", PolicyLevel::Global),
        ("compute_region_network_firewall_policy", PolicyLevel::Regional),
    ];
    let (rest, level) = levels.iter().find_map(|(start, level)| Some((name.strip_prefix(start)?, *level)))?;
    match rest {
        "" | "_with_rules" => Some(Family::Policy(level)),
        "_rule" => Some(Family::PolicyRule(level)),
        "_association" => Some(Family::Association(level)),
        _ => None,
    }
}

impl<'a> Found<'a> {
    /// Reads the object.
    pub fn read(&self) -> Cloud<'a> {
        let own = self.view.text(&["resourceID"]);
        let label = self.label.filter(|_| self.family != Family::Grants);
        let name = match self.family {
            // The priority of a rule of a network policy stands there, and a service account's id is no name.
            Family::PolicyRule(_) | Family::ServiceAccount | Family::Grants => self.view.text(&["name"]),
            _ => self.view.text(&["name", "dnsName"]).or(own),
        };
        let labelled = label.map_or(Setting::Absent, |label| Setting::Unknown(label.at));
        Cloud {
            item: self.item(),
            name: name.or(labelled),
            project: self.project,
            address: self.address,
            multiplied: self.multiplied,
            overridden: None,
        }
    }

    /// Whether the object is a firewall policy.
    pub fn is_policy(&self) -> bool {
        matches!(self.family, Family::Policy(_) | Family::Effective(_))
    }

    /// Whether the API wrote the object, which then says all there is.
    fn is_of_api(&self) -> bool {
        self.api_version.ends_with(".googleapis.com")
    }

    /// The object to which a pool belongs that does not name it in a field.
    fn around(&self) -> Option<Reference<'a>> {
        self.parent.map(Reference::Parent).or_else(|| self.cluster.map(Reference::Written))
    }

    /// The object without what surrounds it.
    fn item(&self) -> Item<'a> {
        let view = self.view;
        match self.family {
            Family::Cluster => {
                let default_pool = match (self.is_of_api(), removes_default_pool(self.node)) {
                    (true, _) => DefaultPool::Listed,
                    (false, true) => DefaultPool::Removed,
                    (false, false) => DefaultPool::Made,
                };
                Item::Cluster(Box::new(cluster::cluster(view, default_pool)))
            }
            Family::NodePool => Item::NodePool(Box::new(cluster::node_pool(view, self.around()))),
            Family::Network => Item::Network(network::network(view)),
            Family::Subnetwork => Item::Subnetwork(Box::new(network::subnetwork(view))),
            Family::Firewall => Item::Firewall(Box::new(firewall::firewall(view))),
            Family::Policy(level) => Item::FirewallPolicy(FirewallPolicy {
                // The API writes them into the policy, and leaves out what is empty.
                tells_associations: self.is_of_api(),
                ..firewall::policy(view, level)
            }),
            Family::Effective(level) => {
                Item::FirewallPolicy(FirewallPolicy { effective: true, ..firewall::policy(view, level) })
            }
            Family::PolicyRule(level) => Item::PolicyRule(Box::new(firewall::policy_rule(view, level))),
            Family::Association(level) => Item::Association(firewall::association(view, level)),
            Family::Router => Item::Router(network::router(view)),
            Family::Nat => Item::Nat(Box::new(network::nat(view, self.parent))),
            Family::Route => Item::Route(network::route(view)),
            Family::Peering => Item::Peering(network::peering(view)),
            Family::ForwardingRule => Item::ForwardingRule(network::forwarding_rule(view)),
            Family::DnsZone => Item::DnsZone(dns::zone(view)),
            Family::RecordSet => Item::RecordSet(dns::records(view)),
            Family::DnsPolicy => Item::DnsPolicy(dns::policy(view)),
            Family::ResponsePolicy => Item::ResponsePolicy(dns::response_policy(view)),
            Family::ResponseRule => Item::ResponseRule(dns::response_rule(view)),
            Family::ServiceAccount => Item::ServiceAccount(iam::service_account(view)),
            Family::Grants => Item::Grants(iam::grants(view)),
            Family::Perimeter => Item::Perimeter(iam::perimeter(view)),
        }
    }
}

/// The annotation by which Config Connector is asked to remove the pool that a cluster brings along.
fn removes_default_pool(node: Node<'_>) -> bool {
    let annotations = node.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let removes = annotations.and_then(|all| all.get("cnrm.cloud.google.com/remove-default-node-pool"));
    removes.and_then(Node::text).is_some_and(|text| text == "true")
}

/// A Config Connector object: its fields stand under `spec`.
pub(super) fn config_connector<'a>(api_version: &'a str, kind: &'a str, node: Node<'a>) -> Option<Found<'a>> {
    let family = Family::of_config_connector(kind)?;
    let spec = node.get("spec").filter(|spec| !spec.is_null());
    let annotations = View::of(node).block(&["metadata"]).block(&["annotations"]);
    Some(Found {
        api_version,
        kind,
        family,
        view: spec.map_or(View::Absent, View::of),
        node,
        label: None,
        project: annotations.text(&["cnrm.cloud.google.com/project-id"]),
        address: None,
        multiplied: None,
        parent: None,
        cluster: None,
    })
}
