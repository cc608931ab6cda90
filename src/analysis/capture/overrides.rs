//! What a pod changes about the containers and the settings that are injected into it (semantics B.1, rows 4, 16 and 17).

use super::redirect::LOOPBACK;
use crate::model::{Container, Text, Workload};

/// A change of what is injected.
#[derive(Clone, Copy, Debug)]
pub struct Override<'a> {
    pub kind: OverrideKind,
    /// The container, annotation or variable that makes it.
    pub what: Text<'a>,
    /// The value of an annotation or variable, or the field of a container: the place to point at.
    pub value: Text<'a>,
}

/// The kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OverrideKind {
    /// A user or group of the proxy's container, whose traffic the mesh's network plugin then leaves alone.
    ProxyIdentity,
    /// Another program, image or mode of the proxy's container.
    ProxyContainer,
    /// A container in place of the one that sets up the redirection, or checks that it is there.
    InitContainer,
    /// Any part of the injected containers, in an annotation.
    Overrides,
    /// Variables that narrow what is redirected.
    Metadata,
    /// Another control plane than the mesh's.
    ControlPlane,
    /// Another program or configuration of the proxy, by annotation.
    Bootstrap,
}

/// Annotations by which a pod changes its proxy.
const BOOTSTRAP: [&str; 4] = [
    "sidecar.istio.io/bootstrapOverride",
    "sidecar.istio.io/proxyImage",
    "sidecar.istio.io/userVolume",
    "sidecar.istio.io/userVolumeMount",
];

/// Variables that narrow what is redirected.
pub const NARROWING: [&str; 3] = ["ISTIO_OUTBOUND_OWNER_GROUPS", "ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE", LOOPBACK];

/// Fields of the proxy's container that are no tuning.
const PROGRAM: [&str; 3] = ["command", "args", "envFrom"];

/// What a workload changes, by kind and place. The containers of live pods are what was injected.
pub(super) fn overrides<'a>(workload: &'a Workload<'a>) -> Vec<Override<'a>> {
    let mut found = Vec::new();
    if !workload.live {
        found.extend(workload.pod.containers.iter().flat_map(of_container));
        let annotation = workload.annotation("proxy.istio.io/overrides");
        found.extend(annotation.map(|value| of_annotation(OverrideKind::Overrides, "proxy.istio.io/overrides", value)));
    }
    for name in BOOTSTRAP {
        let value = workload.annotation(name);
        found.extend(value.map(|value| of_annotation(OverrideKind::Bootstrap, name, value)));
    }
    if let Some(proxy) = &workload.pod.proxy {
        for (name, value) in proxy.metadata.iter().filter(|(name, _)| NARROWING.contains(&name.value)) {
            found.push(Override { kind: OverrideKind::Metadata, what: name, value });
        }
        let discovery = proxy.discovery_address;
        found.extend(discovery.map(|value| of_annotation(OverrideKind::ControlPlane, "discoveryAddress", value)));
    }
    found.sort_by_key(|one| (one.kind, one.value.at));
    found
}

fn of_annotation<'a>(kind: OverrideKind, name: &'static str, value: Text<'a>) -> Override<'a> {
    Override { kind, what: Text::new(name, value.at), value }
}

fn of_container<'a>(container: &'a Container<'a>) -> Vec<Override<'a>> {
    let name = container.name;
    let change = |kind, value| Override { kind, what: name, value };
    match name.value {
        "istio-init" | "istio-validation" => vec![change(OverrideKind::InitContainer, name)],
        "istio-proxy" => {
            let security = &container.security;
            let ids = [(security.run_as_user, "runAsUser"), (security.run_as_group, "runAsGroup")];
            let ids = ids.into_iter().filter_map(|(id, field)| Some((id.filter(|id| id.value != 1337)?, field)));
            let ids = ids.map(|(id, field)| change(OverrideKind::ProxyIdentity, Text::new(field, id.at)));
            let image = container.image.filter(|image| image.value != "auto");
            let program = container.fields.iter().copied().filter(|field| PROGRAM.contains(&field.value));
            let disabled = container.env.iter().filter(|variable| variable.name.value == "DISABLE_ENVOY");
            let disabled = disabled.filter(|variable| variable.value.is_none_or(|value| value.value != "false"));
            let changed = image.into_iter().chain(program).chain(disabled.map(|variable| variable.name));
            ids.chain(changed.map(|value| change(OverrideKind::ProxyContainer, value))).collect()
        }
        _ => Vec::new(),
    }
}
