//! Whether the mesh injects a proxy into a workload's pods (semantics C.6). Where no webhook is in the input, a revision is
//! taken to be installed.

use crate::model::{InjectionSettings, Labels, Match, Namespace, Text, Workload};
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
    /// No webhook of the input answers to the label that asks for injection.
    Revision,
    /// The injector is told never to inject into these pods, or to inject nothing that does not ask for it.
    Injector,
    /// The pod leaves the node's proxy that its namespace has.
    LeavesAmbient,
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
            Self::Revision => "no webhook injects for the revision that it asks for, so it has no proxy",
            Self::Injector => "the injector is told to leave it out, so it has no proxy",
            Self::LeavesAmbient => "it leaves the node's proxy that its namespace has",
        }
    }
}

const IGNORED: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];
const INJECT: &str = "sidecar.istio.io/inject";
const INJECTION: &str = "istio-injection";
const REVISION: &str = "istio.io/rev";
const DATAPLANE: &str = "istio.io/dataplane-mode";

pub(super) fn injection(
    workload: &Workload<'_>,
    namespace: &Namespace<'_>,
    settings: &InjectionSettings<'_>,
) -> Injection {
    if let Some(host) = workload.host_network {
        return Injection::Outside { why: Outside::HostNetwork, at: host.at };
    }
    if IGNORED.contains(&namespace.name) {
        return Injection::Outside { why: Outside::SystemNamespace, at: namespace.at.at };
    }
    match sidecar(workload, namespace, settings) {
        outside @ Injection::Outside { .. } => ambient(workload, namespace).unwrap_or(outside),
        decided => decided,
    }
}

fn sidecar(workload: &Workload<'_>, namespace: &Namespace<'_>, settings: &InjectionSettings<'_>) -> Injection {
    let proxy = workload.pod.containers.iter().find(|container| container.name.value == "istio-proxy");
    if let Some(proxy) = proxy.filter(|_| workload.live) {
        return Injection::In { at: proxy.name.at };
    }
    // The webhook's selectors look at the label; the annotation is looked at once the webhook is called.
    let asked = workload.labels.get(INJECT).or_else(|| workload.annotation(INJECT));
    if let Some(opt_out) = asked.filter(|asked| asked.value == "false") {
        return Injection::Outside { why: Outside::PodOptOut, at: opt_out.at };
    }
    if workload.live {
        return Injection::Outside { why: Outside::NoProxySeen, at: workload.name.at };
    }
    let called = if settings.webhooks.is_empty() {
        by_labels(workload, namespace)
    } else {
        by_webhooks(workload, namespace, settings)
    };
    let insists = asked.is_some_and(|asked| asked.value == "true");
    match called {
        Injection::In { at } if !insists => told(workload, settings).unwrap_or(Injection::In { at }),
        decided => decided,
    }
}

/// What the injector is told of pods for which it is called and which do not insist.
fn told(workload: &Workload<'_>, settings: &InjectionSettings<'_>) -> Option<Injection> {
    let outside = |at| Injection::Outside { why: Outside::Injector, at };
    if let Some(at) = settings.never(workload) {
        return Some(outside(at));
    }
    let disabled = settings.disabled.filter(|_| settings.always(workload).is_none());
    disabled.map(outside)
}

/// What the labels ask for, where a pod does not opt out.
struct Asked<'a> {
    injection: Option<Text<'a>>,
    revision: Option<Text<'a>>,
    /// The pod's own label, which counts where the namespace has none.
    pod: Option<Text<'a>>,
}

fn asked<'a>(workload: &Workload<'a>, namespace: &Namespace<'a>) -> Asked<'a> {
    let label = workload.labels.get(INJECT).filter(|label| label.value == "true");
    Asked {
        injection: namespace.labels.get(INJECTION),
        revision: namespace.labels.get(REVISION),
        pod: workload.labels.get(REVISION).or(label),
    }
}

fn by_labels(workload: &Workload<'_>, namespace: &Namespace<'_>) -> Injection {
    let asked = asked(workload, namespace);
    match (asked.injection, asked.revision, asked.pod) {
        (Some(enabled), _, _) if enabled.value == "enabled" => Injection::In { at: enabled.at },
        (Some(other), _, _) => Injection::Outside { why: Outside::NamespaceDisabled, at: other.at },
        (None, Some(revision), _) => Injection::In { at: revision.at },
        (None, None, Some(opt_in)) => Injection::In { at: opt_in.at },
        (None, None, None) if namespace.declared => Injection::Outside { why: Outside::Namespace, at: namespace.at.at },
        (None, None, None) => Injection::Unknown { at: workload.name.at },
    }
}

/// Asks the webhooks of the input, which are taken to be all there are but for those of a control plane that Google manages.
fn by_webhooks(workload: &Workload<'_>, namespace: &Namespace<'_>, settings: &InjectionSettings<'_>) -> Injection {
    let calls = settings.webhooks.iter().map(|webhook| webhook.is_called_for(workload, namespace));
    let called = Match::any(calls);
    let by_labels = by_labels(workload, namespace);
    let asked = asked(workload, namespace);
    match (called, by_labels) {
        (Match::Unknown, _) => Injection::Unknown { at: workload.name.at },
        (Match::Yes, Injection::In { at }) => Injection::In { at },
        (Match::Yes, _) => Injection::In { at: settings.webhooks[0].name.at },
        (Match::No, Injection::In { at }) => {
            let revision = asked.revision.or(asked.pod);
            match asked.injection.is_none() && revision.is_some_and(|asked| may_be_managed(asked, settings)) {
                true => Injection::In { at },
                false => Injection::Outside { why: Outside::Revision, at },
            }
        }
        (Match::No, outside) => outside,
    }
}

/// Whether a revision may be one that Google manages: those of the input are taken to be all there are, if there are some.
fn may_be_managed(revision: Text<'_>, settings: &InjectionSettings<'_>) -> bool {
    let is_managed = |name: &Text<'_>| name.value.starts_with("asm-managed");
    let mut known = settings.revisions.iter().filter(|known| is_managed(known)).peekable();
    is_managed(&revision) && (known.peek().is_none() || known.any(|known| known.value == revision.value))
}

/// The revision that a namespace asks for and that none of the control planes in the input has, where there are some and no
/// webhook tells who injects.
#[must_use]
pub fn unknown_revision<'a>(namespace: &Namespace<'a>, settings: &InjectionSettings<'_>) -> Option<Text<'a>> {
    let asked = namespace.labels.get(REVISION).filter(|_| namespace.labels.get(INJECTION).is_none())?;
    let is_open = settings.revisions.is_empty() || !settings.webhooks.is_empty();
    let is_known = asked.value == "default"
        || may_be_managed(asked, settings)
        || settings.revisions.iter().any(|known| known.value == asked.value);
    (!is_open && !is_known).then_some(asked)
}

/// Whether the labels of a namespace ask for sidecars.
#[must_use]
pub fn asks_for_sidecars(labels: &Labels<'_>) -> bool {
    let enabled = labels.get(INJECTION).map(|value| value.value == "enabled");
    enabled.unwrap_or_else(|| labels.get(REVISION).is_some())
}

/// What puts the pods of a namespace in ambient mode that say nothing themselves.
#[must_use]
pub fn ambient_namespace(namespace: &Namespace<'_>) -> Option<Location> {
    let mode = namespace.labels.get(DATAPLANE).filter(|mode| mode.value == "ambient");
    mode.filter(|_| !asks_for_sidecars(&namespace.labels)).map(|mode| mode.at)
}

/// The node's own proxy, for pods that no sidecar is injected into.
fn ambient(workload: &Workload<'_>, namespace: &Namespace<'_>) -> Option<Injection> {
    let (own, around) = (workload.labels.get(DATAPLANE), namespace.labels.get(DATAPLANE));
    let is_ambient = |mode: &Text<'_>| mode.value == "ambient";
    match (own, around.filter(is_ambient)) {
        (Some(own), _) if is_ambient(&own) => Some(Injection::Ambient { at: own.at }),
        (Some(own), Some(_)) if own.value == "none" => {
            Some(Injection::Outside { why: Outside::LeavesAmbient, at: own.at })
        }
        (_, Some(around)) => Some(Injection::Ambient { at: around.at }),
        (_, None) => None,
    }
}
