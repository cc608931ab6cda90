//! The first hop: how sidecars reach an egress proxy, as each namespace of clients sees it (semantics C.7).

use rustc_hash::FxHashMap;

use super::{Client, ClientView, DestinationRules, Target};
use crate::analysis::egress::{Egress, EgressProxy};
use crate::model::{ClientMode, Destination, Estate, Labels, Role, Server, ServerMode, VirtualService};
use crate::traffic::HostPattern;

/// One way by which the sidecars of a namespace reach an egress proxy whose listener can know its clients.
#[derive(Clone, Copy, Debug)]
pub struct Approach<'e, 'a> {
    pub proxy: &'e EgressProxy<'a>,
    pub service: &'e VirtualService<'a>,
    pub destination: &'e Destination<'a>,
    /// The namespace of the clients.
    pub client: &'a str,
    /// What they do about TLS.
    pub view: ClientView<'e, 'a>,
}

impl Approach<'_, '_> {
    /// Whether every listener of the proxy asks for the mesh's certificate, so that clients can use no other mode than
    /// `ISTIO_MUTUAL` on whatever port they send to.
    #[must_use]
    pub fn asks_for_the_mesh(&self, estate: &Estate<'_>) -> bool {
        let mut servers = self.proxy.servers(estate).peekable();
        servers.peek().is_some() && servers.all(|server| server.mode == ServerMode::IstioMutual)
    }

    /// The name that clients give when TLS starts, where every listener that takes them is picked by names, and none by this
    /// one. Without `sni` they give the name of the cluster that they send to (semantics C.7).
    #[must_use]
    pub fn unanswered_name(&self, estate: &Estate<'_>) -> Option<String> {
        let tls = self.view.tls.filter(|tls| tls.mode == ClientMode::IstioMutual)?;
        let Destination { host, port, subset, .. } = self.destination;
        let port = (*port)?;
        let subset = subset.map_or("", |subset| subset.value);
        let name = tls.sni.map_or_else(|| format!("outbound_.{port}_.{subset}_.{host}"), |sni| sni.value.to_owned());
        let answers = |server: &Server<'_>| {
            let names = server.hosts.iter().map(|host| host.value.rsplit('/').next().unwrap_or(host.value));
            let is_for = |own: &str| own.contains('$') || HostPattern::new(own).matches(&HostPattern::new(&name));
            !server.identifies_clients() || server.hosts.is_empty() || names.into_iter().any(is_for)
        };
        let mut here = self.proxy.servers(estate).filter(|server| server.port == Some(port)).peekable();
        let is_open = here.peek().is_none() || name.contains('$') || here.any(answers);
        (!is_open).then_some(name)
    }
}

/// Every way by which sidecars reach egress proxies. Left out are those that automatic mutual TLS covers, and listeners that
/// forward TLS unread and so know nobody.
#[must_use]
pub fn approaches<'e, 'a>(estate: &'e Estate<'a>, egress: &'e Egress<'a>) -> Vec<Approach<'e, 'a>> {
    let (rules, picked) = (DestinationRules::new(estate), picked(estate));
    let mut found = Vec::new();
    for proxy in &egress.proxies {
        for service in &estate.mesh.virtual_services {
            through(estate, (&rules, &picked), proxy, service, &mut found);
        }
    }
    found
}

fn through<'e, 'a>(
    estate: &'e Estate<'a>,
    (rules, picked): (&DestinationRules<'e, 'a>, &Picked<'_>),
    proxy: &'e EgressProxy<'a>,
    service: &'e VirtualService<'a>,
    found: &mut Vec<Approach<'e, 'a>>,
) {
    let is_covered = is_automatic(proxy, estate);
    let destinations = service.routes_of_sidecars().flat_map(|route| &route.destinations);
    for destination in destinations.filter(|to| proxy.hosts.contains(to.host.as_str())) {
        if !may_identify(destination.port, proxy, estate) {
            continue;
        }
        let subset = destination.subset.map(|subset| subset.value);
        let target = Target { host: &destination.host, port: destination.port, subset };
        for namespace in namespaces(service, estate) {
            for labels in picked.get(namespace).map_or(&[None][..], Vec::as_slice) {
                let view = rules.view(Client { namespace, labels: *labels }, target);
                if !(is_covered && view.tls.is_none()) {
                    found.push(Approach { proxy, service, destination, client: namespace, view });
                }
            }
        }
    }
}

/// Whether sidecars speak mutual TLS with a proxy where nothing sets TLS for it: its pods carry the label of those with a
/// sidecar, which gateways are not given by themselves, and the mesh does not switch that off (semantics MT03, C.7).
#[must_use]
pub fn is_automatic(proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> bool {
    let mode = proxy.labels.and_then(|labels| labels.get("security.istio.io/tlsMode"));
    estate.mesh.auto_mtls_off.is_none() && mode.is_some_and(|mode| mode.value == "istio")
}

/// Whether the listener on a port can know its clients at all: one that forwards TLS unread cannot.
fn may_identify(port: Option<i64>, proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> bool {
    let is_opaque = |server: &Server<'_>| matches!(server.mode, ServerMode::Passthrough | ServerMode::AutoPassthrough);
    let mut here = proxy.servers(estate).filter(|server| port.is_none() || server.port == port).peekable();
    here.peek().is_some() && here.all(|server| !is_opaque(server))
}

/// The application namespaces that see a virtual service; its own where the input has none.
fn namespaces<'a>(service: &VirtualService<'a>, estate: &Estate<'a>) -> Vec<&'a str> {
    let tenants =
        estate.namespaces.iter().filter(|namespace| namespace.role == Role::Tenant).map(|namespace| namespace.name);
    let seeing: Vec<&str> = tenants.filter(|name| service.visibility.from(name)).collect();
    if seeing.is_empty() { vec![service.namespace] } else { seeing }
}

/// The labels of the workloads that destination rules of their namespace pick, and none for all others of it, by namespace.
/// Namespaces in which no rule picks any are left out.
type Picked<'e> = FxHashMap<&'e str, Vec<Option<&'e Labels<'e>>>>;

fn picked<'e>(estate: &'e Estate<'_>) -> Picked<'e> {
    let mut selectors: FxHashMap<&str, Vec<&Labels<'_>>> = FxHashMap::default();
    for rule in &estate.mesh.destination_rules {
        selectors.entry(rule.namespace).or_default().extend(rule.workload_selector);
    }
    let mut found = Picked::default();
    for (_, workload) in estate.tenants() {
        let namespace = estate.namespace_of(workload).name;
        let Some(selectors) = selectors.get(namespace).filter(|list| !list.is_empty()) else { continue };
        let is_picked = selectors.iter().any(|selector| selector.is_subset(workload.labels));
        let kinds = found.entry(namespace).or_default();
        if is_picked || !kinds.contains(&None) {
            kinds.push(is_picked.then_some(workload.labels));
        }
    }
    found
}
