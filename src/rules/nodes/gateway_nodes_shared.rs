//! ND01: the egress gateway shares its nodes or its namespace with applications.
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{POOL_LABEL, Workload};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-nodes-shared",
    topic: "nodes",
    summary: "the egress gateway has no nodes or namespace of its own",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.4.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/nodes/gateway-nodes-shared.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for &index in &audit.facts.egress.workloads {
        findings.extend(on_shared_nodes(index, audit));
        findings.extend(imitable(&audit.estate.workloads[index], audit));
        findings.extend(in_shared_namespace(index, audit));
    }
}

/// A gateway for which no pool is free of application workloads.
fn on_shared_nodes(index: usize, audit: &Audit<'_>) -> Option<Finding> {
    let (estate, placement) = (audit.estate, &audit.facts.placement);
    let own: Vec<usize> = placement.landings(index).iter().map(|landing| landing.pool).collect();
    let own: Vec<usize> = own.into_iter().filter(|&pool| !estate.pools[pool].provisioned).collect();
    // An agent of an application team runs on every node that it can.
    let is_shared_with = |&other: &usize| estate.workloads[other].kind != "DaemonSet";
    let sharers = |&pool: &usize| placement.tenants_on(pool, estate).filter(is_shared_with).collect::<Vec<_>>();
    // A pool with a taint is the gateway's: whoever tolerates that is named by `foreign-gateway-toleration`.
    if own.is_empty() || own.iter().any(|pool| placement.is_gateway_pool(*pool) || sharers(pool).is_empty()) {
        return None;
    }
    let workload = &estate.workloads[index];
    let name = estate.display(workload);
    let others = estate.pools.iter().filter(|pool| !pool.provisioned).count();
    let (variant, message) = if others == 1 {
        ("none", format!("`{name}` has no node pool of its own: pool `{}` is the only one", estate.pools[own[0]].name))
    } else {
        ("shared", format!("`{name}` shares every pool that it can run on with application workloads"))
    };
    let mut finding = RULE.finding(variant, workload.name.at, message);
    for &pool in own.iter().take(5) {
        let first = sharers(&pool).first().map(|&other| estate.display(&estate.workloads[other])).unwrap_or_default();
        finding = finding.see(
            estate.pools[pool].name.at,
            format!("`{first}` can run on pool `{}` as well", estate.pools[pool].name),
        );
    }
    Some(finding.help("give the gateway a pool with a taint, and a selector and toleration for it"))
}

/// Auto-provisioning makes nodes with whatever labels and taints a pod asks for, but not under the name of a pool.
fn imitable(workload: &Workload<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let clusters = audit.estate.clusters.iter();
    let provisioning = clusters.filter_map(|cluster| cluster.provisioning.as_ref()).find(|it| it.certain)?;
    if workload.placement.selected().any(|(key, _)| key.value == POOL_LABEL) || workload.placement.is_free() {
        return None;
    }
    let message = format!(
        "auto-provisioning can make nodes that fit `{}`, with another service account",
        audit.estate.display(workload)
    );
    let finding = RULE.finding("nap", workload.name.at, message).see(provisioning.at, "auto-provisioning is on");
    Some(finding.help("select the gateway's pool by `cloud.google.com/gke-nodepool`"))
}

fn in_shared_namespace(index: usize, audit: &Audit<'_>) -> Option<Finding> {
    let estate = audit.estate;
    let workload = &estate.workloads[index];
    let is_other = |(other, of): &(usize, &Workload<'_>)| {
        of.namespace == workload.namespace && !of.is_gateway && !audit.facts.egress.workloads.contains(other)
    };
    let other = estate.workloads.iter().enumerate().find(is_other).map(|(_, other)| other);
    let namespace = estate.namespace_of(workload).name;
    let message = match other {
        Some(_) => format!("`{}` shares its namespace with workloads that are no gateways", estate.display(workload)),
        None if namespace == "default" => format!("`{}` runs in the namespace `default`", estate.display(workload)),
        None => return None,
    };
    let finding = RULE.finding("ns-shared", workload.name.at, message).severity(Severity::Medium);
    let finding = match other {
        Some(other) => finding.see(other.name.at, format!("`{}` is in it", estate.display(other))),
        None => finding,
    };
    Some(finding.help("give the gateway a namespace that holds nothing else"))
}
