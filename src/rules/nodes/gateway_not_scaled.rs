//! ND06: the egress gateway, or its pool, does not scale or stands on one leg.
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{NodePool, Setting, Workload};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-not-scaled",
    topic: "nodes",
    summary: "the egress gateway or its nodes do not grow, or stand on one leg",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/nodes/gateway-not-scaled.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for index in audit.facts.pools.gateways() {
        let pool = &audit.estate.pools[index];
        if pool.described && !pool.provisioned && !audit.facts.pools.of(index).applications {
            findings.extend(fixed_pool(pool));
        }
    }
    for &index in &audit.facts.egress.workloads {
        let workload = &audit.estate.workloads[index];
        // A gateway on every node grows with the nodes; of one in a running cluster exports leave out what scales it.
        if matches!(workload.kind, "Deployment" | "StatefulSet") && !workload.scaling.observed {
            findings.extend(of_gateway(workload, &audit.estate.display(workload)));
        }
    }
}

/// A pool of the gateway that has as many nodes as it has.
fn fixed_pool(pool: &NodePool<'_>) -> Option<Finding> {
    let at = match pool.autoscaling {
        Setting::Known(scales) if scales.value => return None,
        Setting::Unknown(_) => return None,
        Setting::Known(scales) => scales.at,
        Setting::Absent => pool.name.at,
    };
    let message = format!("gateway pool `{}` does not scale, so the gateway cannot outgrow its nodes", pool.name);
    let finding = RULE.finding("pool-autoscaling", at, message).severity(Severity::Low);
    Some(finding.help("let the pool scale between two nodes and as many as the gateway may need"))
}

/// What is wanting for the gateway's pods.
fn of_gateway(workload: &Workload<'_>, name: &str) -> Vec<Finding> {
    let scaling = &workload.scaling;
    let at = workload.name.at;
    let mut findings = Vec::new();
    match scaling.autoscaler {
        None => findings.push(
            RULE.finding("no-hpa", at, format!("no autoscaler lets egress gateway `{name}` grow with its traffic"))
                .help("add a HorizontalPodAutoscaler for the gateway with two replicas or more"),
        ),
        Some(autoscaler) if autoscaler.min < 2 => {
            let (scaler, min) = (autoscaler.name, autoscaler.min);
            let message = format!("`{scaler}` lets egress gateway `{name}` shrink to as few as {min} of its pods");
            let finding = RULE.finding("min-replicas", autoscaler.min_at, message).see(at, "the gateway");
            findings.push(finding.help("set `minReplicas` to two or more"));
        }
        Some(_) => {}
    }
    if !scaling.has_budget {
        let message = format!("no disruption budget keeps pods of egress gateway `{name}` while nodes are drained");
        let finding = RULE.finding("pdb", at, message).severity(Severity::Low);
        findings.push(finding.help("add a PodDisruptionBudget that keeps one pod of the gateway or more"));
    }
    if !scaling.is_spread {
        let message = format!("egress gateway `{name}` leaves it to the scheduler whether its pods share a node");
        let finding = RULE.finding("spread", at, message).severity(Severity::Low);
        findings.push(finding.help("spread the pods over nodes and zones with `topologySpreadConstraints`"));
    }
    findings
}
