//! Endpoints and `EndpointSlice`: the addresses behind a service, as somebody wrote them down.

use crate::resource::reader::{Reader, Text};
use crate::source::Node;

/// The addresses behind a service.
#[derive(Clone, Debug)]
pub struct EndpointList<'a> {
    /// The service: the object's own name, or the one that a slice's label names.
    pub service: Option<Text<'a>>,
    pub addresses: Vec<Text<'a>>,
}

/// The label by which a slice names its service (Kubernetes: well-known labels).
const SERVICE: &str = "kubernetes.io/service-name";

/// Reads `Endpoints`: `subsets[].addresses[].ip`.
pub(in crate::resource) fn endpoints<'a>(reader: &mut Reader, node: Node<'a>) -> Option<EndpointList<'a>> {
    let address = |reader: &mut Reader, item: Node<'a>| {
        let item = reader.mapping(item)?;
        reader.text_at(item, "ip")
    };
    let subsets = reader.list_at(node, "subsets", |reader, item| {
        let item = reader.mapping(item)?;
        let mut addresses = reader.list_at(item, "addresses", address);
        addresses.extend(reader.list_at(item, "notReadyAddresses", address));
        Some(addresses)
    });
    let metadata = reader.mapping_at(node, "metadata")?;
    Some(EndpointList { service: reader.text_at(metadata, "name"), addresses: subsets.concat() })
}

/// Reads an `EndpointSlice`: `endpoints[].addresses[]`.
pub(in crate::resource) fn endpoint_slice<'a>(reader: &mut Reader, node: Node<'a>) -> Option<EndpointList<'a>> {
    let metadata = reader.mapping_at(node, "metadata")?;
    let addresses = reader.list_at(node, "endpoints", |reader, item| {
        let item = reader.mapping(item)?;
        Some(reader.texts_at(item, "addresses"))
    });
    Some(EndpointList { service: reader.labels_at(metadata, "labels").get(SERVICE), addresses: addresses.concat() })
}
