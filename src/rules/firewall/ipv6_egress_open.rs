//! FW02: rules for IPv4 say nothing about IPv6, which leaves.
use crate::analysis::destinations::{internet, internet_v6};
use crate::analysis::pools::ipv6_stack;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, FirewallRule, Layer, Match, NodePool, Text, Verdict};
use crate::rule::{Audit, Rule};
use crate::traffic::Traffic;

pub(crate) static RULE: Rule = Rule {
    id: "ipv6-egress-open",
    topic: "firewall",
    summary: "IPv6 leaves an application node pool, although IPv4 does not",
    severity: Severity::Critical,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::Firewall, Layer::Scheduling],
    page: include_str!("../../../rules/firewall/ipv6-egress-open.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut seen = Vec::new();
    for index in audit.facts.pools.applications() {
        let pool = &audit.estate.pools[index];
        let egress = &audit.facts.firewall[index];
        let open = egress.certainly_allowed().restrict_addresses(internet_v6());
        if open.is_empty() {
            continue;
        }
        let finding = match ipv6_stack(pool, audit.estate) {
            Some((stack, external)) => dual_stack(pool, stack, external, &open),
            None => single_stack(index, audit),
        };
        // What a subnet or a rule does for several pools is said once.
        findings.extend(finding.filter(|finding| !seen.contains(&finding.at)).inspect(|finding| seen.push(finding.at)));
    }
}

const HELP: &str = "add an EGRESS rule that denies all protocols to ::/0 with priority 65535";

fn dual_stack(pool: &NodePool<'_>, stack: Text<'_>, external: Match, open: &Traffic) -> Option<Finding> {
    let sample = open.first()?;
    let (variant, severity, addresses) = match external {
        Match::Yes => ("external", Severity::Critical, ""),
        Match::No => ("internal", Severity::Low, ""),
        Match::Unknown => {
            ("access-unknown", Severity::Medium, "; the input leaves open whether their addresses are public")
        }
    };
    let message = format!(
        "nodes of pool `{}` speak IPv6, and no rule denies it, such as {} to {}{addresses}",
        pool.name,
        sample.spoken(),
        sample.address
    );
    let finding = RULE.finding(variant, stack.at, message).severity(severity);
    Some(finding.see(pool.name.at, "the pool").help(HELP))
}

/// Nothing in the input speaks IPv6 yet: the rule that denies IPv4 is the place where the other half is wanting.
fn single_stack(index: usize, audit: &Audit<'_>) -> Option<Finding> {
    let egress = &audit.facts.firewall[index];
    let denies_all = |rule: &FirewallRule<'_>| {
        rule.verdict == Verdict::Deny
            && rule.direction == Direction::Egress
            && internet().is_subset(&rule.traffic.addresses())
    };
    let pieces = egress.pieces.iter().map(|piece| &audit.estate.firewall[piece.rule]);
    let rule = pieces.filter(|rule| denies_all(rule)).max_by_key(|rule| rule.priority)?;
    let message = format!("{} denies IPv4 alone: IPv6 would leave as soon as a subnet speaks it", rule.shown());
    let at = rule.destinations_at.unwrap_or(rule.verdict_at);
    Some(RULE.finding("single-stack", at, message).severity(Severity::Info).help(HELP))
}
