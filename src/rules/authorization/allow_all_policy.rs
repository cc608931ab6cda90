//! AZ03: a policy at the egress gateway allows everything.

use crate::analysis::authorization::{Ruling, blind, rulings};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Action;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "allow-all-policy",
    topic: "authorization",
    summary: "a policy at the egress gateway allows everything to everybody",
    severity: Severity::Critical,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:7.2.1", "nsa-cisa:authentication-and-authorization"],
    needs: &[],
    page: include_str!("../../../rules/authorization/allow-all-policy.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for ruling in rulings(audit.estate, &audit.facts.egress) {
        let Ruling { policy, clause, proxy, .. } = &ruling;
        // Where nobody has an identity, a rule for everybody who has one matches nobody.
        if policy.action != Action::Allow || !clause.is_everything_known() || blind(&ruling).is_some() {
            continue;
        }
        let (variant, who) = if clause.is_everything() {
            ("everything", "everybody")
        } else {
            ("any-identity", "everybody in the mesh")
        };
        let message =
            format!("`{}` allows {who} everything at egress gateway `{}`", policy.name.value, proxy.name.value);
        let help = "say who may reach which host: `from` with namespaces or principals, `to` with hosts";
        findings.push(RULE.finding(variant, clause.at, message).help(help));
    }
}
