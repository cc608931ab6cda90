//! ND03: nothing confines the gateway to its nodes, or a taint keeps it off.
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Match, NodePool, POOL_LABEL, Workload};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-placement-loose",
    topic: "nodes",
    summary: "the egress gateway is not confined to its nodes, or cannot run there",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/nodes/gateway-placement-loose.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for &index in &audit.facts.egress.workloads {
        let workload = &audit.estate.workloads[index];
        if workload.live {
            continue;
        }
        if workload.placement.is_free() && workload.placement.node_name.is_none() {
            findings.push(unconfined(workload, audit));
        } else {
            let off = kept_off(index, workload, audit).or_else(|| nowhere(workload, audit));
            findings.extend(off.or_else(|| strays(index, workload, audit)));
            findings.extend(forgeable(workload, audit));
        }
    }
}

fn unconfined(workload: &Workload<'_>, audit: &Audit<'_>) -> Finding {
    let message = format!(
        "`{}` leaves out node selector and required affinity, so it may run on any node",
        audit.estate.display(workload)
    );
    let finding = RULE.finding("selector", workload.pod_at(), message);
    finding.help("select the gateway's pool by `cloud.google.com/gke-nodepool`")
}

/// Selectors admit pools of the input, and a taint keeps the gateway off all of them.
fn kept_off(index: usize, workload: &Workload<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let admitted = audit.estate.pools.iter().filter(|pool| workload.placement.admits(pool) == Match::Yes);
    let pool = admitted.min_by_key(|pool| (pool.name.value, pool.name.at))?;
    if !audit.facts.placement.landings(index).is_empty() {
        return None;
    }
    let taint = pool.taints.first()?;
    let name = audit.estate.display(workload);
    let message = format!("`{name}` selects pool `{}` and does not tolerate its taint `{}`", pool.name, taint.key);
    let finding = RULE.finding("toleration", workload.pod_at(), message).see(taint.key.at, "the taint");
    Some(finding.help("add a toleration with the taint's key and value"))
}

/// Selectors that no pool of the input meets: what is said of the gateway's pool is said of none.
fn nowhere(workload: &Workload<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let pools = &audit.estate.pools;
    let is_met = |pool: &NodePool<'_>| workload.placement.admits(pool) != Match::No || pool.provisioned;
    if pools.is_empty() || pools.iter().any(is_met) {
        return None;
    }
    let message = format!("`{}` selects nodes that no pool of the input has", audit.estate.display(workload));
    let at = workload.placement.unsound_key(|_| false).map_or(workload.pod_at(), |key| key.at);
    let finding = RULE.finding("no-pool", at, message).severity(Severity::Medium).confidence(Confidence::Medium);
    Some(finding.help("select the gateway's pool by `cloud.google.com/gke-nodepool`, under the name that it has"))
}

/// Selectors that admit a pool of others beside the gateway's own.
fn strays(index: usize, workload: &Workload<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let placement = &audit.facts.placement;
    let pools = &audit.estate.pools;
    let landings = placement.landings(index).iter().filter(|landing| landing.certain);
    let (own, other): (Vec<usize>, Vec<usize>) =
        landings.map(|landing| landing.pool).partition(|&pool| placement.is_gateway_pool(pool));
    let own = own.first()?;
    let stray = other.into_iter().map(|pool| &pools[pool]).find(|pool| !pool.provisioned)?;
    let message = format!(
        "`{}` may run on pool `{}` as well, which its selectors admit beside the gateway's pool `{}`",
        audit.estate.display(workload),
        stray.name,
        pools[*own].name
    );
    let at = workload.placement.unsound_key(|_| false).map_or(workload.pod_at(), |key| key.at);
    let finding = RULE.finding("stray", at, message).see(stray.name.at, "the other pool");
    Some(finding.help("select the gateway's pool by `cloud.google.com/gke-nodepool`"))
}

/// A kubelet may set most labels of its own node: a stolen node can call itself the gateway's.
fn forgeable(workload: &Workload<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let is_sound = |key: &str| key == POOL_LABEL || key.starts_with("node-restriction.kubernetes.io/");
    let key = workload.placement.unsound_key(is_sound)?;
    let message =
        format!("`{}` selects nodes by `{key}`, which a node may give itself", audit.estate.display(workload));
    let finding = RULE.finding("forgeable", key.at, message).severity(Severity::Low);
    Some(finding.help("select by `cloud.google.com/gke-nodepool` or a label under `node-restriction.kubernetes.io/`"))
}
