//! The mesh configuration, as it stands under `mesh` in an `istio*` ConfigMap and under `meshConfig` in an IstioOperator.

use super::telemetry::{MeshAccessLog, mesh_access_log};
use super::{Setting, mode_at};
use crate::resource::reader::{Reader, Text};
use crate::source::Node;

/// The mesh configuration as written, as far as traffic out of the mesh depends on it.
#[derive(Clone, Debug, Default)]
pub struct MeshConfig<'a> {
    pub outbound: Option<Setting<'a>>,
    pub root_namespace: Option<Text<'a>>,
    pub trust_domain: Option<Text<'a>>,
    pub default_service_export_to: Vec<Text<'a>>,
    pub default_virtual_service_export_to: Vec<Text<'a>>,
    pub default_destination_rule_export_to: Vec<Text<'a>>,
    /// `defaultConfig.interceptionMode`, which may switch capture off for every workload.
    pub interception_mode: Option<Text<'a>>,
    pub access_log: MeshAccessLog<'a>,
    /// Whether the configuration itself was found, rather than only an object that may hold one.
    pub found: bool,
}

/// Reads a mesh configuration block.
pub(in crate::resource) fn mesh_config<'a>(reader: &mut Reader, node: Node<'a>) -> MeshConfig<'a> {
    let proxy = reader.mapping_at(node, "defaultConfig");
    MeshConfig {
        outbound: mode_at(reader, node, "outboundTrafficPolicy"),
        root_namespace: reader.text_at(node, "rootNamespace"),
        trust_domain: reader.text_at(node, "trustDomain"),
        default_service_export_to: reader.texts_at(node, "defaultServiceExportTo"),
        default_virtual_service_export_to: reader.texts_at(node, "defaultVirtualServiceExportTo"),
        default_destination_rule_export_to: reader.texts_at(node, "defaultDestinationRuleExportTo"),
        interception_mode: proxy.and_then(|proxy| reader.text_at(proxy, "interceptionMode")),
        access_log: mesh_access_log(reader, node),
        found: true,
    }
}
