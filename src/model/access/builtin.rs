//! The `ClusterRoles` that every cluster has (Kubernetes' bootstrap policy, 1.22 and later; semantics A.18).

use super::{Role, Rule, Word};
use crate::resource::Resource;
use crate::resource::kubernetes::AccessRole;

const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const READ: &[&str] = &["get", "list", "watch"];

/// Groups, resources, verbs.
type Written = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// A role that comes with the cluster, and the label by which others are added to it.
struct Builtin {
    name: &'static str,
    rules: &'static [Written],
    /// The roles of this list that are part of it.
    parts: &'static [&'static str],
    label: Option<&'static str>,
}

const EDIT: &[Written] = &[
    (&[""], &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"], READ),
    (&[""], &["serviceaccounts"], &["impersonate"]),
    (&[""], &["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"], WRITE),
    (&[""], &["pods/eviction", "serviceaccounts/token"], &["create"]),
    (
        &[""],
        &[
            "configmaps",
            "events",
            "persistentvolumeclaims",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "secrets",
            "serviceaccounts",
            "services",
            "services/proxy",
        ],
        WRITE,
    ),
    (
        &["apps", "extensions"],
        &["daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale"],
        WRITE,
    ),
    (&["apps"], &["statefulsets", "statefulsets/scale"], WRITE),
    (&["autoscaling"], &["horizontalpodautoscalers"], WRITE),
    (&["batch"], &["cronjobs", "jobs"], WRITE),
    (&["networking.k8s.io", "extensions"], &["ingresses", "networkpolicies"], WRITE),
    (&["policy"], &["poddisruptionbudgets"], WRITE),
    (&["coordination.k8s.io"], &["leases"], WRITE),
];

const BUILTIN: [Builtin; 6] = [
    Builtin { name: "cluster-admin", rules: &[(&["*"], &["*"], &["*"])], parts: &[], label: None },
    Builtin { name: "view", rules: &[], parts: &[], label: Some("rbac.authorization.k8s.io/aggregate-to-view") },
    Builtin { name: "edit", rules: EDIT, parts: &["view"], label: Some("rbac.authorization.k8s.io/aggregate-to-edit") },
    Builtin {
        name: "admin",
        rules: &[(&["rbac.authorization.k8s.io"], &["rolebindings", "roles"], WRITE)],
        parts: &["edit", "view"],
        label: Some("rbac.authorization.k8s.io/aggregate-to-admin"),
    },
    Builtin {
        name: "system:kube-scheduler",
        rules: &[(&[""], &["bindings", "pods/binding"], &["create"]), (&[""], &["pods"], &["delete"])],
        parts: &[],
        label: None,
    },
    Builtin {
        name: "system:auth-delegator",
        rules: &[
            (&["authentication.k8s.io"], &["tokenreviews"], &["create"]),
            (&["authorization.k8s.io"], &["subjectaccessreviews"], &["create"]),
        ],
        parts: &[],
        label: None,
    },
];

/// Roles of the cluster that only read, or speak of the one who asks.
const HARMLESS: [&str; 6] = [
    "system:basic-user",
    "system:discovery",
    "system:heapster",
    "system:monitoring",
    "system:public-info-viewer",
    "system:service-account-issuer-discovery",
];

/// Adds the cluster's own roles where the input does not define them, with what the input's labels add to them. One that
/// the input does define without rules, as the API server's own are stored, gets the rules that it is known to have.
pub(super) fn complete<'a>(roles: &mut Vec<Role<'a>>, written: &[(&'a Resource<'a>, &'a AccessRole<'a>)]) {
    for builtin in &BUILTIN {
        let defined = roles.iter().position(|role| role.namespace.is_none() && role.name == builtin.name);
        let index = defined.unwrap_or(roles.len());
        if defined.is_none() {
            roles.push(named(builtin.name));
        }
        if roles[index].parts.iter().all(|&part| roles[part].rules.is_empty()) {
            roles[index].rules = builtin.rules.iter().map(rule).collect();
        }
        let gathered = added(builtin, written);
        let parts = builtin.parts.iter().filter_map(|part| roles.iter().position(|role| role.name == *part));
        let all: Vec<usize> = gathered.into_iter().chain(parts).flat_map(|part| roles[part].parts.clone()).collect();
        for part in all {
            if !roles[index].parts.contains(&part) {
                roles[index].parts.push(part);
            }
        }
        if !roles[index].parts.contains(&index) {
            roles[index].parts.push(index);
        }
    }
    for name in HARMLESS {
        if !roles.iter().any(|role| role.name == name) {
            let index = roles.len();
            roles.push(Role { parts: vec![index], ..named(name) });
        }
    }
}

fn named(name: &'static str) -> Role<'static> {
    Role { name, at: None, namespace: None, rules: Vec::new(), parts: Vec::new() }
}

fn rule<'a>((groups, resources, verbs): &Written) -> Rule<'a> {
    let words = |texts: &[&'static str]| texts.iter().map(|text| Word { text, at: None }).collect();
    Rule { groups: words(groups), resources: words(resources), verbs: words(verbs), names: Vec::new() }
}

/// The `ClusterRoles` of the input that carry the label of a role.
fn added<'a>(builtin: &Builtin, written: &[(&'a Resource<'a>, &'a AccessRole<'a>)]) -> Vec<usize> {
    let Some(label) = builtin.label else { return Vec::new() };
    let carries = |resource: &Resource<'_>| {
        resource.namespace.is_none() && resource.meta.labels.get(label).is_some_and(|value| value.value == "true")
    };
    written.iter().enumerate().filter(|(_, (resource, _))| carries(resource)).map(|(index, _)| index).collect()
}
