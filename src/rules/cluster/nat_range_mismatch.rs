//! CL02: a NAT does not cover the gateway's nodes, or covers every subnet of the network.
use crate::analysis::pools::{covers, reaches_internet};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Estate, Match, Nat, NodePool, Subnet};
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
    for nat in &audit.estate.topology.nats {
        findings.extend(covers_all(nat, audit.estate));
        findings.extend(serves_applications(nat, audit));
    }
}

fn is_private(pool: &NodePool<'_>) -> bool {
    pool.private.known().is_some_and(|private| private.value)
}

/// Private gateway nodes that no NAT of the input can serve, although there are some.
fn uncovered(pool: &NodePool<'_>, estate: &Estate<'_>) -> Option<Finding> {
    let nats = &estate.topology.nats;
    let missed = nats.iter().all(|nat| covers(nat, pool, estate) == Match::No);
    if !is_private(pool) || !missed || (nats.is_empty() && !estate.evidence.cloud_is_complete()) {
        return None;
    }
    let message = format!("no NAT translates the addresses of gateway pool `{}`, whose nodes are private", pool.name);
    let finding = RULE.finding("missing", pool.name.at, message);
    let finding = nats.iter().take(5).fold(finding, |finding, nat| {
        finding.see(nat.name.at, format!("`{}` serves other ranges, another region or another network", nat.name))
    });
    Some(finding.help("add the range by which the pool's traffic leaves to a NAT of its network and region"))
}

fn covers_all(nat: &Nat<'_>, estate: &Estate<'_>) -> Option<Finding> {
    let ranges = nat.written.ranges.known().filter(|ranges| ranges.value == "ALL_SUBNETWORKS_ALL_IP_RANGES")?;
    let is_own = |subnet: &&Subnet<'_>| match (&subnet.network, &nat.network) {
        (Some(of_subnet), Some(own)) => of_subnet.is(own) == Match::Yes,
        _ => false,
    };
    let message = format!("`{}` translates every range of every subnet of its network", nat.name);
    let finding = RULE.finding("all-subnets", ranges.at, message);
    let narrowed =
        "list the subnet of the gateway's nodes, where they have one of their own; else rely on the firewall";
    // With a single subnet there is nothing to narrow: only the firewall tells nodes apart.
    Some(match estate.topology.subnets.iter().filter(is_own).count() {
        0 => finding.severity(Severity::Low).help(narrowed),
        1 => finding
            .severity(Severity::Low)
            .help("with a single subnet this cannot be narrowed to the gateway: let the firewall tell its nodes apart"),
        _ => finding.help(narrowed),
    })
}

/// A NAT that is the way out of application nodes which no firewall rule holds back.
fn serves_applications(nat: &Nat<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let is_open = |&pool: &usize| {
        let of_pool = &audit.estate.pools[pool];
        is_private(of_pool)
            && covers(nat, of_pool, audit.estate) == Match::Yes
            && reaches_internet(&audit.facts.firewall[pool].falls_through())
    };
    let pool = audit.facts.pools.applications().find(is_open)?;
    let name = audit.estate.pools[pool].name;
    let message = format!(
        "`{}` is a way out for nodes of application pool `{name}`, which no firewall rule holds back",
        nat.name
    );
    let at = nat.written.ranges.known().map_or(nat.name.at, |ranges| ranges.at);
    let finding = RULE.finding("app-ranges", at, message).severity(Severity::Low).see(name.at, "the pool");
    Some(finding.help("deny egress from application nodes by the firewall; the NAT alone cannot tell them apart"))
}
