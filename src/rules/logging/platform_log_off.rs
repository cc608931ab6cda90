//! LG04: subnets, clusters or DNS do not log what would show an exit.
use crate::analysis::pools::subnet_of;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Cluster, Setting};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "platform-log-off",
    topic: "logging",
    summary: "the platform does not log what would show an exit",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    controls: &["cis-gke:5.6.1", "cis-gke:5.7.1", "pci-dss-4.0:10.2.1", "nsa-cisa:logging"],
    needs: &[],
    page: include_str!("../../../rules/logging/platform-log-off.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut seen = Vec::new();
    for pool in &audit.estate.pools {
        let Some(subnet) = subnet_of(pool, audit.estate).filter(|subnet| !seen.contains(&subnet.name.at)) else {
            continue;
        };
        seen.push(subnet.name.at);
        if let Some((at, how)) = off(subnet.written.flow_logs, subnet.name.at) {
            let message = format!("subnet `{}` of node pool `{}` {how} flow logs", subnet.name, pool.name);
            findings.push(RULE.finding("flow", at, message).help("enable flow logs of the subnet"));
        }
    }
    for cluster in audit.estate.clusters.iter().filter(|cluster| !cluster.autopilot) {
        findings.extend(of_cluster(cluster));
    }
    for policy in &audit.estate.dns.policies {
        if let Some((at, how)) = off(policy.written.logging, policy.name.at) {
            let message = format!("DNS policy `{}` {how} the log of queries", policy.name);
            findings.push(RULE.finding("dns", at, message).help("set `enableLogging: true` for the policy"));
        }
    }
}

/// Where a log is off, and in which words.
fn off(setting: Setting<bool>, otherwise: crate::source::Location) -> Option<(crate::source::Location, &'static str)> {
    match setting {
        Setting::Known(on) if on.value => None,
        Setting::Unknown(_) => None,
        Setting::Known(off) => Some((off.at, "turns off")),
        Setting::Absent => Some((otherwise, "leaves out")),
    }
}

fn of_cluster(cluster: &Cluster<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let service = cluster.written.logging_service.known().filter(|service| service.value == "none");
    let parts = &cluster.written.logging;
    let has_workloads = parts.items.iter().any(|part| part.value.eq_ignore_ascii_case("WORKLOADS"));
    if let Some(service) = service {
        let message = format!("cluster `{}` sends its logs nowhere", cluster.name);
        findings.push(RULE.finding("cluster", service.at, message).help("log system components and workloads"));
    } else if let Some(at) = parts.at.filter(|_| parts.unknown.is_none() && !has_workloads) {
        let message = format!("cluster `{}` does not log its workloads", cluster.name);
        findings.push(RULE.finding("cluster", at, message).help("log system components and workloads"));
    }
    if let Some((at, how)) = off(cluster.written.intranode_visibility, cluster.name.at) {
        let message = format!(
            "cluster `{}` {how} intranode visibility, so traffic within a node leaves no flow logs",
            cluster.name
        );
        findings.push(RULE.finding("intranode", at, message).help("enable intranode visibility"));
    }
    findings
}
