//! ServiceEntry: hosts outside the cluster (or VMs) that the mesh knows by name; `WorkloadEntry`, one such VM; and
//! `WorkloadGroup`, of which such are made.

use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// A service entry as written.
#[derive(Clone, Debug)]
pub struct ServiceEntry<'a> {
    pub hosts: Vec<Text<'a>>,
    pub addresses: Vec<Text<'a>>,
    pub ports: Vec<ServiceEntryPort<'a>>,
    pub location: Option<Text<'a>>,
    pub resolution: Option<Text<'a>>,
    pub endpoints: Vec<WorkloadEntry<'a>>,
    /// Labels of the pods and workload entries that stand behind the hosts.
    pub workload_selector: Option<Labels<'a>>,
    pub export_to: Vec<Text<'a>>,
}

/// A port of a service entry.
#[derive(Clone, Debug)]
pub struct ServiceEntryPort<'a> {
    pub number: Spanned<i64>,
    pub name: Option<Text<'a>>,
    pub protocol: Option<Text<'a>>,
    pub target: Option<Spanned<i64>>,
}

/// An address behind a host: an entry of `endpoints`, or an object of its own.
#[derive(Clone, Debug)]
pub struct WorkloadEntry<'a> {
    pub address: Option<Text<'a>>,
    pub labels: Labels<'a>,
    /// The service account that it runs as.
    pub account: Option<Text<'a>>,
    /// The entry's first key.
    pub at: Location,
}

fn port<'a>(reader: &mut Reader, node: Node<'a>) -> Option<ServiceEntryPort<'a>> {
    let node = reader.mapping(node)?;
    Some(ServiceEntryPort {
        number: reader.integer_at(node, "number")?,
        name: reader.text_at(node, "name"),
        protocol: reader.text_at(node, "protocol"),
        target: reader.integer_at(node, "targetPort"),
    })
}

fn endpoint<'a>(reader: &mut Reader, node: Node<'a>) -> Option<WorkloadEntry<'a>> {
    let node = reader.mapping(node)?;
    Some(WorkloadEntry {
        address: reader.text_at(node, "address"),
        labels: reader.labels_at(node, "labels"),
        account: reader.text_at(node, "serviceAccount"),
        at: node.head(),
    })
}

pub(in crate::resource) fn service_entry<'a>(reader: &mut Reader, node: Node<'a>) -> Option<ServiceEntry<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(ServiceEntry {
        hosts: reader.texts_at(spec, "hosts"),
        addresses: reader.texts_at(spec, "addresses"),
        ports: reader.list_at(spec, "ports", port),
        location: reader.text_at(spec, "location"),
        resolution: reader.text_at(spec, "resolution"),
        endpoints: reader.list_at(spec, "endpoints", endpoint),
        workload_selector: super::workload_selector(reader, spec, "workloadSelector", "labels"),
        export_to: reader.texts_at(spec, "exportTo"),
    })
}

pub(in crate::resource) fn workload_entry<'a>(reader: &mut Reader, node: Node<'a>) -> Option<WorkloadEntry<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    endpoint(reader, spec)
}

/// Reads a `WorkloadGroup` as the entries that are made of it: their labels are those of both its metadata and its template.
pub(in crate::resource) fn workload_group<'a>(reader: &mut Reader, node: Node<'a>) -> Option<WorkloadEntry<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let template = reader.mapping_at(spec, "template")?;
    let mut entry = endpoint(reader, template)?;
    let metadata = reader.mapping_at(spec, "metadata");
    let given = metadata.map(|metadata| reader.labels_at(metadata, "labels")).unwrap_or_default();
    given.iter().for_each(|(name, value)| entry.labels.set(name, value));
    Some(entry)
}
