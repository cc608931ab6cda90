//! AZ01: no authorization policy holds at the egress gateway.

use crate::analysis::authorization::{Attachment, attachment, is_judging};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Layer;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-without-authorization",
    topic: "authorization",
    summary: "no authorization policy is enforced at the egress gateway",
    severity: Severity::Critical,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "pci-dss-4.0:7.2.1", "nsa-cisa:authentication-and-authorization"],
    needs: &[Layer::Authorization],
    page: include_str!("../../../rules/authorization/gateway-without-authorization.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let policies = &audit.estate.mesh.authorization_policies;
    for proxy in audit.facts.egress.proxies.iter().filter(|proxy| is_judging(proxy, audit.estate)) {
        let attached = |attachment: Attachment| !matches!(attachment, Attachment::Not(_));
        if policies.iter().any(|policy| attached(attachment(policy, proxy, audit.estate))) {
            continue;
        }
        let message = format!("no authorization policy is enforced at egress gateway `{}`", proxy.name.value);
        let mut finding = RULE.finding("none", proxy.name.at, message);
        for policy in policies.iter().take(5) {
            if let Attachment::Not(why) = attachment(policy, proxy, audit.estate) {
                finding =
                    finding.see(policy.name.at, format!("`{}` does not hold: {}", policy.name.value, why.as_str()));
            }
        }
        findings.push(
            finding.help("add a policy with `spec: {}` in the gateway's namespace, and allow what each team needs"),
        );
    }
}
