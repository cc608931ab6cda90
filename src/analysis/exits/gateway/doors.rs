//! The doors of the egress proxies: what a client can ask a listener for, and where the proxy sends that (semantics C.7,
//! second hop).

use crate::analysis::Facts;
use crate::analysis::routing::taken;
use crate::analysis::tls::departures;
use crate::model::{Estate, Server, VirtualService};
use crate::source::Location;
use crate::traffic::HostPattern;

/// One host outside that a listener leads to.
#[derive(Clone, Debug)]
pub(super) struct Door<'e, 'a> {
    /// The proxy, by its index among the egress proxies.
    pub proxy: usize,
    pub server: &'e Server<'a>,
    /// The virtual service that leads from the listener to the host, where there is one yet.
    pub service: Option<&'e VirtualService<'a>>,
    /// What a client asks for.
    pub asked: String,
    /// Where the proxy sends it.
    pub upstream: String,
    /// The place of the destination.
    pub at: Location,
    /// The ports at which the proxy's pods may listen.
    pub pod_ports: Vec<u16>,
    /// The port at which it leaves.
    pub leaves: Option<u16>,
}

/// The doors of all proxies, sorted.
pub(super) fn doors<'e, 'a>(estate: &'e Estate<'a>, facts: &'e Facts<'a>) -> Vec<Door<'e, 'a>> {
    let mut found = Vec::new();
    for departure in departures(estate, &facts.egress) {
        let Some(proxy) = facts.egress.proxies.iter().position(|proxy| std::ptr::eq(proxy, departure.proxy)) else {
            continue;
        };
        let gateways = departure.proxy.gateways.iter().map(|&index| &estate.mesh.gateways[index]);
        let holds = |server: &Server<'_>| std::ptr::eq(server, departure.server);
        let Some(gateway) = gateways.into_iter().find(|gateway| gateway.servers.iter().any(holds)) else { continue };
        let upstream = departure.destination.host.clone();
        for asked in taken(departure.server, gateway, departure.service) {
            let pod_ports = departure.server.port.map(|port| departure.proxy.pod_ports(port, estate));
            found.push(Door {
                proxy,
                server: departure.server,
                service: Some(departure.service),
                asked: concrete(asked, &upstream),
                upstream: upstream.clone(),
                at: departure.destination.host_at,
                pod_ports: pod_ports.into_iter().flatten().filter_map(|port| u16::try_from(port).ok()).collect(),
                leaves: departure
                    .port
                    .map(|port| port.target.unwrap_or(port.number))
                    .or(departure.destination.port)
                    .and_then(|port| u16::try_from(port).ok()),
            });
        }
    }
    found.sort_by(|one, other| {
        let key = |door: &Door<'_, '_>| (door.proxy, door.server.at, door.at);
        (&one.upstream, &one.asked, one.leaves, key(one)).cmp(&(
            &other.upstream,
            &other.asked,
            other.leaves,
            key(other),
        ))
    });
    found.dedup_by_key(|door| (door.upstream.clone(), door.asked.clone(), door.leaves, door.proxy, door.server.at));
    found
}

/// A name that a pattern stands for: the one that is led to, where it does.
fn concrete(asked: &str, upstream: &str) -> String {
    let (pattern, wanted) = (HostPattern::new(asked), HostPattern::new(upstream));
    match pattern.suffix() {
        None => asked.to_owned(),
        Some(_) if wanted.subset_of(&pattern) && !wanted.is_wildcard() => upstream.to_owned(),
        Some(suffix) => format!("any{suffix}"),
    }
}
