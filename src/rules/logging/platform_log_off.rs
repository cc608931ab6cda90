//! LG04: subnets, clusters or DNS do not log what would show an exit.
use crate::analysis::pools::subnet_of;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{AuditLog, Cluster, Enforcement, Layer, Setting};
use crate::rule::{Audit, Rule};
use crate::source::Location;

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
        if let Some(at) = off(subnet.written.flow_logs, subnet.name.at) {
            let message = format!("subnet `{}` of node pool `{}` writes no flow logs", subnet.name, pool.name);
            findings.push(RULE.finding("flow", at, message).help("enable flow logs of the subnet"));
        }
    }
    for cluster in audit.estate.clusters.iter().filter(|cluster| !cluster.autopilot) {
        findings.extend(of_cluster(cluster));
    }
    for policy in &audit.estate.dns.policies {
        if let Some(at) = off(policy.written.logging, policy.name.at) {
            let message = format!("DNS policy `{}` does not log queries", policy.name);
            findings.push(RULE.finding("dns", at, message).help("set `enableLogging: true` for the policy"));
        }
    }
    findings.extend(of_policies(audit));
    findings.extend(of_mesh_ca(audit));
}

/// What network policies decide on Dataplane V2: by the one object that says so, or where there is none by each cluster.
fn of_policies(audit: &Audit<'_>) -> Vec<Finding> {
    const HELP: &str = "log allowed and denied connections with a `NetworkLogging` named `default`";
    let estate = audit.estate;
    let mut findings = Vec::new();
    for (name, written) in &estate.network_logging {
        let sides = [("deny", written.deny), ("allow", written.allow)];
        let silent = sides.into_iter().find(|(_, log)| log.is_none_or(|log| !log.value));
        if let Some((does, log)) = silent {
            let message = format!("`{name}` does not log what network policies {does}");
            findings.push(RULE.finding("network-policy", log.map_or(name.at, |log| log.at), message).help(HELP));
        }
    }
    if estate.network_logging.is_empty() && !estate.network_policies.is_empty() {
        let logging = |cluster: &&Cluster<'_>| cluster.enforcement == Enforcement::DataplaneV2 && !cluster.autopilot;
        for cluster in estate.clusters.iter().filter(logging) {
            let message = format!("cluster `{}` does not log what its network policies decide", cluster.name);
            findings.push(RULE.finding("network-policy", cluster.name.at, message).help(HELP));
        }
    }
    findings
}

/// Each certificate that Mesh CA issues leaves an audit log, where access to its data is logged.
fn of_mesh_ca(audit: &Audit<'_>) -> Option<Finding> {
    const SERVICES: [&str; 2] = ["meshca.googleapis.com", "allServices"];
    let settings = &audit.estate.iam.audit;
    let is_open = settings.iter().any(|setting| setting.service.unknown().is_some());
    let covers =
        |setting: &AuditLog<'_>| setting.service.known().is_some_and(|service| SERVICES.contains(&service.value));
    let services = settings.iter().filter_map(|setting| setting.service.known());
    let at = services.map(|service| service.at).min()?;
    if is_open || settings.iter().any(|setting| covers(setting)) || !audit.estate.evidence.has(Layer::Mesh) {
        return None;
    }
    let message = "no audit setting in the input covers `meshca.googleapis.com`, which issues the mesh's certificates";
    Some(RULE.finding("mesh-ca", at, message).help("log data access of `meshca.googleapis.com` as well"))
}

/// Where a log is off: at the switch, or at the object that leaves it out.
fn off(setting: Setting<bool>, otherwise: Location) -> Option<Location> {
    match setting {
        Setting::Known(on) if on.value => None,
        Setting::Unknown(_) => None,
        Setting::Known(off) => Some(off.at),
        Setting::Absent => Some(otherwise),
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
    if let Some(at) = off(cluster.written.intranode_visibility, cluster.name.at) {
        let message = format!(
            "cluster `{}` has no intranode visibility, so traffic within a node leaves no flow logs",
            cluster.name
        );
        findings.push(RULE.finding("intranode", at, message).help("enable intranode visibility"));
    }
    findings
}
