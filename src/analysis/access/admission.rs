//! What admission keeps pods from, namespace by namespace (semantics A.18). The languages of policy engines are not
//! evaluated: a guard is recognised by the fields that it names, and how sure that is goes along.

use crate::finding::{Confidence, Label};
use crate::model::admission::{ENFORCED_LEVEL, Enforcement, Engine, Guard, Scope, WATCHED_LEVELS};
use crate::model::{Estate, Layer, Match, Namespace, Unknown};
use crate::source::Location;

use super::Target;

/// Something that a pod may ask for and that gets around a layer of egress control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Freedom {
    /// To run on the gateway's nodes past their taint.
    Tolerations,
    /// To name its node, past the scheduler.
    NodeName,
    /// To use the node's network, past mesh and network policies.
    HostNetwork,
    /// To be root on the node.
    Privileged,
    /// To change its own network, past the mesh.
    Capabilities,
    /// To run as the proxy's user, past the mesh.
    ProxyUser,
    /// To have no proxy.
    Injection,
    /// To have the proxy pass some traffic over.
    Capture,
}

impl Freedom {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Tolerations,
        Self::NodeName,
        Self::HostNetwork,
        Self::Privileged,
        Self::Capabilities,
        Self::ProxyUser,
        Self::Injection,
        Self::Capture,
    ];

    /// As a message names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tolerations => "tolerations",
            Self::NodeName => "`nodeName`",
            Self::HostNetwork => "`hostNetwork`",
            Self::Privileged => "`privileged`",
            Self::Capabilities => "added capabilities",
            Self::ProxyUser => "the proxy's user and group 1337",
            Self::Injection => "leaving the proxy out",
            Self::Capture => "annotations that change what the proxy captures",
        }
    }

    /// Whether the level `baseline`, and so `restricted`, keeps pods from it.
    #[must_use]
    pub fn is_held_by_baseline(self) -> bool {
        matches!(self, Self::HostNetwork | Self::Privileged | Self::Capabilities)
    }

    /// The words of which one is in every policy that restricts it.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Tolerations => &["tolerations"],
            Self::NodeName => &["nodeName"],
            Self::HostNetwork => &["hostNetwork", "K8sPSPHostNetworkingPorts"],
            Self::Privileged => &["privileged", "K8sPSPPrivilegedContainer"],
            Self::Capabilities => &["capabilities", "K8sPSPCapabilities"],
            Self::ProxyUser => &["runAsUser", "runAsGroup", "1337", "K8sPSPAllowedUsers"],
            Self::Injection => &["sidecar.istio.io/inject", "AsmSidecarInjection"],
            Self::Capture => &["traffic.sidecar.istio.io", "interceptionMode", "RestrictNetworkExclusions"],
        }
    }
}

/// What admission does about a freedom in a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// It is refused, by this; how sure that is.
    Refused(Label, Confidence),
    /// A guard is there and does not refuse it, which is a finding of its own.
    Weak(Location),
    /// Nothing in the input restricts it.
    Open,
    /// It cannot be told.
    Unknown(Unknown),
}

/// The guards of an estate with what they restrict.
#[derive(Debug, Default)]
pub struct Guards {
    /// For each guard of the model, what it is about.
    freedoms: Vec<Vec<(Freedom, Confidence)>>,
}

/// Recognises what the guards of an estate restrict.
pub(super) fn guards(estate: &Estate<'_>) -> Guards {
    Guards { freedoms: estate.admission.guards.iter().map(recognise).collect() }
}

/// What a guard restricts, by the words that it uses.
fn recognise(guard: &Guard<'_>) -> Vec<(Freedom, Confidence)> {
    let names = |freedom: Freedom| {
        let says = |word: &&&str| guard.words.iter().any(|text| text.contains(**word));
        let found = freedom.words().iter().find(|word| says(word))?;
        // A kind of Gatekeeper's library is known for what it does.
        Some(if guard.kind == *found { Confidence::High } else { Confidence::Medium })
    };
    // Kyverno can hold pods to the levels of Kubernetes.
    let holds_level = guard.engine == Engine::Kyverno && guard.words.contains(&"podSecurity");
    let by_level = |freedom: Freedom| (holds_level && freedom.is_held_by_baseline()).then_some(Confidence::High);
    Freedom::ALL
        .into_iter()
        .filter_map(|freedom| Some((freedom, by_level(freedom).or_else(|| names(freedom))?)))
        .collect()
}

impl Guards {
    /// What a guard restricts, with how sure that is.
    #[must_use]
    pub fn freedoms(&self, guard: usize) -> &[(Freedom, Confidence)] {
        &self.freedoms[guard]
    }

    /// What admission does about a freedom in a namespace.
    #[must_use]
    pub fn restriction(&self, freedom: Freedom, namespace: &Namespace<'_>, estate: &Estate<'_>) -> Restriction {
        let level = namespace.labels.get(ENFORCED_LEVEL).filter(|_| freedom.is_held_by_baseline());
        if let Some(level) = level.filter(|level| matches!(level.value, "baseline" | "restricted")) {
            let message = format!("the level `{level}` of `{}` refuses it", namespace.name);
            return Restriction::Refused(Label { at: level.at, message }, Confidence::High);
        }
        let is_open = level.is_none_or(|level| level.value == "privileged");
        if let Some(level) = level.filter(|_| !is_open) {
            let reason = format!("`{level}` is no level of pod security");
            return Restriction::Unknown(Unknown { at: level.at, reason });
        }
        // A level that is only warned of is no level.
        let watched = WATCHED_LEVELS.into_iter().filter(|_| freedom.is_held_by_baseline() && level.is_none());
        let mut weak = watched.filter_map(|label| namespace.labels.get(label)).map(|level| level.at).next();
        let mut doubt = None;
        let asks_for_level = freedom.is_held_by_baseline() && level.is_none();
        if let Some(guard) = asks_for_level.then(|| asks_for_level_of(namespace, estate)).flatten() {
            return Restriction::Refused(refusal(guard), Confidence::Medium);
        }
        for (index, guard) in estate.admission.guards.iter().enumerate() {
            let Some((_, sure)) = self.freedoms[index].iter().find(|(about, _)| *about == freedom) else { continue };
            for scope in guard.scopes.iter().filter(|scope| scope.covers(&[""], "pods")) {
                match (holds(guard, scope, namespace), refuses(scope)) {
                    (Match::Yes, true) => return Restriction::Refused(refusal(guard), *sure),
                    (Match::Unknown, true) => doubt = doubt.or(Some(guard)),
                    // That a guard which denies leaves a namespace out is a finding of its own, and so is one that watches.
                    (Match::No, _) if left_out(guard, scope, namespace).is_none() => {}
                    _ => weak = weak.or(Some(guard.name.at)),
                }
            }
            if guard.scopes.is_empty() {
                weak = weak.or(Some(guard.name.at));
            }
        }
        let unknown = |reason| Restriction::Unknown(Unknown { at: namespace.at.at, reason });
        match (doubt, weak) {
            (Some(guard), _) => {
                unknown(format!("whether `{}` holds in `{}` cannot be told", guard.name, namespace.name))
            }
            (None, Some(at)) => Restriction::Weak(at),
            (None, None) if !estate.evidence.has(Layer::Admission) => {
                unknown("nothing of the admission layer is in the input".to_owned())
            }
            (None, None) => match estate.evidence.unread(Layer::Admission).next() {
                Some(kind) => unknown(format!("what a `{kind}` of the input refuses is not evaluated")),
                None => Restriction::Open,
            },
        }
    }

    /// Whether a guard bears on egress control: by what it keeps pods from, or as one that asks for other controls.
    #[must_use]
    pub fn bears_on_egress(&self, index: usize, guard: &Guard<'_>) -> bool {
        !self.freedoms[index].is_empty() || EGRESS_KINDS.contains(&guard.kind)
    }

    /// The guard that may refuse an object of a kind by who writes it.
    #[must_use]
    pub fn of_writers<'e, 'a>(
        &self,
        target: Target,
        namespace: &Namespace<'_>,
        estate: &'e Estate<'a>,
    ) -> Option<&'e Guard<'a>> {
        let may_refuse = |guard: &Guard<'_>, scope: &Scope<'_>| {
            scope.covers(target.groups, target.resource)
                && refuses(scope)
                && holds(guard, scope, namespace) != Match::No
        };
        let asks_who = |guard: &&Guard<'_>| {
            guard.words.iter().any(|text| text.contains("userInfo") || matches!(*text, "subjects" | "clusterRoles"))
        };
        estate
            .admission
            .guards
            .iter()
            .filter(asks_who)
            .find(|guard| guard.scopes.iter().any(|scope| may_refuse(guard, scope)))
    }
}

/// Kinds of Gatekeeper's library that ask for other controls of egress.
const EGRESS_KINDS: [&str; 10] = [
    "AsmAuthzPolicyDefaultDeny",
    "AsmAuthzPolicyEnforceSourcePrincipals",
    "AsmPeerAuthnMeshStrictMtls",
    "AsmPeerAuthnStrictMtls",
    "DestinationRuleTLSEnabled",
    "K8sExternalIPs",
    "K8sNoExternalServices",
    "K8sRequireDefaultDenyEgressPolicy",
    "K8sRequireNamespaceNetworkPolicies",
    "K8sRestrictRoleBindings",
];

/// Whether a guard in force in a scope refuses what it finds fault with: not one that objects leave by their own labels.
#[must_use]
pub fn refuses(scope: &Scope<'_>) -> bool {
    scope.enforcement == Enforcement::Denies && scope.objects.is_none()
}

/// The guard that refuses a namespace without a level of pod security: where the label is not in the input, something
/// else sets it.
fn asks_for_level_of<'e, 'a>(namespace: &Namespace<'_>, estate: &'e Estate<'a>) -> Option<&'e Guard<'a>> {
    let holds = |guard: &Guard<'_>, scope: &Scope<'_>| {
        scope.covers(&[""], "namespaces") && refuses(scope) && holds(guard, scope, namespace) == Match::Yes
    };
    let mut guards = estate.admission.guards.iter().filter(|guard| guard.words.contains(&ENFORCED_LEVEL));
    guards.find(|guard| guard.scopes.iter().any(|scope| holds(guard, scope)))
}

/// Label of a namespace that Gatekeeper's webhook is not asked about.
const IGNORE_LABEL: &str = "admission.gatekeeper.sh/ignore";

/// Whether a guard looks at the objects of a namespace.
#[must_use]
pub fn holds(guard: &Guard<'_>, scope: &Scope<'_>, namespace: &Namespace<'_>) -> Match {
    let ignored = guard.engine == Engine::Gatekeeper && namespace.labels.get(IGNORE_LABEL).is_some();
    if ignored { Match::No } else { scope.holds_in(namespace) }
}

/// The place of what leaves a namespace out of a scope that denies.
#[must_use]
pub fn left_out(guard: &Guard<'_>, scope: &Scope<'_>, namespace: &Namespace<'_>) -> Option<Location> {
    if scope.enforcement != Enforcement::Denies || holds(guard, scope, namespace) != Match::No {
        return None;
    }
    let label = namespace.labels.get(IGNORE_LABEL).filter(|_| guard.engine == Engine::Gatekeeper);
    label.map(|label| label.at).or_else(|| scope.leaves_out(namespace))
}

fn refusal(guard: &Guard<'_>) -> Label {
    Label { at: guard.name.at, message: format!("`{}` ({}) refuses it", guard.name, guard.kind) }
}
