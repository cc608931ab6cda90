//! `ConfigMaps` that bear on traffic, most of which hold documents as text: the configuration of the mesh, of its injector and
//! of its network plugin, the cluster's DNS, the masquerade agent.

use super::embedded::Embedded;
use super::reader::Reader;
use super::{Kind, Object, istio, kubernetes};
use crate::source::{Node, Shape};

/// A value of a ConfigMap that is text.
fn value<'a>(object: &Object<'a>, key: &str) -> Option<Node<'a>> {
    object.node.get("data")?.get(key).filter(|node| node.text().is_some())
}

/// What a ConfigMap is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Mesh,
    Injector,
    Cni,
    KubeDns,
    CoreDns,
    Masquerade,
}

fn purpose(object: &Object<'_>) -> Option<Purpose> {
    let metadata = object.node.get("metadata")?;
    let name = metadata.get("name")?.text()?;
    let namespace = metadata.get("namespace").and_then(Node::text);
    let is_config_map = object.api_version == "v1" && object.kind == "ConfigMap";
    let purpose = match (name, namespace) {
        _ if !is_config_map => return None,
        (name, _) if name.starts_with("istio-sidecar-injector") => Purpose::Injector,
        ("istio-cni-config", _) => Purpose::Cni,
        (name, _) if name.starts_with("istio") => Purpose::Mesh,
        (_, Some(namespace)) if namespace != "kube-system" => return None,
        ("kube-dns", _) => Purpose::KubeDns,
        ("coredns" | "coredns-custom", _) => Purpose::CoreDns,
        ("ip-masq-agent", _) => Purpose::Masquerade,
        _ => return None,
    };
    Some(purpose)
}

/// The values of a ConfigMap that are documents, each with its name for a message.
pub(super) fn texts<'a>(object: &Object<'a>) -> Vec<(&'static str, Node<'a>)> {
    let named: &[(&str, &str)] = match purpose(object) {
        Some(Purpose::Mesh) => &[("mesh", "the mesh configuration")],
        Some(Purpose::Injector) => {
            &[("config", "the injector's configuration"), ("values", "the values of the injector")]
        }
        Some(Purpose::KubeDns) => {
            &[("stubDomains", "the list of stub domains"), ("upstreamNameservers", "the list of upstream resolvers")]
        }
        Some(Purpose::Masquerade) => &[("config", "the configuration of the masquerade agent")],
        Some(Purpose::Cni | Purpose::CoreDns) | None => &[],
    };
    named.iter().filter_map(|(key, what)| Some((*what, value(object, key)?))).collect()
}

/// Reads a ConfigMap as what it is for.
pub(super) fn config_map<'a>(reader: &mut Reader, object: &Object<'a>, embedded: &'a Embedded<'a>) -> Kind<'a> {
    let root = |key: &str| embedded.root(value(object, key)?);
    let mapping = |key: &str| root(key).filter(|root| root.shape() == Shape::Mapping);
    match purpose(object) {
        Some(Purpose::Mesh) if value(object, "mesh").is_some() => Kind::MeshConfig(
            mapping("mesh").map(|config| Box::new(istio::mesh_config(reader, config))).unwrap_or_default(),
        ),
        Some(Purpose::Injector) => match (mapping("config"), mapping("values")) {
            (None, None) => Kind::ConfigMap,
            (config, values) => Kind::Injector(Box::new(istio::injector(reader, config, values))),
        },
        Some(Purpose::Cni) => {
            let data = reader.mapping_at(object.node, "data");
            data.map_or(Kind::ConfigMap, |data| Kind::Cni(istio::cni_config(reader, data)))
        }
        Some(Purpose::KubeDns) => {
            Kind::Resolvers(kubernetes::kube_dns(reader, root("stubDomains"), root("upstreamNameservers")))
        }
        Some(Purpose::CoreDns) => {
            let files = object.node.get("data").into_iter().flat_map(Node::entries);
            Kind::Resolvers(kubernetes::core_dns(files.map(|entry| entry.value)))
        }
        Some(Purpose::Masquerade) => {
            root("config").map_or(Kind::ConfigMap, |config| Kind::Masquerade(kubernetes::masquerade(reader, config)))
        }
        Some(Purpose::Mesh) | None => Kind::ConfigMap,
    }
}
