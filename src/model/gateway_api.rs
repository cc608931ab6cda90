//! The Gateway API in terms of Istio's own kinds, which is what Istio makes of it: a gateway with servers, and routes as
//! virtual services, those that hang on a service for sidecars and those that hang on a gateway for that.

use super::mesh::Visibility;
use super::route::{
    Destination, Gateway, GatewayReference, Hop, Route, RouteKind, RoutesFrom, Server, ServerProtocol, VirtualService,
    full_hosts,
};
use super::tls::{ServerMode, full_host};
use super::{Labels, Text};
use crate::resource::gateway_api::{self, Listener, ListenerTls, Reference, RouteRule};
use crate::resource::{Kind, Resource};
use crate::source::Spanned;

const ISTIO: &str = "networking.istio.io";

/// A gateway of the Gateway API, if its class is one of Istio's for gateways; waypoints are none.
pub(super) fn gateway<'a>(
    written: &'a gateway_api::Gateway<'a>,
    resource: &'a Resource<'a>,
    namespace: &'a str,
) -> Option<Gateway<'a>> {
    let class = written.class.map_or("", |class| class.value);
    let is_istios = class.starts_with("istio") && !class.contains("waypoint") || class.starts_with("asm");
    is_istios.then(|| Gateway {
        namespace,
        namespace_at: resource.namespace_at(),
        name: resource.meta.name,
        selector: Some(&written.pods),
        servers: written.listeners.iter().map(server).collect(),
        left_out: Vec::new(),
        egress: false,
        of_gateway_api: true,
        pod_labels: Some(&written.pod_labels),
        spec_at: resource.meta.spec_at,
    })
}

fn server<'a>(written: &'a Listener<'a>) -> Server<'a> {
    let protocol = match written.protocol.map_or("", |text| text.value) {
        "HTTP" => ServerProtocol::Http,
        "HTTPS" => ServerProtocol::Https,
        "TLS" => ServerProtocol::Tls,
        "TCP" => ServerProtocol::Tcp,
        _ => ServerProtocol::Unknown,
    };
    let mode = written.tls.map_or(ServerMode::Plaintext, mode);
    let from = written.from.map_or(Spanned::new("Same", written.at), |text| text);
    let plain_at = written.protocol.map_or(written.at, |text| text.at);
    Server {
        port: written.port.map(|port| port.value),
        protocol,
        hosts: vec![written.hostname.unwrap_or(Spanned::new("*", written.at))],
        routes_from: Some(from.map(|text| match text {
            "All" => RoutesFrom::All,
            "Selector" => RoutesFrom::Selected,
            _ => RoutesFrom::Same,
        })),
        mode,
        mode_at: written.tls.map_or(plain_at, |tls| tls.termination.map_or(tls.mode.at(), |text| text.at)),
        mode_defaulted: false,
        redirects: false,
        ignored_tls: None,
        own_authority: None,
        trusts_mesh: mode == ServerMode::IstioMutual,
        at: written.at,
    }
}

/// What a listener does about TLS: it ends it, unless it says otherwise, with more than its own certificate where Istio's
/// option asks for that.
fn mode(tls: ListenerTls<'_>) -> ServerMode {
    match (tls.mode.value.map_or("Terminate", |text| text.value), tls.termination.map(|text| text.value)) {
        ("Passthrough", _) => ServerMode::Passthrough,
        ("Terminate", None | Some("SIMPLE")) => ServerMode::Simple,
        ("Terminate", Some("MUTUAL")) => ServerMode::Mutual,
        ("Terminate", Some("OPTIONAL_MUTUAL")) => ServerMode::OptionalMutual,
        ("Terminate", Some("ISTIO_MUTUAL")) => ServerMode::IstioMutual,
        _ => ServerMode::Unknown,
    }
}

/// What a route of the Gateway API comes to: one virtual service for all gateways that it hangs on, and one for each
/// service or service entry.
pub(super) fn routes<'a>(
    written: &'a gateway_api::Route<'a>,
    resource: &'a Resource<'a>,
    namespace: &'a str,
    list: &'a [Resource<'a>],
) -> Vec<VirtualService<'a>> {
    let kind = match resource.meta.kind {
        "TLSRoute" => RouteKind::Tls,
        "TCPRoute" => RouteKind::Tcp,
        _ => RouteKind::Http,
    };
    let service = |(hosts, home): (Vec<Text<'a>>, &str), gateways, gateway_names, visibility| VirtualService {
        namespace,
        namespace_at: resource.namespace_at(),
        name: resource.meta.name,
        full_hosts: full_hosts(&hosts, home),
        hosts,
        gateways,
        gateway_names,
        visibility,
        export_to: &[],
        routes: written.rules.iter().map(|rule| route(rule, kind, written, namespace, list)).collect(),
        spec_at: resource.meta.spec_at,
        of_gateway_api: true,
    };
    let mut found = Vec::new();
    let on_gateways = || written.parents.iter().filter(|parent| kind_of(parent, "Gateway") == "Gateway");
    let reference = |parent: &Reference<'a>| GatewayReference::OfGatewayApi {
        namespace: parent.namespace.map_or(namespace, |text| text.value),
        name: parent.name.value,
    };
    let gateways: Vec<GatewayReference<'a>> = on_gateways().map(reference).collect();
    if !gateways.is_empty() {
        let all = vec![Spanned::new("*", resource.meta.spec_at)];
        let hosts = if written.hostnames.is_empty() { all } else { written.hostnames.clone() };
        let names = on_gateways().map(|parent| parent.name).collect();
        found.push(service((hosts, namespace), gateways, names, Visibility::Everywhere));
    }
    for parent in &written.parents {
        let home = parent.namespace.map_or(namespace, |text| text.value);
        let hosts = match kind_of(parent, "Gateway") {
            "Service" => vec![parent.name],
            "ServiceEntry" => entry_hosts(parent.name.value, home, list),
            _ => continue,
        };
        // A route beside the service is for everybody who knows that; others are for their own namespace.
        let visibility =
            if home == namespace { Visibility::Everywhere } else { Visibility::Namespaces(vec![namespace]) };
        found.push(service((hosts, home), vec![GatewayReference::Mesh], Vec::new(), visibility));
    }
    found
}

fn kind_of<'a>(reference: &Reference<'a>, default: &'static str) -> &'a str {
    reference.kind.map_or(default, |kind| kind.value)
}

/// The hosts of a service entry of the input.
fn entry_hosts<'a>(name: &str, namespace: &str, list: &'a [Resource<'a>]) -> Vec<Text<'a>> {
    let is_meant = |resource: &&Resource<'_>| {
        resource.meta.name.value == name && resource.namespace.is_some_and(|own| own.value == namespace)
    };
    let hosts = list.iter().filter(is_meant).filter_map(|resource| match &resource.kind {
        Kind::ServiceEntry(entry) => Some(entry.hosts.clone()),
        _ => None,
    });
    hosts.flatten().collect()
}

fn route<'a>(
    rule: &'a RouteRule<'a>,
    kind: RouteKind,
    route: &'a gateway_api::Route<'a>,
    namespace: &'a str,
    list: &'a [Resource<'a>],
) -> Route<'a> {
    let hop = |partial, at| Hop {
        gateways: Vec::new(),
        gateway_names: &[],
        port: None,
        sni_hosts: if kind == RouteKind::Tls { &route.hostnames } else { &[] },
        subnets: &[],
        source_labels: Labels::NONE,
        source_namespace: None,
        partial,
        at,
    };
    let mut hops: Vec<Hop<'a>> = rule.matches.iter().map(|(partial, at)| hop(*partial, *at)).collect();
    if hops.is_empty() && kind == RouteKind::Tls {
        hops.push(hop(false, rule.at));
    }
    let takes = |backend: &&Reference<'_>| backend.weight.is_none_or(|weight| weight.value > 0);
    let backends = rule.backends.iter().filter(takes);
    Route {
        kind,
        hops,
        destinations: backends.flat_map(|backend| destinations(backend, namespace, list)).collect(),
        mirrors: rule.mirrors.iter().flat_map(|backend| destinations(backend, namespace, list)).collect(),
        delegate: None,
        answered: rule.answered,
        at: rule.at,
    }
}

/// Where a backend leads: to a service, to the hosts of a service entry, or to a host that is named as such.
fn destinations<'a>(backend: &Reference<'a>, namespace: &str, list: &'a [Resource<'a>]) -> Vec<Destination<'a>> {
    let home = backend.namespace.map_or(namespace, |text| text.value);
    let group = backend.group.map_or("", |group| group.value);
    let hosts: Vec<String> = match (group, kind_of(backend, "Service")) {
        ("", "Service") => vec![full_host(backend.name.value, home)],
        (ISTIO, "Hostname") => vec![backend.name.value.to_owned()],
        (ISTIO, "ServiceEntry") => {
            entry_hosts(backend.name.value, home, list).into_iter().map(|host| host.value.to_owned()).collect()
        }
        _ => Vec::new(),
    };
    let to = |host| Destination {
        host,
        host_at: backend.name.at,
        subset: None,
        port: backend.port.map(|port| port.value),
        port_at: backend.port.map_or(backend.name.at, |port| port.at),
    };
    hosts.into_iter().map(to).collect()
}
