//! The mesh: its configuration, what its proxies know, and the objects that route and guard.

use super::authorization::{AuthorizationPolicy, authorization_policy};
use super::extension::{Extension, extension};
use super::gateway_api;
use super::injection::{InjectionSettings, injection_settings};
use super::peer::{PeerAuthentication, RequestAuthentication, peer_authentication, request_authentication};
use super::route::{Gateway, VirtualService, gateway, virtual_service};
use super::service_entry::{ServiceEntry, service_entry};
use super::sidecar::{Sidecar, sidecar};
use super::tls::{DestinationRule, destination_rule};
use super::version::IstioVersion;
use super::{Labels, Text};
use crate::resource::istio::{ExtensionProvider, MeshConfig, Setting};
use crate::resource::{Kind, Resource};
use crate::source::Location;
use crate::traffic::HostPattern;

/// Everything that Istio reads.
#[derive(Clone, Debug)]
pub struct Mesh<'a> {
    /// The versions that run.
    pub version: IstioVersion,
    /// Objects in this namespace apply to the whole mesh.
    pub root_namespace: &'a str,
    /// The domain in the identities of workloads, where the mesh configuration sets it.
    pub trust_domain: Option<Text<'a>>,
    /// Other names of that domain.
    pub trust_domain_aliases: Vec<Text<'a>>,
    /// Who may be asked by CUSTOM policies, and whether they judge requests alone.
    pub providers: Vec<ExtensionProvider<'a>>,
    /// Where automatic mutual TLS is switched off.
    pub auto_mtls_off: Option<Location>,
    /// The mesh's mode for unknown destinations, where it is set.
    pub outbound: Option<OutboundPolicy>,
    /// Whether the mesh configuration itself is in the input.
    pub configured: bool,
    /// Whether and how pods get a proxy.
    pub injection: InjectionSettings<'a>,
    pub gateways: Vec<Gateway<'a>>,
    pub virtual_services: Vec<VirtualService<'a>>,
    pub destination_rules: Vec<DestinationRule<'a>>,
    pub service_entries: Vec<ServiceEntry<'a>>,
    pub workload_entries: Vec<WorkloadEntry<'a>>,
    pub sidecars: Vec<Sidecar<'a>>,
    /// Whether the lists are in the order in which Istio asks the objects, the oldest first; else in that of the input.
    pub oldest_first: bool,
    pub extensions: Vec<Extension<'a>>,
    /// What visibility means for objects that leave it out.
    pub(super) exports: Exports<'a>,
    pub authorization_policies: Vec<AuthorizationPolicy<'a>>,
    pub peer_authentications: Vec<PeerAuthentication<'a>>,
    pub request_authentications: Vec<RequestAuthentication<'a>>,
}

impl Default for Mesh<'_> {
    fn default() -> Self {
        Self {
            version: IstioVersion::default(),
            root_namespace: "istio-system",
            trust_domain: None,
            trust_domain_aliases: Vec::new(),
            providers: Vec::new(),
            auto_mtls_off: None,
            outbound: None,
            configured: false,
            injection: InjectionSettings::default(),
            gateways: Vec::new(),
            virtual_services: Vec::new(),
            destination_rules: Vec::new(),
            service_entries: Vec::new(),
            workload_entries: Vec::new(),
            sidecars: Vec::new(),
            oldest_first: false,
            extensions: Vec::new(),
            exports: Exports::default(),
            authorization_policies: Vec::new(),
            peer_authentications: Vec::new(),
            request_authentications: Vec::new(),
        }
    }
}

/// What a proxy does with traffic to a destination that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboundMode {
    RegistryOnly,
    AllowAny,
    /// Any host name, resolved by the proxy.
    AllowAnyDynamicDns,
    Unknown,
}

/// An outbound mode and where it is set.
#[derive(Clone, Copy, Debug)]
pub struct OutboundPolicy {
    pub mode: OutboundMode,
    /// Whether the block is there and leaves the mode out.
    pub empty: bool,
    /// The mode, or the block that leaves it out.
    pub at: Location,
}

/// Which namespaces see an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility<'a> {
    Everywhere,
    /// The names listed; the object's own namespace is among them where `.` was.
    Namespaces(Vec<&'a str>),
}

impl Visibility<'_> {
    /// Whether proxies in a namespace see the object.
    #[must_use]
    pub fn from(&self, namespace: &str) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Namespaces(names) => names.contains(&namespace),
        }
    }
}

/// An address outside of the cluster, such as a VM's, that service entries pick by its labels; or what such are made of, whose
/// addresses are known once they have come.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadEntry<'a> {
    pub namespace: &'a str,
    pub name: Text<'a>,
    pub address: Option<Text<'a>>,
    pub labels: &'a Labels<'a>,
    /// The service account that it runs as.
    pub account: Option<&'a str>,
}

pub(super) fn outbound(setting: Setting<'_>, empty: OutboundMode) -> OutboundPolicy {
    let mode = match setting.value.map(|mode| mode.value) {
        None => empty,
        Some("REGISTRY_ONLY") => OutboundMode::RegistryOnly,
        Some("ALLOW_ANY") => OutboundMode::AllowAny,
        Some("ALLOW_ANY_DYNAMIC_DNS") => OutboundMode::AllowAnyDynamicDns,
        Some(_) => OutboundMode::Unknown,
    };
    OutboundPolicy { mode, empty: setting.value.is_none(), at: setting.at() }
}

/// The export defaults of the mesh configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Exports<'a> {
    services: Vec<Text<'a>>,
    virtual_services: Vec<Text<'a>>,
    destination_rules: Vec<Text<'a>>,
}

impl<'a> Exports<'a> {
    /// Which namespaces see a service or service entry.
    pub fn of_service(&self, written: &[Text<'a>], namespace: &'a str) -> Visibility<'a> {
        visibility(written, &self.services, namespace)
    }
}

fn visibility<'a>(written: &[Text<'a>], default: &[Text<'a>], namespace: &'a str) -> Visibility<'a> {
    let list = if written.is_empty() { default } else { written };
    if list.is_empty() || list.iter().any(|one| one.value == "*") {
        return Visibility::Everywhere;
    }
    // `~` is nobody, and names no namespace.
    let names =
        list.iter().filter(|one| one.value != "~").map(|one| if one.value == "." { namespace } else { one.value });
    Visibility::Namespaces(names.collect())
}

/// Lowers all objects of the mesh.
pub(super) fn mesh<'a>(list: &'a [Resource<'a>], version: IstioVersion) -> Mesh<'a> {
    let mut mesh = Mesh { version, injection: injection_settings(list), ..Mesh::default() };
    let mut exports = Exports::default();
    for resource in list {
        match &resource.kind {
            Kind::MeshConfig(config) => configure(&mut mesh, &mut exports, config),
            Kind::Operator(operator) => {
                operator.meshes.iter().for_each(|config| configure(&mut mesh, &mut exports, config));
            }
            _ => {}
        }
    }
    let ordered = by_age(list);
    mesh.oldest_first = ordered.is_some();
    for resource in ordered.unwrap_or_else(|| list.iter().collect()) {
        if let Some(namespace) = resource.namespace {
            add(&mut mesh, &exports, resource, namespace.value);
            if let Kind::ApiRoute(written) = &resource.kind {
                mesh.virtual_services.extend(gateway_api::routes(written, resource, namespace.value, list));
            }
        }
    }
    mesh.exports = exports;
    let egress: Vec<bool> = mesh.gateways.iter().map(|gateway| is_egress(gateway, &mesh)).collect();
    mesh.gateways.iter_mut().zip(egress).for_each(|(gateway, egress)| gateway.egress = egress);
    mesh
}

/// The objects in the order in which Istio asks them: the oldest first, and of one age by their names. None where the input
/// does not tell the age of one of those whose order matters.
fn by_age<'a>(list: &'a [Resource<'a>]) -> Option<Vec<&'a Resource<'a>>> {
    let is_ordered = |resource: &&Resource<'_>| {
        matches!(
            resource.kind,
            Kind::Gateway(_)
                | Kind::VirtualService(_)
                | Kind::DestinationRule(_)
                | Kind::ServiceEntry(_)
                | Kind::Sidecar(_)
        )
    };
    if list.iter().filter(is_ordered).any(|resource| resource.meta.created.is_none()) {
        return None;
    }
    let mut ordered: Vec<&Resource<'_>> = list.iter().collect();
    ordered.sort_by_key(|resource| {
        let created = resource.meta.created.map(|created| created.value);
        (created, resource.meta.name.value, resource.namespace.map(|namespace| namespace.value))
    });
    Some(ordered)
}

/// Takes over what a mesh configuration sets. The mesh's own is `{}` merged on the defaults, so an empty block keeps
/// `ALLOW_ANY` (semantics C.0); of several configurations the worse mode counts.
fn configure<'a>(mesh: &mut Mesh<'a>, exports: &mut Exports<'a>, config: &MeshConfig<'a>) {
    mesh.configured |= config.found;
    mesh.root_namespace = config.root_namespace.map_or(mesh.root_namespace, |root| root.value);
    mesh.trust_domain = mesh.trust_domain.or(config.trust_domain);
    mesh.trust_domain_aliases.extend(&config.trust_domain_aliases);
    mesh.providers.extend(&config.providers);
    let off = config.auto_mtls.filter(|auto| !auto.value);
    mesh.auto_mtls_off = mesh.auto_mtls_off.or(off.map(|auto| auto.at));
    let found = config.outbound.map(|setting| outbound(setting, OutboundMode::AllowAny));
    let is_strict = |policy: &OutboundPolicy| policy.mode == OutboundMode::RegistryOnly;
    if mesh.outbound.is_none_or(|known| is_strict(&known)) && found.is_some() {
        mesh.outbound = found;
    }
    for (known, found) in [
        (&mut exports.services, &config.default_service_export_to),
        (&mut exports.virtual_services, &config.default_virtual_service_export_to),
        (&mut exports.destination_rules, &config.default_destination_rule_export_to),
    ] {
        if known.is_empty() {
            known.clone_from(found);
        }
    }
}

fn add<'a>(mesh: &mut Mesh<'a>, exports: &Exports<'a>, resource: &'a Resource<'a>, namespace: &'a str) {
    let name = resource.meta.name;
    match &resource.kind {
        Kind::Gateway(written) => mesh.gateways.push(gateway(written, resource, namespace)),
        Kind::VirtualService(written) => {
            let seen = visibility(&written.export_to, &exports.virtual_services, namespace);
            mesh.virtual_services.push(virtual_service(written, resource, namespace, seen));
        }
        Kind::DestinationRule(written) => {
            let seen = visibility(&written.export_to, &exports.destination_rules, namespace);
            mesh.destination_rules.push(destination_rule(written, name, namespace, seen));
        }
        Kind::ServiceEntry(written) => {
            mesh.service_entries.push(service_entry(written, resource, namespace, exports));
        }
        Kind::ApiGateway(written) => mesh.gateways.extend(gateway_api::gateway(written, resource, namespace)),
        Kind::WorkloadEntry(written) => mesh.workload_entries.push(WorkloadEntry {
            namespace,
            name,
            address: written.address,
            labels: &written.labels,
            account: written.account.map(|account| account.value),
        }),
        Kind::Sidecar(written) => mesh.sidecars.push(sidecar(written, &resource.meta, namespace)),
        Kind::Extension(written) => mesh.extensions.push(extension(written, &resource.meta, namespace)),
        Kind::AuthorizationPolicy(written) => {
            mesh.authorization_policies.push(authorization_policy(written, resource, namespace));
        }
        Kind::PeerAuthentication(written) => {
            mesh.peer_authentications.push(peer_authentication(written, name, namespace));
        }
        Kind::RequestAuthentication(written) => {
            mesh.request_authentications.push(request_authentication(written, name, namespace));
        }
        _ => {}
    }
}

/// Whether a gateway lets traffic out: it stands in the egress namespace, it selects proxies that are called egress
/// gateways, or a host that is registered as external is routed through it under its own name.
fn is_egress(gateway: &Gateway<'_>, mesh: &Mesh<'_>) -> bool {
    const NAMES: [&str; 4] = ["istio", "app", "name", "gateway.networking.k8s.io/gateway-name"];
    let by_label = gateway.selector.is_some_and(|labels| {
        labels.iter().any(|(name, value)| NAMES.contains(&name.value) && value.value.contains("egress"))
    });
    by_label || gateway.namespace == "istio-egress" || leads_out(gateway, mesh)
}

fn leads_out(gateway: &Gateway<'_>, mesh: &Mesh<'_>) -> bool {
    let own = gateway.reference();
    let is_external = |host: &str| {
        let external = mesh.service_entries.iter().filter(|entry| entry.external);
        external
            .flat_map(|entry| &entry.hosts)
            .any(|known| HostPattern::new(known.value).matches(&HostPattern::new(host)))
    };
    // Through an egress gateway clients ask for the host itself. Where they ask for another, as when a front door sends
    // requests on to a new home, the gateway serves those outside.
    let asks =
        |service: &&VirtualService<'_>| service.hosts.iter().any(|host| host.value != "*" && is_external(host.value));
    mesh.virtual_services.iter().filter(|service| service.gateways.contains(&own)).filter(asks).any(|service| {
        let through = service.routes_of(|taker| taker == own);
        through.flat_map(|route| &route.destinations).any(|destination| is_external(&destination.host))
    })
}
