//! Telemetry: what proxies write down about what passes them.

use super::workload_selector;
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Node, Spanned};

/// A Telemetry as written, as far as access logs depend on it.
#[derive(Clone, Debug)]
pub struct Telemetry<'a> {
    pub selector: Option<Labels<'a>>,
    /// Whether it is attached to objects of the Gateway API or to services instead.
    pub has_targets: bool,
    pub access_logging: Vec<AccessLogging<'a>>,
}

/// One entry of `accessLogging`.
#[derive(Clone, Debug)]
pub struct AccessLogging<'a> {
    pub providers: Vec<Text<'a>>,
    /// Which side of a connection it speaks of; both where absent.
    pub mode: Option<Text<'a>>,
    pub disabled: Option<Spanned<bool>>,
    /// The expression that picks what is logged.
    pub filter: Option<Text<'a>>,
}

/// The access log of the mesh configuration.
#[derive(Clone, Debug, Default)]
pub struct MeshAccessLog<'a> {
    /// The file; an empty name is none.
    pub file: Option<Text<'a>>,
    pub format: Option<Text<'a>>,
    /// `defaultProviders.accessLogging`.
    pub default_providers: Vec<Text<'a>>,
}

/// Reads a Telemetry; one that says nothing of access logs is one without entries.
pub(in crate::resource) fn telemetry<'a>(reader: &mut Reader, node: Node<'a>) -> Telemetry<'a> {
    let Some(spec) = reader.mapping_at(node, "spec") else {
        return Telemetry { selector: None, has_targets: false, access_logging: Vec::new() };
    };
    let has_target = |key| Reader::field(spec, key).is_some();
    Telemetry {
        selector: workload_selector(reader, spec, "selector", "matchLabels"),
        has_targets: has_target("targetRef") || has_target("targetRefs"),
        access_logging: reader.list_at(spec, "accessLogging", access_logging),
    }
}

fn access_logging<'a>(reader: &mut Reader, node: Node<'a>) -> Option<AccessLogging<'a>> {
    let node = reader.mapping(node)?;
    let name = |reader: &mut Reader, item: Node<'a>| reader.mapping(item).and_then(|item| reader.text_at(item, "name"));
    let (matched, filter) = (reader.mapping_at(node, "match"), reader.mapping_at(node, "filter"));
    Some(AccessLogging {
        providers: reader.list_at(node, "providers", name),
        mode: matched.and_then(|node| reader.text_at(node, "mode")),
        disabled: reader.flag_at(node, "disabled"),
        filter: filter.and_then(|node| reader.text_at(node, "expression")),
    })
}

/// Reads what a mesh configuration says of access logs.
pub(super) fn mesh_access_log<'a>(reader: &mut Reader, config: Node<'a>) -> MeshAccessLog<'a> {
    let defaults = reader.mapping_at(config, "defaultProviders");
    MeshAccessLog {
        file: reader.text_at(config, "accessLogFile"),
        format: reader.text_at(config, "accessLogFormat").filter(|format| !format.is_empty()),
        default_providers: defaults.map(|node| reader.texts_at(node, "accessLogging")).unwrap_or_default(),
    }
}
