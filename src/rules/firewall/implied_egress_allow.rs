//! FW01: what leaves the nodes of an application pool falls through to the implied allow.

use std::cmp::Reverse;

use crate::analysis::destinations::outside;
use crate::analysis::firewall::{applies, is_of_network};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, FirewallRule, Layer, Match, NodePool, Verdict};
use crate::rule::{Audit, Rule};
use crate::traffic::{Protocol, Traffic, Transport};

pub(crate) static RULE: Rule = Rule {
    id: "implied-egress-allow",
    topic: "firewall",
    summary: "no firewall rule denies what leaves an application node pool",
    severity: Severity::Critical,
    confidence: Confidence::High,
    controls: &["cis-gke:5.6.6", "pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::Firewall, Layer::Scheduling],
    page: include_str!("../../../rules/firewall/implied-egress-allow.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for index in audit.facts.pools.applications() {
        findings.extend(falls_through(index, &audit.estate.pools[index], audit));
    }
}

fn falls_through(index: usize, pool: &NodePool<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let open = outside(&audit.facts.firewall[index].falls_through());
    let of_applications = Transport::protocol(Protocol::Tcp).union(&Transport::protocol(Protocol::Udp));
    let usual = open.restrict_transport(&of_applications);
    // Without TCP and UDP there is little that leaves, though ICMP carries what one puts into it.
    let (variant, severity, open) = if usual.is_empty() {
        let icmp = open.restrict_transport(&Transport::protocol(Protocol::ICMP));
        ("other-protocols", Severity::Medium, if icmp.is_empty() { open } else { icmp })
    } else {
        ("no-deny", Severity::Critical, usual)
    };
    let sample = open.first()?;
    let message = format!(
        "egress from node pool `{}` falls through to the implied rule that allows it, such as {} to {}",
        pool.name.value,
        sample.spoken(),
        sample.address,
    );
    let mut finding = RULE.finding(variant, pool.name.at, message).severity(severity);
    // Those that come closest: what is switched off, then what comes last.
    let denies = |rule: &&FirewallRule<'_>| rule.verdict == Verdict::Deny && rule.direction == Direction::Egress;
    let mut denials: Vec<&FirewallRule<'_>> = audit.estate.firewall.iter().filter(denies).collect();
    denials.sort_by_key(|rule| (rule.disabled.is_none(), Reverse(rule.priority), rule.name.at));
    for rule in denials.into_iter().take(5) {
        finding = match rule.disabled {
            Some(at) => finding.see(at, format!("{} would deny, but is disabled", rule.shown())),
            None => finding.see(rule.verdict_at, format!("{} does not cover it for this pool", rule.shown())),
        };
    }
    for workload in audit.facts.placement.tenants_on(index, audit.estate).take(5) {
        let workload = &audit.estate.workloads[workload];
        finding = finding.see(workload.name.at, format!("`{}` can run there", audit.estate.display(workload)));
    }
    Some(finding.help(help(pool, &open, audit)))
}

/// A denial that covers all of it and is merely switched off need not be written once more.
fn help(pool: &NodePool<'_>, open: &Traffic, audit: &Audit<'_>) -> String {
    let covers = |rule: &&FirewallRule<'_>| {
        rule.disabled.is_some()
            && rule.unknown.is_none()
            && (rule.verdict, rule.direction) == (Verdict::Deny, Direction::Egress)
            && is_of_network(rule)
            && applies(rule, pool) == Match::Yes
            && open.difference(&rule.traffic).first().is_none()
    };
    let to_do = match audit.estate.firewall.iter().find(covers) {
        Some(rule) => format!("enable {}, which denies all of it for this pool", rule.shown()),
        None => "add an EGRESS rule that denies all protocols to 0.0.0.0/0 with priority 65535".to_owned(),
    };
    format!("{to_do}, and allow what is needed above it")
}
