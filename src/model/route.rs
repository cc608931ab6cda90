//! Gateways and the routes through them.

use super::listeners::{LeftOut, opened};
use super::mesh::Visibility;
use super::tls::{ServerMode, full_host};
use super::{Labels, Text};
use crate::resource::{Resource, istio};
use crate::source::{Location, Spanned};

pub use crate::resource::istio::RouteKind;

/// A gateway: listeners on the proxies that it selects.
#[derive(Clone, Debug)]
pub struct Gateway<'a> {
    pub namespace: &'a str,
    /// Where the namespace is said; none where nothing says it.
    pub namespace_at: Option<Location>,
    pub name: Text<'a>,
    /// None selects every gateway proxy of the mesh.
    pub selector: Option<&'a Labels<'a>>,
    /// The servers that are opened and pass something on, as far as the Gateway itself tells.
    pub servers: Vec<Server<'a>>,
    /// Those that an earlier one keeps from being opened.
    pub left_out: Vec<LeftOut>,
    /// Whether it lets traffic out of the mesh, by name, by place or by where its routes lead.
    pub egress: bool,
    /// Whether it is one of the Gateway API, of which pods are made.
    pub of_gateway_api: bool,
    /// The labels of those pods, but for those that Istio alone looks at.
    pub pod_labels: Option<&'a Labels<'a>>,
    /// The key `spec`: where a field that it leaves out would stand.
    pub spec_at: Location,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerProtocol {
    Http,
    Https,
    Tls,
    Tcp,
    Unknown,
}

/// One listener.
#[derive(Clone, Debug)]
pub struct Server<'a> {
    /// The port of the Gateway object, which a Service may map to another one on the pods.
    pub port: Option<i64>,
    pub protocol: ServerProtocol,
    pub hosts: Vec<Text<'a>>,
    /// Whose routes bind, where that is said apart from the hosts (Gateway API); the hosts say it where it is not.
    pub routes_from: Option<Spanned<RoutesFrom>>,
    pub mode: ServerMode,
    /// The mode, the `tls` key that leaves it out, or the protocol of a server without TLS.
    pub mode_at: Location,
    /// Whether the mode is the one that `tls` without a mode has.
    pub mode_defaulted: bool,
    /// Whether it answers everything by sending the client on to HTTPS.
    pub redirects: bool,
    /// TLS settings of a server for HTTP, which takes plain text in spite of them; but for sending clients on to HTTPS.
    pub ignored_tls: Option<Location>,
    /// A certificate authority that is not the mesh's own, for client certificates.
    pub own_authority: Option<Text<'a>>,
    /// Whether it asks for a certificate that the mesh's own authority vouches for.
    pub trusts_mesh: bool,
    pub at: Location,
}

/// The namespaces whose routes may bind to a listener of the Gateway API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoutesFrom {
    All,
    /// The gateway's own, which is the default.
    Same,
    /// Those that a selector picks.
    Selected,
}

impl<'a> Gateway<'a> {
    /// The name by which virtual services refer to it.
    #[must_use]
    pub fn reference(&self) -> GatewayReference<'a> {
        let (namespace, name) = (self.namespace, self.name.value);
        if self.of_gateway_api {
            GatewayReference::OfGatewayApi { namespace, name }
        } else {
            GatewayReference::Named { namespace, name }
        }
    }
}

impl Server<'_> {
    /// Whether the proxy learns who the client is from a certificate of the mesh (semantics C.9, 7).
    #[must_use]
    pub fn identifies_clients(&self) -> bool {
        self.trusts_mesh
    }

    /// Whether the proxy sees requests, rather than bytes (semantics C.9, 5).
    #[must_use]
    pub fn reads_requests(&self) -> bool {
        matches!(self.protocol, ServerProtocol::Http | ServerProtocol::Https)
            && !matches!(self.mode, ServerMode::Passthrough | ServerMode::AutoPassthrough)
    }

    /// The port and mode as a person would say them.
    #[must_use]
    pub fn describe(&self) -> String {
        self.port.map_or_else(|| "a port that is not given".to_owned(), |port| format!("port {port}"))
    }
}

/// A gateway that a virtual service or one of its matches names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayReference<'a> {
    /// The sidecars.
    Mesh,
    Named {
        namespace: &'a str,
        name: &'a str,
    },
    /// One of the Gateway API, which is another object than one of the same name.
    OfGatewayApi {
        namespace: &'a str,
        name: &'a str,
    },
}

/// A virtual service.
#[derive(Clone, Debug)]
pub struct VirtualService<'a> {
    pub namespace: &'a str,
    /// Where the namespace is said; none where nothing says it.
    pub namespace_at: Option<Location>,
    pub name: Text<'a>,
    pub hosts: Vec<Text<'a>>,
    /// The same hosts as fully qualified names: one without dots is a service of its own namespace.
    pub full_hosts: Vec<String>,
    /// Who takes its routes: sidecars alone where it names no gateway.
    pub gateways: Vec<GatewayReference<'a>>,
    /// The names of those gateways as written; none where it names none.
    pub gateway_names: Vec<Text<'a>>,
    pub visibility: Visibility<'a>,
    /// What is written of it; empty where it has the mesh's default.
    pub export_to: &'a [Text<'a>],
    pub routes: Vec<Route<'a>>,
    /// The key `spec`: where a field that it leaves out would stand.
    pub spec_at: Location,
    /// Whether it was written as a route of the Gateway API.
    pub of_gateway_api: bool,
}

/// One route of a virtual service.
#[derive(Clone, Debug)]
pub struct Route<'a> {
    pub kind: RouteKind,
    /// Who takes the route and on which port: any of these; everybody the virtual service names where there is none.
    pub hops: Vec<Hop<'a>>,
    /// Where it leads; a destination without a share of the requests is none.
    pub destinations: Vec<Destination<'a>>,
    /// Where copies of the requests go.
    pub mirrors: Vec<Destination<'a>>,
    /// The namespace and name of the virtual service that takes over.
    pub delegate: Option<(&'a str, Text<'a>)>,
    /// Whether the proxy answers by itself.
    pub answered: bool,
    pub at: Location,
}

/// One match, as far as it decides who takes the route: the proxies, their port, and where a request comes from.
#[derive(Clone, Debug)]
pub struct Hop<'a> {
    pub gateways: Vec<GatewayReference<'a>>,
    /// The names of those gateways as written.
    pub gateway_names: &'a [Text<'a>],
    pub port: Option<i64>,
    pub sni_hosts: &'a [Text<'a>],
    /// The only addresses of the host that are meant.
    pub subnets: &'a [Text<'a>],
    pub source_labels: &'a Labels<'a>,
    pub source_namespace: Option<Text<'a>>,
    /// Whether only requests with certain properties, such as a path, are meant.
    pub partial: bool,
    pub at: Location,
}

/// Where a route leads.
#[derive(Clone, Debug)]
pub struct Destination<'a> {
    /// The host as a fully qualified name.
    pub host: String,
    pub host_at: Location,
    pub subset: Option<Text<'a>>,
    /// The port of the host's service; its only one where absent.
    pub port: Option<i64>,
    /// The port, or the host of a destination that names none.
    pub port_at: Location,
}

impl<'a> VirtualService<'a> {
    /// Every gateway that it or one of its matches names, with the name as written.
    pub fn named_gateways(&self) -> impl Iterator<Item = (GatewayReference<'a>, Text<'a>)> + '_ {
        let whole = self.gateways.iter().zip(&self.gateway_names);
        let hops = self.routes.iter().flat_map(|route| &route.hops);
        let single = hops.flat_map(|hop| hop.gateways.iter().zip(hop.gateway_names));
        whole.chain(single).map(|(reference, name)| (*reference, *name))
    }

    /// The proxies that take a route: those of its matches, else those of the whole virtual service. A match only narrows
    /// whom the virtual service names: it is never given to others.
    pub fn taken_by<'r>(
        &'r self,
        route: &'r Route<'a>,
    ) -> impl Iterator<Item = (GatewayReference<'a>, Option<i64>)> + 'r {
        let whole = route.hops.is_empty().then_some((&self.gateways, None));
        let single = route.hops.iter().map(|hop| {
            let gateways = if hop.gateways.is_empty() { &self.gateways } else { &hop.gateways };
            (gateways, hop.port)
        });
        let all = whole.into_iter().chain(single);
        let takers = all.flat_map(|(gateways, port)| gateways.iter().map(move |one| (*one, port)));
        takers.filter(|(taker, _)| self.gateways.contains(taker))
    }

    /// The routes that some proxies take.
    pub fn routes_of<'r>(
        &'r self,
        is_meant: impl Fn(GatewayReference<'a>) -> bool + 'r,
    ) -> impl Iterator<Item = &'r Route<'a>> {
        self.routes.iter().filter(move |route| self.taken_by(route).any(|(taker, _)| is_meant(taker)))
    }

    /// The routes that sidecars take.
    pub fn routes_of_sidecars(&self) -> impl Iterator<Item = &Route<'a>> {
        self.routes_of(|taker| taker == GatewayReference::Mesh)
    }
}

/// `mesh`, `name` in the own namespace, or `namespace/name`.
fn gateway_reference<'a>(text: &'a str, namespace: &'a str) -> GatewayReference<'a> {
    match text.split_once('/') {
        _ if text == "mesh" => GatewayReference::Mesh,
        Some((".", name)) => GatewayReference::Named { namespace, name },
        Some((other, name)) => GatewayReference::Named { namespace: other, name },
        None => GatewayReference::Named { namespace, name: text },
    }
}

fn references<'a>(texts: &[Text<'a>], namespace: &'a str) -> Vec<GatewayReference<'a>> {
    texts.iter().map(|text| gateway_reference(text.value, namespace)).collect()
}

pub(super) fn virtual_service<'a>(
    written: &'a istio::VirtualService<'a>,
    resource: &'a Resource<'a>,
    namespace: &'a str,
    visibility: Visibility<'a>,
) -> VirtualService<'a> {
    let meta = &resource.meta;
    let gateways = references(&written.gateways, namespace);
    VirtualService {
        namespace,
        namespace_at: resource.namespace_at(),
        name: meta.name,
        hosts: written.hosts.clone(),
        full_hosts: full_hosts(&written.hosts, namespace),
        // Without a list the virtual service is for sidecars alone.
        gateways: if gateways.is_empty() { vec![GatewayReference::Mesh] } else { gateways },
        gateway_names: written.gateways.clone(),
        visibility,
        export_to: &written.export_to,
        spec_at: meta.spec_at,
        of_gateway_api: false,
        routes: written.routes.iter().map(|one| route(one, namespace)).collect(),
    }
}

/// Hosts as fully qualified names, seen from a namespace.
pub(super) fn full_hosts(hosts: &[Text<'_>], namespace: &str) -> Vec<String> {
    hosts.iter().map(|host| full_host(host.value, namespace)).collect()
}

fn destination<'a>(written: &'a istio::Destination<'a>, namespace: &str) -> Destination<'a> {
    Destination {
        host: full_host(written.host.value, namespace),
        host_at: written.host.at,
        subset: written.subset,
        port: written.port.map(|port| port.value),
        port_at: written.port.map_or(written.host.at, |port| port.at),
    }
}

fn route<'a>(written: &'a istio::Route<'a>, namespace: &'a str) -> Route<'a> {
    let hop = |one: &'a istio::RouteMatch<'a>| Hop {
        gateways: references(&one.gateways, namespace),
        gateway_names: &one.gateways,
        port: one.port.map(|port| port.value),
        sni_hosts: &one.sni_hosts,
        subnets: &one.subnets,
        source_labels: &one.source_labels,
        source_namespace: one.source_namespace,
        partial: one.partial,
        at: one.at,
    };
    // Among several, one without a share gets nothing.
    let shared = written.destinations.iter().any(|one| one.weight.is_some_and(|weight| weight.value > 0));
    let takes = |one: &&istio::Destination<'_>| !shared || one.weight.is_some_and(|weight| weight.value > 0);
    let delegate = written.delegate.map(|one| (one.namespace.map_or(namespace, |text| text.value), one.name));
    Route {
        kind: written.kind,
        hops: written.matches.iter().map(hop).collect(),
        destinations: written.destinations.iter().filter(takes).map(|one| destination(one, namespace)).collect(),
        mirrors: written.mirrors.iter().map(|one| destination(one, namespace)).collect(),
        delegate,
        answered: written.answered,
        at: written.at,
    }
}

pub(super) fn gateway<'a>(
    written: &'a istio::Gateway<'a>,
    resource: &'a Resource<'a>,
    namespace: &'a str,
) -> Gateway<'a> {
    let (mut servers, left_out) = opened(written.servers.iter().map(server).collect());
    // Nothing passes these.
    servers.retain(|server| !server.redirects);
    Gateway {
        namespace,
        namespace_at: resource.namespace_at(),
        name: resource.meta.name,
        selector: written.selector.as_ref(),
        servers,
        left_out,
        egress: false,
        of_gateway_api: false,
        pod_labels: None,
        spec_at: resource.meta.spec_at,
    }
}

/// Where proxies keep the certificate of the mesh's own authority.
const MESH_AUTHORITIES: [&str; 3] =
    ["/etc/certs/root-cert.pem", "/var/run/secrets/istio/root-cert.pem", "./var/run/secrets/istio/root-cert.pem"];

fn server<'a>(written: &'a istio::Server<'a>) -> Server<'a> {
    let protocol = match written.protocol.map_or("", |protocol| protocol.value).to_ascii_uppercase().as_str() {
        "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" => ServerProtocol::Http,
        "HTTPS" => ServerProtocol::Https,
        "TLS" => ServerProtocol::Tls,
        "TCP" | "MONGO" | "MYSQL" | "REDIS" => ServerProtocol::Tcp,
        _ => ServerProtocol::Unknown,
    };
    // With HTTP, Istio refuses TLS settings where it checks them, and takes plain text where it does not.
    let tls = written.tls.filter(|_| protocol != ServerProtocol::Http);
    let mode = tls.map_or(ServerMode::Plaintext, |tls| ServerMode::of(tls.mode));
    let authority = tls.and_then(|tls| tls.own_authority);
    let is_of_mesh = authority.is_some_and(|authority| MESH_AUTHORITIES.contains(&authority.value));
    let plain_at = written.protocol.or(written.name).map_or(written.at, |text| text.at);
    Server {
        port: written.port.map(|port| port.value),
        protocol,
        hosts: written.hosts.clone(),
        routes_from: None,
        mode,
        mode_at: tls.map_or(plain_at, |tls| tls.mode.at()),
        mode_defaulted: tls.is_some_and(|tls| tls.mode.value.is_none()),
        redirects: written.tls.is_some_and(|written| tls.is_none() && written.redirects),
        ignored_tls: written
            .tls
            .filter(|ignored| tls.is_none() && ignored.mode.value.is_some())
            .map(|tls| tls.mode.at()),
        own_authority: authority.filter(|_| !is_of_mesh),
        trusts_mesh: mode == ServerMode::IstioMutual || (mode == ServerMode::Mutual && is_of_mesh),
        at: written.at,
    }
}
