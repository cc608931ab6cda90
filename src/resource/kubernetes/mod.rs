//! Kubernetes' own kinds, as far as traffic depends on them.

mod admin_policy;
mod admission;
mod cilium_policy;
mod endpoints;
mod network_logging;
mod network_policy;
mod pod;
mod policy_engine;
mod rbac;
mod resolvers;
mod scaling;
mod selector;
mod service;
mod workload;

pub use admin_policy::{AdminPeer, AdminPeerForm, AdminPolicy, AdminPort, AdminRule, NamespacedPods};
pub use admission::{AdmissionPolicy, AdmissionPolicyBinding, MatchResources, ResourceRule, Webhook, Webhooks};
pub use cilium_policy::{CiliumPeer, CiliumPolicy, CiliumRule, CiliumSection, Endpoints, NamePolicy, NameRule};
pub use endpoints::EndpointList;
pub use network_logging::NetworkLogging;
pub use network_policy::{NetworkPolicy, Peer, PolicyClause, PolicyPort, PolicyType, PortValue};
pub use pod::{
    Capabilities, Container, ContainerPort, Dns, Mount, PodSpec, RuntimeClass, SecurityContext, Toleration, Variable,
};
pub use policy_engine::{Constraint, ConstraintTemplate, EngineConfig, EngineMatch, EnginePolicy, EngineRule, Words};
pub use rbac::{AccessBinding, AccessRole, AccessRule, AccessSubject};
pub use resolvers::{Masquerade, Resolvers};
pub use scaling::{Autoscaler, DisruptionBudget};
pub use selector::{LabelSelector, NodeSelectorTerm, Operator, Requirement};
pub use service::{Service, ServicePort};
pub use workload::{Node, Taint, Workload, WorkloadKind};

pub(super) use admin_policy::admin_policy;
pub(super) use admission::{admission_policy, admission_policy_binding, webhooks};
pub(super) use cilium_policy::{cilium_policy, name_policy};
pub(super) use endpoints::{endpoint_slice, endpoints};
pub(super) use network_logging::network_logging;
pub(super) use network_policy::network_policy;
pub(super) use pod::{is_spread, node_affinity, runtime_class, toleration};
pub(super) use policy_engine::{constraint, constraint_template, engine_config, engine_policy, is_about_the_cloud};
pub(super) use rbac::{access_binding, access_role};
pub(super) use resolvers::{core_dns, kube_dns, masquerade};
pub(super) use scaling::{autoscaler, disruption_budget};
pub(super) use selector::label_selector;
pub(super) use service::service;
pub(super) use workload::{node, workload};
