//! Kubernetes' own kinds, as far as traffic depends on them.

mod network_policy;
mod pod;
mod selector;
mod service;
mod workload;

pub use network_policy::{NetworkPolicy, Peer, PolicyClause, PolicyPort, PolicyType, PortValue};
pub use pod::{Capabilities, Container, ContainerPort, PodSpec, SecurityContext, Toleration};
pub use selector::{LabelSelector, NodeSelectorTerm, Operator, Requirement};
pub use service::{Service, ServicePort};
pub use workload::{Node, Taint, Workload, WorkloadKind};

pub(super) use network_policy::network_policy;
pub(super) use pod::{node_affinity, toleration};
pub(super) use service::service;
pub(super) use workload::{node, workload};
