//! CL06: nodes run as an account that others share, or that may do too much.
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Identity, Match};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "broad-node-service-account",
    topic: "cluster",
    summary: "nodes run as the default or a privileged service account",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["cis-gke:5.2.1", "pci-dss-4.0:7.2.5", "nsa-cisa:authentication"],
    needs: &[],
    page: include_str!("../../../rules/cluster/broad-node-service-account.md"),
    check,
};

/// Roles that reach far beyond what a node needs.
const BROAD: [&str; 8] = [
    "roles/owner",
    "roles/editor",
    "roles/storage.admin",
    "roles/compute.admin",
    "roles/container.admin",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/resourcemanager.projectIamAdmin",
];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for pool in audit.estate.pools.iter().filter(|pool| pool.described) {
        if pool.identity.is_default() {
            let autopilot = pool.cluster.map(|index| &audit.estate.clusters[index]).filter(|of| of.autopilot);
            let nodes = match autopilot {
                Some(cluster) => format!("nodes of Autopilot cluster `{}`", cluster.name),
                None if pool.provisioned => "nodes that auto-provisioning adds".to_owned(),
                None => format!("nodes of pool `{}`", pool.name),
            };
            let message = format!("{nodes} run as the default service account of the project");
            findings.push(
                RULE.finding("default", pool.identity_at.unwrap_or(pool.config_at), message)
                    .help("give each pool a service account of its own, with the few roles that nodes need"),
            );
        }
    }
    for binding in audit.estate.iam.bindings.iter().filter(|binding| BROAD.contains(&binding.role.value)) {
        findings.extend(privileged(&binding.identity, binding.role.value, binding.role.at, audit));
    }
}

fn privileged(account: &Identity, role: &str, at: Location, audit: &Audit<'_>) -> Option<Finding> {
    let pools = audit.estate.pools.iter().filter(|pool| pool.described && pool.identity.is(account) == Match::Yes);
    let pools: Vec<_> = pools.collect();
    let first = pools.first()?;
    let message = format!("`{role}` is granted to the account that nodes of pool `{}` run as", first.name);
    let finding = RULE.finding("privileged", at, message);
    let finding = pools.iter().take(5).fold(finding, |finding, pool| {
        finding.see(pool.identity_at.unwrap_or(pool.name.at), format!("pool `{}` runs as it", pool.name))
    });
    Some(finding.help("grant nodes no more than writing logs and metrics and reading images"))
}
