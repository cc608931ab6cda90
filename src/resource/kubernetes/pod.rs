//! The pod: who it runs as, where it may run, and what it is allowed to do to its network.

use super::selector::{NodeSelectorTerm, node_selector_term};
use crate::resource::istio::ProxyConfig;
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// A pod or pod template: its labels, annotations and spec.
#[derive(Clone, Debug)]
pub struct PodSpec<'a> {
    pub labels: Labels<'a>,
    pub annotations: Labels<'a>,
    pub host_network: Option<Spanned<bool>>,
    pub host_pid: Option<Spanned<bool>>,
    /// The folders of the node that volumes hold.
    pub host_paths: Vec<Text<'a>>,
    pub node_name: Option<Text<'a>>,
    /// Who chooses the node; Kubernetes' own scheduler where absent.
    /// The runtime class that it runs under, which may have its own say about nodes.
    pub runtime_class: Option<Text<'a>>,
    pub scheduler: Option<Text<'a>>,
    pub node_selector: Labels<'a>,
    /// Required node affinity: one of the terms must match. None where there is no such affinity.
    pub node_affinity: Option<Vec<NodeSelectorTerm<'a>>>,
    pub tolerations: Vec<Toleration<'a>>,
    /// Whether something spreads the pods over nodes or zones, or keeps them apart.
    pub is_spread: bool,
    pub service_account: Option<Text<'a>>,
    pub security: SecurityContext<'a>,
    /// Which resolver the pod asks.
    pub dns: Dns<'a>,
    /// The volumes that hold secrets, by name.
    pub secret_volumes: Vec<Text<'a>>,
    /// What the pod asks of its proxy, in an annotation that is a document of its own.
    pub proxy: Option<ProxyConfig<'a>>,
    /// Ordinary, init and ephemeral containers, in this order.
    pub containers: Vec<Container<'a>>,
    /// The key `spec` of the pod: where a field that it leaves out would stand.
    pub at: Location,
}

/// The resolver of a pod, as written.
#[derive(Clone, Debug, Default)]
pub struct Dns<'a> {
    pub policy: Option<Text<'a>>,
    pub servers: Vec<Text<'a>>,
}

/// A container, of whichever sort.
#[derive(Clone, Debug)]
pub struct Container<'a> {
    pub name: Text<'a>,
    pub image: Option<Text<'a>>,
    pub security: SecurityContext<'a>,
    pub ports: Vec<ContainerPort<'a>>,
    /// The variables that Istio or Google's libraries look at.
    pub env: Vec<Variable<'a>>,
    pub mounts: Vec<Mount<'a>>,
    pub init: bool,
    /// Whether it goes on running beside the others (`restartPolicy: Always`).
    pub restarts: bool,
    /// The fields that are written, by their keys, of a container that has the name of one that Istio injects.
    pub fields: Vec<Text<'a>>,
}

/// An environment variable; without a value where it comes from elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Variable<'a> {
    pub name: Text<'a>,
    pub value: Option<Text<'a>>,
}

/// Where a volume of the pod is seen in a container.
#[derive(Clone, Copy, Debug)]
pub struct Mount<'a> {
    pub volume: Text<'a>,
    pub path: Text<'a>,
}

/// A port that a container declares.
#[derive(Clone, Debug)]
pub struct ContainerPort<'a> {
    pub name: Option<Text<'a>>,
    pub port: Spanned<i64>,
    pub protocol: Option<Text<'a>>,
}

/// The security context of a pod or container, as written.
#[derive(Clone, Debug, Default)]
pub struct SecurityContext<'a> {
    pub run_as_user: Option<Spanned<i64>>,
    pub run_as_group: Option<Spanned<i64>>,
    pub run_as_non_root: Option<Spanned<bool>>,
    pub fs_group: Option<Spanned<i64>>,
    pub supplemental_groups: Vec<Spanned<i64>>,
    pub privileged: Option<Spanned<bool>>,
    pub allow_privilege_escalation: Option<Spanned<bool>>,
    pub capabilities: Capabilities<'a>,
}

/// Capabilities added to and dropped from the runtime's default set.
#[derive(Clone, Debug, Default)]
pub struct Capabilities<'a> {
    pub add: Vec<Text<'a>>,
    pub drop: Vec<Text<'a>>,
}

/// A toleration as written; `operator` is Equal and `effect` every effect where absent (semantics C.0).
#[derive(Clone, Debug)]
pub struct Toleration<'a> {
    pub key: Option<Text<'a>>,
    pub operator: Option<Text<'a>>,
    pub value: Option<Text<'a>>,
    pub effect: Option<Text<'a>>,
    /// The shortest text that makes it tolerate: the key's value, else the operator's, else its head.
    pub at: Location,
}

fn dns<'a>(reader: &mut Reader, spec: Node<'a>) -> Dns<'a> {
    let config = reader.mapping_at(spec, "dnsConfig");
    Dns {
        policy: reader.text_at(spec, "dnsPolicy"),
        servers: config.map(|config| reader.texts_at(config, "nameservers")).unwrap_or_default(),
    }
}

fn security<'a>(reader: &mut Reader, node: Node<'a>) -> SecurityContext<'a> {
    let Some(node) = reader.mapping_at(node, "securityContext") else { return SecurityContext::default() };
    let capabilities = reader
        .mapping_at(node, "capabilities")
        .map(|node| Capabilities { add: reader.texts_at(node, "add"), drop: reader.texts_at(node, "drop") });
    SecurityContext {
        run_as_user: reader.integer_at(node, "runAsUser"),
        run_as_group: reader.integer_at(node, "runAsGroup"),
        run_as_non_root: reader.flag_at(node, "runAsNonRoot"),
        fs_group: reader.integer_at(node, "fsGroup"),
        supplemental_groups: reader.list_at(node, "supplementalGroups", Reader::integer),
        privileged: reader.flag_at(node, "privileged"),
        allow_privilege_escalation: reader.flag_at(node, "allowPrivilegeEscalation"),
        capabilities: capabilities.unwrap_or_default(),
    }
}

fn container_port<'a>(reader: &mut Reader, node: Node<'a>) -> Option<ContainerPort<'a>> {
    let node = reader.mapping(node)?;
    Some(ContainerPort {
        name: reader.text_at(node, "name"),
        port: reader.integer_at(node, "containerPort")?,
        protocol: reader.text_at(node, "protocol"),
    })
}

/// The variables that Istio or Google's libraries look at; all others are the application's own matter.
fn variable(node: Node<'_>) -> Option<Variable<'_>> {
    let text = |key| Reader::field(node, key).and_then(|value| Some(Spanned::new(value.text()?, value.at())));
    let is_known = |name: &Text<'_>| {
        let others = ["DISABLE_ENVOY", "ENABLE_NATIVE_SIDECARS", "GOOGLE_APPLICATION_CREDENTIALS"];
        name.starts_with("ISTIO_") || others.contains(&name.value)
    };
    Some(Variable { name: text("name").filter(is_known)?, value: text("value") })
}

/// The folder of the node that a volume holds.
fn host_path<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Text<'a>> {
    let volume = reader.mapping(node)?;
    let host = reader.mapping_at(volume, "hostPath")?;
    reader.text_at(host, "path")
}

fn container<'a>(reader: &mut Reader, node: Node<'a>, init: bool) -> Option<Container<'a>> {
    let node = reader.mapping(node)?;
    let name = reader.text_at(node, "name").unwrap_or(Spanned::new("", node.head()));
    let fields = node.entries().filter(|_| name.starts_with("istio-"));
    Some(Container {
        name,
        image: reader.text_at(node, "image"),
        security: security(reader, node),
        ports: reader.list_at(node, "ports", container_port),
        env: node.get("env").into_iter().flat_map(Node::items).filter_map(variable).collect(),
        mounts: reader.list_at(node, "volumeMounts", mount),
        init,
        restarts: reader.text_at(node, "restartPolicy").is_some_and(|policy| policy.value == "Always"),
        fields: fields.map(|entry| Spanned::new(entry.name(), entry.key.at())).collect(),
    })
}

fn mount<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Mount<'a>> {
    let node = reader.mapping(node)?;
    Some(Mount { volume: reader.text_at(node, "name")?, path: reader.text_at(node, "mountPath")? })
}

/// The name of a volume that holds a secret, by itself or among others.
fn secret_volume<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Text<'a>> {
    let node = reader.mapping(node)?;
    let sources = node.get("projected").and_then(|projected| projected.get("sources"));
    let is_projected = || sources.is_some_and(|sources| sources.items().any(|source| source.get("secret").is_some()));
    if node.get("secret").is_none() && !is_projected() {
        return None;
    }
    reader.text_at(node, "name")
}

pub(in crate::resource) fn toleration<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Toleration<'a>> {
    let node = reader.mapping(node)?;
    let key = reader.text_at(node, "key").filter(|key| !key.is_empty());
    let operator = reader.text_at(node, "operator").filter(|operator| !operator.is_empty());
    Some(Toleration {
        key,
        operator,
        value: reader.text_at(node, "value"),
        effect: reader.text_at(node, "effect").filter(|effect| !effect.is_empty()),
        at: key.or(operator).map_or(node.head(), |text| text.at),
    })
}

/// What a `RuntimeClass` adds to the pods that run under it.
#[derive(Clone, Debug)]
pub struct RuntimeClass<'a> {
    pub node_selector: Labels<'a>,
    pub tolerations: Vec<Toleration<'a>>,
}

/// Reads a `RuntimeClass`.
pub(in crate::resource) fn runtime_class<'a>(reader: &mut Reader, node: Node<'a>) -> RuntimeClass<'a> {
    let scheduling = reader.mapping_at(node, "scheduling");
    RuntimeClass {
        node_selector: scheduling.map(|node| reader.labels_at(node, "nodeSelector")).unwrap_or_default(),
        tolerations: scheduling.map(|node| reader.list_at(node, "tolerations", toleration)).unwrap_or_default(),
    }
}

/// Whether a pod spec, or whatever is laid over one, spreads pods over nodes or zones or keeps them apart.
pub(in crate::resource) fn is_spread(spec: Node<'_>) -> bool {
    let has_items = |node: Node<'_>, key| node.get(key).is_some_and(|list| list.items().next().is_some());
    let apart = spec.get("affinity").and_then(|affinity| affinity.get("podAntiAffinity"));
    let keeps_apart = apart.is_some_and(|apart| {
        has_items(apart, "requiredDuringSchedulingIgnoredDuringExecution")
            || has_items(apart, "preferredDuringSchedulingIgnoredDuringExecution")
    });
    has_items(spec, "topologySpreadConstraints") || keeps_apart
}

/// Reads the required node affinity in the `affinity` of a pod spec or of whatever is laid over one.
pub(in crate::resource) fn node_affinity<'a>(reader: &mut Reader, spec: Node<'a>) -> Option<Vec<NodeSelectorTerm<'a>>> {
    let required =
        reader.mapping_under(spec, &["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"])?;
    Some(reader.list_at(required, "nodeSelectorTerms", node_selector_term))
}

/// Reads a pod or a pod template: a node with `metadata` and `spec`.
pub(super) fn pod<'a>(reader: &mut Reader, template: Node<'a>) -> Option<PodSpec<'a>> {
    let metadata = reader.mapping_at(template, "metadata");
    let entry = template.entry("spec")?;
    let spec = reader.mapping(entry.value)?;
    let mut containers = reader.list_at(spec, "containers", |reader, node| container(reader, node, false));
    containers.extend(reader.list_at(spec, "initContainers", |reader, node| container(reader, node, true)));
    containers.extend(reader.list_at(spec, "ephemeralContainers", |reader, node| container(reader, node, false)));
    let service_account = reader.text_at(spec, "serviceAccountName");
    Some(PodSpec {
        labels: metadata.map(|node| reader.labels_at(node, "labels")).unwrap_or_default(),
        annotations: metadata.map(|node| reader.labels_at(node, "annotations")).unwrap_or_default(),
        host_network: reader.flag_at(spec, "hostNetwork"),
        host_pid: reader.flag_at(spec, "hostPID"),
        host_paths: reader.list_at(spec, "volumes", host_path),
        node_name: reader.text_at(spec, "nodeName"),
        scheduler: reader.text_at(spec, "schedulerName").filter(|name| !name.is_empty()),
        runtime_class: reader.text_at(spec, "runtimeClassName"),
        node_selector: reader.labels_at(spec, "nodeSelector"),
        node_affinity: node_affinity(reader, spec),
        tolerations: reader.list_at(spec, "tolerations", toleration),
        is_spread: is_spread(spec),
        service_account: service_account.or_else(|| reader.text_at(spec, "serviceAccount")),
        security: security(reader, spec),
        dns: dns(reader, spec),
        secret_volumes: reader.list_at(spec, "volumes", secret_volume),
        proxy: None,
        containers,
        at: entry.key.at(),
    })
}
