//! Which virtual services are for a host on sidecars (semantics C.7): the most specific host since Istio 1.18, the oldest
//! object before.

use rustc_hash::{FxHashMap, FxHashSet};

use super::clients::Client;
use crate::model::{Estate, GatewayReference, Match, VirtualService};
use crate::traffic::HostPattern;

/// The virtual services that sidecars take, by their hosts.
#[derive(Debug)]
pub struct MeshRoutes<'a> {
    exact: FxHashMap<&'a str, Vec<&'a VirtualService<'a>>>,
    wildcards: Vec<(HostPattern<'a>, &'a VirtualService<'a>)>,
    most_specific: Match,
}

impl<'a> MeshRoutes<'a> {
    /// Collects the virtual services of an estate.
    #[must_use]
    pub fn new(estate: &'a Estate<'a>) -> Self {
        let mut exact: FxHashMap<&str, Vec<&VirtualService<'_>>> = FxHashMap::default();
        let mut wildcards = Vec::new();
        let of_mesh = |service: &&VirtualService<'_>| service.gateways.contains(&GatewayReference::Mesh);
        for service in estate.mesh.virtual_services.iter().filter(of_mesh) {
            for host in &service.hosts {
                let pattern = HostPattern::new(host.value);
                if pattern.is_wildcard() {
                    wildcards.push((pattern, service));
                } else {
                    exact.entry(host.value).or_default().push(service);
                }
            }
        }
        Self { exact, wildcards, most_specific: estate.mesh.version.at_least(1, 18) }
    }

    /// Every virtual service for a host, with whether it names the host itself, seen or not.
    pub fn all<'s>(&'s self, host: &'s str) -> impl Iterator<Item = (&'a VirtualService<'a>, usize)> + 's {
        let pattern = HostPattern::new(host);
        let exact = self.exact.get(host).into_iter().flatten().map(|service| (*service, usize::MAX));
        let by_wildcard = self.wildcards.iter().filter(move |(wildcard, _)| pattern.subset_of(wildcard));
        exact.chain(by_wildcard.map(|(wildcard, service)| (*service, wildcard.as_str().len())))
    }

    /// The virtual services for hosts that a wildcard stands for besides others.
    pub fn below<'s>(&'s self, wildcard: &'s str) -> impl Iterator<Item = (&'a str, &'a VirtualService<'a>)> + 's {
        let pattern = HostPattern::new(wildcard);
        let is_below =
            move |host: &HostPattern<'_>| pattern.is_wildcard() && *host != pattern && host.subset_of(&pattern);
        let exact = self.exact.iter().filter(move |(host, _)| is_below(&HostPattern::new(host)));
        let exact = exact.flat_map(|(host, services)| services.iter().map(move |service| (*host, *service)));
        let wildcards = self.wildcards.iter().filter(move |(host, _)| is_below(host));
        exact.chain(wildcards.map(|(host, service)| (host.as_str(), *service)))
    }

    /// The virtual services of which one counts for a client, each with why another may count instead: of the most
    /// specific host all that are alike, and those for wildcards unless the version rules them out.
    #[must_use]
    pub fn of(&self, host: &str, client: &Client<'_>) -> Vec<(&'a VirtualService<'a>, Option<Doubt>)> {
        let mut seen: Vec<_> = self.all(host).filter(|(service, _)| client.knows(service)).collect();
        // A virtual service that has several hosts for it counts by the most specific.
        seen.sort_by_key(|(service, rank)| (service.name.at, std::cmp::Reverse(*rank)));
        seen.dedup_by_key(|(service, _)| service.name.at);
        let best = seen.iter().map(|(_, rank)| *rank).max();
        let specific: Vec<_> = seen
            .iter()
            .filter(|(_, rank)| Some(*rank) == best)
            .map(|(one, _)| (one.namespace, one.name.value))
            .collect();
        let is_copied = specific.iter().all(|name| Some(name) == specific.first());
        let of_one = |(service, rank): &(&'a VirtualService<'a>, usize)| {
            let is_best = Some(*rank) == best;
            let doubt = match (is_best, specific.len()) {
                (true, 1) => None,
                (true, _) if is_copied => Some(Doubt::Copy),
                (true, _) => Some(Doubt::Age),
                (false, _) => Some(Doubt::Version),
            };
            (is_best || self.most_specific != Match::Yes).then_some((*service, doubt))
        };
        seen.iter().filter_map(of_one).collect()
    }
}

/// Why a virtual service may not be the one that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// The object is in the input more than once, and the last one that is applied counts.
    Copy,
    /// Another one is for the same host, and the older of the two counts.
    Age,
    /// Another one is for a more specific host: it counts since Istio 1.18, and the oldest of all did before.
    Version,
}

/// The hosts that are registered as outside of the mesh.
#[derive(Debug, Default)]
pub struct Outside<'a> {
    exact: FxHashSet<&'a str>,
    wildcards: Vec<HostPattern<'a>>,
}

impl<'a> Outside<'a> {
    /// Collects the hosts of an estate.
    #[must_use]
    pub fn new(estate: &'a Estate<'a>) -> Self {
        let mut outside = Self::default();
        let entries = estate.mesh.service_entries.iter().filter(|entry| entry.external);
        for host in entries.flat_map(|entry| &entry.hosts) {
            let pattern = HostPattern::new(host.value);
            if pattern.is_wildcard() {
                outside.wildcards.push(pattern);
            } else {
                outside.exact.insert(host.value);
            }
        }
        outside.wildcards.sort_unstable();
        outside.wildcards.dedup();
        outside
    }

    /// The wildcards among them.
    pub fn wildcards(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.wildcards.iter().map(HostPattern::as_str)
    }

    /// Whether a host or wildcard is registered just as it is written.
    #[must_use]
    pub fn registers(&self, host: &str) -> bool {
        self.exact.contains(host) || self.wildcards.binary_search(&HostPattern::new(host)).is_ok()
    }

    /// Whether every name that a pattern stands for is outside.
    #[must_use]
    pub fn holds(&self, host: &str) -> bool {
        let pattern = HostPattern::new(host);
        self.exact.contains(host) || self.wildcards.iter().any(|wildcard| pattern.subset_of(wildcard))
    }
}
