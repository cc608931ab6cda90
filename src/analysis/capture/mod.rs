//! What of each workload's traffic the mesh sees: whether a proxy is injected, what is redirected to it, and who is
//! exempt (semantics B.1, C.6).

mod identity;
mod injection;
mod overrides;
mod privilege;
mod redirect;
mod startup;

use std::borrow::Cow;
use std::sync::LazyLock;

use rayon::prelude::*;

use crate::model::{Estate, Sidecar, Workload};
use crate::source::Location;
use crate::traffic::{Protocol, Traffic, Transport};

pub use identity::{ProxyIdentity, ProxyIdentityKind};
pub use injection::{Injection, Outside, ambient_namespace, asks_for_sidecars, unknown_revision};
pub use overrides::{NARROWING, Override, OverrideKind};
pub use privilege::{Privilege, PrivilegeKind};
pub use redirect::{Exclusion, ExclusionKind, mesh_wide, sets_variables};
pub use startup::{Startup, StartupKind};

/// The weakest attacker who can do something (semantics 0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// An ordinary application, as its manifest says.
    Application,
    /// Code execution in one of its containers.
    CodeExecution,
    /// A tenant who may write manifests in the workload's namespace.
    Tenant,
    /// Root on a node that the workload can run on.
    NodeRoot,
}

impl Tier {
    /// Every tier, the weakest first.
    pub const ALL: [Self; 4] = [Self::Application, Self::CodeExecution, Self::Tenant, Self::NodeRoot];

    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::CodeExecution => "code-execution",
            Self::Tenant => "tenant",
            Self::NodeRoot => "node-root",
        }
    }
}

/// A way around the proxy: which traffic leaves a workload unseen by the mesh, who can do it, and what makes it so.
#[derive(Clone, Debug)]
pub struct Escape {
    pub traffic: Traffic,
    pub tier: Tier,
    /// Says what is, as a clause of a sentence.
    pub reason: Cow<'static, str>,
    pub at: Location,
}

/// What of a workload's traffic the mesh sees.
#[derive(Clone, Debug)]
pub struct Capture<'a> {
    pub injection: Injection,
    /// What its pods ask not to be redirected.
    pub exclusions: Vec<Exclusion<'a>>,
    /// How its containers run, or can come to run, as somebody whose traffic is not redirected.
    pub identities: Vec<ProxyIdentity>,
    /// What its pods change about what is injected into them.
    pub overrides: Vec<Override<'a>>,
    /// The init containers that run without the proxy.
    pub startup: Option<Startup<'a>>,
    /// What its containers may do to their network or their node, whether or not there is a proxy.
    pub privileges: Vec<Privilege<'a>>,
    /// The ways around the proxy, the weakest attacker's first. What a proxy never sees comes last; where it is unknown
    /// whether there is a proxy, that is the only one.
    pub escapes: Vec<Escape>,
}

impl Capture<'_> {
    /// Whether a proxy of the workload's own is, or may be, there.
    #[must_use]
    pub fn may_have_sidecar(&self) -> bool {
        matches!(self.injection, Injection::In { .. } | Injection::Unknown { .. })
    }
}

/// TCP, which is all that a mesh ever redirects.
pub(super) fn tcp() -> &'static Traffic {
    static TCP: LazyLock<Traffic> =
        LazyLock::new(|| Traffic::all().restrict_transport(&Transport::protocol(Protocol::Tcp)));
    &TCP
}

fn not_tcp() -> &'static Traffic {
    static REST: LazyLock<Traffic> = LazyLock::new(|| Traffic::all().difference(tcp()));
    &REST
}

/// Works out the capture of every workload, by its index.
pub(super) fn capture<'a>(estate: &'a Estate<'a>) -> Vec<Capture<'a>> {
    estate.workloads.par_iter().map(|workload| of_workload(workload, estate)).collect()
}

fn of_workload<'a>(workload: &'a Workload<'a>, estate: &'a Estate<'a>) -> Capture<'a> {
    let injection = injection::injection(workload, estate.namespace_of(workload), &estate.mesh.injection);
    let (mut exclusions, mut identities, mut overrides) = (Vec::new(), Vec::new(), Vec::new());
    if matches!(injection, Injection::In { .. } | Injection::Unknown { .. }) {
        exclusions = redirect::exclusions(workload, estate);
        identities = identity::identities(workload);
        if !workload.is_gateway {
            overrides = overrides::overrides(workload);
        }
    }
    let privileges = privilege::privileges(workload);
    let startup = startup::startup(workload, &injection, estate);
    let mut escapes = escapes(&injection, &exclusions, &identities);
    if matches!(injection, Injection::In { .. }) {
        escapes.extend(privileges.iter().filter_map(Privilege::escape));
        escapes.extend(startup.as_ref().and_then(Startup::escape));
    }
    escapes.sort_by_key(|escape| escape.tier);
    escapes.push(unredirected(workload));
    Capture { injection, exclusions, identities, overrides, startup, privileges, escapes }
}

fn escapes(injection: &Injection, exclusions: &[Exclusion<'_>], identities: &[ProxyIdentity]) -> Vec<Escape> {
    match injection {
        Injection::Outside { why, at } => {
            vec![Escape { traffic: Traffic::all(), tier: Tier::Application, reason: why.reason().into(), at: *at }]
        }
        Injection::In { .. } => {
            let excluded = exclusions.iter().map(Exclusion::escape);
            excluded.chain(identities.iter().map(ProxyIdentity::escape)).collect()
        }
        // Ambient proxies pass unknown destinations on; that is a rule of its own. Nothing is certain of the unknown.
        Injection::Ambient { .. } | Injection::Unknown { .. } => Vec::new(),
    }
}

/// Whether a proxy is there or not.
fn unredirected(workload: &Workload<'_>) -> Escape {
    Escape {
        traffic: not_tcp().clone(),
        tier: Tier::Application,
        reason: "a mesh redirects nothing but TCP".into(),
        at: workload.name.at,
    }
}

/// What puts all pods that a Sidecar is for in ambient mode, where a node's proxy stands in for the sidecar that it is to
/// configure (semantics C.6); without a pod in the input, its namespace decides.
#[must_use]
pub fn only_ambient(sidecar: &Sidecar<'_>, estate: &Estate<'_>, captures: &[Capture<'_>]) -> Option<Location> {
    // The root namespace's own holds for every namespace.
    if sidecar.namespace == estate.mesh.root_namespace && sidecar.selector.is_none() {
        return None;
    }
    let mut picked = estate.workloads.iter().zip(captures).filter(|(workload, _)| {
        estate.namespace_of(workload).name == sidecar.namespace
            && sidecar.selector.is_none_or(|own| own.is_subset(workload.labels))
    });
    let asks = |capture: &Capture<'_>| match capture.injection {
        Injection::Ambient { at } => Some(at),
        _ => None,
    };
    match picked.next() {
        Some((_, first)) => asks(first).filter(|_| picked.all(|(_, capture)| asks(capture).is_some())),
        None => ambient_namespace(estate.namespace(sidecar.namespace)?),
    }
}
