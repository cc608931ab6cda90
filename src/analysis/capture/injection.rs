//! Whether the mesh injects a proxy into a workload's pods (semantics C.6). Webhooks are not in the model: a revision is
//! taken to be installed.

use crate::model::{Namespace, Workload};
use crate::source::Location;

/// Whether a workload is in the mesh, with the place that makes it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injection {
    /// A sidecar proxy is injected, or is there.
    In { at: Location },
    /// No proxy is there.
    Outside { why: Outside, at: Location },
    /// The node's own proxy takes the traffic (ambient mode).
    Ambient { at: Location },
    /// The namespace's labels are not in the input.
    Unknown { at: Location },
}

/// Why a workload is outside of the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    HostNetwork,
    /// The namespace has no label that asks for injection.
    Namespace,
    /// The namespace says that nothing is injected.
    NamespaceDisabled,
    /// The pod says so.
    PodOptOut,
    /// A namespace that Istio never injects into.
    SystemNamespace,
    /// Live pods without a proxy.
    NoProxySeen,
}

impl Outside {
    /// What is, as a clause of a sentence.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::HostNetwork => "it uses the node's network, where no proxy is injected",
            Self::Namespace => "its namespace is not labelled for injection, so it has no proxy",
            Self::NamespaceDisabled => "its namespace switches injection off, so it has no proxy",
            Self::PodOptOut => "it opts out of injection, so it has no proxy",
            Self::SystemNamespace => "Istio injects nothing into its namespace",
            Self::NoProxySeen => "its live pods have no proxy",
        }
    }
}

const IGNORED: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];
const INJECT: &str = "sidecar.istio.io/inject";
const INJECTION: &str = "istio-injection";
const REVISION: &str = "istio.io/rev";
const DATAPLANE: &str = "istio.io/dataplane-mode";

pub(super) fn injection(workload: &Workload<'_>, namespace: &Namespace<'_>) -> Injection {
    if let Some(host) = workload.host_network {
        return Injection::Outside { why: Outside::HostNetwork, at: host.at };
    }
    if IGNORED.contains(&namespace.name) {
        return Injection::Outside { why: Outside::SystemNamespace, at: namespace.at.at };
    }
    match sidecar(workload, namespace) {
        outside @ Injection::Outside { .. } => ambient(workload, namespace).unwrap_or(outside),
        decided => decided,
    }
}

fn sidecar(workload: &Workload<'_>, namespace: &Namespace<'_>) -> Injection {
    if workload.live {
        let proxy = workload.pod.containers.iter().find(|container| container.name.value == "istio-proxy");
        return match proxy {
            Some(proxy) => Injection::In { at: proxy.name.at },
            None => Injection::Outside { why: Outside::NoProxySeen, at: workload.name.at },
        };
    }
    // The webhook's selectors look at the label; the annotation is looked at once the webhook is called.
    let label = workload.labels.get(INJECT);
    let asked = label.or_else(|| workload.annotation(INJECT));
    if let Some(opt_out) = asked.filter(|asked| asked.value == "false") {
        return Injection::Outside { why: Outside::PodOptOut, at: opt_out.at };
    }
    let opt_in = label.filter(|label| label.value == "true").or_else(|| workload.labels.get(REVISION));
    match (namespace.labels.get(INJECTION), namespace.labels.get(REVISION), opt_in) {
        (Some(enabled), _, _) if enabled.value == "enabled" => Injection::In { at: enabled.at },
        (Some(other), _, _) => Injection::Outside { why: Outside::NamespaceDisabled, at: other.at },
        (None, Some(revision), _) => Injection::In { at: revision.at },
        (None, None, Some(opt_in)) => Injection::In { at: opt_in.at },
        (None, None, None) if namespace.declared => Injection::Outside { why: Outside::Namespace, at: namespace.at.at },
        (None, None, None) => Injection::Unknown { at: workload.name.at },
    }
}

fn ambient(workload: &Workload<'_>, namespace: &Namespace<'_>) -> Option<Injection> {
    let mode = workload.labels.get(DATAPLANE).or_else(|| namespace.labels.get(DATAPLANE))?;
    (mode.value == "ambient").then_some(Injection::Ambient { at: mode.at })
}
