//! The first hop: where sidecars send what is meant for a host outside of the mesh (semantics C.7).

use super::clients::Client;
use super::detours::{detours, leading_out};
use super::hosts::Doubt;
use super::resolver::Resolver;
use super::scope::PulledIn;
use crate::analysis::egress::Egress;
use crate::model::{
    Destination, EntryPort, Estate, PortProtocol, Route, RouteKind, ServiceEntry, Text, VirtualService,
};

/// Where the sidecars of a client send what is meant for a host and port of a service entry that they know, or for a host
/// of the mesh that a route takes out of it.
#[derive(Clone, Debug)]
pub struct Flow<'a> {
    /// By index in the list of clients.
    pub client: usize,
    /// The entry of the host, or of the one outside to which a host of the mesh is taken.
    pub entry: &'a ServiceEntry<'a>,
    /// The host that clients ask for.
    pub host: &'a Text<'a>,
    /// The port of the entry.
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
    /// This one is for the host and has no route for the port in the list that its protocol is looked up in.
    NotCovered(&'a VirtualService<'a>, RouteKind),
}

/// Follows what all clients may send to all hosts outside of the mesh that they know: because their Sidecars take them in,
/// or because a route that they know does.
pub(super) fn flows<'a>(estate: &'a Estate<'a>, egress: &Egress<'a>, clients: &[Client<'a>]) -> Vec<Flow<'a>> {
    let resolver = Resolver::new(estate, egress);
    let entries: Vec<&ServiceEntry<'_>> = estate.mesh.service_entries.iter().filter(|entry| entry.external).collect();
    let leading_out = leading_out(estate, &resolver);
    let mut found = Vec::new();
    for (index, client) in clients.iter().enumerate() {
        let pulled = PulledIn::new(estate, client);
        for entry in entries.iter().filter(|entry| entry.visibility.from(client.namespace)) {
            for host in &entry.hosts {
                let imported = client.imports(entry.namespace, host.value);
                let ports = entry.ports.iter().filter(|port| port.protocol != PortProtocol::Udp);
                let known = ports.filter(|port| imported || pulled.has(host.value, port.number));
                found.extend(known.map(|port| Flow {
                    client: index,
                    entry,
                    host,
                    port,
                    ways: resolver.ways(client, host.value, (entry, port)),
                }));
            }
        }
        found.extend(detours(estate, &resolver, &leading_out, (index, client)));
    }
    found
}
