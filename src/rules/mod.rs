//! The rules: one file each, in the folder of its topic, and the list of all, sorted by id.

mod access {
    pub(super) mod admission_not_enforcing;
    pub(super) mod tenant_escalation;
    pub(super) mod tenant_writes_admin_namespace;
    pub(super) mod tenant_writes_bypass_kind;
    pub(super) mod tenant_writes_egress_policy;
    pub(super) mod unrestricted_pods;
    pub(super) mod unrestricted_tolerations;
}
mod authorization {
    pub(super) mod allow_all_policy;
    pub(super) mod allow_without_destination;
    pub(super) mod allow_without_source;
    pub(super) mod evadable_match;
    pub(super) mod gateway_without_authorization;
    pub(super) mod identity_without_mtls;
    pub(super) mod missing_deny_all;
    pub(super) mod policy_never_matches;
    pub(super) mod policy_not_enforced;
    pub(super) mod policy_route_drift;
}
mod capture {
    pub(super) mod ambient_egress_gap;
    pub(super) mod capture_excluded;
    pub(super) mod host_network_workload;
    pub(super) mod mesh_wide_capture_gap;
    pub(super) mod network_capability;
    pub(super) mod proxy_container_overridden;
    pub(super) mod runs_as_proxy_identity;
    pub(super) mod uncaptured_init_container;
    pub(super) mod workload_outside_mesh;
}
mod cluster {
    pub(super) mod broad_node_service_account;
    pub(super) mod google_access_not_private;
    pub(super) mod nat_port_exhaustion;
    pub(super) mod nat_range_mismatch;
    pub(super) mod network_policy_not_enforced;
    pub(super) mod public_node;
    pub(super) mod workload_identity_off;
}
mod dns {
    pub(super) mod dns_tunnel_residual;
    pub(super) mod google_api_vip_mixed;
    pub(super) mod google_api_zone_missing;
    pub(super) mod untrusted_resolver;
}
mod firewall {
    pub(super) mod app_node_egress_allowed;
    pub(super) mod essential_flow_denied;
    pub(super) mod firewall_policy_overrides_deny;
    pub(super) mod gateway_egress_too_wide;
    pub(super) mod implied_egress_allow;
    pub(super) mod ineffective_firewall_rule;
    pub(super) mod ipv6_egress_open;
    pub(super) mod weak_firewall_target;
}
mod ignores {
    pub(super) mod expired_ignore;
    pub(super) mod malformed_ignore;
    pub(super) mod new_ignore;
    pub(super) mod unused_ignore;
}
mod logging {
    pub(super) mod firewall_log_off;
    pub(super) mod gateway_access_log_off;
    pub(super) mod nat_log_off;
    pub(super) mod platform_log_off;
}
mod network_policy {
    pub(super) mod asymmetric_network_policy;
    pub(super) mod dns_egress_too_wide;
    pub(super) mod external_egress_allowed;
    pub(super) mod forgeable_namespace_label;
    pub(super) mod missing_egress_isolation;
    pub(super) mod network_policy_overridden;
    pub(super) mod policy_type_mismatch;
    pub(super) mod required_flow_blocked;
    pub(super) mod unguarded_gateway_namespace;
}
mod nodes {
    pub(super) mod foreign_gateway_toleration;
    pub(super) mod gateway_nodes_shared;
    pub(super) mod gateway_not_scaled;
    pub(super) mod gateway_placement_loose;
    pub(super) mod gateway_taint_missing;
    pub(super) mod scheduler_bypass;
}
mod path {
    pub(super) mod direct_internet_path;
    pub(super) mod gateway_node_landing;
    pub(super) mod google_api_exfiltration_path;
    pub(super) mod incomplete_evidence;
    pub(super) mod intended_path_broken;
    pub(super) mod mesh_bypass_path;
    pub(super) mod missing_egress_gateway;
    pub(super) mod multi_cluster_gap;
    pub(super) mod pivot_path;
    pub(super) mod private_network_path;
    pub(super) mod single_control_path;
    pub(super) mod unapproved_host_through_gateway;
    pub(super) mod unmet_expectation;
}
mod routing {
    pub(super) mod auto_passthrough_egress;
    pub(super) mod broken_gateway_hop;
    pub(super) mod foreign_route_on_gateway;
    pub(super) mod gateway_open_to_all_namespaces;
    pub(super) mod gateway_selector_collision;
    pub(super) mod hidden_external_backend;
    pub(super) mod ignored_source_match;
    pub(super) mod missing_default_sidecar;
    pub(super) mod outbound_allow_any;
    pub(super) mod proxy_extension_in_path;
    pub(super) mod route_skips_gateway;
    pub(super) mod service_entry_overexported;
    pub(super) mod sidecar_scope_too_wide;
    pub(super) mod spoofable_service_entry;
    pub(super) mod stray_service_entry;
    pub(super) mod virtual_service_leak;
    pub(super) mod wildcard_external_host;
}
mod tls {
    pub(super) mod destination_rule_drops_tls;
    pub(super) mod double_tls;
    pub(super) mod gateway_passthrough;
    pub(super) mod gateway_without_mutual_tls;
    pub(super) mod missing_istio_mutual;
    pub(super) mod missing_tls_origination;
    pub(super) mod permissive_mtls;
    pub(super) mod unverified_tls_origination;
}

use rayon::prelude::*;

use crate::analysis::analyze;
use crate::config::Ignores;
use crate::finding::{Finding, Level};
use crate::model::Estate;
use crate::rule::{Audit, Rule};

/// All rules, sorted by id.
pub static RULES: &[&Rule] = &[
    &access::admission_not_enforcing::RULE,
    &authorization::allow_all_policy::RULE,
    &authorization::allow_without_destination::RULE,
    &authorization::allow_without_source::RULE,
    &capture::ambient_egress_gap::RULE,
    &firewall::app_node_egress_allowed::RULE,
    &network_policy::asymmetric_network_policy::RULE,
    &routing::auto_passthrough_egress::RULE,
    &cluster::broad_node_service_account::RULE,
    &routing::broken_gateway_hop::RULE,
    &capture::capture_excluded::RULE,
    &tls::destination_rule_drops_tls::RULE,
    &path::direct_internet_path::RULE,
    &network_policy::dns_egress_too_wide::RULE,
    &dns::dns_tunnel_residual::RULE,
    &tls::double_tls::RULE,
    &firewall::essential_flow_denied::RULE,
    &authorization::evadable_match::RULE,
    &ignores::expired_ignore::RULE,
    &network_policy::external_egress_allowed::RULE,
    &logging::firewall_log_off::RULE,
    &firewall::firewall_policy_overrides_deny::RULE,
    &nodes::foreign_gateway_toleration::RULE,
    &routing::foreign_route_on_gateway::RULE,
    &network_policy::forgeable_namespace_label::RULE,
    &logging::gateway_access_log_off::RULE,
    &firewall::gateway_egress_too_wide::RULE,
    &path::gateway_node_landing::RULE,
    &nodes::gateway_nodes_shared::RULE,
    &nodes::gateway_not_scaled::RULE,
    &routing::gateway_open_to_all_namespaces::RULE,
    &tls::gateway_passthrough::RULE,
    &nodes::gateway_placement_loose::RULE,
    &routing::gateway_selector_collision::RULE,
    &nodes::gateway_taint_missing::RULE,
    &authorization::gateway_without_authorization::RULE,
    &tls::gateway_without_mutual_tls::RULE,
    &cluster::google_access_not_private::RULE,
    &path::google_api_exfiltration_path::RULE,
    &dns::google_api_vip_mixed::RULE,
    &dns::google_api_zone_missing::RULE,
    &routing::hidden_external_backend::RULE,
    &capture::host_network_workload::RULE,
    &authorization::identity_without_mtls::RULE,
    &routing::ignored_source_match::RULE,
    &firewall::implied_egress_allow::RULE,
    &path::incomplete_evidence::RULE,
    &firewall::ineffective_firewall_rule::RULE,
    &path::intended_path_broken::RULE,
    &firewall::ipv6_egress_open::RULE,
    &ignores::malformed_ignore::RULE,
    &path::mesh_bypass_path::RULE,
    &capture::mesh_wide_capture_gap::RULE,
    &routing::missing_default_sidecar::RULE,
    &authorization::missing_deny_all::RULE,
    &path::missing_egress_gateway::RULE,
    &network_policy::missing_egress_isolation::RULE,
    &tls::missing_istio_mutual::RULE,
    &tls::missing_tls_origination::RULE,
    &path::multi_cluster_gap::RULE,
    &logging::nat_log_off::RULE,
    &cluster::nat_port_exhaustion::RULE,
    &cluster::nat_range_mismatch::RULE,
    &capture::network_capability::RULE,
    &cluster::network_policy_not_enforced::RULE,
    &network_policy::network_policy_overridden::RULE,
    &ignores::new_ignore::RULE,
    &routing::outbound_allow_any::RULE,
    &tls::permissive_mtls::RULE,
    &path::pivot_path::RULE,
    &logging::platform_log_off::RULE,
    &authorization::policy_never_matches::RULE,
    &authorization::policy_not_enforced::RULE,
    &authorization::policy_route_drift::RULE,
    &network_policy::policy_type_mismatch::RULE,
    &path::private_network_path::RULE,
    &capture::proxy_container_overridden::RULE,
    &routing::proxy_extension_in_path::RULE,
    &cluster::public_node::RULE,
    &network_policy::required_flow_blocked::RULE,
    &routing::route_skips_gateway::RULE,
    &capture::runs_as_proxy_identity::RULE,
    &nodes::scheduler_bypass::RULE,
    &routing::service_entry_overexported::RULE,
    &routing::sidecar_scope_too_wide::RULE,
    &path::single_control_path::RULE,
    &routing::spoofable_service_entry::RULE,
    &routing::stray_service_entry::RULE,
    &access::tenant_escalation::RULE,
    &access::tenant_writes_admin_namespace::RULE,
    &access::tenant_writes_bypass_kind::RULE,
    &access::tenant_writes_egress_policy::RULE,
    &path::unapproved_host_through_gateway::RULE,
    &capture::uncaptured_init_container::RULE,
    &network_policy::unguarded_gateway_namespace::RULE,
    &path::unmet_expectation::RULE,
    &access::unrestricted_pods::RULE,
    &access::unrestricted_tolerations::RULE,
    &dns::untrusted_resolver::RULE,
    &ignores::unused_ignore::RULE,
    &tls::unverified_tls_origination::RULE,
    &routing::virtual_service_leak::RULE,
    &firewall::weak_firewall_target::RULE,
    &routing::wildcard_external_host::RULE,
    &cluster::workload_identity_off::RULE,
    &capture::workload_outside_mesh::RULE,
];

/// The ids of all rules, sorted.
#[must_use]
pub fn ids() -> Vec<&'static str> {
    RULES.iter().map(|rule| rule.id).collect()
}

/// The level that a rule has by itself; `Off` for a rule that there is not.
#[must_use]
pub fn default_level(id: &str) -> Level {
    RULES.iter().find(|rule| rule.id == id).map_or(Level::Off, |rule| rule.severity.level())
}

/// The folder of the rules that speak of what silences the others.
const IGNORES: &str = "ignores";

/// Runs the rules that speak of ignores, once it is known what came of these. They look at no estate.
#[must_use]
pub fn about_ignores(ignores: &Ignores) -> Vec<Finding> {
    let estate = Estate::default();
    let facts = analyze(&estate);
    let audit = Audit { estate: &estate, facts: &facts, rules: RULES, ignores };
    let mut findings = Vec::new();
    RULES.iter().filter(|rule| rule.topic == IGNORES).for_each(|rule| (rule.check)(&audit, &mut findings));
    findings
}

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

/// Whether a finding counts only where it is true of every estate of the input: that one of them has not whom a statement
/// names says nothing, if another has.
#[must_use]
pub fn counts_in_all_alone(finding: &Finding) -> bool {
    finding.rule == path::unmet_expectation::RULE.id && finding.variant == "no-workload"
}
