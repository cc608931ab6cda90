//! NP01: the egress of an application's pods is not isolated by any network policy.

use std::collections::BTreeMap;

use crate::analysis::network_policy::Isolation;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, Layer, Namespace};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "missing-egress-isolation",
    topic: "network-policy",
    summary: "no network policy isolates the egress of a workload",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["cis-gke:4.3.2", "pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::NetworkPolicy],
    page: include_str!("../../../rules/network-policy/missing-egress-isolation.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut open: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.tenants() {
        let policies = &audit.facts.network_policy;
        if policies.isolation(index, Direction::Egress) == Isolation::None && policies.leaves_unruled(index) {
            open.entry(workload.namespace).or_default().push(index);
        }
    }
    for (namespace, workloads) in open {
        let isolates =
            audit.estate.network_policies.iter().any(|one| one.namespace == Some(namespace) && one.egress.isolates);
        if isolates {
            findings.extend(workloads.into_iter().map(|workload| audit.if_enforced(unselected(audit, workload))));
        } else {
            findings.push(audit.if_enforced(no_policy(audit, &audit.estate.namespaces[namespace], &workloads)));
        }
    }
}

fn no_policy(audit: &Audit<'_>, namespace: &Namespace<'_>, workloads: &[usize]) -> Finding {
    let count = match audit.count_workloads(workloads) {
        1 => "its workload".to_owned(),
        count => format!("its {count} workloads"),
    };
    let message = format!("no network policy in `{}` isolates the egress of {count}", namespace.name);
    let mut finding = RULE.finding("no-policy", namespace.at.at, message).help(
        "add a NetworkPolicy with `podSelector: {}` and `policyTypes: [Ingress, Egress]`, and allow only the flows that are needed",
    );
    for &index in workloads.iter().take(5) {
        let workload = &audit.estate.workloads[index];
        finding = finding.see(workload.name.at, format!("`{}` may send anything anywhere", workload.name));
    }
    finding
}

fn unselected(audit: &Audit<'_>, index: usize) -> Finding {
    let workload = &audit.estate.workloads[index];
    let message = format!("no network policy that isolates egress selects `{}`", workload.name);
    let mut finding = RULE.finding("unselected", workload.name.at, message).help(
        "select every pod of the namespace with one policy that has `podSelector: {}` and `policyTypes: [Ingress, Egress]`",
    );
    let policies = &audit.estate.network_policies;
    let isolating =
        policies.iter().filter(|policy| policy.namespace == Some(workload.namespace) && policy.egress.isolates);
    for policy in isolating.take(5) {
        finding = finding.see(policy.name.at, format!("`{}` selects other pods of the namespace", policy.name));
    }
    finding
}
