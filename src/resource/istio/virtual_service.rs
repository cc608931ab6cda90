//! VirtualService: which requests go where, on sidecars and on gateways.

use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// A virtual service as written.
#[derive(Clone, Debug)]
pub struct VirtualService<'a> {
    pub hosts: Vec<Text<'a>>,
    pub gateways: Vec<Text<'a>>,
    pub export_to: Vec<Text<'a>>,
    pub routes: Vec<Route<'a>>,
}

/// Which list of the virtual service a route stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    Http,
    Tls,
    Tcp,
}

impl RouteKind {
    /// The list's key.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tls => "tls",
            Self::Tcp => "tcp",
        }
    }
}

/// One entry of `http`, `tls` or `tcp`: matches of which one must hold, and destinations.
#[derive(Clone, Debug)]
pub struct Route<'a> {
    pub kind: RouteKind,
    pub matches: Vec<RouteMatch<'a>>,
    pub destinations: Vec<Destination<'a>>,
    pub mirrors: Vec<Destination<'a>>,
    pub delegate: Option<Delegate<'a>>,
    /// Whether the proxy answers by itself: a redirect, or a response of its own.
    pub answered: bool,
    /// The route's first key.
    pub at: Location,
}

/// The virtual service to which a route is handed on.
#[derive(Clone, Copy, Debug)]
pub struct Delegate<'a> {
    pub name: Text<'a>,
    /// The namespace of the one that delegates, where absent.
    pub namespace: Option<Text<'a>>,
}

/// One entry of `match`, as far as it decides who and what is routed.
#[derive(Clone, Debug)]
pub struct RouteMatch<'a> {
    pub gateways: Vec<Text<'a>>,
    pub port: Option<Spanned<i64>>,
    pub sni_hosts: Vec<Text<'a>>,
    /// The only addresses of the host that are meant.
    pub subnets: Vec<Text<'a>>,
    pub source_labels: Labels<'a>,
    pub source_namespace: Option<Text<'a>>,
    /// Whether it also looks at properties of a request, such as its path.
    pub partial: bool,
    pub at: Location,
}

/// Where a route leads.
#[derive(Clone, Debug)]
pub struct Destination<'a> {
    pub host: Text<'a>,
    pub subset: Option<Text<'a>>,
    pub port: Option<Spanned<i64>>,
    /// Its share of the requests; one without a share takes all where it is alone.
    pub weight: Option<Spanned<i64>>,
}

/// The parts of an HTTP match that select only some of the requests to a host.
const REQUEST_PROPERTIES: [&str; 7] =
    ["uri", "scheme", "method", "authority", "headers", "queryParams", "withoutHeaders"];

fn destination<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Destination<'a>> {
    let port = reader.mapping_at(node, "port");
    Some(Destination {
        host: reader.text_at(node, "host")?,
        subset: reader.text_at(node, "subset"),
        port: port.and_then(|port| reader.integer_at(port, "number")),
        weight: None,
    })
}

/// An entry of `route`: a destination and its share.
fn weighted<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Destination<'a>> {
    let target = reader.mapping_at(node, "destination")?;
    Some(Destination { weight: reader.integer_at(node, "weight"), ..destination(reader, target)? })
}

fn delegate<'a>(reader: &mut Reader, route: Node<'a>) -> Option<Delegate<'a>> {
    let node = reader.mapping_at(route, "delegate")?;
    Some(Delegate { name: reader.text_at(node, "name")?, namespace: reader.text_at(node, "namespace") })
}

fn route_match<'a>(reader: &mut Reader, node: Node<'a>) -> Option<RouteMatch<'a>> {
    let node = reader.mapping(node)?;
    Some(RouteMatch {
        gateways: reader.texts_at(node, "gateways"),
        port: reader.integer_at(node, "port"),
        sni_hosts: reader.texts_at(node, "sniHosts"),
        subnets: reader.texts_at(node, "destinationSubnets"),
        source_labels: reader.labels_at(node, "sourceLabels"),
        source_namespace: reader.text_at(node, "sourceNamespace"),
        partial: REQUEST_PROPERTIES.iter().any(|key| Reader::field(node, key).is_some()),
        at: node.head(),
    })
}

fn route<'a>(reader: &mut Reader, node: Node<'a>, kind: RouteKind) -> Option<Route<'a>> {
    let node = reader.mapping(node)?;
    let mirror = reader.mapping_at(node, "mirror").and_then(|mirror| destination(reader, mirror));
    let mut mirrors = reader.list_at(node, "mirrors", |reader, item| {
        let target = reader.mapping_at(item, "destination")?;
        destination(reader, target)
    });
    mirrors.extend(mirror);
    Some(Route {
        kind,
        matches: reader.list_at(node, "match", route_match),
        destinations: reader.list_at(node, "route", weighted),
        mirrors,
        delegate: delegate(reader, node),
        answered: ["redirect", "directResponse"].iter().any(|key| Reader::field(node, key).is_some()),
        at: node.head(),
    })
}

pub(in crate::resource) fn virtual_service<'a>(reader: &mut Reader, node: Node<'a>) -> Option<VirtualService<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let kinds = [("http", RouteKind::Http), ("tls", RouteKind::Tls), ("tcp", RouteKind::Tcp)];
    let mut routes = Vec::new();
    for (key, kind) in kinds {
        routes.extend(reader.list_at(spec, key, |reader, node| route(reader, node, kind)));
    }
    Some(VirtualService {
        hosts: reader.texts_at(spec, "hosts"),
        gateways: reader.texts_at(spec, "gateways"),
        export_to: reader.texts_at(spec, "exportTo"),
        routes,
    })
}
