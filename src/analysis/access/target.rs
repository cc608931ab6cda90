//! What a tenant might write: kinds of objects as role-based access names them (semantics C.12).

use crate::model::access::{Rule, Word};

/// A kind of object, by the groups that serve it and its resource name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    pub groups: &'static [&'static str],
    /// In the plural, with a subresource after a slash.
    pub resource: &'static str,
    /// Whether objects of the kind stand in namespaces.
    pub namespaced: bool,
}

const NETWORKING: &[&str] = &["networking.istio.io"];
const SECURITY: &[&str] = &["security.istio.io"];
pub(super) const CORE: &[&str] = &[""];
const APPS: &[&str] = &["apps", "extensions"];
const GATEWAY_API: &[&str] = &["gateway.networking.k8s.io"];
pub(super) const RBAC: &[&str] = &["rbac.authorization.k8s.io"];
pub(super) const ADMISSION: &[&str] = &["admissionregistration.k8s.io"];

impl Target {
    pub const SIDECARS: Self = namespaced(NETWORKING, "sidecars");
    pub const SERVICE_ENTRIES: Self = namespaced(NETWORKING, "serviceentries");
    pub const GATEWAYS: Self = namespaced(NETWORKING, "gateways");
    pub const AUTHORIZATION_POLICIES: Self = namespaced(SECURITY, "authorizationpolicies");
    pub const NETWORK_POLICIES: Self = namespaced(&["networking.k8s.io", "extensions"], "networkpolicies");
    pub const VIRTUAL_SERVICES: Self = namespaced(NETWORKING, "virtualservices");
    pub const DESTINATION_RULES: Self = namespaced(NETWORKING, "destinationrules");
    pub const ENVOY_FILTERS: Self = namespaced(NETWORKING, "envoyfilters");
    pub const PEER_AUTHENTICATIONS: Self = namespaced(SECURITY, "peerauthentications");
    pub const SERVICES: Self = namespaced(CORE, "services");
    pub const CONFIG_MAPS: Self = namespaced(CORE, "configmaps");
    pub const PODS: Self = namespaced(CORE, "pods");
    pub const POD_BINDINGS: Self = namespaced(CORE, "pods/binding");
    pub const NAMESPACES: Self = cluster(CORE, "namespaces");
    pub const NODES: Self = cluster(CORE, "nodes");

    /// The five kinds that the best practices keep for administrators (semantics A.18).
    pub const EGRESS_POLICIES: [Self; 5] =
        [Self::SIDECARS, Self::SERVICE_ENTRIES, Self::GATEWAYS, Self::AUTHORIZATION_POLICIES, Self::NETWORK_POLICIES];

    /// The other kinds with which a tenant gets around egress control in a namespace (semantics C.12).
    pub const BYPASS_KINDS: [Self; 23] = [
        Self::VIRTUAL_SERVICES,
        Self::DESTINATION_RULES,
        Self::ENVOY_FILTERS,
        namespaced(&["extensions.istio.io"], "wasmplugins"),
        namespaced(&["extensions.istio.io"], "trafficextensions"),
        namespaced(NETWORKING, "proxyconfigs"),
        namespaced(&["telemetry.istio.io"], "telemetries"),
        Self::PEER_AUTHENTICATIONS,
        namespaced(SECURITY, "requestauthentications"),
        namespaced(NETWORKING, "workloadentries"),
        namespaced(NETWORKING, "workloadgroups"),
        namespaced(GATEWAY_API, "gateways"),
        namespaced(GATEWAY_API, "httproutes"),
        namespaced(GATEWAY_API, "tlsroutes"),
        namespaced(GATEWAY_API, "tcproutes"),
        namespaced(GATEWAY_API, "grpcroutes"),
        namespaced(GATEWAY_API, "referencegrants"),
        Self::SERVICES,
        namespaced(CORE, "endpoints"),
        namespaced(&["discovery.k8s.io"], "endpointslices"),
        namespaced(&["cilium.io"], "ciliumnetworkpolicies"),
        namespaced(&["networking.gke.io"], "fqdnnetworkpolicies"),
        namespaced(&["kyverno.io"], "policies"),
    ];

    /// The kinds with which a tenant gets around egress control in the whole cluster.
    pub const CLUSTER_BYPASS_KINDS: [Self; 10] = [
        cluster(&["policy.networking.k8s.io"], "adminnetworkpolicies"),
        cluster(&["policy.networking.k8s.io"], "baselineadminnetworkpolicies"),
        cluster(&["policy.networking.k8s.io"], "clusternetworkpolicies"),
        cluster(&["cilium.io"], "ciliumclusterwidenetworkpolicies"),
        cluster(ADMISSION, "validatingadmissionpolicies"),
        cluster(ADMISSION, "validatingadmissionpolicybindings"),
        cluster(&["templates.gatekeeper.sh"], "constrainttemplates"),
        cluster(&["constraints.gatekeeper.sh"], "constraints"),
        cluster(&["config.gatekeeper.sh"], "configs"),
        cluster(&["kyverno.io"], "clusterpolicies"),
    ];

    /// Every way to have a pod run.
    pub const POD_MAKERS: [Self; 8] = [
        Self::PODS,
        namespaced(APPS, "deployments"),
        namespaced(APPS, "daemonsets"),
        namespaced(&["apps"], "statefulsets"),
        namespaced(APPS, "replicasets"),
        namespaced(CORE, "replicationcontrollers"),
        namespaced(&["batch"], "jobs"),
        namespaced(&["batch"], "cronjobs"),
    ];

    pub(super) const ACCOUNTS: Self = namespaced(CORE, "serviceaccounts");
    pub(super) const TOKENS: Self = namespaced(CORE, "serviceaccounts/token");
    pub(super) const ROLES: [Self; 2] = [namespaced(RBAC, "roles"), cluster(RBAC, "clusterroles")];
    pub(super) const IDENTITIES: [Self; 2] = [cluster(CORE, "users"), cluster(CORE, "groups")];
}

const fn namespaced(groups: &'static [&'static str], resource: &'static str) -> Target {
    Target { groups, resource, namespaced: true }
}

const fn cluster(groups: &'static [&'static str], resource: &'static str) -> Target {
    Target { groups, resource, namespaced: false }
}

/// A resource that is asked for where its scope is looked at elsewhere.
pub(super) const fn of(groups: &'static [&'static str], resource: &'static str) -> Target {
    Target { groups, resource, namespaced: true }
}

/// The verbs that write. Deleting a policy that denies opens as much as writing one that allows.
pub const WRITE: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// The word of a rule by which it covers a target with one of some verbs; `None` where it does not.
#[must_use]
pub fn covers<'a>(rule: &Rule<'a>, target: Target, verbs: &[&str]) -> Option<Word<'a>> {
    let of_group = |word: &Word<'_>| word.text == "*" || target.groups.contains(&word.text);
    // Objects yet to be made and whole collections have no name: a rule for some names never covers them.
    let by_name =
        |verb: &str| rule.names.is_empty() || !matches!(verb, "create" | "list" | "watch" | "deletecollection");
    let allows = |verb: &&str| by_name(verb) && rule.verbs.iter().any(|word| word.text == "*" || word.text == *verb);
    if !rule.groups.iter().any(of_group) || !verbs.iter().any(allows) {
        return None;
    }
    rule.resources.iter().copied().find(|word| is_resource(word.text, target))
}

/// Whether a rule's word names a resource: itself, `*`, or `*/sub` for a subresource of any.
fn is_resource(word: &str, target: Target) -> bool {
    let of_any = |(_, sub): (&str, &str)| word.strip_prefix("*/") == Some(sub);
    // Each kind of Gatekeeper constraint is a resource of its own.
    let is_constraint = target.resource == "constraints" && target.groups == ["constraints.gatekeeper.sh"];
    word == "*" || word == target.resource || is_constraint || target.resource.split_once('/').is_some_and(of_any)
}

/// Groups whose resources, but for the listed ones, stand in namespaces and bear on what runs or what may leave.
const GROUPS: [&str; 17] = [
    "",
    "apps",
    "autoscaling",
    "batch",
    "cilium.io",
    "discovery.k8s.io",
    "extensions",
    "extensions.istio.io",
    "gateway.networking.k8s.io",
    "networking.gke.io",
    "networking.istio.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "security.istio.io",
    "telemetry.istio.io",
    "kyverno.io",
];

/// Resources of those groups that stand in no namespace.
const CLUSTER_SCOPED: [&str; 13] = [
    "ciliumclusterwidenetworkpolicies",
    "ciliumidentities",
    "ciliumnodes",
    "clusterpolicies",
    "clusterrolebindings",
    "clusterroles",
    "componentstatuses",
    "gatewayclasses",
    "ingressclasses",
    "namespaces",
    "nodes",
    "persistentvolumes",
    "podsecuritypolicies",
];

/// Resources by which nothing that runs or may leave is changed: what controllers note about their work. Commands run in
/// pods are a matter of their own.
const HARMLESS: [&str; 9] = [
    "events",
    "leases",
    "pods/attach",
    "pods/ephemeralcontainers",
    "pods/eviction",
    "pods/exec",
    "pods/log",
    "pods/portforward",
    "pods/proxy",
];

/// The words of a rule that write something in a namespace. In one certain namespace that is every kind; of a rule for all
/// namespaces only the kinds that bear on what runs or may leave, since controllers write their own kinds everywhere.
#[must_use]
pub fn writes_in_namespaces<'a>(rule: &Rule<'a>, anywhere: bool) -> Vec<Word<'a>> {
    let writes = rule.verbs.iter().any(|word| word.text == "*" || WRITE.contains(&word.text));
    let is_known = |group: &Word<'_>| group.text == "*" || GROUPS.contains(&group.text);
    if !writes || (anywhere && !rule.groups.iter().any(is_known)) {
        return Vec::new();
    }
    let counts = |word: &&Word<'_>| {
        let of_status = word.text.ends_with("/status") || word.text.ends_with("/finalizers");
        let base = word.text.split('/').next().unwrap_or_default();
        !of_status && !HARMLESS.contains(&word.text) && !CLUSTER_SCOPED.contains(&base)
    };
    rule.resources.iter().filter(counts).copied().collect()
}
