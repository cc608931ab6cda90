//! Policies of the cluster's administrators: AdminNetworkPolicy, BaselineAdminNetworkPolicy (v1alpha1) and
//! ClusterNetworkPolicy (v1alpha2) of `policy.networking.k8s.io`, as written (semantics C.2).

use super::network_policy::PolicyPort;
use super::selector::{LabelSelector, label_selector};
use crate::resource::kubernetes::PortValue;
use crate::resource::reader::{Reader, Text};
use crate::source::{Location, Node, Spanned};

/// A policy for the whole cluster.
#[derive(Clone, Debug)]
pub struct AdminPolicy<'a> {
    /// `Admin` or `Baseline`; none for the kinds that name their tier themselves.
    pub tier: Option<Text<'a>>,
    pub priority: Option<Spanned<i64>>,
    pub subject: Option<NamespacedPods<'a>>,
    pub egress: Option<Spanned<Vec<AdminRule<'a>>>>,
    pub ingress: Option<Spanned<Vec<AdminRule<'a>>>>,
}

/// Pods in the namespaces of a selector.
#[derive(Clone, Debug)]
pub struct NamespacedPods<'a> {
    pub namespaces: Option<LabelSelector<'a>>,
    /// None selects all pods of the namespaces.
    pub pods: Option<LabelSelector<'a>>,
    pub at: Location,
}

/// One rule; the first that matches decides.
#[derive(Clone, Debug)]
pub struct AdminRule<'a> {
    pub action: Option<Text<'a>>,
    pub peers: Option<Spanned<Vec<AdminPeer<'a>>>>,
    pub ports: Option<Spanned<Vec<AdminPort<'a>>>>,
    /// The rule's first key.
    pub at: Location,
}

/// One entry of `to` or `from`.
#[derive(Clone, Debug)]
pub struct AdminPeer<'a> {
    pub form: AdminPeerForm<'a>,
    pub at: Location,
}

/// The one field that makes a peer.
#[derive(Clone, Debug)]
pub enum AdminPeerForm<'a> {
    Pods(NamespacedPods<'a>),
    Networks(Vec<Text<'a>>),
    Nodes(LabelSelector<'a>),
    Names(Vec<Text<'a>>),
    /// A field that this version of the API does not have: implementations fail closed.
    Unknown,
}

/// One entry of `ports` or `protocols`.
#[derive(Clone, Debug)]
pub enum AdminPort<'a> {
    /// A protocol with a port or range, or with every port where there is none.
    Numbered(PolicyPort<'a>),
    /// A port by the name that the destination's container gives it, whatever its protocol.
    Named(Text<'a>),
    Unknown(Location),
}

/// `{namespaceSelector, podSelector}`.
fn namespaced_pods<'a>(reader: &mut Reader, node: Node<'a>) -> Option<NamespacedPods<'a>> {
    let node = reader.mapping(node)?;
    let selector = |reader: &mut Reader, key| Reader::field(node, key).and_then(|node| label_selector(reader, node));
    Some(NamespacedPods {
        namespaces: selector(reader, "namespaceSelector"),
        pods: selector(reader, "podSelector"),
        at: node.at(),
    })
}

/// `{namespaces: selector}` or `{pods: {namespaceSelector, podSelector}}`.
fn pods<'a>(reader: &mut Reader, node: Node<'a>) -> Option<NamespacedPods<'a>> {
    if let Some(written) = Reader::field(node, "namespaces") {
        let selector = label_selector(reader, written)?;
        return Some(NamespacedPods { at: selector.at, namespaces: Some(selector), pods: None });
    }
    Reader::field(node, "pods").and_then(|written| namespaced_pods(reader, written))
}

fn peer<'a>(reader: &mut Reader, node: Node<'a>) -> Option<AdminPeer<'a>> {
    let node = reader.mapping(node)?;
    let at = node.entries().next().map_or(node.head(), |entry| entry.value.at());
    let form = if Reader::field(node, "networks").is_some() {
        AdminPeerForm::Networks(reader.texts_at(node, "networks"))
    } else if let Some(selector) = Reader::field(node, "nodes") {
        AdminPeerForm::Nodes(label_selector(reader, selector)?)
    } else if Reader::field(node, "domainNames").is_some() {
        AdminPeerForm::Names(reader.texts_at(node, "domainNames"))
    } else {
        pods(reader, node).map_or(AdminPeerForm::Unknown, AdminPeerForm::Pods)
    };
    Some(AdminPeer { form, at })
}

/// `{portNumber: {protocol, port}}`, `{portRange: {protocol, start, end}}` or `{namedPort: name}` (v1alpha1).
fn v1alpha1_port<'a>(reader: &mut Reader, node: Node<'a>) -> Option<AdminPort<'a>> {
    let node = reader.mapping(node)?;
    let number = |reader: &mut Reader, node, key| {
        reader.integer_at(node, key).map(|port: Spanned<i64>| port.map(PortValue::Number))
    };
    if let Some(named) = reader.text_at(node, "namedPort") {
        return Some(AdminPort::Named(named));
    }
    let (written, first, last) = match reader.mapping_at(node, "portNumber") {
        Some(written) => (written, "port", None),
        None => match reader.mapping_at(node, "portRange") {
            Some(written) => (written, "start", Some("end")),
            None => return Some(AdminPort::Unknown(node.head())),
        },
    };
    Some(AdminPort::Numbered(PolicyPort {
        protocol: reader.text_at(written, "protocol"),
        port: number(reader, written, first),
        end_port: last.and_then(|last| reader.integer_at(written, last)),
        at: node.head(),
    }))
}

/// `{tcp: {destinationPort: {number | range: {start, end}}}}`, likewise `udp` and `sctp`, or
/// `{destinationNamedPort: name}` (v1alpha2).
fn v1alpha2_protocol<'a>(reader: &mut Reader, node: Node<'a>) -> Option<AdminPort<'a>> {
    let node = reader.mapping(node)?;
    if let Some(named) = reader.text_at(node, "destinationNamedPort") {
        return Some(AdminPort::Named(named));
    }
    let protocols = [("tcp", "TCP"), ("udp", "UDP"), ("sctp", "SCTP")];
    let found = protocols.into_iter().find_map(|(key, name)| Some((node.entry(key)?, name)));
    let Some((entry, name)) = found else { return Some(AdminPort::Unknown(node.head())) };
    let port = reader.mapping_at(node, entry.name()).and_then(|one| reader.mapping_at(one, "destinationPort"));
    let range = port.and_then(|port| reader.mapping_at(port, "range"));
    let single = port.and_then(|port| reader.integer_at(port, "number"));
    let first = single.or_else(|| range.and_then(|range| reader.integer_at(range, "start")));
    if port.is_some() && first.is_none() {
        return Some(AdminPort::Unknown(node.head()));
    }
    Some(AdminPort::Numbered(PolicyPort {
        protocol: Some(Spanned::new(name, entry.key.at())),
        port: first.map(|first| first.map(PortValue::Number)),
        end_port: range.and_then(|range| reader.integer_at(range, "end")),
        at: node.head(),
    }))
}

fn rule<'a>(reader: &mut Reader, node: Node<'a>, peers: &str) -> Option<AdminRule<'a>> {
    let at = node.head();
    let node = reader.mapping(node)?;
    let ports = reader.spanned_list_at(node, "ports", v1alpha1_port);
    Some(AdminRule {
        action: reader.text_at(node, "action"),
        peers: reader.spanned_list_at(node, peers, peer),
        ports: ports.or_else(|| reader.spanned_list_at(node, "protocols", v1alpha2_protocol)),
        at,
    })
}

/// Reads a policy of any of the three kinds.
pub(in crate::resource) fn admin_policy<'a>(reader: &mut Reader, node: Node<'a>) -> Option<AdminPolicy<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(AdminPolicy {
        tier: reader.text_at(spec, "tier"),
        priority: reader.integer_at(spec, "priority"),
        subject: reader.mapping_at(spec, "subject").and_then(|subject| pods(reader, subject)),
        egress: reader.spanned_list_at(spec, "egress", |reader, node| rule(reader, node, "to")),
        ingress: reader.spanned_list_at(spec, "ingress", |reader, node| rule(reader, node, "from")),
    })
}
