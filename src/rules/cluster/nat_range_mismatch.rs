//! CL02: a NAT does not cover the gateway's nodes, or covers every subnet of the network.
use crate::analysis::pools::covers;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Estate, Match, Nat, NodePool};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "nat-range-mismatch",
    topic: "cluster",
    summary: "a NAT misses the gateway's nodes, or translates more than it must",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/cluster/nat-range-mismatch.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for pool in audit.facts.pools.gateways() {
        findings.extend(uncovered(&audit.estate.pools[pool], audit.estate));
    }
    findings.extend(audit.estate.topology.nats.iter().filter_map(|nat| covers_all(nat, audit.estate)));
}

/// Private gateway nodes that no NAT of the input can serve, although there are some.
fn uncovered(pool: &NodePool<'_>, estate: &Estate<'_>) -> Option<Finding> {
    let is_private = pool.private.known().is_some_and(|private| private.value);
    let nats = &estate.topology.nats;
    let missed = nats.iter().all(|nat| covers(nat, pool, estate) == Match::No);
    if !is_private || nats.is_empty() || !missed {
        return None;
    }
    let message = format!("no NAT translates the addresses of gateway pool `{}`, whose nodes are private", pool.name);
    let finding = RULE.finding("missing", pool.name.at, message);
    let finding = nats.iter().take(5).fold(finding, |finding, nat| {
        finding.see(nat.name.at, format!("`{}` serves other subnets or another network", nat.name))
    });
    Some(finding.help("add the pool's subnet to a NAT of its network"))
}

fn covers_all(nat: &Nat<'_>, estate: &Estate<'_>) -> Option<Finding> {
    let ranges = nat.written.ranges.known().filter(|ranges| ranges.value == "ALL_SUBNETWORKS_ALL_IP_RANGES")?;
    let own = |link: Option<&crate::model::Link<'_>>| matches!((link, &nat.network), (Some(link), Some(own)) if link.is(own) == Match::Yes);
    let subnets = estate.topology.subnets.iter().filter(|subnet| own(subnet.network.as_ref())).count();
    let message = format!("`{}` translates every range of every subnet of its network", nat.name);
    // With a single subnet there is nothing to narrow: only the firewall tells nodes apart.
    let severity = if subnets > 1 { Severity::Medium } else { Severity::Low };
    let finding = RULE.finding("all-subnets", ranges.at, message).severity(severity);
    Some(
        finding.help(
            "list the subnet of the gateway's nodes, where they have one of their own; else rely on the firewall",
        ),
    )
}
