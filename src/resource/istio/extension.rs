//! What changes a proxy beyond Istio's own kinds: `EnvoyFilter`, `WasmPlugin` and `TrafficExtension`.

use super::authorization::{TargetRef, targets};
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
        targets: targets(reader, spec).map(|targets| targets.value).unwrap_or_default(),
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
        targets: targets(reader, spec).map(|targets| targets.value).unwrap_or_default(),
        contexts: Vec::new(),
        subjects: reader.text_at(wasm, "url").into_iter().collect(),
    })
}
