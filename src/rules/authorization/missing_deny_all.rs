//! AZ02: the egress gateway has no explicit policy that denies everything that is not allowed.

use crate::analysis::authorization::{enforced, is_judging};
use crate::finding::{Confidence, Finding, Fix, Severity};
use crate::model::{Action, AuthorizationPolicy, Layer};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "missing-deny-all",
    topic: "authorization",
    summary: "the egress gateway has no explicit deny-all policy",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "pci-dss-4.0:7.3.3", "nsa-cisa:authentication-and-authorization"],
    needs: &[Layer::Authorization],
    page: include_str!("../../../rules/authorization/missing-deny-all.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for proxy in audit.facts.egress.proxies.iter().filter(|proxy| is_judging(proxy, audit.estate)) {
        let policies: Vec<&AuthorizationPolicy<'_>> = enforced(proxy, audit.estate).collect();
        // Where nothing holds at all, another rule says so.
        if policies.is_empty() || policies.iter().any(|policy| policy.is_deny_all()) {
            continue;
        }
        let idle = policies.iter().find(|policy| policy.action == Action::Deny && policy.clauses.is_empty());
        if let Some(policy) = idle {
            let message = format!(
                "`{}` denies nothing: DENY without rules matches nothing, and it is ALLOW without rules that denies everything",
                policy.name.value
            );
            let finding = RULE.finding("deny-without-rules", policy.action_at, message);
            // Where another policy allows, what none allows is denied already, so that the edit takes nothing away.
            let is_safe = policies.iter().any(|policy| policy.action == Action::Allow && !policy.clauses.is_empty());
            let fix =
                Fix::set(policy.action_at, "ALLOW").titled("write `ALLOW`, which without rules denies everything");
            findings.push(
                finding.help("leave `action` out, so that the policy allows nothing").fix(is_safe.then_some(fix)),
            );
            continue;
        }
        if !policies.iter().any(|policy| policy.action == Action::Allow) {
            let message = format!(
                "only policies that deny hold at egress gateway `{}`, so whatever they do not name passes",
                proxy.name.value
            );
            let finding = RULE.finding("deny-only", proxy.name.at, message).severity(Severity::High);
            findings.push(finding.help("add an AuthorizationPolicy with `spec: {}`, and allow what each team needs"));
            continue;
        }
        let allows = policies.iter().filter(|policy| policy.action == Action::Allow);
        let message = format!(
            "egress gateway `{}` has no policy that denies everything by itself, so deleting its last ALLOW policy opens it",
            proxy.name.value
        );
        let finding = RULE.finding("no-baseline", proxy.name.at, message);
        let finding = allows.take(5).fold(finding, |finding, policy| {
            finding.see(policy.name.at, "denies the rest only as long as it is there")
        });
        findings.push(finding.help("add an AuthorizationPolicy with `spec: {}` in the gateway's namespace"));
    }
}
