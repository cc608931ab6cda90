//! Sidecar: what a workload's proxy knows, and what it does with the rest.

use super::{Setting, mode_at, workload_selector};
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// A sidecar as written.
#[derive(Clone, Debug)]
pub struct Sidecar<'a> {
    pub workload_selector: Option<Labels<'a>>,
    /// Absent: the mesh's mode. Present without a mode: `REGISTRY_ONLY`, the enum's zero (semantics C.0).
    pub outbound: Option<Setting<'a>>,
    /// Absent or empty: everything that is visible (semantics C.0).
    pub egress: Vec<SidecarEgress<'a>>,
}

/// One egress listener with the hosts it imports.
#[derive(Clone, Debug)]
pub struct SidecarEgress<'a> {
    pub hosts: Vec<Text<'a>>,
    /// The only port that the listener is for; every port where absent.
    pub port: Option<Spanned<i64>>,
    pub capture_mode: Option<Text<'a>>,
    /// The listener's first key.
    pub at: Location,
}

fn listener<'a>(reader: &mut Reader, node: Node<'a>) -> Option<SidecarEgress<'a>> {
    let node = reader.mapping(node)?;
    let port = reader.mapping_at(node, "port");
    Some(SidecarEgress {
        hosts: reader.texts_at(node, "hosts"),
        port: port.and_then(|port| reader.integer_at(port, "number")),
        capture_mode: reader.text_at(node, "captureMode"),
        at: node.head(),
    })
}

/// Reads a Sidecar. One without a spec is one with an empty spec, which leaves everything to the defaults.
pub(in crate::resource) fn sidecar<'a>(reader: &mut Reader, node: Node<'a>) -> Sidecar<'a> {
    let Some(spec) = reader.mapping_at(node, "spec") else {
        return Sidecar { workload_selector: None, outbound: None, egress: Vec::new() };
    };
    Sidecar {
        workload_selector: workload_selector(reader, spec, "workloadSelector", "labels"),
        outbound: mode_at(reader, spec, "outboundTrafficPolicy"),
        egress: reader.list_at(spec, "egress", listener),
    }
}
