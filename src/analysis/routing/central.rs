//! The namespaces from which egress is governed.

use crate::analysis::egress::Egress;
use crate::model::{Estate, Role};

/// The platform's namespaces and those of egress proxies whose pods are in the input; where there is neither a namespace
/// for egress nor a pod, those in which the routes say that the pods are.
pub(super) fn namespaces<'a>(estate: &'a Estate<'a>, egress: &Egress<'a>) -> Vec<&'a str> {
    let platform = estate.namespaces.iter().filter(|namespace| namespace.role != Role::Tenant);
    let mut central: Vec<&str> = platform.map(|namespace| namespace.name).collect();
    central.push(estate.mesh.root_namespace);
    central.extend(egress.workloads.iter().map(|&index| estate.namespace_of(&estate.workloads[index]).name));
    let is_named = estate.namespaces.iter().any(|namespace| namespace.role == Role::Egress);
    if !is_named && egress.workloads.is_empty() {
        central.extend(egress.proxies.iter().flat_map(|proxy| &proxy.namespaces));
    }
    central.sort_unstable();
    central.dedup();
    central
}
