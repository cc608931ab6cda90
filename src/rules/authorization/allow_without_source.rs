//! AZ04: a policy at the egress gateway allows something to whoever asks.

use crate::analysis::authorization::enforced;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Action, Attribute, Clause, Condition};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "allow-without-source",
    topic: "authorization",
    summary: "a policy at the egress gateway allows traffic whatever workload it comes from",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:7.2.1", "nsa-cisa:authentication-and-authorization"],
    needs: &[],
    page: include_str!("../../../rules/authorization/allow-without-source.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for proxy in &audit.facts.egress.proxies {
        for policy in enforced(proxy, audit.estate).filter(|policy| policy.action == Action::Allow) {
            for clause in policy.clauses.iter().filter(|clause| !clause.is_everything() && !names_source(clause)) {
                let by_address = clause.tests().any(|test| test.attribute.is_client_address());
                let (variant, what) = if by_address {
                    ("address", "knows its clients by address alone, which is no identity")
                } else {
                    ("anybody", "allows this to every workload that reaches the gateway")
                };
                let message = format!("`{}` {what}", policy.name.value);
                let help = "name the source by `principals`, `serviceAccounts` or `namespaces`, over ISTIO_MUTUAL";
                findings.push(RULE.finding(variant, clause.at, message).help(help));
            }
        }
    }
}

/// Whether only clients with an identity of some kind pass: in each of the sources, or in a condition on all of them.
fn names_source(clause: &Clause<'_>) -> bool {
    let is_identity =
        |test: &Condition<'_>| test.attribute.is_identity() || test.attribute == Attribute::RequestPrincipal;
    let each = !clause.sources.is_empty() && clause.sources.iter().all(|source| source.list.iter().any(is_identity));
    each || clause.conditions.iter().any(is_identity)
}
