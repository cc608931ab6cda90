//! Google Cloud objects as Config Connector writes them.

use super::kubernetes::Taint;
use super::kubernetes::taint;
use super::reader::{Labels, Reader, Text};
use crate::source::{Node, Spanned};

/// A GKE cluster.
#[derive(Clone, Debug)]
pub struct Cluster<'a> {
    pub network: Option<Reference<'a>>,
    pub subnetwork: Option<Reference<'a>>,
    pub datapath: Option<Text<'a>>,
    pub network_policy: Option<Spanned<bool>>,
    /// The add-on without which the setting above does nothing.
    pub policy_addon_disabled: Option<Spanned<bool>>,
    pub autopilot: Option<Spanned<bool>>,
    pub default_pool: Option<NodeConfig<'a>>,
    pub control_plane_cidr: Option<Text<'a>>,
    pub pod_cidr: Option<Text<'a>>,
    pub service_cidr: Option<Text<'a>>,
    pub removes_default_pool: bool,
}

/// A node pool.
#[derive(Clone, Debug)]
pub struct NodePool<'a> {
    pub cluster: Option<Reference<'a>>,
    pub node: NodeConfig<'a>,
}

/// What the nodes of a pool are like.
#[derive(Clone, Debug, Default)]
pub struct NodeConfig<'a> {
    pub service_account: Option<Reference<'a>>,
    pub tags: Vec<Text<'a>>,
    pub labels: Labels<'a>,
    pub taints: Vec<Taint<'a>>,
}

/// A reference to another object: by the name of a Config Connector object, or to something outside.
#[derive(Clone, Copy, Debug)]
pub enum Reference<'a> {
    Name { name: Text<'a>, namespace: Option<Text<'a>> },
    External(Text<'a>),
}

/// A VPC firewall rule.
#[derive(Clone, Debug)]
pub struct Firewall<'a> {
    pub network: Option<Reference<'a>>,
    pub direction: Option<Text<'a>>,
    pub priority: Option<Spanned<i64>>,
    pub disabled: Option<Spanned<bool>>,
    pub allow: Option<Spanned<Vec<FirewallPorts<'a>>>>,
    pub deny: Option<Spanned<Vec<FirewallPorts<'a>>>>,
    pub destination_ranges: Vec<Text<'a>>,
    pub target_service_accounts: Vec<Reference<'a>>,
    pub target_tags: Vec<Text<'a>>,
    /// The rule's name where it differs from the object's.
    pub name: Option<Text<'a>>,
}

/// A protocol with its ports; all ports where none are listed.
#[derive(Clone, Debug)]
pub struct FirewallPorts<'a> {
    pub protocol: Text<'a>,
    pub ports: Vec<Text<'a>>,
}

/// A VPC network.
#[derive(Clone, Debug)]
pub struct Network<'a> {
    pub name: Option<Text<'a>>,
    pub enforcement_order: Option<Text<'a>>,
}

/// A subnet with its ranges.
#[derive(Clone, Debug)]
pub struct Subnetwork<'a> {
    pub name: Option<Text<'a>>,
    pub network: Option<Reference<'a>>,
    pub range: Option<Text<'a>>,
    pub secondary_ranges: Vec<Text<'a>>,
}

/// A Google service account.
#[derive(Clone, Debug)]
pub struct ServiceAccount<'a> {
    /// The account id where it differs from the object's name.
    pub resource_id: Option<Text<'a>>,
}

fn reference<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Reference<'a>> {
    let node = reader.mapping(node)?;
    match reader.text_at(node, "external") {
        Some(external) => Some(Reference::External(external)),
        None => {
            Some(Reference::Name { name: reader.text_at(node, "name")?, namespace: reader.text_at(node, "namespace") })
        }
    }
}

impl<'a> Reference<'a> {
    /// The place of the name.
    #[must_use]
    pub fn text(&self) -> Text<'a> {
        match self {
            Self::Name { name, .. } => *name,
            Self::External(external) => *external,
        }
    }
}

fn reference_at<'a>(reader: &mut Reader, node: Node<'a>, key: &str) -> Option<Reference<'a>> {
    Reader::field(node, key).and_then(|value| reference(reader, value))
}

fn node_config<'a>(reader: &mut Reader, node: Node<'a>) -> NodeConfig<'a> {
    NodeConfig {
        service_account: reference_at(reader, node, "serviceAccountRef"),
        tags: reader.texts_at(node, "tags"),
        labels: reader.labels_at(node, "labels"),
        taints: reader.list_at(node, "taint", taint),
    }
}

pub(super) fn cluster<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Cluster<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let policy = reader.mapping_at(spec, "networkPolicy");
    let addon = reader.mapping_under(spec, &["addonsConfig", "networkPolicyConfig"]);
    let private = reader.mapping_at(spec, "privateClusterConfig");
    let allocation = reader.mapping_at(spec, "ipAllocationPolicy");
    let annotation = node.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let removes = annotation.and_then(|all| all.get("cnrm.cloud.google.com/remove-default-node-pool"));
    Some(Cluster {
        network: reference_at(reader, spec, "networkRef"),
        subnetwork: reference_at(reader, spec, "subnetworkRef"),
        datapath: reader.text_at(spec, "datapathProvider"),
        network_policy: policy.and_then(|policy| reader.flag_at(policy, "enabled")),
        policy_addon_disabled: addon.and_then(|addon| reader.flag_at(addon, "disabled")),
        autopilot: reader.flag_at(spec, "enableAutopilot"),
        default_pool: reader.mapping_at(spec, "nodeConfig").map(|config| node_config(reader, config)),
        control_plane_cidr: private.and_then(|private| reader.text_at(private, "masterIpv4CidrBlock")),
        pod_cidr: allocation.and_then(|block| reader.text_at(block, "clusterIpv4CidrBlock")),
        service_cidr: allocation.and_then(|block| reader.text_at(block, "servicesIpv4CidrBlock")),
        removes_default_pool: removes.and_then(Node::text).is_some_and(|text| text == "true"),
    })
}

pub(super) fn node_pool<'a>(reader: &mut Reader, node: Node<'a>) -> Option<NodePool<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let config = reader.mapping_at(spec, "nodeConfig");
    Some(NodePool {
        cluster: reference_at(reader, spec, "clusterRef"),
        node: config.map(|config| node_config(reader, config)).unwrap_or_default(),
    })
}

fn firewall_ports<'a>(reader: &mut Reader, node: Node<'a>) -> Option<FirewallPorts<'a>> {
    let node = reader.mapping(node)?;
    Some(FirewallPorts {
        protocol: Reader::field(node, "protocol").and_then(|value| reader.text_or_number(value))?,
        ports: reader.list_at(node, "ports", Reader::text_or_number),
    })
}

pub(super) fn firewall<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Firewall<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(Firewall {
        network: reference_at(reader, spec, "networkRef"),
        direction: reader.text_at(spec, "direction"),
        priority: reader.integer_at(spec, "priority"),
        disabled: reader.flag_at(spec, "disabled"),
        allow: reader.spanned_list_at(spec, "allow", firewall_ports),
        deny: reader.spanned_list_at(spec, "deny", firewall_ports),
        destination_ranges: reader.texts_at(spec, "destinationRanges"),
        target_service_accounts: reader.list_at(spec, "targetServiceAccounts", reference),
        target_tags: reader.texts_at(spec, "targetTags"),
        name: reader.text_at(spec, "resourceID"),
    })
}

pub(super) fn network<'a>(reader: &mut Reader, node: Node<'a>) -> Network<'a> {
    let spec = reader.mapping_at(node, "spec");
    let text = |reader: &mut Reader, key| spec.and_then(|spec| reader.text_at(spec, key));
    Network {
        name: text(reader, "resourceID"),
        enforcement_order: text(reader, "networkFirewallPolicyEnforcementOrder"),
    }
}

pub(super) fn subnetwork<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Subnetwork<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(Subnetwork {
        name: reader.text_at(spec, "resourceID"),
        network: reference_at(reader, spec, "networkRef"),
        range: reader.text_at(spec, "ipCidrRange"),
        secondary_ranges: reader.list_at(spec, "secondaryIpRange", |reader, item| reader.text_at(item, "ipCidrRange")),
    })
}

pub(super) fn service_account<'a>(reader: &mut Reader, node: Node<'a>) -> ServiceAccount<'a> {
    let spec = reader.mapping_at(node, "spec");
    ServiceAccount { resource_id: spec.and_then(|spec| reader.text_at(spec, "resourceID")) }
}
