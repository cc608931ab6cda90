//! Controllers and bare pods, and the nodes they run on.

use super::pod::{PodSpec, pod};
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Node as Tree, Spanned};

/// What creates pods from a template, or is one.
#[derive(Clone, Debug)]
pub struct Workload<'a> {
    pub kind: WorkloadKind,
    pub pod: PodSpec<'a>,
    /// How many pods a controller is asked for; one where absent.
    pub replicas: Option<Spanned<i64>>,
    /// Whether the object was read from a cluster, which writes its status.
    pub has_status: bool,
    /// The controller that owns a pod or replica set, as kind and name.
    pub owner: Option<(&'a str, &'a str)>,
    /// Addresses a live pod was given.
    pub addresses: Vec<Text<'a>>,
    /// Whether this is a pod of a live cluster: its placement is then the scheduler's, not the author's.
    pub live: bool,
}

/// The kinds that hold pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadKind {
    Pod,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ReplicationController,
    Job,
    CronJob,
    /// A virtual machine of KubeVirt, which runs in a pod with the labels of its template.
    VirtualMachine,
}

impl WorkloadKind {
    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "Pod" => Self::Pod,
            "Deployment" => Self::Deployment,
            "StatefulSet" => Self::StatefulSet,
            "DaemonSet" => Self::DaemonSet,
            "ReplicaSet" => Self::ReplicaSet,
            "ReplicationController" => Self::ReplicationController,
            "Job" => Self::Job,
            "CronJob" => Self::CronJob,
            "VirtualMachine" => Self::VirtualMachine,
            _ => return None,
        })
    }

    /// The kind's name in manifests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::VirtualMachine => "VirtualMachine",
        }
    }
}

/// A node of the cluster, as a dump shows it.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    pub labels: Labels<'a>,
    pub taints: Vec<Taint<'a>>,
    pub addresses: Vec<Text<'a>>,
}

/// A taint as written on a node (`NoSchedule`) or a node pool (`NO_SCHEDULE`).
#[derive(Clone, Debug)]
pub struct Taint<'a> {
    pub key: Text<'a>,
    pub value: Option<Text<'a>>,
    pub effect: Text<'a>,
}

/// Reads a workload of a kind. `None` where it has no pod spec at all, which is noted.
pub(in crate::resource) fn workload<'a>(
    reader: &mut Reader,
    node: Tree<'a>,
    kind: WorkloadKind,
) -> Option<Workload<'a>> {
    let template = match kind {
        WorkloadKind::Pod => Some(node),
        WorkloadKind::CronJob => reader.mapping_under(node, &["spec", "jobTemplate", "spec", "template"]),
        _ => reader.mapping_under(node, &["spec", "template"]),
    };
    let status = reader.mapping_at(node, "status");
    let addresses = status.map(|status| pod_addresses(reader, status)).unwrap_or_default();
    let has_status = status.is_some_and(|status| status.entries().next().is_some());
    let spec = reader.mapping_at(node, "spec");
    Some(Workload {
        kind,
        replicas: spec.and_then(|spec| reader.integer_at(spec, "replicas")),
        has_status,
        pod: pod(reader, template?)?,
        owner: owner(reader, node),
        addresses,
        // Webhooks inject pods: a controller's template shows no proxy however long the cluster has run.
        live: kind == WorkloadKind::Pod && has_status,
    })
}

/// The addresses of a live pod: `podIPs`, else `podIP`.
fn pod_addresses<'a>(reader: &mut Reader, status: Tree<'a>) -> Vec<Text<'a>> {
    let listed = reader.list_at(status, "podIPs", |reader, item| reader.text_at(item, "ip"));
    if listed.is_empty() { reader.text_at(status, "podIP").into_iter().collect() } else { listed }
}

fn owner<'a>(reader: &mut Reader, node: Tree<'a>) -> Option<(&'a str, &'a str)> {
    let metadata = reader.mapping_at(node, "metadata")?;
    let owners = reader.list_at(metadata, "ownerReferences", |reader, item| {
        Some((reader.text_at(item, "kind")?.value, reader.text_at(item, "name")?.value))
    });
    // A static pod is owned by its node, which is no controller.
    owners.into_iter().find(|(kind, _)| *kind != "Node")
}

/// Reads a taint of a node or node pool.
pub(in crate::resource) fn taint<'a>(reader: &mut Reader, node: Tree<'a>) -> Option<Taint<'a>> {
    let node = reader.mapping(node)?;
    Some(Taint {
        key: reader.text_at(node, "key")?,
        value: reader.text_at(node, "value"),
        effect: reader.text_at(node, "effect")?,
    })
}

pub(in crate::resource) fn node<'a>(reader: &mut Reader, node: Tree<'a>) -> Node<'a> {
    let spec = reader.mapping_at(node, "spec");
    let metadata = reader.mapping_at(node, "metadata");
    let status = reader.mapping_at(node, "status");
    Node {
        labels: metadata.map(|node| reader.labels_at(node, "labels")).unwrap_or_default(),
        taints: spec.map(|spec| reader.list_at(spec, "taints", taint)).unwrap_or_default(),
        addresses: status
            .map(|node| reader.list_at(node, "addresses", |reader, item| reader.text_at(item, "address")))
            .unwrap_or_default(),
    }
}
