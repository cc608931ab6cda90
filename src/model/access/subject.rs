//! Who is bound, and whether that is the platform, an administrator or a tenant (semantics 0.1, C.12).

use super::super::Text;
use super::super::namespace::{Namespace, Role, find, is_platform};
use crate::config::Config;
use crate::resource::kubernetes::AccessSubject;
use crate::source::Location;

/// Somebody in a binding.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    pub party: Party<'a>,
    pub standing: Standing,
    /// The place of the name.
    pub at: Location,
}

/// Whom the API server takes a subject for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party<'a> {
    User(&'a str),
    Group(&'a str),
    ServiceAccount {
        namespace: &'a str,
        name: &'a str,
    },
    /// Every service account of a namespace.
    ServiceAccounts {
        namespace: &'a str,
    },
    /// Every service account of the cluster.
    AllServiceAccounts,
    /// Everybody who has any identity.
    Authenticated,
    /// Everybody, with no identity at all.
    Anonymous,
}

/// What a subject is to the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Named in the config as one who manages egress, or the group of the cluster's masters.
    Admin,
    /// A component of Kubernetes, GKE, the mesh or a well-known controller.
    Platform,
    /// Everybody else.
    Tenant,
    /// The name is filled in later by another tool.
    Unknown,
}

impl<'a> Party<'a> {
    /// How a message names it: the kind and the name.
    #[must_use]
    pub fn display(&self) -> String {
        match self {
            Self::User(name) => format!("user `{name}`"),
            Self::Group(name) => format!("group `{name}`"),
            Self::ServiceAccount { namespace, name } => format!("service account `{namespace}/{name}`"),
            Self::ServiceAccounts { namespace } => format!("every service account of `{namespace}`"),
            Self::AllServiceAccounts => "every service account".to_owned(),
            Self::Authenticated => "everybody with any identity".to_owned(),
            Self::Anonymous => "everybody, even without an identity".to_owned(),
        }
    }

    /// The namespace whose service accounts this is, or are part of this; the empty name where those of every one are.
    #[must_use]
    pub fn accounts_of(&self) -> Option<&'a str> {
        match self {
            Self::ServiceAccount { namespace, .. } | Self::ServiceAccounts { namespace } => Some(namespace),
            Self::AllServiceAccounts | Self::Authenticated | Self::Anonymous => Some(""),
            Self::User(_) | Self::Group(_) => None,
        }
    }
}

/// Lowers a subject. Of a kind that Kubernetes does not know there is none.
pub(super) fn subject<'a>(
    written: &'a AccessSubject<'a>,
    binding_namespace: Option<&'a str>,
    namespaces: &[Namespace<'a>],
    config: &Config,
    unset: &impl Fn(Location) -> bool,
) -> Option<Subject<'a>> {
    let own = written.namespace.map(|namespace: Text<'a>| namespace.value).or(binding_namespace).unwrap_or_default();
    let party = match written.kind.value {
        "User" => user(written.name.value),
        "Group" => group(written.name.value),
        "ServiceAccount" => Party::ServiceAccount { namespace: own, name: written.name.value },
        _ => return None,
    };
    let is_account = matches!(party, Party::ServiceAccount { .. });
    let standing = match standing(party, namespaces, config) {
        // Whatever an account of the platform's namespaces is called, it is the platform's.
        Standing::Platform if is_account => Standing::Platform,
        _ if unset(written.name.at) || written.namespace.is_some_and(|namespace| unset(namespace.at)) => {
            Standing::Unknown
        }
        known => known,
    };
    Some(Subject { party, standing, at: written.name.at })
}

fn user(name: &str) -> Party<'_> {
    let account = name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    match account {
        Some((namespace, name)) => Party::ServiceAccount { namespace, name },
        None if name == "system:anonymous" => Party::Anonymous,
        None => Party::User(name),
    }
}

fn group(name: &str) -> Party<'_> {
    match name {
        "system:authenticated" => Party::Authenticated,
        "system:unauthenticated" => Party::Anonymous,
        "system:serviceaccounts" => Party::AllServiceAccounts,
        _ => match name.strip_prefix("system:serviceaccounts:") {
            Some(namespace) => Party::ServiceAccounts { namespace },
            None => Party::Group(name),
        },
    }
}

fn standing(party: Party<'_>, namespaces: &[Namespace<'_>], config: &Config) -> Standing {
    if config.admins.iter().any(|admin| is_named(party, &admin.value)) || party == Party::Group("system:masters") {
        return Standing::Admin;
    }
    let is_platforms = match party {
        Party::User(name) => name.starts_with("system:") || COMPONENTS.contains(&name) || is_agent(name),
        Party::Group(name) => name.starts_with("system:") || is_agent(name),
        Party::ServiceAccount { namespace, .. } | Party::ServiceAccounts { namespace } => {
            let role = find(namespaces, namespace).map(|index| namespaces[index].role);
            role.map_or_else(|| is_platform(namespace), |role| role != Role::Tenant) || is_controllers(namespace)
        }
        Party::AllServiceAccounts | Party::Authenticated | Party::Anonymous => false,
    };
    if is_platforms { Standing::Platform } else { Standing::Tenant }
}

/// Components of Kubernetes and GKE that authenticate under a name of their own.
const COMPONENTS: [&str; 6] = [
    "cluster-autoscaler",
    "kube-apiserver",
    "kubelet",
    "kubelet-bootstrap",
    "kubelet-nodepool-bootstrap",
    "node-problem-detector",
];

/// Whether the config means a party: `user:NAME`, `group:NAME`, `serviceAccount:NAMESPACE/NAME`, or the bare name.
fn is_named(party: Party<'_>, admin: &str) -> bool {
    let (kind, rest) = match admin.split_once(':') {
        Some((kind @ ("user" | "group" | "serviceAccount"), rest)) => (kind, rest),
        _ => ("", admin),
    };
    let is_kind = |wanted: &str| kind.is_empty() || kind == wanted;
    match party {
        Party::User(name) => is_kind("user") && rest == name,
        Party::Group(name) => is_kind("group") && rest == name,
        Party::ServiceAccount { namespace, name } => {
            let written = rest.split_once(['/', ':']);
            is_kind("serviceAccount") && written == Some((namespace, name))
        }
        _ => false,
    }
}

/// Whether a member of a role of the cloud is one of the config's administrators or one of Google's own agents.
pub(in crate::model) fn is_admins_member(member: &str, config: &Config) -> bool {
    let bare = member.split_once(':').map_or(member, |(_, rest)| rest);
    config.admins.iter().any(|admin| admin.value == member || admin.value == bare) || is_agent(bare)
}

/// Google's own service agents, which run parts of the platform.
fn is_agent(name: &str) -> bool {
    name.strip_prefix("service-").is_some_and(|rest| {
        rest.split_once('@').is_some_and(|(number, domain)| {
            number.chars().all(|c| c.is_ascii_digit()) && domain.ends_with(".iam.gserviceaccount.com")
        })
    })
}

/// Namespaces in which well-known controllers are installed by default: their accounts are the platform's, not a team's.
const CONTROLLERS: [&str; 26] = [
    "argocd",
    "argo-rollouts",
    "cert-manager",
    "cnrm-system",
    "crossplane-system",
    "elastic-system",
    "external-dns",
    "external-secrets",
    "flux-system",
    "gatekeeper-system",
    "gitlab-agent",
    "ingress-nginx",
    "keda",
    "knative-eventing",
    "knative-operator",
    "knative-serving",
    "kyverno",
    "linkerd",
    "metallb-system",
    "monitoring",
    "opa",
    "prometheus",
    "sealed-secrets",
    "tekton-pipelines",
    "trust-manager",
    "velero",
];

/// Whether a namespace is one in which a well-known controller is installed by default.
pub(in crate::model) fn is_controllers(namespace: &str) -> bool {
    CONTROLLERS.contains(&namespace)
}
