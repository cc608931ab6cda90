//! Sidecar: what a workload's proxy knows, and what it does with the rest.

use super::{Setting, mode_at, workload_selector};
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::Node;

/// A sidecar as written.
#[derive(Clone, Debug)]
pub struct Sidecar<'a> {
    pub workload_selector: Option<Labels<'a>>,
    /// Absent: the mesh's mode. Present without a mode: `REGISTRY_ONLY`, the enum's zero (semantics C.0).
    pub outbound: Option<Setting<'a>>,
    pub egress: Vec<SidecarEgress<'a>>,
}

/// One egress listener with the hosts it imports.
#[derive(Clone, Debug)]
pub struct SidecarEgress<'a> {
    pub hosts: Vec<Text<'a>>,
}

pub(in crate::resource) fn sidecar<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Sidecar<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(Sidecar {
        workload_selector: workload_selector(reader, spec, "workloadSelector", "labels"),
        outbound: mode_at(reader, spec, "outboundTrafficPolicy"),
        egress: reader.list_at(spec, "egress", |reader, item| {
            let item = reader.mapping(item)?;
            Some(SidecarEgress { hosts: reader.texts_at(item, "hosts") })
        }),
    })
}
