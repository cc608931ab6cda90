//! AZ02: the egress gateway has no explicit policy that denies everything that is not allowed.

use crate::analysis::authorization::enforced;
use crate::finding::{Confidence, Finding, Severity};
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
    for proxy in &audit.facts.egress.proxies {
        let policies: Vec<&AuthorizationPolicy<'_>> = enforced(proxy, audit.estate).collect();
        // Where nothing holds at all, another rule says so.
        if policies.is_empty() || policies.iter().any(|policy| policy.is_deny_all()) {
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
