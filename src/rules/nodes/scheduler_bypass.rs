//! ND05: a manifest names a node, so that the scheduler and its taints are not asked.
use crate::finding::{Confidence, Finding, Severity};

use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "scheduler-bypass",
    topic: "nodes",
    summary: "a workload names its node and so passes the scheduler and most taints over",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/nodes/scheduler-bypass.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for workload in audit.estate.workloads.iter().filter(|workload| !workload.live) {
        let Some(node) = workload.placement.node_name else { continue };
        let message = format!(
            "`{}` names its node, so the scheduler and every `NoSchedule` taint are passed over",
            audit.estate.display(workload)
        );
        findings.push(RULE.finding("node-name", node.at, message).help(
            "remove `nodeName`, taint the gateway's nodes with `NO_EXECUTE`, and refuse `nodeName` at admission",
        ));
    }
}
