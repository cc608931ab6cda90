//! What is meant for a host of the mesh and that a route takes out of it, as a whole or as a copy (semantics B.2 row 43, C.7).

use std::collections::BTreeMap;

use super::clients::Client;
use super::flows::{Flow, Target};
use super::resolver::Resolver;
use crate::model::{Destination, EntryPort, Estate, PortProtocol, Route, Service, ServiceEntry, Text, VirtualService};

/// The virtual services for sidecars that lead to hosts outside, as far as they themselves tell.
pub(super) fn leading_out<'a>(estate: &'a Estate<'a>, resolver: &Resolver<'_>) -> Vec<&'a VirtualService<'a>> {
    estate.mesh.virtual_services.iter().filter(|service| leads_out(service, resolver)).collect()
}

/// The flows of a client by routes for hosts of the mesh that lead out of it from its sidecars.
pub(super) fn detours<'a>(
    estate: &'a Estate<'a>,
    resolver: &Resolver<'a>,
    leading_out: &[&'a VirtualService<'a>],
    (number, client): (usize, &Client<'a>),
) -> Vec<Flow<'a>> {
    let mut hosts: BTreeMap<&str, &'a Text<'a>> = BTreeMap::new();
    for service in leading_out.iter().filter(|service| client.knows(service)) {
        let inside = service.hosts.iter().zip(&service.full_hosts).filter(|(_, full)| is_of_mesh(full, estate));
        hosts.extend(inside.map(|(host, _)| (host.value, host)));
    }
    let mut found = Vec::new();
    for host in hosts.into_values() {
        for asked in ports(estate, host.value, client.namespace) {
            for way in resolver.ways_out(client, host.value, asked) {
                let (Target::Outside(to) | Target::Mirror(to)) = way.to else { continue };
                let Some((entry, port)) = entry(estate, to, client.namespace) else { continue };
                found.push(Flow { client: number, entry, host, port, ways: vec![way] });
            }
        }
    }
    found
}

/// Whether a host is a service of the cluster, or one that is registered as part of the mesh.
fn is_of_mesh(host: &str, estate: &Estate<'_>) -> bool {
    let mut inside = estate.mesh.service_entries.iter().filter(|entry| !entry.external);
    host.ends_with(".svc.cluster.local") || inside.any(|entry| entry.covers(host))
}

/// Whether some route of sidecars leads to a host outside.
fn leads_out(service: &VirtualService<'_>, resolver: &Resolver<'_>) -> bool {
    let out = |to: &Destination<'_>| resolver.outside.holds(&to.host);
    let leads =
        |route: &Route<'_>| route.delegate.is_some() || route.destinations.iter().chain(&route.mirrors).any(out);
    service.routes_of_sidecars().any(leads)
}

/// The ports of a service of the cluster and what they speak; one that is not known where the service is not in the input.
fn ports(estate: &Estate<'_>, host: &str, namespace: &str) -> Vec<(Option<i64>, Option<PortProtocol>)> {
    let is_meant = |service: &&Service<'_>| {
        let own = estate.namespaces[service.namespace].name;
        service.host(&estate.namespaces) == host || own == namespace && service.name.value == host
    };
    let service = estate.services.iter().find(is_meant);
    let known =
        service.map(|service| service.ports.iter().map(|port| (Some(port.port), Some(port.protocol))).collect());
    known.unwrap_or_else(|| vec![(None, None)])
}

/// The entry and port by which the proxies of a namespace know a destination outside; none where they do not.
fn entry<'a>(
    estate: &'a Estate<'a>,
    to: &Destination<'_>,
    namespace: &str,
) -> Option<(&'a ServiceEntry<'a>, &'a EntryPort<'a>)> {
    let entries = estate.mesh.service_entries.iter();
    let mut seen = entries.filter(|entry| entry.external && entry.visibility.from(namespace) && entry.covers(&to.host));
    seen.find_map(|entry| {
        let is_meant = |port: &&EntryPort<'_>| to.port.is_none_or(|wanted| wanted == port.number);
        Some((entry, entry.ports.iter().find(is_meant)?))
    })
}
