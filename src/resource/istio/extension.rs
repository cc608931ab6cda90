//! What changes a proxy beyond Istio's own kinds: `EnvoyFilter`, `WasmPlugin` and `TrafficExtension`.

use super::workload_selector;
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::Node;

/// A patch of the proxies' configuration, or code that runs in them, as far as its reach goes.
#[derive(Clone, Debug)]
pub struct Extension<'a> {
    /// Absent selects every proxy of the namespace, or of the mesh from the root namespace.
    pub selector: Option<Labels<'a>>,
    /// The objects that it names instead of selecting pods.
    pub targets: Vec<TargetRef<'a>>,
    /// `context` of each patch of an `EnvoyFilter`; a patch without one is for any context.
    pub contexts: Vec<Option<Text<'a>>>,
    /// `applyTo` of each patch, or where the code is loaded from.
    pub subjects: Vec<Text<'a>>,
}

/// An entry of `targetRefs`.
#[derive(Clone, Copy, Debug)]
pub struct TargetRef<'a> {
    pub kind: Option<Text<'a>>,
    pub name: Text<'a>,
}

/// Reads `targetRefs`, and the single `targetRef` of older versions.
pub(in crate::resource) fn target_refs<'a>(reader: &mut Reader, spec: Node<'a>) -> Vec<TargetRef<'a>> {
    let target = |reader: &mut Reader, node: Node<'a>| {
        let node = reader.mapping(node)?;
        Some(TargetRef { kind: reader.text_at(node, "kind"), name: reader.text_at(node, "name")? })
    };
    let mut targets = reader.list_at(spec, "targetRefs", target);
    targets.extend(Reader::field(spec, "targetRef").and_then(|node| target(reader, node)));
    targets
}

pub(in crate::resource) fn envoy_filter<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Extension<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let patches = reader.list_at(spec, "configPatches", |reader, item| {
        let item = reader.mapping(item)?;
        let matched = reader.mapping_at(item, "match");
        let context = matched.and_then(|matched| reader.text_at(matched, "context"));
        Some((context, reader.text_at(item, "applyTo")))
    });
    Some(Extension {
        selector: workload_selector(reader, spec, "workloadSelector", "labels"),
        targets: target_refs(reader, spec),
        contexts: patches.iter().map(|(context, _)| *context).collect(),
        subjects: patches.iter().filter_map(|(_, subject)| *subject).collect(),
    })
}

/// Reads a `WasmPlugin` or a `TrafficExtension`, of which the latter keeps its code in a block of its own.
pub(in crate::resource) fn plugin<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Extension<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let wasm = reader.mapping_at(spec, "wasm").unwrap_or(spec);
    Some(Extension {
        selector: workload_selector(reader, spec, "selector", "matchLabels"),
        targets: target_refs(reader, spec),
        contexts: Vec::new(),
        subjects: reader.text_at(wasm, "url").into_iter().collect(),
    })
}
