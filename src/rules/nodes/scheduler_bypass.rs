//! ND05: a manifest names a node, so that the scheduler and its taints are not asked.
use crate::analysis::access::{Allowed, Grant, Target};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Workload;
use crate::model::access::{Party, Standing};
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
        findings.extend(named_node(workload, audit).or_else(|| own_scheduler(workload, audit)));
    }
}

fn named_node(workload: &Workload<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let node = workload.placement.node_name?;
    let message = format!(
        "`{}` names its node, so the scheduler and every `NoSchedule` taint are passed over",
        audit.estate.display(workload)
    );
    let finding = RULE.finding("node-name", node.at, message);
    Some(
        finding
            .help("remove `nodeName`, taint the gateway's nodes with `NO_EXECUTE`, and refuse `nodeName` at admission"),
    )
}

/// A scheduler of somebody's own, and an account that may bind pods to whichever node it likes.
fn own_scheduler(workload: &Workload<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let scheduler = workload.pod.scheduler.filter(|name| name.value != "default-scheduler")?;
    let access = &audit.facts.access;
    let namespace = audit.estate.namespace_of(workload).name;
    let binds = |grant: Grant| {
        let subject = access.subject(grant);
        let is_account = matches!(subject.party, Party::ServiceAccount { .. } | Party::ServiceAccounts { .. });
        let is_foreign = matches!(subject.standing, Standing::Tenant | Standing::Unknown);
        match access.allows(grant, &[Target::POD_BINDINGS], &["create"], namespace) {
            Some(Allowed::By(word)) if is_account && is_foreign => Some((grant, word)),
            _ => None,
        }
    };
    let (grant, word) = access.grants().iter().copied().find_map(binds)?;
    let message = format!(
        "`{}` is placed by the scheduler `{scheduler}`, and {} may bind pods to any node",
        audit.estate.display(workload),
        access.subject(grant).party.display()
    );
    let finding = RULE.finding("binding", scheduler.at, message);
    let finding = access
        .chain(grant, Some(word))
        .into_iter()
        .fold(finding, |finding, label| finding.see(label.at, label.message));
    Some(finding.help("leave placement to Kubernetes' own scheduler, or taint the gateway's nodes with `NO_EXECUTE`"))
}
