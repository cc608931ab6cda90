//! What every object has: kind, name, namespace, labels, annotations and its extent in the text.

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
    /// Values in the object that another tool fills in later: unknown here.
    pub placeholders: Vec<Location>,
}

impl<'a> Meta<'a> {
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
            placeholders: Vec::new(),
        }
    }
}
