//! Documents to resources: what the user wrote, typed, with every place kept and no default applied.

mod config_map;
mod embedded;
pub mod gateway_api;
pub mod gcp;
pub mod istio;
pub mod kubernetes;
mod meta;
mod placement;
mod reader;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

pub use embedded::{Embedded, embedded_documents};
pub use meta::Meta;
pub use placement::{is_kustomization_file, taken_in};
pub use reader::{Labels, Text};

use crate::source::{Document, Location, Node, Problem, Shape, SourceId};
use kubernetes::WorkloadKind;
use reader::Reader;

/// A typed object.
#[derive(Clone, Debug)]
pub struct Resource<'a> {
    pub meta: Meta<'a>,
    pub kind: Kind<'a>,
    /// The effective namespace: the object's own, a kustomization's, or `default`; none where cluster-scoped.
    pub namespace: Option<Text<'a>>,
    /// The file that holds it.
    path: &'a str,
}

impl Resource<'_> {
    /// Where the object says its namespace, or its name where a kustomization says it; none where nothing does, so that
    /// the object goes wherever it is applied.
    #[must_use]
    pub fn namespace_at(&self) -> Option<Location> {
        let around = || self.namespace.filter(|one| one.at != self.meta.name.at).map(|_| self.meta.name.at);
        self.meta.namespace.map(|one| one.at).or_else(around)
    }
}

/// What an object is.
#[derive(Clone, Debug)]
pub enum Kind<'a> {
    Namespace,
    ServiceAccount,
    Workload(Box<kubernetes::Workload<'a>>),
    Node(kubernetes::Node<'a>),
    Autoscaler(kubernetes::Autoscaler<'a>),
    DisruptionBudget(kubernetes::DisruptionBudget<'a>),
    RuntimeClass(kubernetes::RuntimeClass<'a>),
    Service(kubernetes::Service<'a>),
    /// Endpoints or an `EndpointSlice`.
    Endpoints(kubernetes::EndpointList<'a>),
    NetworkPolicy(kubernetes::NetworkPolicy<'a>),
    /// AdminNetworkPolicy, BaselineAdminNetworkPolicy or ClusterNetworkPolicy.
    AdminPolicy(Box<kubernetes::AdminPolicy<'a>>),
    /// CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy: its rule sets.
    CiliumPolicy(Vec<kubernetes::CiliumPolicy<'a>>),
    NetworkLogging(kubernetes::NetworkLogging),
    /// FQDNNetworkPolicy.
    NamePolicy(kubernetes::NamePolicy<'a>),
    /// Role or `ClusterRole`.
    AccessRole(kubernetes::AccessRole<'a>),
    /// `RoleBinding` or `ClusterRoleBinding`.
    AccessBinding(kubernetes::AccessBinding<'a>),
    /// `ValidatingAdmissionPolicy`, or Kyverno's `ValidatingPolicy`.
    AdmissionPolicy(Box<kubernetes::AdmissionPolicy<'a>>),
    AdmissionPolicyBinding(Box<kubernetes::AdmissionPolicyBinding<'a>>),
    /// `ValidatingWebhookConfiguration` or `MutatingWebhookConfiguration`.
    Webhooks(kubernetes::Webhooks<'a>),
    /// Gatekeeper's `ConstraintTemplate`.
    ConstraintTemplate(kubernetes::ConstraintTemplate<'a>),
    /// A Gatekeeper constraint of any kind.
    Constraint(Box<kubernetes::Constraint<'a>>),
    /// Gatekeeper's Config.
    EngineConfig(kubernetes::EngineConfig<'a>),
    /// Kyverno's Policy or `ClusterPolicy`.
    EnginePolicy(kubernetes::EnginePolicy<'a>),
    /// A ConfigMap that holds nothing that bears on traffic.
    ConfigMap,
    /// The ConfigMap of the cluster's DNS.
    Resolvers(kubernetes::Resolvers<'a>),
    /// The ConfigMap of the agent that masquerades pods.
    Masquerade(kubernetes::Masquerade<'a>),
    /// What the sidecar injector is told.
    Injector(Box<istio::Injector<'a>>),
    /// What the mesh's network plugin is told.
    Cni(istio::CniConfig<'a>),
    /// A control plane that Google manages, which is known by its object's name.
    ControlPlane,
    MeshConfig(Box<istio::MeshConfig<'a>>),
    Operator(Box<istio::Operator<'a>>),
    Gateway(istio::Gateway<'a>),
    VirtualService(istio::VirtualService<'a>),
    DestinationRule(istio::DestinationRule<'a>),
    ServiceEntry(istio::ServiceEntry<'a>),
    /// A `WorkloadEntry`, or a `WorkloadGroup`, of which such are made.
    WorkloadEntry(istio::WorkloadEntry<'a>),
    Sidecar(istio::Sidecar<'a>),
    /// A `ProxyConfig`.
    ProxyVariables(istio::ProxyVariables<'a>),
    /// `EnvoyFilter`, `WasmPlugin` or `TrafficExtension`.
    Extension(istio::Extension<'a>),
    AuthorizationPolicy(istio::AuthorizationPolicy<'a>),
    PeerAuthentication(istio::PeerAuthentication<'a>),
    RequestAuthentication(istio::RequestAuthentication<'a>),
    Telemetry(istio::Telemetry<'a>),
    /// A Gateway of the Gateway API.
    ApiGateway(gateway_api::Gateway<'a>),
    /// A route of the Gateway API.
    ApiRoute(gateway_api::Route<'a>),
    /// A kustomization, which says where the objects around it go and which files belong together.
    Kustomization,
    /// An object of the cloud, in whichever format.
    Cloud(Box<gcp::Cloud<'a>>),
    /// An object of a modelled kind without the part that makes it one, such as a patch.
    Partial,
}

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct Resources<'a> {
    pub list: Vec<Resource<'a>>,
    /// What is read but not modelled, by API version and kind, with the file of each.
    pub unmodelled: Vec<((&'a str, &'a str), SourceId)>,
    pub problems: Vec<Problem>,
    kustomizations: placement::Kustomizations<'a>,
}

impl<'a> Resources<'a> {
    /// How many objects got a namespace that they do not name.
    #[must_use]
    pub fn placed(&self) -> usize {
        let is_placed = |resource: &&Resource<'_>| resource.meta.namespace.is_none() && resource.namespace.is_some();
        self.list.iter().filter(is_placed).count()
    }

    /// What some of the files hold: each object where the kustomizations among them put it.
    #[must_use]
    pub fn part(&self, is_part: impl Fn(SourceId) -> bool) -> Self {
        let namespaces = self.kustomizations.namespaces(&is_part);
        let place = |mut resource: Resource<'a>| {
            resource.namespace = placement::namespace(&resource.meta, &resource.kind, resource.path, &namespaces);
            resource
        };
        let list = self.list.iter().filter(|resource| is_part(resource.meta.at.source)).cloned().map(place);
        let unmodelled = self.unmodelled.iter().filter(|(_, source)| is_part(*source)).copied();
        let problems = self.problems.iter().filter(|problem| is_part(problem.at.source)).cloned();
        Self {
            list: list.collect(),
            unmodelled: unmodelled.collect(),
            problems: problems.collect(),
            kustomizations: self.kustomizations.clone(),
        }
    }
}

/// Reads all documents, in order.
#[must_use]
pub fn read<'a>(documents: &'a [Document<'a>], embedded: &'a Embedded<'a>) -> Resources<'a> {
    let kustomizations = placement::Kustomizations::new(documents);
    let namespaces = kustomizations.namespaces(|_| true);
    let folders = gcp::folders(documents);
    let parts: Vec<Resources<'a>> =
        documents.par_iter().map(|document| read_document(document, embedded, &namespaces, &folders)).collect();
    let list = Vec::with_capacity(parts.iter().map(|part| part.list.len()).sum());
    let mut all = Resources { list, problems: embedded.problems.clone(), kustomizations, ..Resources::default() };
    for part in parts {
        all.list.extend(part.list);
        all.problems.extend(part.problems);
        all.unmodelled.extend(part.unmodelled);
    }
    overridden(&mut all.list);
    all
}

/// What stands in an override file of Terraform is no object, and leaves open what it overrides.
fn overridden(list: &mut [Resource<'_>]) {
    let mut overrides = FxHashMap::default();
    for resource in list.iter_mut().filter(|resource| gcp::is_override(resource.path)) {
        if let Kind::Cloud(cloud) = &resource.kind {
            overrides.extend(cloud.address.map(|address| (address, resource.meta.name.at)));
            resource.kind = Kind::Partial;
        }
    }
    for resource in list.iter_mut().filter(|_| !overrides.is_empty()) {
        if let Kind::Cloud(cloud) = &mut resource.kind {
            cloud.overridden = cloud.address.and_then(|address| overrides.get(&address).copied());
        }
    }
}

fn read_document<'a>(
    document: &'a Document<'a>,
    embedded: &'a Embedded<'a>,
    namespaces: &placement::Namespaces<'a>,
    folders: &gcp::Folders<'a>,
) -> Resources<'a> {
    let mut read = Resources::default();
    if let Some(contents) = cloud(document.root()) {
        read_cloud(contents, document.source().id(), folders, &mut read);
        return read;
    }
    let setters = placement::setter_comments(document);
    let objects = objects(document);
    // Most documents hold one object, and there are many.
    read.list.reserve_exact(objects.len());
    for object in objects {
        let mut reader = Reader::default();
        let is_kustomization = placement::is_kustomization(document, object.api_version, object.kind);
        let kind = if is_kustomization { Some(Kind::Kustomization) } else { typed(&mut reader, &object, embedded) };
        let Some(kind) = kind else {
            read.unmodelled.push(((object.api_version, object.kind), document.source().id()));
            continue;
        };
        let mut meta = Meta::read(&mut reader, object.node, object.api_version, object.kind);
        let path = document.source().path();
        let namespace = placement::namespace(&meta, &kind, path, namespaces);
        let inside = setters.iter().filter(|setter| placement::within(**setter, meta.at));
        meta.placeholders = reader.placeholders.into_iter().chain(inside.copied()).collect();
        read.problems.extend(reader.problems);
        read.list.push(Resource { meta, kind, namespace, path });
    }
    read
}

/// A document's top-level object, or one item of a list.
struct Object<'a> {
    api_version: &'a str,
    kind: &'a str,
    node: Node<'a>,
}

/// The objects of a document: itself, or the items of the `List` that it is, however deeply nested, or of a bare list, which
/// is what is left of one when `jq .items` has gone over it.
fn objects<'a>(document: &'a Document<'a>) -> Vec<Object<'a>> {
    let root = document.root();
    let is_object = |item: Node<'_>| item.get("apiVersion").is_some() && item.get("kind").is_some();
    let mut found = Vec::new();
    match root.shape() == Shape::Sequence && root.items().any(is_object) {
        true => root.items().for_each(|item| expand(item, ("", ""), &mut found)),
        false => expand(root, ("", ""), &mut found),
    }
    found
}

fn expand<'a>(node: Node<'a>, inherited: (&'a str, &'a str), found: &mut Vec<Object<'a>>) {
    let text = |key| node.get(key).and_then(Node::text);
    let api_version = text("apiVersion").unwrap_or(inherited.0);
    let kind = text("kind").unwrap_or(inherited.1);
    let items = node.get("items").filter(|items| matches!(items.shape(), Shape::Sequence) || items.is_null());
    match items {
        Some(items) if kind.ends_with("List") => {
            // `kubectl cluster-info dump` leaves kind and version out of the items of a `PodList`.
            let item_kind = (api_version, kind.trim_end_matches("List"));
            items.items().for_each(|item| expand(item, item_kind, found));
        }
        _ => found.push(Object { api_version, kind, node }),
    }
}

/// The typed form of an object; `None` for a kind that is not modelled.
fn typed<'a>(reader: &mut Reader, object: &Object<'a>, embedded: &'a Embedded<'a>) -> Option<Kind<'a>> {
    let (group, version) = object.api_version.rsplit_once('/').unwrap_or(("", object.api_version));
    if object.api_version.is_empty() && object.kind.is_empty() {
        return istio::installation(reader, ("", ""), object.node).map(|found| Kind::Operator(Box::new(found)));
    }
    let kind = match group {
        "" | "apps" | "batch" | "extensions" | "networking.k8s.io" | "discovery.k8s.io" => {
            kubernetes(reader, object, (group, version), embedded)
        }
        "policy.networking.k8s.io" | "cilium.io" | "networking.gke.io" => {
            other_policies(reader, object, (group, version))
        }
        "rbac.authorization.k8s.io" => access(reader, object),
        "autoscaling" if object.kind == "HorizontalPodAutoscaler" => {
            Some(kubernetes::autoscaler(reader, object.node).map(Kind::Autoscaler))
        }
        "policy" if object.kind == "PodDisruptionBudget" => {
            Some(kubernetes::disruption_budget(reader, object.node).map(Kind::DisruptionBudget))
        }
        "node.k8s.io" if object.kind == "RuntimeClass" => {
            Some(Some(Kind::RuntimeClass(kubernetes::runtime_class(reader, object.node))))
        }
        "admissionregistration.k8s.io" => admission(reader, object),
        "templates.gatekeeper.sh"
        | "constraints.gatekeeper.sh"
        | "config.gatekeeper.sh"
        | "kyverno.io"
        | "policies.kyverno.io" => policy_engine(reader, object, group),
        "kubevirt.io" => kubernetes(reader, object, (group, version), embedded),
        "networking.istio.io" if matches!(version, "v1alpha3" | "v1beta1" | "v1") => istio_networking(reader, object),
        "security.istio.io" if matches!(version, "v1beta1" | "v1") => istio_security(reader, object),
        "extensions.istio.io" if matches!(object.kind, "WasmPlugin" | "TrafficExtension") => {
            Some(istio::plugin(reader, object.node).map(Kind::Extension))
        }
        "telemetry.istio.io" if object.kind == "Telemetry" => {
            Some(Some(Kind::Telemetry(istio::telemetry(reader, object.node))))
        }
        "gateway.networking.k8s.io" => gateway_api(reader, object),
        "mesh.cloud.google.com" if object.kind == "ControlPlaneRevision" => Some(Some(Kind::ControlPlane)),
        "install.istio.io" if object.kind == "IstioOperator" => {
            Some(Some(Kind::Operator(Box::new(istio::operator(reader, object.node)))))
        }
        _ if group.ends_with(".cnrm.cloud.google.com") => config_connector(object),
        _ => istio::installation(reader, (group, object.kind), object.node)
            .map(|found| Some(Kind::Operator(Box::new(found)))),
    }?;
    Some(kind.unwrap_or(Kind::Partial))
}

/// The outer option says whether the kind is modelled, the inner one whether the object is whole.
type Typed<'a> = Option<Option<Kind<'a>>>;

fn kubernetes<'a>(
    reader: &mut Reader,
    object: &Object<'a>,
    (group, version): (&str, &str),
    embedded: &'a Embedded<'a>,
) -> Typed<'a> {
    let node = object.node;
    Some(match (group, object.kind) {
        ("", "Namespace") => Some(Kind::Namespace),
        ("", "ServiceAccount") => Some(Kind::ServiceAccount),
        ("", "Service") => kubernetes::service(reader, node).map(Kind::Service),
        ("", "Endpoints") => kubernetes::endpoints(reader, node).map(Kind::Endpoints),
        ("discovery.k8s.io", "EndpointSlice") => kubernetes::endpoint_slice(reader, node).map(Kind::Endpoints),
        ("", "Node") => Some(Kind::Node(kubernetes::node(reader, node))),
        ("", "ConfigMap") => Some(config_map::config_map(reader, object, embedded)),
        ("networking.k8s.io" | "extensions", "NetworkPolicy") => {
            kubernetes::network_policy(reader, node).map(Kind::NetworkPolicy)
        }
        _ => {
            let kind = WorkloadKind::from_name(object.kind).filter(|kind| serves(group, version, *kind))?;
            let workload = kubernetes::workload(reader, node, kind);
            workload.map(|mut workload| {
                let config = workload.pod.annotations.get(embedded::PROXY_CONFIG);
                let root = config.and_then(|text| embedded.root_of(text));
                workload.pod.proxy = root.map(|root| istio::proxy_config(reader, root));
                Kind::Workload(Box::new(workload))
            })
        }
    })
}

/// Policies besides Kubernetes' own kind.
fn other_policies<'a>(reader: &mut Reader, object: &Object<'a>, (group, version): (&str, &str)) -> Typed<'a> {
    let node = object.node;
    Some(match (group, version, object.kind) {
        ("policy.networking.k8s.io", "v1alpha1", "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy")
        | ("policy.networking.k8s.io", "v1alpha2", "ClusterNetworkPolicy") => {
            kubernetes::admin_policy(reader, node).map(|policy| Kind::AdminPolicy(Box::new(policy)))
        }
        ("cilium.io", "v2", "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy") => {
            kubernetes::cilium_policy(reader, node).map(Kind::CiliumPolicy)
        }
        ("networking.gke.io", _, "NetworkLogging") => {
            Some(Kind::NetworkLogging(kubernetes::network_logging(reader, node)))
        }
        ("networking.gke.io", "v1alpha1" | "v1alpha3", "FQDNNetworkPolicy") => {
            kubernetes::name_policy(reader, node).map(Kind::NamePolicy)
        }
        _ => return None,
    })
}

/// Who may do what: of every version of the group, which are alike.
fn access<'a>(reader: &mut Reader, object: &Object<'a>) -> Typed<'a> {
    let node = object.node;
    Some(match object.kind {
        "Role" | "ClusterRole" => Some(Kind::AccessRole(kubernetes::access_role(reader, node))),
        "RoleBinding" | "ClusterRoleBinding" => kubernetes::access_binding(reader, node).map(Kind::AccessBinding),
        _ => return None,
    })
}

/// What the API server itself does at admission, and whom it asks.
fn admission<'a>(reader: &mut Reader, object: &Object<'a>) -> Typed<'a> {
    let node = object.node;
    Some(match object.kind {
        "ValidatingAdmissionPolicy" => {
            kubernetes::admission_policy(reader, node).map(|policy| Kind::AdmissionPolicy(Box::new(policy)))
        }
        "ValidatingAdmissionPolicyBinding" => kubernetes::admission_policy_binding(reader, node)
            .map(|binding| Kind::AdmissionPolicyBinding(Box::new(binding))),
        "ValidatingWebhookConfiguration" => Some(Kind::Webhooks(kubernetes::webhooks(reader, node, false))),
        "MutatingWebhookConfiguration" => Some(Kind::Webhooks(kubernetes::webhooks(reader, node, true))),
        _ => return None,
    })
}

/// Gatekeeper and Kyverno. Other tools keep rules about the cloud in Gatekeeper's format: those are not modelled.
fn policy_engine<'a>(reader: &mut Reader, object: &Object<'a>, group: &str) -> Typed<'a> {
    let node = object.node;
    Some(match (group, object.kind) {
        ("templates.gatekeeper.sh", "ConstraintTemplate") => {
            let template = kubernetes::constraint_template(reader, node);
            if template.as_ref().is_some_and(|template| !template.is_for_admission()) {
                return None;
            }
            template.map(Kind::ConstraintTemplate)
        }
        ("constraints.gatekeeper.sh", kind) if !kubernetes::is_about_the_cloud(kind) => {
            Some(Kind::Constraint(Box::new(kubernetes::constraint(reader, node))))
        }
        ("config.gatekeeper.sh", "Config") => Some(Kind::EngineConfig(kubernetes::engine_config(reader, node))),
        ("kyverno.io", "Policy" | "ClusterPolicy") => kubernetes::engine_policy(reader, node).map(Kind::EnginePolicy),
        ("policies.kyverno.io", "ValidatingPolicy") => {
            kubernetes::admission_policy(reader, node).map(|policy| Kind::AdmissionPolicy(Box::new(policy)))
        }
        _ => return None,
    })
}

/// Whether an API group and version has, or once had, a kind of workload.
fn serves(group: &str, version: &str, kind: WorkloadKind) -> bool {
    match kind {
        WorkloadKind::Pod | WorkloadKind::ReplicationController => group.is_empty(),
        WorkloadKind::Deployment | WorkloadKind::DaemonSet | WorkloadKind::ReplicaSet => {
            group == "apps" || group == "extensions"
        }
        WorkloadKind::StatefulSet => group == "apps",
        WorkloadKind::Job | WorkloadKind::CronJob => group == "batch" && version != "v2",
        WorkloadKind::VirtualMachine => group == "kubevirt.io",
    }
}

fn istio_networking<'a>(reader: &mut Reader, object: &Object<'a>) -> Typed<'a> {
    let node = object.node;
    Some(match object.kind {
        "Gateway" => istio::gateway(reader, node).map(Kind::Gateway),
        "VirtualService" => istio::virtual_service(reader, node).map(Kind::VirtualService),
        "DestinationRule" => istio::destination_rule(reader, node).map(Kind::DestinationRule),
        "ServiceEntry" => istio::service_entry(reader, node).map(Kind::ServiceEntry),
        "WorkloadEntry" => istio::workload_entry(reader, node).map(Kind::WorkloadEntry),
        "WorkloadGroup" => istio::workload_group(reader, node).map(Kind::WorkloadEntry),
        "EnvoyFilter" => istio::envoy_filter(reader, node).map(Kind::Extension),
        "Sidecar" => Some(Kind::Sidecar(istio::sidecar(reader, node))),
        "ProxyConfig" => istio::proxy_variables(reader, node).map(Kind::ProxyVariables),
        _ => return None,
    })
}

fn gateway_api<'a>(reader: &mut Reader, object: &Object<'a>) -> Typed<'a> {
    Some(match object.kind {
        "Gateway" => gateway_api::gateway(reader, object.node).map(Kind::ApiGateway),
        "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "TCPRoute" => {
            gateway_api::route(reader, object.node).map(Kind::ApiRoute)
        }
        _ => return None,
    })
}

fn istio_security<'a>(reader: &mut Reader, object: &Object<'a>) -> Typed<'a> {
    let node = object.node;
    Some(Some(match object.kind {
        "AuthorizationPolicy" => Kind::AuthorizationPolicy(istio::authorization_policy(reader, node)),
        "PeerAuthentication" => Kind::PeerAuthentication(istio::peer_authentication(reader, node)),
        "RequestAuthentication" => Kind::RequestAuthentication(istio::request_authentication(reader, node)),
        _ => return None,
    }))
}

fn config_connector<'a>(object: &Object<'a>) -> Typed<'a> {
    let found = gcp::config_connector(object.api_version, object.kind, object.node)?;
    // A network or an account may be nothing but its name.
    let is_whole = found.view.is_there() || matches!(found.family, gcp::Family::Network | gcp::Family::ServiceAccount);
    Some(is_whole.then(|| Kind::Cloud(Box::new(found.read()))))
}

/// The objects of the cloud that a document holds; `None` where it holds other things.
fn cloud(root: Node<'_>) -> Option<gcp::Contents<'_>> {
    if root.shape() != Shape::Sequence {
        return gcp::terraform(root).or_else(|| gcp::envelope(root));
    }
    let mut all = gcp::Contents::default();
    let mut is_known = false;
    for item in root.items() {
        match gcp::envelope(item) {
            Some(contents) => {
                is_known = true;
                all.found.extend(contents.found);
                all.unmodelled.extend(contents.unmodelled);
            }
            None => all.unmodelled.push(("", "")),
        }
    }
    is_known.then_some(all)
}

fn read_cloud<'a>(contents: gcp::Contents<'a>, source: SourceId, folders: &gcp::Folders<'_>, read: &mut Resources<'a>) {
    read.unmodelled.extend(contents.unmodelled.into_iter().map(|kind| (kind, source)));
    for found in contents.found {
        let kind = Kind::Cloud(Box::new(found.read()));
        let path = found.node.document().source().path();
        read.list.push(Resource { meta: Meta::of_cloud(&found), kind, namespace: None, path });
    }
    for call in contents.modules {
        let Some(at) = call.may_make_rules(folders) else {
            read.unmodelled.push((gcp::MODULE, source));
            continue;
        };
        let meta = Meta::of_module(&call);
        let cloud = gcp::Cloud::module(call.name, at);
        read.list.push(Resource { meta, kind: Kind::Cloud(Box::new(cloud)), namespace: None, path: "" });
    }
}
