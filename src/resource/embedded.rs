//! YAML and JSON that stand as text inside other documents: the mesh configuration and the injector's, each in a `ConfigMap`,
//! and what a pod asks of its proxy in an annotation.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::Object;
use super::config_map::texts;
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
    let texts_of = |object: &Object<'s>| -> Vec<(&'static str, Node<'s>)> {
        let proxy = proxy_text(object.node).map(|text| ("the proxy's configuration", text));
        texts(object).into_iter().chain(proxy).collect()
    };
    let of_document = |document| super::objects(document).iter().flat_map(texts_of).collect::<Vec<_>>();
    let all: Vec<(&'static str, Node<'s>)> = documents.par_iter().flat_map_iter(of_document).collect();
    let mut found = Embedded::default();
    for (what, text) in all {
        found.add(text, what);
    }
    found
}

impl<'s> Embedded<'s> {
    fn add(&mut self, text: Node<'s>, what: &str) {
        match embedded(text) {
            Ok(inner) => self.documents.extend(inner.into_iter().take(1).map(|document| (text.at(), document))),
            Err(fault) => self.problems.push(Problem {
                at: fault.at,
                message: format!("{what} cannot be read, so what it says is unknown: {}", fault.reason),
            }),
        }
    }
}

/// The annotation of a pod, or of the template of one, wherever the kind of workload has it.
fn proxy_text<'a>(object: Node<'a>) -> Option<Node<'a>> {
    let template = |node: Node<'a>| node.get("spec")?.get("template");
    let job = object.get("spec").and_then(|spec| spec.get("jobTemplate"));
    let annotation = |node: Node<'a>| node.get("metadata")?.get("annotations")?.get(PROXY_CONFIG);
    let places = [Some(object), template(object), job.and_then(template)];
    places.into_iter().flatten().find_map(annotation).filter(|node| node.text().is_some())
}
