//! The second hop: whether an egress proxy has somewhere to send what sidecars send to it (semantics C.7).

use super::listeners::{admits, configures, names};
use crate::analysis::egress::EgressProxy;
use crate::model::{Estate, Gateway, RouteKind, Server, ServerMode, ServerProtocol, VirtualService};
use crate::traffic::HostPattern;

/// What becomes of requests for a host at an egress proxy.
#[derive(Clone, Copy, Debug)]
pub enum Onward<'a> {
    /// Some route takes them.
    Routed,
    /// None of the proxy's Gateway objects is in the input.
    Unknown,
    /// No server listens where they arrive.
    NoListener,
    /// This virtual service is for the host, and the server does not take it from its namespace or for that host.
    NotAdmitted(&'a VirtualService<'a>),
    /// This one is not exported to the namespace in which the proxy runs.
    NotExported(&'a VirtualService<'a>),
    /// The server listens, and no route of the kind that it needs is for the host.
    NoRoute(&'a Gateway<'a>, RouteKind),
}

/// What becomes of requests for a host that arrive at a port of the service in front of an egress proxy.
#[must_use]
pub fn onward<'a>(estate: &'a Estate<'a>, proxy: &EgressProxy<'_>, port: Option<i64>, host: &str) -> Onward<'a> {
    let gateways: Vec<&Gateway<'_>> = (0..estate.mesh.gateways.len())
        .filter(|&one| configures(one, proxy, estate))
        .map(|one| &estate.mesh.gateways[one])
        .collect();
    if gateways.is_empty() {
        return Onward::Unknown;
    }
    let servers = gateways.iter().flat_map(|gateway| gateway.servers.iter().map(move |server| (*gateway, server)));
    let mut worst = Onward::NoListener;
    for (gateway, server) in servers.filter(|(_, server)| listens(proxy, server, port, estate)) {
        match at(estate, proxy, gateway, server, host) {
            Onward::Routed => return Onward::Routed,
            // What is nearest to a route tells most.
            found @ (Onward::NotAdmitted(_) | Onward::NotExported(_)) => worst = found,
            found if matches!(worst, Onward::NoListener) => worst = found,
            _ => {}
        }
    }
    worst
}

/// Whether a server listens where a port of the service arrives: servers name ports of the service, too.
fn listens(proxy: &EgressProxy<'_>, server: &Server<'_>, port: Option<i64>, estate: &Estate<'_>) -> bool {
    let (Some(own), Some(port)) = (server.port, port) else { return true };
    let arrives = proxy.pod_ports(port, estate);
    own == port || proxy.pod_ports(own, estate).iter().any(|one| arrives.contains(one))
}

/// The list of routes that a server looks its connections up in.
fn kinds(server: &Server<'_>) -> &'static [RouteKind] {
    match (server.protocol, server.mode) {
        _ if server.reads_requests() => &[RouteKind::Http],
        (ServerProtocol::Unknown, _) | (_, ServerMode::Unknown) => &[RouteKind::Http, RouteKind::Tls, RouteKind::Tcp],
        (_, ServerMode::Passthrough) => &[RouteKind::Tls, RouteKind::Tcp],
        // The mode needs no routes at all.
        (_, ServerMode::AutoPassthrough) => &[],
        _ => &[RouteKind::Tcp],
    }
}

fn at<'a>(
    estate: &'a Estate<'a>,
    proxy: &EgressProxy<'_>,
    gateway: &'a Gateway<'a>,
    server: &Server<'_>,
    host: &str,
) -> Onward<'a> {
    let kinds = kinds(server);
    let Some(&kind) = kinds.first() else { return Onward::Routed };
    let wanted = HostPattern::new(host);
    let mut found = Onward::NoRoute(gateway, kind);
    for service in estate.mesh.virtual_services.iter().filter(|service| names(service, gateway)) {
        let is_for = service.hosts.iter().any(|own| wanted.subset_of(&HostPattern::new(own.value)));
        let routes = service.routes.iter().filter(|route| kinds.contains(&route.kind));
        let takes = |(taker, port): (_, Option<i64>)| {
            taker == gateway.reference() && (port.is_none() || server.port.is_none() || port == server.port)
        };
        if !is_for || !routes.into_iter().any(|route| service.taken_by(route).any(takes)) {
            continue;
        }
        if !admits(server, gateway, service.namespace, host) {
            found = Onward::NotAdmitted(service);
        } else if !proxy.namespaces.iter().any(|namespace| service.visibility.from(namespace)) {
            found = Onward::NotExported(service);
        } else {
            return Onward::Routed;
        }
    }
    found
}
