//! FW08: a rule of a policy that is asked first allows what the network's own rules would deny.
use crate::analysis::destinations::internet;
use crate::analysis::firewall::{applies, is_of_network};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, FirewallRule, Layer, Match, PolicyLevel, RuleSet, Verdict};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "firewall-policy-overrides-deny",
    topic: "firewall",
    summary: "a firewall policy allows what the network's own rules deny",
    severity: Severity::Critical,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::Scheduling],
    page: include_str!("../../../rules/firewall/firewall-policy-overrides-deny.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut seen = Vec::new();
    for index in audit.facts.pools.applications() {
        let egress = &audit.facts.firewall[index];
        let pool = &audit.estate.pools[index];
        for piece in egress.pieces.iter().filter(|piece| piece.verdict == Verdict::Allow) {
            let rule = &audit.estate.firewall[piece.rule];
            let open = egress.certain_piece(piece).restrict_addresses(internet());
            let denies = |other: &&FirewallRule<'_>| {
                is_of_network(other)
                    && other.verdict == Verdict::Deny
                    && other.direction == Direction::Egress
                    && other.disabled.is_none()
                    && applies(other, pool) == Match::Yes
                    && !other.traffic.intersection(&open).is_empty()
            };
            let deny = audit.estate.firewall.iter().find(denies);
            let (Some(deny), Some(sample)) =
                (deny.filter(|_| !is_of_network(rule) && !seen.contains(&rule.verdict_at)), open.first())
            else {
                continue;
            };
            seen.push(rule.verdict_at);
            let packet =
                sample.port.map_or_else(|| sample.protocol.to_string(), |port| format!("{} {port}", sample.protocol));
            let message = format!(
                "{} allows {packet} to {} for pool `{}`, before `{}` can deny it",
                layer(rule),
                sample.address,
                pool.name,
                deny.name
            );
            findings.push(
                RULE.finding(variant(rule), rule.verdict_at, message)
                    .see(deny.verdict_at, format!("`{}` denies it, too late", deny.name))
                    .see(pool.name.at, "the pool")
                    .help("let the policy's rule say `goto_next`, or match less"),
            );
        }
    }
}

fn variant(rule: &FirewallRule<'_>) -> &'static str {
    match rule.set {
        RuleSet::Policy(PolicyLevel::Hierarchical, _) => "hierarchical",
        RuleSet::Policy(..) | RuleSet::Vpc => "network",
    }
}

fn layer(rule: &FirewallRule<'_>) -> &'static str {
    match rule.set {
        RuleSet::Policy(PolicyLevel::Hierarchical, _) => "a policy of the organization or a folder",
        RuleSet::Policy(..) | RuleSet::Vpc => "a policy of the network",
    }
}
