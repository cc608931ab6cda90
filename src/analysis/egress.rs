//! The proxies through which traffic leaves the mesh: their pods where the input has them, else what the Gateway objects
//! and the routes to them tell (semantics A, `EgwPods`).

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Entity, Estate, Gateway, Labels, Role, Server, Text, VirtualService, Workload};
use crate::traffic::PortSet;

/// The proxies through which traffic leaves the mesh.
#[derive(Clone, Debug, Default)]
pub struct Egress<'a> {
    /// The workloads that are egress proxies, by index, ascending.
    pub workloads: Vec<usize>,
    /// The proxies: those workloads, then the gateways whose pods are not in the input.
    pub proxies: Vec<EgressProxy<'a>>,
}

/// One egress proxy.
#[derive(Clone, Debug)]
pub struct EgressProxy<'a> {
    /// Its workload, where that is in the input.
    pub workload: Option<usize>,
    /// The workload's name, or the Gateway's.
    pub name: Text<'a>,
    /// Where its pods are; more than one where that can only be guessed.
    pub namespaces: Vec<&'a str>,
    /// Its pods' labels, or as many of them as a Gateway's selector tells.
    pub labels: Option<&'a Labels<'a>>,
    /// Whether those are all that they have.
    pub all_labels: bool,
    /// The egress gateways that it serves, by their index in the mesh.
    pub gateways: Vec<usize>,
    /// The names under which clients reach it.
    pub hosts: BTreeSet<&'a str>,
}

impl<'a> EgressProxy<'a> {
    /// Its listeners.
    pub fn servers<'e>(&'e self, estate: &'e Estate<'a>) -> impl Iterator<Item = &'e Server<'a>> {
        self.gateways.iter().flat_map(|&gateway| &estate.mesh.gateways[gateway].servers)
    }

    /// The port at which its pods receive what clients send to a port, as policies see it: that of the Service in front,
    /// where it is in the input; else the port itself or the one that Istio's own gateways map it to (semantics C.7).
    #[must_use]
    pub fn pod_ports(&self, port: i64, estate: &Estate<'_>) -> Vec<i64> {
        let Some(index) = self.workload else { return likely_ports(port) };
        let services = estate.relations.selectors_of(index).into_iter().filter_map(|entity| match entity {
            Entity::Service(service) => Some(&estate.services[service]),
            _ => None,
        });
        let mapped = services.flat_map(|service| &service.ports).find(|mapped| mapped.port == port);
        let Some(mapped) = mapped else { return likely_ports(port) };
        let named = |name: Text<'_>| {
            let ports = estate.workloads[index].pod.containers.iter().flat_map(|container| &container.ports);
            ports.filter(|port| port.name.is_some_and(|own| own.value == name.value)).map(|port| port.port.value).next()
        };
        mapped.target.or_else(|| named(mapped.target_name?)).map_or_else(|| likely_ports(port), |port| vec![port])
    }
}

impl EgressProxy<'_> {
    /// Whether servers for two ports listen on the same port of its pods, as far as that is certain.
    #[must_use]
    pub fn is_same_listener(&self, one: i64, other: i64, estate: &Estate<'_>) -> bool {
        let (own, others) = (self.pod_ports(one, estate), self.pod_ports(other, estate));
        one == other || own.len() == 1 && own == others
    }
}

fn likely_ports(port: i64) -> Vec<i64> {
    match port {
        80 => vec![80, 8080],
        443 => vec![443, 8443],
        other => vec![other],
    }
}

impl Egress<'_> {
    /// The ports to which the proxies send what they are given to send on, as routes through them say.
    #[must_use]
    pub fn ports_beyond(&self, estate: &Estate<'_>) -> PortSet {
        let gateways = self.proxies.iter().flat_map(|proxy| &proxy.gateways);
        let gateways: Vec<_> = gateways.map(|&gateway| estate.mesh.gateways[gateway].reference()).collect();
        let services = estate.mesh.virtual_services.iter();
        let routes = services.flat_map(|service| service.routes_of(|taker| gateways.contains(&taker)));
        let beyond = routes.flat_map(|route| &route.destinations).filter(|to| !to.host.ends_with(".svc.cluster.local"));
        let ports = beyond.filter_map(|to| u16::try_from(to.port?).ok());
        ports.fold(PortSet::empty(), |all, port| all.union(&PortSet::single(port)))
    }
}

/// Finds the egress proxies.
pub(super) fn egress<'a>(estate: &'a Estate<'a>) -> Egress<'a> {
    let mut served: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, workload) in estate.workloads.iter().enumerate() {
        if workload.is_gateway && estate.namespace_of(workload).role == Role::Egress {
            served.insert(index, Vec::new());
        }
    }
    let mut unseen = Vec::new();
    for (index, gateway) in estate.mesh.gateways.iter().enumerate().filter(|(_, gateway)| gateway.egress) {
        let workloads = selected(index, gateway, estate);
        if workloads.is_empty() {
            unseen.push(index);
        }
        for workload in workloads {
            served.entry(workload).or_default().push(index);
        }
    }
    let workloads = served.keys().copied().collect();
    let known = served.into_iter().map(|(workload, gateways)| of_workload(workload, gateways, estate));
    let inferred = unseen.into_iter().map(|gateway| of_gateway(gateway, estate));
    let mut proxies: Vec<EgressProxy<'_>> = known.chain(inferred).collect();
    keep_own_hosts(&mut proxies, estate);
    Egress { workloads, proxies }
}

/// Takes from each proxy the services that are seen to stand in front of another one: routes alone, of which two gateways
/// may have some for one host, do not tell.
fn keep_own_hosts(proxies: &mut [EgressProxy<'_>], estate: &Estate<'_>) {
    let mut owners: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for workload in proxies.iter().filter_map(|proxy| proxy.workload) {
        for entity in estate.relations.selectors_of(workload) {
            if let Entity::Service(service) = entity {
                owners.entry(estate.services[service].host(&estate.namespaces)).or_default().push(workload);
            }
        }
    }
    for proxy in proxies {
        let own = proxy.workload;
        proxy.hosts.retain(|host| owners.get(*host).is_none_or(|owners| own.is_some_and(|own| owners.contains(&own))));
    }
}

/// The workloads that a gateway configures; without a selector every gateway proxy.
fn selected(index: usize, gateway: &Gateway<'_>, estate: &Estate<'_>) -> Vec<usize> {
    if gateway.selector.is_some() {
        return estate.gateway_workloads(index).map(|(workload, _)| workload).collect();
    }
    let workloads = estate.workloads.iter().enumerate();
    workloads.filter(|(_, workload)| workload.is_gateway).map(|(index, _)| index).collect()
}

fn of_workload<'a>(index: usize, gateways: Vec<usize>, estate: &'a Estate<'a>) -> EgressProxy<'a> {
    let workload: &Workload<'a> = &estate.workloads[index];
    let namespaces = vec![estate.namespace_of(workload).name];
    let hosts: BTreeSet<&str> = gateways.iter().flat_map(|&gateway| route_hosts(gateway, estate)).collect();
    EgressProxy {
        workload: Some(index),
        name: workload.name,
        hosts: if hosts.is_empty() { named_hosts(&namespaces, estate).collect() } else { hosts },
        namespaces,
        labels: Some(workload.labels),
        all_labels: true,
        gateways,
    }
}

fn of_gateway<'a>(index: usize, estate: &'a Estate<'a>) -> EgressProxy<'a> {
    let gateway = &estate.mesh.gateways[index];
    // The service that is made for a gateway of the Gateway API is known by its name; any other has to be told from routes.
    let made = made_hosts(gateway, estate).filter(|_| gateway.of_gateway_api);
    let mut hosts: BTreeSet<&str> = made.collect();
    if hosts.is_empty() {
        hosts = route_hosts(index, estate);
    }
    if hosts.is_empty() && !gateway.of_gateway_api {
        let egress = estate.namespaces.iter().filter(|namespace| namespace.role == Role::Egress);
        let likely: Vec<&str> = egress.map(|namespace| namespace.name).chain([gateway.namespace]).collect();
        hosts = named_hosts(&likely, estate).collect();
    }
    let mut namespaces: Vec<&str> = hosts.iter().filter_map(|host| host.split('.').nth(1)).collect();
    if namespaces.is_empty() {
        namespaces.push(gateway.namespace);
    }
    namespaces.dedup();
    EgressProxy {
        workload: None,
        name: gateway.name,
        namespaces,
        labels: gateway.pod_labels.or(gateway.selector),
        all_labels: gateway.pod_labels.is_some(),
        gateways: vec![index],
        hosts,
    }
}

/// Services of some namespaces that are called egress gateways and that sidecars are told to send to: for want of a virtual
/// service with both hops.
fn named_hosts<'e, 'a>(namespaces: &'e [&'e str], estate: &'a Estate<'a>) -> impl Iterator<Item = &'a str> + 'e
where
    'a: 'e,
{
    let hosts = sent_to(estate);
    hosts.filter(move |host| {
        let mut labels = host.split('.');
        let (name, namespace) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
        host.ends_with(".svc.cluster.local") && name.contains("egress") && namespaces.contains(&namespace)
    })
}

/// The service that is made for a gateway of the Gateway API, where sidecars are told to send to it: it has the gateway's
/// name, and the class's behind that.
fn made_hosts<'e, 'a>(gateway: &'e Gateway<'a>, estate: &'a Estate<'a>) -> impl Iterator<Item = &'a str> + 'e {
    sent_to(estate).filter(move |host| {
        let (name, rest) = host.split_once('.').unwrap_or((host, ""));
        let class = name.strip_prefix(gateway.name.value).and_then(|rest| rest.strip_prefix('-'));
        class.is_some() && rest.strip_suffix(".svc.cluster.local") == Some(gateway.namespace)
    })
}

/// The hosts that sidecars are told to send to.
fn sent_to<'a>(estate: &'a Estate<'a>) -> impl Iterator<Item = &'a str> {
    let routes = estate.mesh.virtual_services.iter().flat_map(VirtualService::routes_of_sidecars);
    routes.flat_map(|route| &route.destinations).map(|destination| destination.host.as_str())
}

/// The services to which sidecars are told to send what then passes a gateway, be it by one virtual service for both hops
/// or by one for each.
fn route_hosts<'a>(index: usize, estate: &'a Estate<'a>) -> BTreeSet<&'a str> {
    let own = estate.mesh.gateways[index].reference();
    let services = || estate.mesh.virtual_services.iter();
    let is_through = |service: &&VirtualService<'_>| service.gateways.contains(&own);
    let mut hosts = BTreeSet::new();
    for through in services().filter(is_through) {
        hosts.extend(first_hops(through));
        // One that has both hops itself says where the first one leads; what others say is of other gateways.
        if first_hops(through).next().is_none() {
            let named = |host: &str| host != "*" && through.hosts.iter().any(|own| own.value == host);
            let shares = |other: &&VirtualService<'_>| other.hosts.iter().any(|host| named(host.value));
            hosts.extend(services().filter(shares).flat_map(first_hops));
        }
    }
    hosts
}

/// The services of the cluster to which a virtual service has sidecars send.
fn first_hops<'a>(service: &'a VirtualService<'a>) -> impl Iterator<Item = &'a str> {
    let destinations = service.routes_of_sidecars().flat_map(|route| &route.destinations);
    let hosts = destinations.map(|destination| destination.host.as_str());
    hosts.filter(|host| host.ends_with(".svc.cluster.local"))
}
