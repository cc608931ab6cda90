//! ND06: the pool of the egress gateway does not scale.
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Setting;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-not-scaled",
    topic: "nodes",
    summary: "the nodes of the egress gateway do not grow with it",
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
        if !pool.described || pool.provisioned || audit.facts.pools.of(index).applications {
            continue;
        }
        let (at, what) = match pool.autoscaling {
            Setting::Known(scales) if scales.value => continue,
            Setting::Unknown(_) => continue,
            Setting::Known(scales) => (scales.at, "turns off"),
            Setting::Absent => (pool.name.at, "leaves out"),
        };
        let message =
            format!("gateway pool `{}` {what} autoscaling, so the gateway cannot outgrow its nodes", pool.name);
        findings.push(
            RULE.finding("pool-autoscaling", at, message)
                .severity(Severity::Low)
                .help("let the pool scale between two nodes and as many as the gateway may need"),
        );
    }
}
