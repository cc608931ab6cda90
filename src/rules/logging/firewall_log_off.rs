//! LG03: the denial of everything, or what the gateway is allowed, leaves no trace.
use crate::analysis::destinations::internet;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, FirewallRule, Setting, Verdict};
use crate::rule::{Audit, Rule};
use crate::traffic::{Traffic, Transport};

pub(crate) static RULE: Rule = Rule {
    id: "firewall-log-off",
    topic: "logging",
    summary: "the rules that decide about egress do not log",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:10.2.1", "nsa-cisa:logging"],
    needs: &[],
    page: include_str!("../../../rules/logging/firewall-log-off.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let everything = Traffic::new(internet(), Transport::all());
    for (index, rule) in audit.estate.firewall.iter().enumerate() {
        let in_force = rule.direction == Direction::Egress && rule.disabled.is_none() && rule.unknown.is_none();
        let variant = match rule.verdict {
            Verdict::Deny if everything.is_subset(&rule.traffic) => "deny-all",
            Verdict::Allow if serves_gateway(index, audit) => "gateway-allow",
            _ => continue,
        };
        findings.extend(in_force.then(|| silent(rule, variant)).flatten());
    }
}

/// Whether the rule lets a gateway's nodes reach the internet.
fn serves_gateway(rule: usize, audit: &Audit<'_>) -> bool {
    audit.facts.pools.gateways().any(|pool| {
        let pieces = audit.facts.firewall[pool].pieces.iter().filter(|piece| piece.rule == rule);
        pieces.into_iter().any(|piece| !piece.traffic.restrict_addresses(internet()).is_empty())
    })
}

fn silent(rule: &FirewallRule<'_>, variant: &'static str) -> Option<Finding> {
    let what = if variant == "deny-all" { "denies egress" } else { "lets the gateway out" };
    let at = match rule.logging {
        Setting::Known(on) if on.value => return None,
        Setting::Unknown(_) => return None,
        Setting::Known(off) => off.at,
        Setting::Absent => rule.name.at,
    };
    let message = format!("{} {what} and does not log", rule.shown());
    Some(RULE.finding(variant, at, message).help("enable the rule's log"))
}
