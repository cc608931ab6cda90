//! The Gateway API: gateways, and routes that hang on gateways or on services.

use super::istio::Setting;
use super::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// A gateway of which the controller of its class makes pods.
#[derive(Clone, Debug)]
pub struct Gateway<'a> {
    pub class: Option<Text<'a>>,
    pub listeners: Vec<Listener<'a>>,
    /// The label that the pods get which are made for it.
    pub pods: Labels<'a>,
    /// That, and what else they get: its own labels, or those that it sets for what is made for it.
    pub pod_labels: Labels<'a>,
}

/// One listener as written.
#[derive(Clone, Debug)]
pub struct Listener<'a> {
    pub port: Option<Spanned<i64>>,
    pub protocol: Option<Text<'a>>,
    /// Absent: every host.
    pub hostname: Option<Text<'a>>,
    pub tls: Option<ListenerTls<'a>>,
    /// `allowedRoutes.namespaces.from`; absent: the gateway's own namespace.
    pub from: Option<Text<'a>>,
    /// The listener's first key.
    pub at: Location,
}

/// The `tls` block of a listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerTls<'a> {
    pub mode: Setting<'a>,
    /// How Istio is told to end TLS otherwise than with a certificate of the server alone.
    pub termination: Option<Text<'a>>,
}

/// A route: an `HTTPRoute`, `GRPCRoute`, `TLSRoute` or `TCPRoute`.
#[derive(Clone, Debug)]
pub struct Route<'a> {
    pub parents: Vec<Reference<'a>>,
    pub hostnames: Vec<Text<'a>>,
    pub rules: Vec<RouteRule<'a>>,
}

/// What a route hangs on, or where it leads.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    pub group: Option<Text<'a>>,
    pub kind: Option<Text<'a>>,
    pub namespace: Option<Text<'a>>,
    pub name: Text<'a>,
    pub port: Option<Spanned<i64>>,
    pub weight: Option<Spanned<i64>>,
}

/// One rule of a route.
#[derive(Clone, Debug)]
pub struct RouteRule<'a> {
    /// For each match, whether it looks at more than that a request is there.
    pub matches: Vec<(bool, Location)>,
    pub backends: Vec<Reference<'a>>,
    pub mirrors: Vec<Reference<'a>>,
    /// Whether the proxy answers by itself.
    pub answered: bool,
    /// The rule's first key.
    pub at: Location,
}

/// Istio's name of the label by which it finds the pods that it made for a gateway.
const POD_LABEL: &str = "gateway.networking.k8s.io/gateway-name";
/// The option by which Istio is told how to end TLS on a listener.
const TERMINATION: &str = "gateway.istio.io/tls-terminate-mode";

pub(super) fn gateway<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Gateway<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let metadata = reader.mapping_at(node, "metadata")?;
    let mut pods = Labels::default();
    if let Some(name) = reader.text_at(metadata, "name") {
        pods.set(Spanned::new(POD_LABEL, name.at), name);
    }
    let own = reader.labels_at(metadata, "labels");
    let infrastructure = reader.mapping_at(spec, "infrastructure");
    let set = infrastructure.map(|node| reader.labels_at(node, "labels")).unwrap_or_default();
    let mut pod_labels = pods.clone();
    for (name, value) in own.iter().chain(set.iter()) {
        pod_labels.set(name, value);
    }
    Some(Gateway {
        class: reader.text_at(spec, "gatewayClassName"),
        listeners: reader.list_at(spec, "listeners", listener),
        pods,
        pod_labels,
    })
}

fn listener<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Listener<'a>> {
    let node = reader.mapping(node)?;
    let from = reader.mapping_under(node, &["allowedRoutes", "namespaces"]);
    Some(Listener {
        port: reader.integer_at(node, "port"),
        protocol: reader.text_at(node, "protocol"),
        hostname: reader.text_at(node, "hostname").filter(|name| !name.is_empty()),
        tls: tls(reader, node),
        from: from.and_then(|from| reader.text_at(from, "from")),
        at: node.head(),
    })
}

fn tls<'a>(reader: &mut Reader, listener: Node<'a>) -> Option<ListenerTls<'a>> {
    let entry = listener.entry("tls").filter(|entry| !entry.value.is_null())?;
    let block = reader.mapping(entry.value)?;
    let mode = Setting { key_at: entry.key.at(), value: reader.text_at(block, "mode") };
    Some(ListenerTls { mode, termination: reader.labels_at(block, "options").get(TERMINATION) })
}

pub(super) fn route<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Route<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(Route {
        parents: reader.list_at(spec, "parentRefs", reference),
        hostnames: reader.texts_at(spec, "hostnames"),
        rules: reader.list_at(spec, "rules", rule),
    })
}

fn reference<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Reference<'a>> {
    let node = reader.mapping(node)?;
    Some(Reference {
        group: reader.text_at(node, "group"),
        kind: reader.text_at(node, "kind"),
        namespace: reader.text_at(node, "namespace"),
        name: reader.text_at(node, "name")?,
        port: reader.integer_at(node, "port"),
        weight: reader.integer_at(node, "weight"),
    })
}

fn rule<'a>(reader: &mut Reader, node: Node<'a>) -> Option<RouteRule<'a>> {
    let node = reader.mapping(node)?;
    let mut mirrors = Vec::new();
    let mut answered = false;
    for filter in reader.list_at(node, "filters", Reader::mapping) {
        answered |= Reader::field(filter, "requestRedirect").is_some();
        let mirror = reader.mapping_at(filter, "requestMirror");
        let backend = mirror.and_then(|mirror| Reader::field(mirror, "backendRef"));
        mirrors.extend(backend.and_then(|backend| reference(reader, backend)));
    }
    Some(RouteRule {
        matches: reader.list_at(node, "matches", |reader, item| {
            let item = reader.mapping(item)?;
            Some((is_partial(reader, item), item.head()))
        }),
        backends: reader.list_at(node, "backendRefs", reference),
        mirrors,
        answered,
        at: node.head(),
    })
}

/// Whether a match leaves requests out: one for the path prefix `/` alone does not.
fn is_partial(reader: &mut Reader, item: Node<'_>) -> bool {
    let others = ["headers", "queryParams", "method"].iter().any(|key| Reader::field(item, key).is_some());
    let Some(path) = reader.mapping_at(item, "path") else { return others };
    let kind = reader.text_at(path, "type").map_or("PathPrefix", |text| text.value);
    let value = reader.text_at(path, "value").map_or("/", |text| text.value);
    others || kind != "PathPrefix" || value != "/"
}
