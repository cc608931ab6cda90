//! What changes proxies beyond Istio's own kinds: patches of their configuration, and code that runs in them.

use super::{Labels, Text};
use crate::resource::{Meta, istio};

pub use crate::resource::istio::TargetRef;

/// A patch of the proxies' configuration, or code that runs in them.
#[derive(Clone, Debug)]
pub struct Extension<'a> {
    /// `EnvoyFilter`, `WasmPlugin` or `TrafficExtension`.
    pub kind: &'a str,
    pub namespace: &'a str,
    pub name: Text<'a>,
    /// None selects every proxy of the namespace, or of the mesh from the root namespace.
    pub selector: Option<&'a Labels<'a>>,
    /// The objects that it names instead of selecting pods.
    pub targets: &'a [TargetRef<'a>],
    /// What is patched, or where the code comes from.
    pub subjects: &'a [Text<'a>],
    contexts: &'a [Option<Text<'a>>],
}

impl Extension<'_> {
    /// Whether something in it is for gateways: code always is, a patch unless it says that it is for sidecars.
    #[must_use]
    pub fn is_for_gateways(&self) -> bool {
        let of_sidecars = |context: &Option<Text<'_>>| context.is_some_and(|text| text.value.starts_with("SIDECAR_"));
        self.kind != "EnvoyFilter" || !self.contexts.iter().all(of_sidecars)
    }

    /// Whether something in it changes what sidecars send out.
    #[must_use]
    pub fn is_for_outbound(&self) -> bool {
        let elsewhere = |context: &Option<Text<'_>>| {
            context.is_some_and(|text| matches!(text.value, "SIDECAR_INBOUND" | "GATEWAY" | "WAYPOINT"))
        };
        self.kind == "EnvoyFilter" && !self.contexts.iter().all(elsewhere)
    }
}

pub(super) fn extension<'a>(written: &'a istio::Extension<'a>, meta: &Meta<'a>, namespace: &'a str) -> Extension<'a> {
    Extension {
        kind: meta.kind,
        namespace,
        name: meta.name,
        selector: written.selector.as_ref().filter(|labels| !labels.is_empty()),
        targets: &written.targets,
        subjects: &written.subjects,
        contexts: &written.contexts,
    }
}
