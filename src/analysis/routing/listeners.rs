//! Which Gateway objects configure the egress proxies, and which virtual services may bind to them (semantics C.7).

use crate::analysis::egress::{Egress, EgressProxy};
use crate::model::{Estate, Gateway, Route, RoutesFrom, Server, Text, VirtualService};
use crate::source::Location;
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

/// A host of a server: whose routes may bind, and what they may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission<'a> {
    pub from: Admitted<'a>,
    pub host: HostPattern<'a>,
    /// The place of what admits.
    pub at: Location,
}

/// Whose routes bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted<'a> {
    Anybody,
    Namespace(&'a str),
    /// Namespaces that a selector picks: somebody has chosen them.
    Chosen,
}

impl Admitted<'_> {
    /// Whether routes of a namespace may bind, as far as the input tells.
    #[must_use]
    pub fn includes(&self, namespace: &str) -> bool {
        match self {
            Self::Anybody | Self::Chosen => true,
            Self::Namespace(own) => *own == namespace,
        }
    }
}

/// Whose routes for which hosts a server takes.
pub fn admissions<'e, 'a>(
    server: &'e Server<'a>,
    gateway: &'e Gateway<'a>,
) -> impl Iterator<Item = Admission<'a>> + 'e {
    server.hosts.iter().map(|written| match server.routes_from {
        Some(from) => {
            Admission { host: HostPattern::new(written.value), from: of_listener(from.value, gateway), at: from.at }
        }
        None => of_host(*written, gateway.namespace),
    })
}

fn of_listener<'a>(from: RoutesFrom, gateway: &Gateway<'a>) -> Admitted<'a> {
    match from {
        RoutesFrom::All => Admitted::Anybody,
        RoutesFrom::Same => Admitted::Namespace(gateway.namespace),
        RoutesFrom::Selected => Admitted::Chosen,
    }
}

/// Reads an entry of a server's `hosts`, as seen from the namespace of the Gateway.
fn of_host<'a>(written: Text<'a>, gateway: &'a str) -> Admission<'a> {
    let (from, host) = match written.value.split_once('/') {
        None => (Admitted::Anybody, written.value),
        Some(("*", host)) => (Admitted::Anybody, host),
        Some((".", host)) => (Admitted::Namespace(gateway), host),
        Some((namespace, host)) => (Admitted::Namespace(namespace), host),
    };
    Admission { from, host: HostPattern::new(host), at: written.at }
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
    admissions(server, gateway).any(|one| {
        let is_meant = one.from.includes(namespace);
        is_meant && if server.reads_requests() { one.host.matches(&host) } else { host.subset_of(&one.host) }
    })
}

/// Whether a virtual service is given to a gateway. That one of its matches names it does not do.
#[must_use]
pub fn names(service: &VirtualService<'_>, gateway: &Gateway<'_>) -> bool {
    service.gateways.contains(&gateway.reference())
}

/// Whether a virtual service sends what sidecars have to an egress proxy.
#[must_use]
pub fn leads_to_gateway(service: &VirtualService<'_>, egress: &Egress<'_>) -> bool {
    let mut destinations = service.routes_of_sidecars().flat_map(|route| &route.destinations);
    destinations.any(|to| egress.proxies.iter().any(|proxy| proxy.hosts.contains(to.host.as_str())))
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
    use crate::source::{SourceId, Span, Spanned};

    #[test]
    fn a_servers_host_may_name_the_namespace() {
        let at = Location { source: SourceId(0), span: Span { start: 0, end: 0 } };
        let of = |text| of_host(Spanned::new(text, at), "istio-egress");
        assert_eq!(of("*").from, Admitted::Anybody);
        assert_eq!(of("*/example.com").from, Admitted::Anybody);
        assert_eq!(of("*/example.com").host, HostPattern::new("example.com"));
        assert_eq!(of("./*").from, Admitted::Namespace("istio-egress"));
        assert_eq!(of("team-x/*").from, Admitted::Namespace("team-x"));
    }
}
