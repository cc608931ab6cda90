//! AZ04: a policy at the egress gateway allows something to whoever asks.

use crate::analysis::authorization::{Ruling, blind, rulings};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Action, Clause, Condition};
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
    for ruling in rulings(audit.estate, &audit.facts.egress) {
        let Ruling { policy, clause, .. } = &ruling;
        // A rule that allows everything, and one that decides by an identity that is not there, have rules of their own.
        let is_told = policy.action != Action::Allow || clause.is_everything_known() || blind(&ruling).is_some();
        if is_told || every_way(clause, is_somebody) {
            continue;
        }
        let by_address = clause.tests().any(|test| test.attribute.is_client_address());
        let (variant, what) = if every_way(clause, is_known) {
            ("any-identity", "allows this to whatever workload of the mesh reaches the gateway")
        } else if by_address {
            ("address", "knows its clients by address alone, which is no identity")
        } else {
            ("anybody", "allows this to every workload that reaches the gateway")
        };
        let message = format!("`{}` {what}", policy.name.value);
        let help = "name the source by `principals`, `serviceAccounts` or `namespaces`, over ISTIO_MUTUAL";
        findings.push(RULE.finding(variant, clause.at, message).help(help));
    }
}

/// Whether only clients that pass such a test pass at all: in each of the sources, or in a condition on all of them.
fn every_way(clause: &Clause<'_>, test: fn(&Condition<'_>) -> bool) -> bool {
    let each = !clause.sources.is_empty() && clause.sources.iter().all(|source| source.list.iter().any(test));
    each || clause.conditions.iter().any(test)
}

fn is_known(test: &Condition<'_>) -> bool {
    test.attribute.is_identity() || test.attribute.is_of_token()
}

/// An identity of `*` is that of everybody who has one.
fn is_somebody(test: &Condition<'_>) -> bool {
    is_known(test) && !test.is_any()
}
