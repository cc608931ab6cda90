//! YAML and JSON that stand as text inside other documents: the mesh configuration and the injector's in their ConfigMaps,
//! and what a pod asks of its proxy in an annotation.

use rustc_hash::FxHashMap;

use super::Object;
use super::reader::Text;
use crate::source::{Document, Location, Node, Problem, embedded};

/// The annotation by which a pod configures its proxy.
pub(super) const PROXY_CONFIG: &str = "proxy.istio.io/config";

/// The documents that stand inside others, by the place of the text that they are.
#[derive(Debug, Default)]
pub struct Embedded<'s> {
    documents: FxHashMap<Location, Document<'s>>,
    pub(super) problems: Vec<Problem>,
}

impl<'s> Embedded<'s> {
    /// The documents themselves, in no order.
    pub fn documents(&self) -> impl Iterator<Item = &Document<'s>> {
        let mut all: Vec<(&Location, &Document<'s>)> = self.documents.iter().collect();
        all.sort_by_key(|(at, _)| **at);
        all.into_iter().map(|(_, document)| document)
    }

    /// The root of the document that a text is; none where it cannot be read.
    pub(super) fn root(&self, text: Node<'_>) -> Option<Node<'_>> {
        self.documents.get(&text.at()).map(Document::root)
    }

    /// The root of the document that an annotation is.
    pub(super) fn root_of(&self, text: Text<'_>) -> Option<Node<'_>> {
        self.documents.get(&text.at).map(Document::root)
    }
}

/// Finds and parses what stands inside the objects of all documents.
#[must_use]
pub fn embedded_documents<'s>(documents: &'s [Document<'s>]) -> Embedded<'s> {
    let mut found = Embedded::default();
    for object in documents.iter().flat_map(super::objects) {
        let texts = [
            (mesh_text(&object), "the mesh configuration cannot be read, so the mesh's mode is unknown"),
            (injector_text(&object, "config"), "the injector's configuration cannot be read"),
            (injector_text(&object, "values"), "the injector's values cannot be read"),
            (proxy_text(object.node), "the proxy's configuration cannot be read"),
        ];
        for (text, fault) in texts {
            if let Some(text) = text {
                found.add(text, fault);
            }
        }
    }
    found
}

impl<'s> Embedded<'s> {
    fn add(&mut self, text: Node<'s>, said: &str) {
        match embedded(text) {
            Ok(inner) => self.documents.extend(inner.into_iter().take(1).map(|document| (text.at(), document))),
            Err(fault) => {
                self.problems.push(Problem { at: fault.at, message: format!("{said}: {}", fault.reason) });
            }
        }
    }
}

fn config_map<'a>(object: &Object<'a>, name: impl Fn(&str) -> bool) -> Option<Node<'a>> {
    let is_named = object.node.get("metadata")?.get("name")?.text().is_some_and(name);
    let is_config_map = object.api_version == "v1" && object.kind == "ConfigMap";
    object.node.get("data").filter(|_| is_named && is_config_map)
}

/// The mesh configuration, which `ConfigMaps` named `istio*` hold under `mesh`.
pub(super) fn mesh_text<'a>(object: &Object<'a>) -> Option<Node<'a>> {
    config_map(object, |name| name.starts_with("istio"))?.get("mesh").filter(|node| node.text().is_some())
}

/// What `ConfigMaps` named `istio-sidecar-injector*` hold under `config` or `values`.
pub(super) fn injector_text<'a>(object: &Object<'a>, key: &str) -> Option<Node<'a>> {
    config_map(object, |name| name.starts_with("istio-sidecar-injector"))?.get(key).filter(|node| node.text().is_some())
}

/// The annotation of a pod, or of the template of one, wherever the kind of workload has it.
fn proxy_text<'a>(object: Node<'a>) -> Option<Node<'a>> {
    let template = |node: Node<'a>| node.get("spec")?.get("template");
    let job = object.get("spec").and_then(|spec| spec.get("jobTemplate"));
    let annotation = |node: Node<'a>| node.get("metadata")?.get("annotations")?.get(PROXY_CONFIG);
    let places = [Some(object), template(object), job.and_then(template)];
    places.into_iter().flatten().find_map(annotation).filter(|node| node.text().is_some())
}
