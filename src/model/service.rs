//! Services: stable names for pods, and the ports that traffic to them arrives at.

use super::namespace::{Namespace, find};
use super::{Labels, Text};
use crate::resource::{Kind, Resource};

/// A service inside the cluster.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    /// The index of its namespace in the estate.
    pub namespace: usize,
    pub name: Text<'a>,
    /// Selects nothing by itself where empty.
    pub selector: &'a Labels<'a>,
    pub ports: Vec<ServicePort<'a>>,
}

/// A port of a service and the pods' port behind it.
#[derive(Clone, Copy, Debug)]
pub struct ServicePort<'a> {
    pub port: i64,
    /// The pods' port by number; none where it is the name of a container's port.
    pub target: Option<i64>,
    pub target_name: Option<Text<'a>>,
}

pub(super) fn services<'a>(list: &'a [Resource<'a>], namespaces: &[Namespace<'a>]) -> Vec<Service<'a>> {
    let lower = |resource: &'a Resource<'a>| {
        let Kind::Service(written) = &resource.kind else { return None };
        let ports = written.ports.iter().map(|port| ServicePort {
            port: port.port.value,
            target: port.target.map_or(Some(port.port.value), |target| target.value.parse().ok()),
            target_name: port.target.filter(|target| target.value.parse::<i64>().is_err()),
        });
        Some(Service {
            namespace: find(namespaces, resource.namespace?.value)?,
            name: resource.meta.name,
            selector: &written.selector,
            ports: ports.collect(),
        })
    };
    list.iter().filter_map(lower).collect()
}
