//! The rules: one file each, in the folder of its topic, and the list of all, sorted by id.

mod authorization {
    pub(super) mod allow_all_policy;
    pub(super) mod allow_without_source;
    pub(super) mod gateway_without_authorization;
    pub(super) mod identity_without_mtls;
    pub(super) mod missing_deny_all;
}
mod capture {
    pub(super) mod capture_excluded;
    pub(super) mod host_network_workload;
    pub(super) mod runs_as_proxy_identity;
    pub(super) mod workload_outside_mesh;
}
mod firewall {
    pub(super) mod implied_egress_allow;
}
mod network_policy {
    pub(super) mod missing_egress_isolation;
}
mod nodes {
    pub(super) mod foreign_gateway_toleration;
}
mod path {
    pub(super) mod direct_internet_path;
    pub(super) mod incomplete_evidence;
}
mod routing {
    pub(super) mod missing_default_sidecar;
    pub(super) mod outbound_allow_any;
}
mod tls {
    pub(super) mod gateway_passthrough;
    pub(super) mod gateway_without_mutual_tls;
    pub(super) mod missing_istio_mutual;
}

use rayon::prelude::*;

use crate::finding::Finding;
use crate::rule::{Audit, Rule};

/// All rules, sorted by id.
pub static RULES: &[&Rule] = &[
    &authorization::allow_all_policy::RULE,
    &authorization::allow_without_source::RULE,
    &capture::capture_excluded::RULE,
    &path::direct_internet_path::RULE,
    &nodes::foreign_gateway_toleration::RULE,
    &tls::gateway_passthrough::RULE,
    &authorization::gateway_without_authorization::RULE,
    &tls::gateway_without_mutual_tls::RULE,
    &capture::host_network_workload::RULE,
    &authorization::identity_without_mtls::RULE,
    &firewall::implied_egress_allow::RULE,
    &path::incomplete_evidence::RULE,
    &routing::missing_default_sidecar::RULE,
    &authorization::missing_deny_all::RULE,
    &network_policy::missing_egress_isolation::RULE,
    &tls::missing_istio_mutual::RULE,
    &routing::outbound_allow_any::RULE,
    &capture::runs_as_proxy_identity::RULE,
    &capture::workload_outside_mesh::RULE,
];

/// Runs the rules whose layers are in evidence.
#[must_use]
pub fn run(audit: &Audit<'_>) -> Vec<Finding> {
    let of_rule = |rule: &&'static Rule| {
        let mut findings = Vec::new();
        if rule.missing(audit.estate).next().is_none() {
            (rule.check)(audit, &mut findings);
        }
        findings
    };
    audit.rules.par_iter().flat_map_iter(of_rule).collect()
}
