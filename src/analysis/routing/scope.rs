//! Which Sidecar applies to a workload (semantics C.6), and what its proxies know in spite of it.

use rustc_hash::FxHashMap;

use super::clients::Client;
use crate::model::{Destination, Estate, Labels, Sidecar, VirtualService};

/// The Sidecars of an estate by their namespace.
#[derive(Debug)]
pub struct Sidecars<'a> {
    by_namespace: FxHashMap<&'a str, Vec<&'a Sidecar<'a>>>,
    root: &'a str,
}

impl<'a> Sidecars<'a> {
    /// Collects the Sidecars of an estate.
    #[must_use]
    pub fn new(estate: &'a Estate<'a>) -> Self {
        let mut by_namespace: FxHashMap<&str, Vec<&Sidecar<'_>>> = FxHashMap::default();
        for sidecar in &estate.mesh.sidecars {
            by_namespace.entry(sidecar.namespace).or_default().push(sidecar);
        }
        Self { by_namespace, root: estate.mesh.root_namespace }
    }

    /// The Sidecars of which one applies to a workload: all that select it, else the namespace's default, else the root
    /// namespace's. Of several the oldest counts, and manifests do not tell ages.
    #[must_use]
    pub fn of(&self, namespace: &str, labels: Option<&Labels<'_>>) -> Vec<&'a Sidecar<'a>> {
        let own = self.all_of(namespace);
        let selects = |sidecar: &&&Sidecar<'_>| {
            labels.is_some_and(|labels| sidecar.selector.is_some_and(|selector| selector.is_subset(labels)))
        };
        let selecting: Vec<&Sidecar<'_>> = own.iter().filter(selects).copied().collect();
        if !selecting.is_empty() {
            return selecting;
        }
        let defaults = |list: &[&'a Sidecar<'a>]| {
            list.iter().filter(|sidecar| sidecar.selector.is_none()).copied().collect::<Vec<_>>()
        };
        let own = defaults(own);
        if own.is_empty() { defaults(self.all_of(self.root)) } else { own }
    }

    /// The Sidecars that stand in a namespace.
    #[must_use]
    pub fn all_of(&self, namespace: &str) -> &[&'a Sidecar<'a>] {
        self.by_namespace.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The hosts that proxies know although their Sidecars leave them out: destinations of the virtual services that they know
/// are taken in with these (semantics B.2 row 42).
#[derive(Debug, Default)]
pub struct PulledIn<'a> {
    /// By host: the destinations, and the virtual services that have them.
    hosts: FxHashMap<&'a str, Vec<(&'a VirtualService<'a>, &'a Destination<'a>)>>,
}

impl<'a> PulledIn<'a> {
    /// Collects what the virtual services that a client knows take in.
    #[must_use]
    pub fn new(estate: &'a Estate<'a>, client: &Client<'a>) -> Self {
        let mut pulled = Self::default();
        // Without a Sidecar there is nothing that is left out.
        if client.sidecars.is_empty() {
            return pulled;
        }
        for service in estate.mesh.virtual_services.iter().filter(|service| client.knows(service)) {
            for to in service.routes.iter().flat_map(|route| &route.destinations) {
                pulled.hosts.entry(&to.host).or_default().push((service, to));
            }
        }
        pulled
    }

    /// Whether a port of a host is taken in.
    #[must_use]
    pub fn has(&self, host: &str, port: i64) -> bool {
        self.by(host, port).is_some()
    }

    /// The virtual service and the destination that take a port of a host in.
    #[must_use]
    pub fn by(&self, host: &str, port: i64) -> Option<(&'a VirtualService<'a>, &'a Destination<'a>)> {
        let all = self.hosts.get(host).into_iter().flatten();
        all.copied().find(|(_, to)| to.port.is_none_or(|own| own == port))
    }
}
