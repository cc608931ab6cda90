//! DestinationRule: how a client talks to a host.

use super::{Setting, mode_at};
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// A destination rule as written.
#[derive(Clone, Debug)]
pub struct DestinationRule<'a> {
    pub host: Text<'a>,
    pub export_to: Vec<Text<'a>>,
    pub workload_selector: Option<Labels<'a>>,
    pub policy: Option<TrafficPolicy<'a>>,
    pub subsets: Vec<Subset<'a>>,
}

/// A named part of a host's endpoints with a policy of its own.
#[derive(Clone, Debug)]
pub struct Subset<'a> {
    pub name: Text<'a>,
    pub labels: Labels<'a>,
    pub policy: Option<TrafficPolicy<'a>>,
}

/// A traffic policy, as far as it decides about TLS.
#[derive(Clone, Debug)]
pub struct TrafficPolicy<'a> {
    pub tls: Option<ClientTls<'a>>,
    pub ports: Vec<PortTls<'a>>,
    /// The key that the policy stands at.
    pub at: Location,
}

/// One entry of `portLevelSettings`: it replaces the policy above for its port, TLS included.
#[derive(Clone, Debug)]
pub struct PortTls<'a> {
    pub port: Option<Spanned<i64>>,
    pub tls: Option<ClientTls<'a>>,
    /// The entry's first key.
    pub at: Location,
}

/// The `tls` block of a client; without a mode it is DISABLE (semantics C.0).
#[derive(Clone, Copy, Debug)]
pub struct ClientTls<'a> {
    pub mode: Setting<'a>,
    pub sni: Option<Text<'a>>,
    /// The file of the authorities to trust.
    pub authority: Option<Text<'a>>,
    /// The secret that holds certificates.
    pub credential: Option<Text<'a>>,
    /// A certificate or key to show to the server.
    pub certificate: Option<Text<'a>>,
    /// Whether the server's certificate is not looked at.
    pub skip_verify: Option<Spanned<bool>>,
    /// The place of `subjectAltNames`, where it names some.
    pub names: Option<Location>,
}

fn client_tls<'a>(reader: &mut Reader, node: Node<'a>) -> Option<ClientTls<'a>> {
    let mode = mode_at(reader, node, "tls")?;
    let block = reader.mapping_at(node, "tls")?;
    let names = reader.spanned_list_at(block, "subjectAltNames", Reader::text);
    Some(ClientTls {
        mode,
        sni: reader.text_at(block, "sni"),
        authority: reader.text_at(block, "caCertificates"),
        credential: reader.text_at(block, "credentialName"),
        certificate: reader.text_at(block, "clientCertificate").or_else(|| reader.text_at(block, "privateKey")),
        skip_verify: reader.flag_at(block, "insecureSkipVerify"),
        names: names.filter(|names| !names.value.is_empty()).map(|names| names.at),
    })
}

fn port_tls<'a>(reader: &mut Reader, node: Node<'a>) -> Option<PortTls<'a>> {
    let node = reader.mapping(node)?;
    let port = reader.mapping_at(node, "port");
    Some(PortTls {
        port: port.and_then(|port| reader.integer_at(port, "number")),
        tls: client_tls(reader, node),
        at: node.head(),
    })
}

fn traffic_policy<'a>(reader: &mut Reader, node: Node<'a>) -> Option<TrafficPolicy<'a>> {
    let entry = node.entry("trafficPolicy").filter(|entry| !entry.value.is_null())?;
    let policy = reader.mapping(entry.value)?;
    Some(TrafficPolicy {
        tls: client_tls(reader, policy),
        ports: reader.list_at(policy, "portLevelSettings", port_tls),
        at: entry.key.at(),
    })
}

fn subset<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Subset<'a>> {
    let node = reader.mapping(node)?;
    Some(Subset {
        name: reader.text_at(node, "name")?,
        labels: reader.labels_at(node, "labels"),
        policy: traffic_policy(reader, node),
    })
}

pub(in crate::resource) fn destination_rule<'a>(reader: &mut Reader, node: Node<'a>) -> Option<DestinationRule<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(DestinationRule {
        host: reader.text_at(spec, "host")?,
        export_to: reader.texts_at(spec, "exportTo"),
        workload_selector: super::workload_selector(reader, spec, "workloadSelector", "matchLabels"),
        policy: traffic_policy(reader, spec),
        subsets: reader.list_at(spec, "subsets", subset),
    })
}
