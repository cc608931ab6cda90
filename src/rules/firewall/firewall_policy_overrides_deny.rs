//! FW08: a rule of a policy that is asked first allows what the network's own rules would deny.
use crate::analysis::destinations::outside;
use crate::analysis::firewall::{is_of_network, late_denial};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{FirewallRule, Layer, NodePool, PolicyLevel, RuleSet, Verdict};
use crate::rule::{Audit, Rule};
use crate::traffic::Traffic;

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
        for piece in egress.pieces.iter().filter(|piece| piece.verdict == Verdict::Allow) {
            let rule = &audit.estate.firewall[piece.rule];
            if is_of_network(rule) || seen.contains(&piece.rule) {
                continue;
            }
            let open = outside(&egress.certain_piece(piece));
            if let Some(finding) = overrides(rule, &open, &audit.estate.pools[index], audit) {
                seen.push(piece.rule);
                findings.push(finding);
            }
        }
    }
}

/// A policy's rule that lets a pool out although the network's own rules would not.
fn overrides(rule: &FirewallRule<'_>, open: &Traffic, pool: &NodePool<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let sample = open.first()?;
    let deny = late_denial(open, pool, audit.estate)?;
    let message = format!(
        "{} allows {} to {} for pool `{}`, before `{}` can deny it",
        layer(rule),
        sample.spoken(),
        sample.address,
        pool.name,
        deny.name
    );
    let finding = RULE.finding(variant(rule), rule.verdict_at, message);
    let finding = finding.see(deny.verdict_at, format!("`{}` denies it, too late", deny.name));
    Some(finding.see(pool.name.at, "the pool").help("let the policy's rule say `goto_next`, or match less"))
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
