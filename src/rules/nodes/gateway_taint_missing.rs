//! ND02: the gateway's pool has no taint that keeps every other pod away.
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Effect, NodePool, Taint};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-taint-missing",
    topic: "nodes",
    summary: "no taint, or one that can be passed over, keeps others off the gateway's nodes",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.4.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/nodes/gateway-taint-missing.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for (index, pool) in audit.estate.pools.iter().enumerate().filter(|(_, pool)| pool.taints_unknown.is_none()) {
        let of = audit.facts.pools.of(index);
        // A pool that the gateway shares by design has no taint to be missed: that is `gateway-nodes-shared`.
        let is_own = of.gateway
            && (!of.applications
                || audit.facts.egress.workloads.iter().any(|&gateway| {
                    let landings = audit.facts.placement.landings(gateway);
                    landings.len() == 1 && landings[0].pool == index
                }));
        if is_own && !pool.provisioned {
            findings.extend(judge(pool));
        }
    }
}

const HELP: &str = "taint the pool with `NO_EXECUTE` as well as `NO_SCHEDULE`, and let the gateway alone tolerate it";

fn judge(pool: &NodePool<'_>) -> Option<Finding> {
    let own: Vec<&Taint<'_>> = pool.taints.iter().filter(|taint| !taint.automatic).collect();
    let with = |effect: Effect| own.iter().find(|taint| taint.effect == effect);
    if with(Effect::NoExecute).is_some() || with(Effect::Unknown).is_some() {
        return None;
    }
    let finding = if let Some(taint) = with(Effect::NoSchedule) {
        let message = format!(
            "the taint of gateway pool `{}` does not stop pods that name their node and so pass the scheduler over",
            pool.name
        );
        RULE.finding("noschedule-only", taint.effect_at, message).severity(Severity::Medium)
    } else if let Some(taint) = with(Effect::PreferNoSchedule) {
        let message = format!("the taint of gateway pool `{}` only asks to keep away, and keeps nobody off", pool.name);
        RULE.finding("soft", taint.effect_at, message)
    } else {
        let message = format!("gateway pool `{}` has no taint, so any pod may run there", pool.name);
        RULE.finding("missing", pool.name.at, message)
    };
    Some(finding.help(HELP))
}
