//! The first hop: where sidecars send what is meant for a host outside of the mesh (semantics C.7).

use rustc_hash::FxHashMap;

use super::clients::Client;
use super::hosts::{Doubt, MeshRoutes, Outside};
use crate::analysis::egress::Egress;
use crate::model::{
    Destination, Entity, EntryPort, Estate, GatewayReference, Hop, PortProtocol, Route, RouteKind, ServiceEntry, Text,
    VirtualService,
};
use crate::traffic::HostPattern;

/// Where the sidecars of a client send what is meant for a host and port of a service entry that they know.
#[derive(Clone, Debug)]
pub struct Flow<'a> {
    /// By index in the list of clients.
    pub client: usize,
    pub entry: &'a ServiceEntry<'a>,
    pub host: &'a Text<'a>,
    pub port: &'a EntryPort<'a>,
    /// The ways that its requests may take; none where the proxy refuses or answers them.
    pub ways: Vec<Way<'a>>,
}

/// One way that requests of a flow may take.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    pub to: Target<'a>,
    /// The virtual service and its route that say so; none where the proxy sends to the host by default.
    pub by: Option<(&'a VirtualService<'a>, &'a Route<'a>)>,
    /// Whether only requests with certain properties take it.
    pub partial: bool,
    /// Why another virtual service may count instead.
    pub doubt: Option<Doubt>,
}

/// Where a way leads.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// To the host itself, for want of a route.
    Host(Unrouted<'a>),
    /// To an egress proxy, by index in the list of those.
    Gateway(usize, &'a Destination<'a>),
    /// To a host outside that a route names.
    Outside(&'a Destination<'a>),
    /// A copy of the requests, to a host outside.
    Mirror(&'a Destination<'a>),
    /// To another service of the mesh, or to one that is not in the input.
    Elsewhere(&'a Destination<'a>),
}

impl Target<'_> {
    /// Whether it leads out of the mesh from the sidecar.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        matches!(self, Self::Host(_) | Self::Outside(_) | Self::Mirror(_))
    }
}

/// Why no route decides.
#[derive(Clone, Copy, Debug)]
pub enum Unrouted<'a> {
    /// No virtual service is for the host.
    NoVirtualService,
    /// This one leads to the gateway, and the client does not know it.
    NotKnown(&'a VirtualService<'a>),
    /// This one is for the host and has no route for the port and its protocol.
    NotCovered(&'a VirtualService<'a>),
}

/// Follows what all clients may send to all hosts outside of the mesh that they know.
pub(super) fn flows<'a>(estate: &'a Estate<'a>, egress: &Egress<'a>, clients: &[Client<'a>]) -> Vec<Flow<'a>> {
    let resolver = Resolver {
        estate,
        routes: MeshRoutes::new(estate),
        outside: Outside::new(estate),
        gateways: gateway_hosts(estate, egress),
    };
    let entries: Vec<&ServiceEntry<'_>> = estate.mesh.service_entries.iter().filter(|entry| entry.external).collect();
    let mut found = Vec::new();
    for (index, client) in clients.iter().enumerate() {
        for entry in entries.iter().filter(|entry| entry.visibility.from(client.namespace)) {
            for host in entry.hosts.iter().filter(|host| client.imports(entry.namespace, host.value)) {
                let ports = entry.ports.iter().filter(|port| port.protocol != PortProtocol::Udp);
                found.extend(ports.map(|port| Flow {
                    client: index,
                    entry,
                    host,
                    port,
                    ways: resolver.ways(client, host.value, port),
                }));
            }
        }
    }
    found
}

/// The hosts by which sidecars reach egress proxies.
fn gateway_hosts<'a>(estate: &'a Estate<'a>, egress: &Egress<'a>) -> FxHashMap<String, usize> {
    let mut hosts = FxHashMap::default();
    for (index, proxy) in egress.proxies.iter().enumerate() {
        hosts.extend(proxy.hosts.iter().map(|host| ((*host).to_owned(), index)));
        let selectors = proxy.workload.map(|workload| estate.relations.selectors_of(workload)).unwrap_or_default();
        hosts.extend(selectors.into_iter().filter_map(|entity| match entity {
            Entity::Service(service) => Some((estate.services[service].host(&estate.namespaces), index)),
            _ => None,
        }));
    }
    hosts
}

struct Resolver<'a> {
    estate: &'a Estate<'a>,
    routes: MeshRoutes<'a>,
    outside: Outside<'a>,
    gateways: FxHashMap<String, usize>,
}

/// What is asked about a route.
struct Request<'q, 'a> {
    client: &'q Client<'a>,
    host: &'q str,
    port: i64,
}

impl<'a> Resolver<'a> {
    fn ways(&self, client: &Client<'a>, host: &str, port: &EntryPort<'_>) -> Vec<Way<'a>> {
        let candidates = self.routes.of(host, client);
        let unrouted = |to| vec![Way { to: Target::Host(to), by: None, partial: false, doubt: None }];
        if candidates.is_empty() {
            let unknown =
                self.routes.all(host).map(|(service, _)| service).find(|service| self.leads_to_gateway(service));
            return unrouted(unknown.map_or(Unrouted::NoVirtualService, Unrouted::NotKnown));
        }
        let request = Request { client, host, port: port.number };
        let mut ways = Vec::new();
        for (service, doubt) in candidates {
            for kind in kinds(port.protocol) {
                let (taken, mut found) = self.taken(service, *kind, &request);
                if !taken {
                    found.extend(unrouted(Unrouted::NotCovered(service)));
                }
                ways.extend(found.into_iter().map(|way| Way { doubt, ..way }));
            }
        }
        ways
    }

    /// The ways by which the routes of a virtual service take a request, and whether any does: the first that takes all
    /// of what is left ends the list.
    fn taken(
        &self,
        service: &'a VirtualService<'a>,
        kind: RouteKind,
        request: &Request<'_, 'a>,
    ) -> (bool, Vec<Way<'a>>) {
        let (mut taken, mut ways) = (false, Vec::new());
        for route in service.routes.iter().filter(|route| route.kind == kind) {
            let Some(partial) = applies(route, request) else { continue };
            taken = true;
            ways.extend(self.along(service, route, partial, request));
            if !partial {
                break;
            }
        }
        (taken, ways)
    }

    fn along(
        &self,
        service: &'a VirtualService<'a>,
        route: &'a Route<'a>,
        partial: bool,
        request: &Request<'_, 'a>,
    ) -> Vec<Way<'a>> {
        if let Some((namespace, name)) = route.delegate {
            let is_meant = |other: &&VirtualService<'_>| {
                other.namespace == namespace
                    && other.name.value == name.value
                    && other.hosts.is_empty()
                    && other.visibility.from(service.namespace)
            };
            let delegate = self.estate.mesh.virtual_services.iter().find(is_meant);
            let ways =
                delegate.map(|delegate| self.taken_by_delegate(delegate, route.kind, request)).unwrap_or_default();
            return ways.into_iter().map(|way| Way { partial: way.partial || partial, ..way }).collect();
        }
        let way = |to| Way { to, by: Some((service, route)), partial, doubt: None };
        let destinations = route.destinations.iter().map(|to| way(self.target(to)));
        let mirrors = route.mirrors.iter().filter(|to| self.outside.holds(&to.host)).map(|to| way(Target::Mirror(to)));
        destinations.chain(mirrors).collect()
    }

    /// The routes of a delegate, which cannot delegate once more.
    fn taken_by_delegate(
        &self,
        delegate: &'a VirtualService<'a>,
        kind: RouteKind,
        request: &Request<'_, 'a>,
    ) -> Vec<Way<'a>> {
        let mut ways = Vec::new();
        for route in delegate.routes.iter().filter(|route| route.kind == kind && route.delegate.is_none()) {
            let Some(partial) = applies(route, request) else { continue };
            ways.extend(self.along(delegate, route, partial, request));
            if !partial {
                break;
            }
        }
        ways
    }

    fn target(&self, destination: &'a Destination<'a>) -> Target<'a> {
        match self.gateways.get(&destination.host) {
            Some(&proxy) => Target::Gateway(proxy, destination),
            None if self.outside.holds(&destination.host) => Target::Outside(destination),
            None => Target::Elsewhere(destination),
        }
    }

    /// Whether sidecars that know a virtual service are sent to an egress proxy.
    fn leads_to_gateway(&self, service: &VirtualService<'_>) -> bool {
        let destinations = service.routes.iter().flat_map(|route| &route.destinations);
        destinations.into_iter().any(|to| self.gateways.contains_key(&to.host))
    }
}

/// The lists of routes that a port's protocol is looked up in. Where it is not named, the proxy finds out whether it is HTTP.
fn kinds(protocol: PortProtocol) -> &'static [RouteKind] {
    match protocol {
        PortProtocol::Http => &[RouteKind::Http],
        PortProtocol::Tls => &[RouteKind::Tls],
        PortProtocol::Tcp => &[RouteKind::Tcp],
        PortProtocol::Auto => &[RouteKind::Http, RouteKind::Tcp],
        PortProtocol::Udp => &[],
    }
}

/// Whether sidecars take a route for a request; and if so, whether only in part.
fn applies(route: &Route<'_>, request: &Request<'_, '_>) -> Option<bool> {
    if route.hops.is_empty() {
        return Some(false);
    }
    let taken = route.hops.iter().filter_map(|hop| takes(route.kind, hop, request));
    taken.reduce(|one, other| one && other)
}

fn takes(kind: RouteKind, hop: &Hop<'_>, request: &Request<'_, '_>) -> Option<bool> {
    if !hop.gateways.is_empty() && !hop.gateways.contains(&GatewayReference::Mesh) {
        return None;
    }
    if hop.port.is_some_and(|port| port != request.port) {
        return None;
    }
    let mut partial = hop.partial;
    // An HTTP match that names gateways does not look at where a request comes from (semantics C.7).
    if kind != RouteKind::Http || hop.gateways.is_empty() {
        if hop.source_namespace.is_some_and(|namespace| namespace.value != request.client.namespace) {
            return None;
        }
        match request.client.labels {
            Some(labels) if !hop.source_labels.is_subset(labels) => return None,
            None if !hop.source_labels.is_empty() => partial = true,
            _ => {}
        }
    }
    if kind == RouteKind::Tls && !hop.sni_hosts.is_empty() {
        let host = HostPattern::new(request.host);
        let patterns = hop.sni_hosts.iter().map(|name| HostPattern::new(name.value));
        if !patterns.clone().any(|pattern| pattern.matches(&host)) {
            return None;
        }
        partial |= !patterns.into_iter().any(|pattern| host.subset_of(&pattern));
    }
    Some(partial)
}
