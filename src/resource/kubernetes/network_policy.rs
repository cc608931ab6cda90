//! NetworkPolicy as written; what absent and empty mean is decided in the lowering (semantics C.0, C.1).

use std::ops::RangeInclusive;

use super::selector::{LabelSelector, label_selector};
use crate::resource::reader::{Reader, Text, is_placeholder};
use crate::source::{Location, Node, Scalar, Spanned};

/// A network policy.
#[derive(Clone, Debug)]
pub struct NetworkPolicy<'a> {
    pub pod_selector: Option<LabelSelector<'a>>,
    pub policy_types: Option<Spanned<Vec<Spanned<PolicyType<'a>>>>>,
    pub egress: Option<Spanned<Vec<PolicyClause<'a>>>>,
    pub ingress: Option<Spanned<Vec<PolicyClause<'a>>>>,
}

/// A direction that a policy speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyType<'a> {
    Ingress,
    Egress,
    /// A word that Kubernetes does not know.
    Other(&'a str),
}

/// One entry of `egress` or `ingress`.
#[derive(Clone, Debug)]
pub struct PolicyClause<'a> {
    pub peers: Option<Spanned<Vec<Peer<'a>>>>,
    pub ports: Option<Spanned<Vec<PolicyPort<'a>>>>,
    /// The clause's first key, or the empty clause itself.
    pub at: Location,
}

/// One entry of `to` or `from`; the entry forms exclude one another only by convention, so all are kept.
#[derive(Clone, Debug)]
pub struct Peer<'a> {
    pub pod_selector: Option<LabelSelector<'a>>,
    pub namespace_selector: Option<LabelSelector<'a>>,
    pub cidr: Option<Text<'a>>,
    pub except: Vec<Text<'a>>,
    pub at: Location,
}

/// One entry of `ports`.
#[derive(Clone, Debug)]
pub struct PolicyPort<'a> {
    pub protocol: Option<Text<'a>>,
    pub port: Option<Spanned<PortValue<'a>>>,
    pub end_port: Option<Spanned<i64>>,
    pub at: Location,
}

/// A port by number, or by the name that the destination's container gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortValue<'a> {
    Number(i64),
    Name(&'a str),
}

fn policy_type(text: &str) -> PolicyType<'_> {
    match text {
        "Ingress" => PolicyType::Ingress,
        "Egress" => PolicyType::Egress,
        other => PolicyType::Other(other),
    }
}

fn peer<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Peer<'a>> {
    let node = reader.mapping(node)?;
    reader.only(node, &["podSelector", "namespaceSelector", "ipBlock"]);
    let selector = |reader: &mut Reader, key| Reader::field(node, key).and_then(|node| label_selector(reader, node));
    let block = reader.mapping_at(node, "ipBlock");
    let peer = Peer {
        pod_selector: selector(reader, "podSelector"),
        namespace_selector: selector(reader, "namespaceSelector"),
        cidr: block.and_then(|block| reader.text_at(block, "cidr")),
        except: block.map(|block| reader.texts_at(block, "except")).unwrap_or_default(),
        at: node.head(),
    };
    let has_selector = peer.pod_selector.is_some() || peer.namespace_selector.is_some();
    match block {
        Some(_) if has_selector => reader.reject(peer.at, "a peer is either an `ipBlock` or selectors, not both"),
        Some(block) if peer.cidr.is_none() => reader.reject(block.head(), "an `ipBlock` without a `cidr`"),
        Some(_) => {
            if let Some(cidr) = peer.cidr.filter(|cidr| !is_placeholder(cidr.value) && !cidr.value.contains('/')) {
                reader.reject(cidr.at, &format!("`{cidr}` has no length of a prefix, such as `/32`"));
            }
        }
        None if !has_selector => reader.reject(peer.at, "a peer without a selector or an `ipBlock`"),
        _ => {}
    }
    Some(peer)
}

/// Reads a port that is a number or a name, which holds a letter.
fn port_value<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Spanned<PortValue<'a>>> {
    let text = reader.text_or_number(node)?;
    let port = text.map(|text| text.parse().map_or(PortValue::Name(text), PortValue::Number));
    match port.value {
        PortValue::Number(_) if matches!(node.scalar(), Some(Scalar::Text(_))) => {
            reader.reject(port.at, &format!("`{}` is a number in quotes, which names no port", text.value));
        }
        PortValue::Number(number) if !PORTS.contains(&number) => {
            reader.reject(port.at, &format!("`{number}` is not a port"));
        }
        _ => {}
    }
    Some(port)
}

/// The numbers that a port can have.
const PORTS: RangeInclusive<i64> = 1..=65535;

fn policy_port<'a>(reader: &mut Reader, node: Node<'a>) -> Option<PolicyPort<'a>> {
    let node = reader.mapping(node)?;
    reader.only(node, &["protocol", "port", "endPort"]);
    let port = PolicyPort {
        protocol: reader.word_at(node, "protocol", &["TCP", "UDP", "SCTP"]),
        port: Reader::field(node, "port").and_then(|value| port_value(reader, value)),
        end_port: reader.integer_at(node, "endPort"),
        at: node.head(),
    };
    let starts_at = |end: i64| match port.port.map(|port| port.value) {
        Some(PortValue::Number(start)) => start <= end && PORTS.contains(&end),
        Some(PortValue::Name(_)) | None => false,
    };
    if let Some(end) = port.end_port.filter(|end| !starts_at(end.value)) {
        reader.reject(end.at, "an `endPort` ends the range that a number in `port` starts");
    }
    Some(port)
}

fn clause<'a>(reader: &mut Reader, node: Node<'a>, peers: &str) -> Option<PolicyClause<'a>> {
    // `egress: [null]` is `[{}]` to the API server: a clause that allows everything.
    let at = node.head();
    if node.is_null() {
        return Some(PolicyClause { peers: None, ports: None, at });
    }
    let node = reader.mapping(node)?;
    reader.only(node, &[peers, "ports"]);
    Some(PolicyClause {
        peers: reader.spanned_list_at(node, peers, peer),
        ports: reader.spanned_list_at(node, "ports", policy_port),
        at,
    })
}

pub(in crate::resource) fn network_policy<'a>(reader: &mut Reader, node: Node<'a>) -> Option<NetworkPolicy<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    reader.only(spec, &["podSelector", "policyTypes", "egress", "ingress"]);
    let types = ["Ingress", "Egress"];
    Some(NetworkPolicy {
        pod_selector: Reader::field(spec, "podSelector").and_then(|node| label_selector(reader, node)),
        policy_types: reader
            .spanned_list_at(spec, "policyTypes", |reader, node| Some(reader.word(node, &types)?.map(policy_type))),
        egress: reader.spanned_list_at(spec, "egress", |reader, node| clause(reader, node, "to")),
        ingress: reader.spanned_list_at(spec, "ingress", |reader, node| clause(reader, node, "from")),
    })
}
