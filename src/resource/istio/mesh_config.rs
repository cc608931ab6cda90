//! The mesh configuration, as it stands under `mesh` in an `istio*` ConfigMap and under `meshConfig` in an IstioOperator.

use super::injection::{ProxyConfig, proxy_config};
use super::telemetry::{MeshAccessLog, mesh_access_log};
use super::{Setting, mode_at};
use crate::resource::reader::{Reader, Text};
use crate::source::{Node, Spanned};

/// The mesh configuration as written, as far as traffic out of the mesh depends on it.
#[derive(Clone, Debug, Default)]
pub struct MeshConfig<'a> {
    pub outbound: Option<Setting<'a>>,
    pub root_namespace: Option<Text<'a>>,
    pub trust_domain: Option<Text<'a>>,
    pub trust_domain_aliases: Vec<Text<'a>>,
    /// Who may be asked by CUSTOM policies.
    pub providers: Vec<ExtensionProvider<'a>>,
    /// `enableAutoMtls`, which holds unless it is switched off.
    pub auto_mtls: Option<Spanned<bool>>,
    pub default_service_export_to: Vec<Text<'a>>,
    pub default_virtual_service_export_to: Vec<Text<'a>>,
    pub default_destination_rule_export_to: Vec<Text<'a>>,
    /// `defaultConfig`: what every proxy is told that is told nothing else.
    pub proxy: ProxyConfig<'a>,
    pub access_log: MeshAccessLog<'a>,
    /// Whether the configuration itself was found, rather than only an object that may hold one.
    pub found: bool,
}

/// One of `extensionProviders`.
#[derive(Clone, Copy, Debug)]
pub struct ExtensionProvider<'a> {
    pub name: Text<'a>,
    /// Whether it speaks HTTP alone, so that it cannot judge connections.
    pub http_only: bool,
}

fn provider<'a>(reader: &mut Reader, node: Node<'a>) -> Option<ExtensionProvider<'a>> {
    let node = reader.mapping(node)?;
    let http_only = Reader::field(node, "envoyExtAuthzHttp").is_some();
    Some(ExtensionProvider { name: reader.text_at(node, "name")?, http_only })
}

/// Reads a mesh configuration block.
pub(in crate::resource) fn mesh_config<'a>(reader: &mut Reader, node: Node<'a>) -> MeshConfig<'a> {
    let proxy = reader.mapping_at(node, "defaultConfig");
    MeshConfig {
        outbound: mode_at(reader, node, "outboundTrafficPolicy"),
        root_namespace: reader.text_at(node, "rootNamespace"),
        trust_domain: reader.text_at(node, "trustDomain"),
        trust_domain_aliases: reader.texts_at(node, "trustDomainAliases"),
        providers: reader.list_at(node, "extensionProviders", provider),
        auto_mtls: reader.flag_at(node, "enableAutoMtls"),
        default_service_export_to: reader.texts_at(node, "defaultServiceExportTo"),
        default_virtual_service_export_to: reader.texts_at(node, "defaultVirtualServiceExportTo"),
        default_destination_rule_export_to: reader.texts_at(node, "defaultDestinationRuleExportTo"),
        proxy: proxy.map(|proxy| proxy_config(reader, proxy)).unwrap_or_default(),
        access_log: mesh_access_log(reader, node),
        found: true,
    }
}
