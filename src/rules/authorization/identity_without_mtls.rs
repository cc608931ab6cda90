//! AZ07: a policy decides by the client's identity on a listener that does not learn it.

use crate::analysis::authorization::{enforced, scope};
use crate::analysis::egress::EgressProxy;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Action, AuthorizationPolicy, Clause, Condition, Server, ServerMode};
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
    for proxy in &audit.facts.egress.proxies {
        for policy in enforced(proxy, audit.estate) {
            findings.extend(policy.clauses.iter().filter_map(|clause| finding(policy, clause, proxy, audit)));
        }
    }
}

fn finding(
    policy: &AuthorizationPolicy<'_>,
    clause: &Clause<'_>,
    proxy: &EgressProxy<'_>,
    audit: &Audit<'_>,
) -> Option<Finding> {
    let test = identity(policy.action, clause)?;
    let listeners: Vec<&Server<'_>> = scope(clause, proxy, audit.estate).collect();
    let blind: Vec<&&Server<'_>> = listeners.iter().filter(|server| !identifies(server)).collect();
    let first = blind.first()?;
    let fails_open = policy.action == Action::Deny || test.negative;
    // An ALLOW that works on one of its listeners fails closed on the others.
    if !fails_open && blind.len() < listeners.len() {
        return None;
    }
    let (variant, what) = match (policy.action, fails_open) {
        (_, false) => ("never-matches", "so it never allows anything there"),
        (Action::Deny, _) => ("deny-evaded", "so it never denies anything there"),
        (..) => ("anybody-passes", "so everybody passes for somebody else there"),
    };
    let message = format!(
        "`{}` decides by identity, which {} of egress gateway `{}` does not learn, {what}",
        policy.name.value,
        first.describe(),
        proxy.name.value
    );
    let finding = RULE.finding(variant, test.at, message);
    let finding = blind.iter().take(5).fold(finding, |finding, server| {
        finding.see(server.mode_at, "this listener asks for no certificate of the mesh")
    });
    Some(finding.help("set `tls.mode: ISTIO_MUTUAL` on the listener and in the destination rule for the gateway"))
}

/// The condition on identity by which a clause stands or falls: with ALLOW a negative one lets everybody pass who has none.
fn identity<'c, 'a>(action: Action, clause: &'c Clause<'a>) -> Option<&'c Condition<'a>> {
    let mut tests: Vec<&Condition<'a>> = clause.tests().filter(|test| test.attribute.is_identity()).collect();
    match action {
        Action::Allow => tests.sort_by_key(|test| test.negative),
        Action::Deny => tests.retain(|test| !test.negative),
        _ => tests.clear(),
    }
    tests.first().copied()
}

fn identifies(server: &Server<'_>) -> bool {
    matches!(server.mode, ServerMode::IstioMutual | ServerMode::Mutual | ServerMode::Unknown)
}
