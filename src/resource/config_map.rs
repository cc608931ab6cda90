//! `ConfigMaps` whose values are documents themselves: the mesh configuration, the cluster's DNS, the masquerade agent.

use super::reader::Reader;
use super::{Kind, Object, istio, kubernetes, objects};
use crate::source::{Document, Location, Node, Problem, Shape, embedded};

/// YAML or JSON that stands as text inside other documents.
#[derive(Debug, Default)]
pub struct Embedded<'s> {
    /// Each with the place of the text that holds it.
    documents: Vec<(Location, Document<'s>)>,
    pub(super) problems: Vec<Problem>,
}

impl<'s> Embedded<'s> {
    /// The documents that stand inside others.
    pub fn documents(&self) -> impl Iterator<Item = &Document<'s>> {
        self.documents.iter().map(|(_, document)| document)
    }

    /// The document that a text holds.
    fn inside(&self, text: Node<'_>) -> Option<&Document<'s>> {
        self.documents.iter().find(|(at, _)| *at == text.at()).map(|(_, document)| document)
    }
}

/// Finds and parses the documents that `ConfigMaps` hold as text.
#[must_use]
pub fn embedded_documents<'s>(documents: &'s [Document<'s>]) -> Embedded<'s> {
    let mut found = Embedded::default();
    for (what, text) in documents.iter().flat_map(objects).flat_map(|object| texts(&object)) {
        match embedded(text) {
            Ok(inner) => found.documents.extend(inner.into_iter().map(|document| (text.at(), document))),
            Err(fault) => found.problems.push(Problem {
                at: fault.at,
                message: format!("{what} cannot be read, so what it says is unknown: {}", fault.reason),
            }),
        }
    }
    found
}

/// A value of a ConfigMap that is text.
fn value<'a>(object: &Object<'a>, key: &str) -> Option<Node<'a>> {
    object.node.get("data")?.get(key).filter(|node| node.text().is_some())
}

/// What a ConfigMap is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Mesh,
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
fn texts<'a>(object: &Object<'a>) -> Vec<(&'static str, Node<'a>)> {
    let named: &[(&str, &str)] = match purpose(object) {
        Some(Purpose::Mesh) => &[("mesh", "the mesh configuration")],
        Some(Purpose::KubeDns) => {
            &[("stubDomains", "the list of stub domains"), ("upstreamNameservers", "the list of upstream resolvers")]
        }
        Some(Purpose::Masquerade) => &[("config", "the configuration of the masquerade agent")],
        Some(Purpose::CoreDns) | None => &[],
    };
    named.iter().filter_map(|(key, what)| Some((*what, value(object, key)?))).collect()
}

/// Reads a ConfigMap as what it is for.
pub(super) fn config_map<'a>(reader: &mut Reader, object: &Object<'a>, embedded: &'a Embedded<'a>) -> Kind<'a> {
    let root = |key: &str| embedded.inside(value(object, key)?).map(Document::root);
    match purpose(object) {
        Some(Purpose::Mesh) if value(object, "mesh").is_some() => {
            let config = root("mesh").filter(|root| root.shape() == Shape::Mapping);
            Kind::MeshConfig(config.map(|config| Box::new(istio::mesh_config(reader, config))).unwrap_or_default())
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
