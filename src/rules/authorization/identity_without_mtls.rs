//! AZ07: a policy decides by the client's identity on a listener that does not learn it.

use crate::analysis::authorization::{Ruling, blind, rulings};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Action;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "identity-without-mtls",
    topic: "authorization",
    summary: "a policy decides by identity on a gateway listener that does not ask for one",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["nsa-cisa:authentication-and-authorization"],
    needs: &[],
    page: include_str!("../../../rules/authorization/identity-without-mtls.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    findings.extend(rulings(audit.estate, &audit.facts.egress).iter().filter_map(finding));
}

fn finding(ruling: &Ruling<'_, '_>) -> Option<Finding> {
    let blind = blind(ruling)?;
    let first = blind.servers.first()?;
    let (variant, what) = match (ruling.policy.action, blind.fails_open) {
        (_, false) => ("never-matches", "so it never allows anything there"),
        (Action::Deny, _) => ("deny-evaded", "so it never denies anything there"),
        (..) => ("anybody-passes", "so everybody passes for somebody else there"),
    };
    let message = format!(
        "`{}` decides by identity, which {} of egress gateway `{}` does not learn, {what}",
        ruling.policy.name.value,
        first.describe(),
        ruling.proxy.name.value
    );
    let finding = RULE.finding(variant, blind.test.values.first().map_or(blind.test.at, |value| value.at), message);
    let finding = blind.servers.iter().take(5).fold(finding, |finding, server| {
        finding.see(server.mode_at, "this listener asks for no certificate of the mesh")
    });
    Some(finding.help("set `tls.mode: ISTIO_MUTUAL` on the listener and in the destination rule for the gateway"))
}
