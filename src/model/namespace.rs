//! Namespaces: those that are declared, and those that objects merely stand in.

use rustc_hash::FxHashMap;

use super::mesh::Mesh;
use super::{Labels, Text};
use crate::config::Config;
use crate::resource::{Kind, Resource};
use crate::source::Spanned;

/// Who a namespace belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The platform's own: system agents, the mesh's control plane.
    System,
    /// Holds the egress gateway.
    Egress,
    /// An application team's.
    Tenant,
}

/// A namespace.
#[derive(Clone, Debug)]
pub struct Namespace<'a> {
    pub name: &'a str,
    /// The name in the Namespace object; where there is none, in the first object that stands in it.
    pub at: Text<'a>,
    /// Whether the Namespace object is in the input: only then are its labels known.
    pub declared: bool,
    /// Its labels, with `kubernetes.io/metadata.name`, which the API server sets.
    pub labels: Labels<'a>,
    pub role: Role,
}

/// The platform's namespaces on GKE with a mesh (semantics A, notation). A name that ends in `-` is a prefix.
const SYSTEM: [&str; 17] = [
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "gke-",
    "gmp-",
    "config-management-system",
    "config-management-monitoring",
    "config-control",
    "resource-group-system",
    "gatekeeper-system",
    "asm-system",
    "istio-system",
    "istio-operator",
    "cnrm-system",
    "configconnector-operator-system",
    "krmapihosting-system",
    "local-path-storage",
];

/// The namespace that the seed names for the egress gateway.
const EGRESS: &str = "istio-egress";

/// Label of every namespace that holds its name; set by the API server and immutable (Kubernetes: well-known labels).
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Whether a namespace is the platform's or the egress gateway's by its name alone.
pub(super) fn is_platform(name: &str) -> bool {
    name == EGRESS || SYSTEM.into_iter().any(|system| is_system(name, system))
}

fn is_system(name: &str, system: &str) -> bool {
    name == system || (system.ends_with('-') && name.starts_with(system))
}

fn role(name: &str, mesh: &Mesh<'_>, config: &Config) -> Role {
    if name == EGRESS || config.egress_namespaces.iter().any(|egress| egress == name) {
        Role::Egress
    } else if name == mesh.root_namespace
        || SYSTEM.into_iter().any(|system| is_system(name, system))
        || config.system_namespaces.iter().any(|system| system == name)
    {
        Role::System
    } else {
        Role::Tenant
    }
}

/// All namespaces, sorted by name.
pub(super) fn namespaces<'a>(list: &'a [Resource<'a>], mesh: &Mesh<'a>, config: &Config) -> Vec<Namespace<'a>> {
    let mut known: FxHashMap<&'a str, (Text<'a>, Option<&'a Labels<'a>>)> = FxHashMap::default();
    // A declaration counts before mentions; the order of files breaks ties.
    let mut note = |name: Text<'a>, labels: Option<&'a Labels<'a>>| {
        let first = known.entry(name.value).or_insert((name, labels));
        if (labels.is_none(), name.at) < (first.1.is_none(), first.0.at) {
            *first = (name, labels);
        }
    };
    for resource in list {
        if matches!(resource.kind, Kind::Namespace) {
            note(resource.meta.name, Some(&resource.meta.labels));
        } else if let Some(namespace) = resource.namespace.filter(|_| lives_in_cluster(&resource.kind)) {
            note(namespace, None);
        }
        if let Kind::Operator(operator) = &resource.kind {
            operator.egress_gateways.iter().filter_map(|gateway| gateway.namespace).for_each(|name| note(name, None));
        }
    }
    let mut names: Vec<_> = known.into_values().collect();
    names.sort_unstable_by_key(|(name, _)| name.value);
    names.into_iter().map(|(name, labels)| namespace(name, labels, role(name.value, mesh, config))).collect()
}

/// Config Connector objects stand in namespaces of a management cluster, which need not be the audited one.
fn lives_in_cluster(kind: &Kind<'_>) -> bool {
    !matches!(kind, Kind::Cloud(_))
}

fn namespace<'a>(name: Text<'a>, labels: Option<&'a Labels<'a>>, role: Role) -> Namespace<'a> {
    let mut all = labels.cloned().unwrap_or_default();
    all.set(Spanned::new(NAME_LABEL, name.at), name);
    Namespace { name: name.value, at: name, declared: labels.is_some(), labels: all, role }
}

/// The index of a namespace by its name.
pub(super) fn find(namespaces: &[Namespace<'_>], name: &str) -> Option<usize> {
    namespaces.binary_search_by(|namespace| namespace.name.cmp(name)).ok()
}
