//! Init containers, which run before the proxy does (semantics B.1, rows 18 and 19).

use super::{Escape, Injection, Tier, tcp};
use crate::model::{Estate, Match, Text, Workload};

/// The init containers of a pod that run without its proxy.
#[derive(Clone, Debug)]
pub struct Startup<'a> {
    /// Their names.
    pub containers: Vec<Text<'a>>,
    pub kind: StartupKind,
    /// Whether proxies start first, which is no or unknown.
    pub native: Match,
    /// Whether both are known: that proxies come later, and who sets up the redirection.
    pub certain: bool,
}

/// What becomes of what they send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartupKind {
    /// Nothing is redirected yet: it leaves as it is.
    Uncaptured,
    /// The network plugin has set the redirection up, and nobody is there to take it.
    Refused,
}

impl Startup<'_> {
    /// The way around the proxy, where there is one for certain.
    pub(super) fn escape(&self) -> Option<Escape> {
        let at = self.containers.first()?.at;
        let reason = "its init containers run before anything is redirected".into();
        let is_open = self.certain && self.kind == StartupKind::Uncaptured;
        is_open.then(|| Escape { traffic: tcp().clone(), tier: Tier::Application, reason, at })
    }
}

/// The init containers of a workload that run without its proxy; none where it has none, or where the proxy starts first.
pub(super) fn startup<'a>(
    workload: &'a Workload<'a>,
    injection: &Injection,
    estate: &Estate<'_>,
) -> Option<Startup<'a>> {
    let is_proxy = |name: &str| name.starts_with("istio-");
    let inits = workload.pod.containers.iter().filter(|container| container.init);
    // A live pod shows whether its proxy starts first.
    let shown = inits.clone().any(|container| container.name.value == "istio-proxy");
    let containers: Vec<Text<'a>> =
        inits.map(|container| container.name).filter(|name| !is_proxy(name.value)).collect();
    let native = if shown { Match::Yes } else { starts_first(workload, estate) };
    if containers.is_empty()
        || workload.is_gateway
        || native == Match::Yes
        || !matches!(injection, Injection::In { .. })
    {
        return None;
    }
    let plugin = if is_managed(workload, estate) { Match::Yes } else { estate.mesh.injection.cni.installed };
    let kind = if plugin == Match::Yes { StartupKind::Refused } else { StartupKind::Uncaptured };
    Some(Startup { containers, kind, native, certain: native == Match::No && plugin != Match::Unknown })
}

/// Whether proxies start before every other container: by the pod's word, the control plane's, or since Istio 1.27.
fn starts_first(workload: &Workload<'_>, estate: &Estate<'_>) -> Match {
    let own = workload.annotation("sidecar.istio.io/nativeSidecar").and_then(|text| text.value.parse::<bool>().ok());
    let said = own.or(estate.mesh.injection.native_sidecars.map(|flag| flag.value));
    said.map_or_else(|| estate.mesh.version.at_least(1, 27), Match::from)
}

/// Whether Google manages the revision of a workload, which brings the network plugin along.
fn is_managed(workload: &Workload<'_>, estate: &Estate<'_>) -> bool {
    const REVISION: &str = "istio.io/rev";
    let around = estate.namespace_of(workload).labels.get(REVISION);
    let revision = around.or_else(|| workload.labels.get(REVISION));
    revision.is_some_and(|revision| revision.value.starts_with("asm-managed"))
}
