//! What every object has: kind, name, namespace, labels, annotations and its extent in the text.

use super::gcp::{Found, ModuleCall};
use super::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// The type, name and labels of an object.
#[derive(Clone, Debug)]
pub struct Meta<'a> {
    pub api_version: &'a str,
    pub kind: &'a str,
    /// The name; of an object with `generateName` that prefix; the whole object's head where there is none.
    pub name: Text<'a>,
    /// The namespace as written; none where the object names none.
    pub namespace: Option<Text<'a>>,
    pub labels: Labels<'a>,
    pub annotations: Labels<'a>,
    /// The whole object.
    pub at: Location,
    /// The key `spec`, or the object's head: where a field that the spec leaves out would stand.
    pub spec_at: Location,
    /// When the API server took it, in its own form, which sorts as the times do; files do not say.
    pub created: Option<Text<'a>>,
    /// Values in the object that another tool fills in later: unknown here.
    pub placeholders: Vec<Location>,
}

impl<'a> Meta<'a> {
    /// What an object of the cloud is called where it is none of Kubernetes' objects.
    pub(super) fn of_cloud(found: &Found<'a>) -> Self {
        // A policy of an organization has a number for a name, and a short one that people know.
        let names: &[&str] = if found.is_policy() { &["shortName", "name"] } else { &["name"] };
        let name = found.view.text(names).known();
        let name = name.or(found.label).unwrap_or(Spanned::new("", found.node.head()));
        Self {
            api_version: found.api_version,
            kind: found.kind,
            name: name.map(|name| name.rsplit('/').next().unwrap_or(name)),
            namespace: None,
            labels: Labels::default(),
            annotations: Labels::default(),
            at: found.node.at(),
            spec_at: found.node.head(),
            created: None,
            placeholders: Vec::new(),
        }
    }

    /// What a call of a module is called.
    pub(super) fn of_module(call: &ModuleCall<'a>) -> Self {
        Self {
            api_version: "terraform",
            kind: "module",
            name: call.name,
            namespace: None,
            labels: Labels::default(),
            annotations: Labels::default(),
            at: call.body.at(),
            spec_at: call.body.head(),
            created: None,
            placeholders: Vec::new(),
        }
    }

    pub(super) fn read(reader: &mut Reader, node: Node<'a>, api_version: &'a str, kind: &'a str) -> Self {
        let metadata = reader.mapping_at(node, "metadata");
        let text = |reader: &mut Reader, key| metadata.and_then(|metadata| reader.text_at(metadata, key));
        let name = text(reader, "name").or_else(|| text(reader, "generateName"));
        Self {
            api_version,
            kind,
            name: name.unwrap_or(Spanned::new("", node.head())),
            namespace: text(reader, "namespace").filter(|namespace| !namespace.is_empty()),
            labels: metadata.map(|metadata| reader.labels_at(metadata, "labels")).unwrap_or_default(),
            annotations: metadata.map(|metadata| reader.labels_at(metadata, "annotations")).unwrap_or_default(),
            at: node.at(),
            spec_at: node.entry("spec").map_or(node.head(), |entry| entry.key.at()),
            created: text(reader, "creationTimestamp"),
            placeholders: Vec::new(),
        }
    }
}
