//! The second hop: where an egress proxy sends to hosts outside, and what it does about TLS there (semantics A.16, C.7).

use super::{Client, ClientView, DestinationRules, Target};
use crate::analysis::egress::{Egress, EgressProxy};
use crate::analysis::routing;
use crate::model::{Destination, EntryPort, Estate, Gateway, Route, Server, ServiceEntry, VirtualService};
use crate::traffic::HostPattern;

/// One way by which an egress proxy sends to a host outside.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'e, 'a> {
    pub proxy: &'e EgressProxy<'a>,
    pub server: &'e Server<'a>,
    pub service: &'e VirtualService<'a>,
    pub route: &'e Route<'a>,
    pub destination: &'e Destination<'a>,
    /// What the mesh knows of the host.
    pub entry: &'e ServiceEntry<'a>,
    /// The port that the route means, where the entry has it.
    pub port: Option<&'e EntryPort<'a>>,
    /// What the proxy does about TLS.
    pub view: ClientView<'e, 'a>,
}

/// Every way by which egress proxies send to hosts outside.
#[must_use]
pub fn departures<'e, 'a>(estate: &'e Estate<'a>, egress: &'e Egress<'a>) -> Vec<Departure<'e, 'a>> {
    let rules = DestinationRules::new(estate);
    let mut found = Vec::new();
    for proxy in &egress.proxies {
        for gateway in proxy.gateways.iter().map(|&index| &estate.mesh.gateways[index]) {
            let seen = |service: &&VirtualService<'_>| {
                routing::names(service, gateway) && proxy.namespaces.iter().any(|own| service.visibility.from(own))
            };
            for service in estate.mesh.virtual_services.iter().filter(seen) {
                of_service((estate, &rules), proxy, gateway, service, &mut found);
            }
        }
    }
    found
}

fn of_service<'e, 'a>(
    (estate, rules): (&'e Estate<'a>, &DestinationRules<'e, 'a>),
    proxy: &'e EgressProxy<'a>,
    gateway: &'e Gateway<'a>,
    service: &'e VirtualService<'a>,
    found: &mut Vec<Departure<'e, 'a>>,
) {
    for server in gateway.servers.iter().filter(|server| routing::taken(server, gateway, service).next().is_some()) {
        for route in service.routes.iter().filter(|route| routing::takes(service, route, gateway, server)) {
            for destination in leads(estate, service, route) {
                let namespace = proxy.namespaces.first().copied().unwrap_or(gateway.namespace);
                let Some(entry) = entry(estate, &destination.host, namespace) else { continue };
                let port = port(entry, destination.port);
                let number = port.map(|port| port.number).or(destination.port);
                let subset = destination.subset.map(|subset| subset.value);
                let target = Target { host: &destination.host, port: number, subset };
                let view = rules.view(Client { namespace, labels: proxy.labels }, target);
                found.push(Departure { proxy, server, service, route, destination, entry, port, view });
            }
        }
    }
}

/// Where a route leads, copies of the requests among it; of one that is handed on, where the other's routes of its kind do.
fn leads<'e, 'a>(
    estate: &'e Estate<'a>,
    service: &VirtualService<'_>,
    route: &'e Route<'a>,
) -> impl Iterator<Item = &'e Destination<'a>> {
    let delegate = routing::delegate(estate, service, route);
    let handed_on = delegate.into_iter().flat_map(|other| &other.routes).filter(|other| other.kind == route.kind);
    let routes = std::iter::once(route).chain(handed_on);
    routes.flat_map(|route| route.destinations.iter().chain(&route.mirrors))
}

/// The entry that makes a host known to a namespace, if it is one outside.
fn entry<'e, 'a>(estate: &'e Estate<'a>, host: &str, namespace: &str) -> Option<&'e ServiceEntry<'a>> {
    let entries = || estate.mesh.service_entries.iter().filter(|entry| entry.external);
    let is_named = |entry: &&ServiceEntry<'_>| entry.hosts.iter().any(|known| known.value == host);
    let covers = |entry: &&ServiceEntry<'_>| {
        entry.hosts.iter().any(|known| HostPattern::new(host).subset_of(&HostPattern::new(known.value)))
    };
    let near = |entry: &&ServiceEntry<'_>| entry.visibility.from(namespace);
    entries().filter(near).find(is_named).or_else(|| entries().filter(near).find(covers))
}

/// The port that a route means: the one it names, else the only one.
fn port<'e, 'a>(entry: &'e ServiceEntry<'a>, number: Option<i64>) -> Option<&'e EntryPort<'a>> {
    match (number, entry.ports.as_slice()) {
        (Some(number), ports) => ports.iter().find(|port| port.number == number),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}
