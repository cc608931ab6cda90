//! Services: a name, the pods behind it and how its ports map to theirs.

use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Node, Spanned};

/// A service as written. An empty selector selects nothing by itself.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    pub selector: Labels<'a>,
    pub ports: Vec<ServicePort<'a>>,
    pub service_type: Option<Text<'a>>,
    pub external_name: Option<Text<'a>>,
    pub external_ips: Vec<Text<'a>>,
    /// The virtual addresses that it has or asks for; `None` as a text stands for none.
    pub cluster_ips: Vec<Text<'a>>,
    /// The families of addresses that it has.
    pub families: Vec<Text<'a>>,
    pub family_policy: Option<Text<'a>>,
}

/// A port of a service; the target is the port itself where absent, and may be a name.
#[derive(Clone, Debug)]
pub struct ServicePort<'a> {
    pub name: Option<Text<'a>>,
    pub port: Spanned<i64>,
    pub target: Option<Text<'a>>,
    pub protocol: Option<Text<'a>>,
    pub app_protocol: Option<Text<'a>>,
}

fn service_port<'a>(reader: &mut Reader, node: Node<'a>) -> Option<ServicePort<'a>> {
    let node = reader.mapping(node)?;
    Some(ServicePort {
        name: reader.text_at(node, "name"),
        port: reader.integer_at(node, "port")?,
        target: Reader::field(node, "targetPort").and_then(|value| reader.text_or_number(value)),
        protocol: reader.text_at(node, "protocol"),
        app_protocol: reader.text_at(node, "appProtocol"),
    })
}

pub(in crate::resource) fn service<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Service<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let mut cluster_ips = reader.texts_at(spec, "clusterIPs");
    if cluster_ips.is_empty() {
        cluster_ips.extend(reader.text_at(spec, "clusterIP"));
    }
    Some(Service {
        selector: reader.labels_at(spec, "selector"),
        ports: reader.list_at(spec, "ports", service_port),
        service_type: reader.text_at(spec, "type"),
        external_name: reader.text_at(spec, "externalName"),
        external_ips: reader.texts_at(spec, "externalIPs"),
        cluster_ips,
        families: reader.texts_at(spec, "ipFamilies"),
        family_policy: reader.text_at(spec, "ipFamilyPolicy"),
    })
}
