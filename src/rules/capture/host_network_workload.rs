//! SC02: a workload uses its node's network, where neither proxy nor network policy reaches it.

use std::collections::BTreeMap;

use crate::finding::{Confidence, Finding, Severity};
use crate::model::Role;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "host-network-workload",
    topic: "capture",
    summary: "a workload uses its node's network, past the mesh and network policies",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["cis-gke:4.2.4", "pci-dss-4.0:2.2.4", "nsa-cisa:pod-security"],
    needs: &[],
    page: include_str!("../../../rules/capture/host-network-workload.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut agents: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.workloads.iter().enumerate() {
        let Some(host) = workload.host_network else { continue };
        if audit.estate.namespace_of(workload).role == Role::System {
            agents.entry(workload.namespace).or_default().push(index);
            continue;
        }
        let name = audit.estate.display(workload);
        let message = format!("`{name}` uses its node's network, so neither a proxy nor network policies bind it");
        let help = "give the pod a network of its own; the firewall is the only control that holds until then";
        findings.push(RULE.finding("tenant", host.at, message).help(help));
    }
    findings.extend(agents.into_iter().filter_map(|(namespace, workloads)| platform(namespace, &workloads, audit)));
}

/// Node agents of the platform are meant to be there: said once a namespace.
fn platform(namespace: usize, workloads: &[usize], audit: &Audit<'_>) -> Option<Finding> {
    let first = audit.sorted(workloads).first()?.host_network?;
    let name = audit.estate.namespaces[namespace].name;
    let message =
        format!("agents of the platform in `{name}` use their node's network: {}", audit.list_workloads(workloads));
    let finding = RULE.finding("platform", first.at, message).severity(Severity::Info);
    Some(finding.help("let no tenant change these workloads or run commands in their pods"))
}
