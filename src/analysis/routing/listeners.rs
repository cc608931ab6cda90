//! Which Gateway objects configure the egress proxies, and which virtual services may bind to them (semantics C.7).

use crate::analysis::egress::{Egress, EgressProxy};
use crate::model::{Estate, Gateway, GatewayReference, Route, Server, VirtualService};
use crate::traffic::HostPattern;

/// The Gateway objects that open listeners on egress proxies, by index, ascending: those that are for egress, and every
/// other one whose selector picks the same pods.
pub(super) fn of_egress(estate: &Estate<'_>, egress: &Egress<'_>) -> Vec<usize> {
    let any = |index| egress.proxies.iter().any(|proxy| configures(index, proxy, estate));
    let all = estate.mesh.gateways.iter().enumerate();
    all.filter(|(index, gateway)| gateway.egress || any(*index)).map(|(index, _)| index).collect()
}

/// Whether a Gateway object configures a proxy: its selector picks the pods, wherever they stand, or it has none.
#[must_use]
pub fn configures(gateway: usize, proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> bool {
    match (estate.mesh.gateways[gateway].selector, proxy.workload) {
        (None, _) => true,
        (Some(_), Some(workload)) => estate.gateway_workloads(gateway).any(|(selected, _)| selected == workload),
        // Of pods that are not in the input a selector tells some labels.
        (Some(selector), None) => proxy.labels.is_some_and(|labels| selector.is_subset(labels)),
    }
}

/// A host of a server: whose virtual services may bind, and what they may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission<'a> {
    /// The only namespace whose virtual services bind; any where there is none.
    pub namespace: Option<&'a str>,
    pub host: HostPattern<'a>,
}

/// Reads an entry of a server's `hosts`, as seen from the namespace of the Gateway.
#[must_use]
pub fn admission<'a>(written: &'a str, gateway: &'a str) -> Admission<'a> {
    let (namespace, host) = match written.split_once('/') {
        None | Some(("*", _)) => (None, written.rsplit('/').next().unwrap_or(written)),
        Some((".", host)) => (Some(gateway), host),
        Some((namespace, host)) => (Some(namespace), host),
    };
    Admission { namespace, host: HostPattern::new(host) }
}

/// The hosts of a virtual service that a server takes.
pub fn taken<'e>(
    server: &'e Server<'_>,
    gateway: &'e Gateway<'_>,
    service: &'e VirtualService<'_>,
) -> impl Iterator<Item = &'e str> {
    let hosts = service.hosts.iter().map(|host| host.value);
    hosts.filter(move |host| admits(server, gateway, service.namespace, host))
}

/// Whether a server takes routes for a host from a namespace: on a listener that reads requests where the host shares a
/// name with one of the server's, on others where one of the server's covers it.
#[must_use]
pub fn admits(server: &Server<'_>, gateway: &Gateway<'_>, namespace: &str, host: &str) -> bool {
    let host = HostPattern::new(host);
    server.hosts.iter().map(|written| admission(written.value, gateway.namespace)).any(|one| {
        let is_meant = one.namespace.is_none_or(|own| own == namespace);
        is_meant && if server.reads_requests() { one.host.matches(&host) } else { host.subset_of(&one.host) }
    })
}

/// Whether a virtual service names a gateway.
#[must_use]
pub fn names(service: &VirtualService<'_>, gateway: &Gateway<'_>) -> bool {
    let own = gateway.reference();
    service.gateways.contains(&own)
        || service.routes.iter().flat_map(|route| &route.hops).any(|hop| hop.gateways.contains(&own))
}

/// Whether a virtual service sends what sidecars have to an egress proxy.
#[must_use]
pub fn leads_to_gateway(service: &VirtualService<'_>, egress: &Egress<'_>) -> bool {
    let by_sidecars =
        service.routes.iter().filter(|route| service.taken_by(route).any(|(taker, _)| taker == GatewayReference::Mesh));
    by_sidecars
        .flat_map(|route| &route.destinations)
        .any(|to| egress.proxies.iter().any(|proxy| proxy.hosts.contains(to.host.as_str())))
}

/// Whether a server of a gateway takes a route of a virtual service, as far as the ports tell.
#[must_use]
pub fn takes(service: &VirtualService<'_>, route: &Route<'_>, gateway: &Gateway<'_>, server: &Server<'_>) -> bool {
    service.taken_by(route).any(|(taker, port)| {
        taker == gateway.reference() && (port.is_none() || server.port.is_none() || port == server.port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_host_may_name_the_namespace() {
        let of = |text| admission(text, "istio-egress");
        assert_eq!(of("*"), Admission { namespace: None, host: HostPattern::new("*") });
        assert_eq!(of("*/example.com").namespace, None);
        assert_eq!(of("*/example.com").host, HostPattern::new("example.com"));
        assert_eq!(of("./*").namespace, Some("istio-egress"));
        assert_eq!(of("team-x/*").namespace, Some("team-x"));
    }
}
