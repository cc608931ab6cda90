//! Which routes take a request at a sidecar, and where they lead (semantics C.7).

use std::net::IpAddr;

use ipnet::IpNet;
use rustc_hash::FxHashMap;

use super::clients::Client;
use super::flows::{Target, Unrouted, Way};
use super::hosts::{MeshRoutes, Outside};
use crate::analysis::egress::Egress;
use crate::model::{
    Destination, Entity, EntryPort, Estate, GatewayReference, Hop, PortProtocol, Route, RouteKind, ServiceEntry, Text,
    VirtualService,
};
use crate::traffic::{AddressSet, HostPattern};

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

/// Answers where requests go.
pub(super) struct Resolver<'a> {
    estate: &'a Estate<'a>,
    routes: MeshRoutes<'a>,
    pub outside: Outside<'a>,
    gateways: FxHashMap<String, usize>,
    /// Virtual services for single hosts that a registered wildcard stands for, by the wildcard.
    below: FxHashMap<&'a str, Vec<(&'a str, &'a VirtualService<'a>)>>,
}

/// What is asked about a route.
struct Request<'q, 'a> {
    client: &'q Client<'a>,
    host: &'q str,
    /// None where the port is not known: any may be meant.
    port: Option<i64>,
    /// The addresses by which the host is known besides.
    addresses: &'q [Text<'q>],
}

impl<'a> Resolver<'a> {
    pub(super) fn new(estate: &'a Estate<'a>, egress: &Egress<'a>) -> Self {
        let (routes, outside) = (MeshRoutes::new(estate), Outside::new(estate));
        let below =
            |wildcard: &'a str| routes.below(wildcard).filter(|(host, _)| !outside.registers(host)).collect::<Vec<_>>();
        let below = outside.wildcards().map(|wildcard| (wildcard, below(wildcard))).collect();
        Self { estate, gateways: gateway_hosts(estate, egress), below, routes, outside }
    }

    /// The ways of what a client sends to a port of a host outside.
    pub(super) fn ways(
        &self,
        client: &Client<'a>,
        host: &str,
        (entry, port): (&ServiceEntry<'a>, &EntryPort<'_>),
    ) -> Vec<Way<'a>> {
        let candidates = self.routes.of(host, client);
        let unrouted = |to| vec![Way { to: Target::Host(to), by: None, partial: false, doubt: None }];
        let mut ways = self.some_of(client, host, port);
        if candidates.is_empty() {
            let unknown =
                self.routes.all(host).map(|(service, _)| service).find(|service| self.leads_to_gateway(service));
            ways.extend(unrouted(unknown.map_or(Unrouted::NoVirtualService, Unrouted::NotKnown)));
            return ways;
        }
        let request = Request { client, host, port: Some(port.number), addresses: entry.addresses };
        for (service, doubt) in candidates {
            for kind in kinds(port.protocol) {
                let (taken, mut found) = self.taken(service, *kind, &request);
                if !taken {
                    let partial = !found.is_empty();
                    let rest =
                        unrouted(Unrouted::NotCovered(service, *kind)).into_iter().map(|way| Way { partial, ..way });
                    found.extend(rest);
                }
                ways.extend(found.into_iter().map(|way| Way { doubt, ..way }));
            }
        }
        ways
    }

    /// The ways of single hosts that a wildcard stands for: a virtual service for one of them counts before that for the
    /// wildcard.
    fn some_of(&self, client: &Client<'a>, wildcard: &str, port: &EntryPort<'_>) -> Vec<Way<'a>> {
        let below = self.below.get(wildcard).into_iter().flatten();
        let mut ways = Vec::new();
        for (host, service) in below.filter(|(_, service)| client.knows(service)) {
            let request = Request { client, host, port: Some(port.number), addresses: &[] };
            for kind in kinds(port.protocol) {
                let (_, found) = self.taken(service, *kind, &request);
                ways.extend(found.into_iter().map(|way| Way { partial: true, ..way }));
            }
        }
        ways
    }

    /// The ways out of the mesh of what a client sends to a host of the mesh, by a protocol if that is known.
    pub(super) fn ways_out(
        &self,
        client: &Client<'a>,
        host: &str,
        (port, protocol): (Option<i64>, Option<PortProtocol>),
    ) -> Vec<Way<'a>> {
        const ALL: &[RouteKind] = &[RouteKind::Http, RouteKind::Tls, RouteKind::Tcp];
        let request = Request { client, host, port, addresses: &[] };
        let mut ways = Vec::new();
        for (service, doubt) in self.routes.of(host, client) {
            for kind in protocol.map_or(ALL, kinds) {
                let (_, found) = self.taken(service, *kind, &request);
                ways.extend(found.into_iter().filter(|way| way.to.is_direct()).map(|way| Way { doubt, ..way }));
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
            // What is left of connections goes to the host, what is left of requests nowhere.
            taken |= kind != RouteKind::Tcp || !partial;
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
        if route.delegate.is_some() {
            let delegate = delegate(self.estate, service, route);
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

/// The virtual service to which a route is handed on, where it is in the input and seen from there (semantics C.7).
pub fn delegate<'e, 'a>(
    estate: &'e Estate<'a>,
    service: &VirtualService<'_>,
    route: &Route<'_>,
) -> Option<&'e VirtualService<'a>> {
    let (namespace, name) = route.delegate?;
    let is_meant = |other: &&VirtualService<'_>| {
        other.namespace == namespace
            && other.name.value == name.value
            && other.hosts.is_empty()
            && other.visibility.from(service.namespace)
    };
    estate.mesh.virtual_services.iter().find(is_meant)
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
    if hop.port.is_some() && request.port.is_some() && hop.port != request.port {
        return None;
    }
    let mut partial = hop.partial || hop.port.is_some() && request.port.is_none();
    if kind != RouteKind::Http && !hop.subnets.is_empty() {
        let (meant, all) = (blocks(hop.subnets), blocks(request.addresses));
        partial |= all.is_empty() || !all.is_subset(&meant);
    }
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

/// The addresses in a list of blocks and single addresses, as far as they can be read.
fn blocks(list: &[Text<'_>]) -> AddressSet {
    let single = |text: &str| text.parse::<IpAddr>().ok().map(IpNet::from);
    list.iter().filter_map(|text| text.parse().ok().or_else(|| single(text.value))).collect()
}
