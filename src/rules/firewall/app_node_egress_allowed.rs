//! FW04: a rule allows what leaves an application node pool for the internet.
use std::collections::BTreeMap;

use crate::analysis::destinations::outside;
use crate::analysis::firewall::{is_of_network, late_denial};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Layer, Verdict};
use crate::rule::{Audit, Rule};
use crate::traffic::{PortSet, Protocol, Traffic, Transport};

pub(crate) static RULE: Rule = Rule {
    id: "app-node-egress-allowed",
    topic: "firewall",
    summary: "a firewall rule lets application nodes reach the internet",
    severity: Severity::Critical,
    confidence: Confidence::High,
    controls: &["cis-gke:5.6.6", "pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::Scheduling],
    page: include_str!("../../../rules/firewall/app-node-egress-allowed.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut by_rule: BTreeMap<usize, (Traffic, Vec<usize>)> = BTreeMap::new();
    for pool in audit.facts.pools.applications() {
        let egress = &audit.facts.firewall[pool];
        for piece in egress.pieces.iter().filter(|piece| piece.verdict == Verdict::Allow) {
            let leaves = outside(&egress.certain_piece(piece));
            if !leaves.is_empty() && !is_said_elsewhere(piece.rule, &leaves, pool, audit) {
                let (open, pools) = by_rule.entry(piece.rule).or_insert_with(|| (Traffic::none(), Vec::new()));
                *open = open.union(&leaves);
                pools.push(pool);
            }
        }
    }
    findings.extend(by_rule.into_iter().filter_map(|(rule, (open, pools))| allowed(rule, &open, &pools, audit)));
}

/// What a policy allows although the network's own rules deny it is `firewall-policy-overrides-deny`.
fn is_said_elsewhere(rule: usize, open: &Traffic, pool: usize, audit: &Audit<'_>) -> bool {
    !is_of_network(&audit.estate.firewall[rule]) && late_denial(open, &audit.estate.pools[pool], audit.estate).is_some()
}

fn allowed(rule: usize, open: &Traffic, pools: &[usize], audit: &Audit<'_>) -> Option<Finding> {
    let rule = &audit.estate.firewall[rule];
    let (sample, &first) = (open.first()?, pools.first()?);
    let more = if pools.len() > 1 { format!(" and {} more", pools.len() - 1) } else { String::new() };
    let message = format!(
        "{} lets nodes of pool `{}`{more} reach the internet, such as {} to {}",
        rule.shown(),
        audit.estate.pools[first].name,
        sample.spoken(),
        sample.address
    );
    let confidence = if audit.facts.pools.of(first).certain { Confidence::High } else { Confidence::Medium };
    let at = rule.destinations_at.unwrap_or(rule.verdict_at);
    let finding = RULE.finding(variant(open), at, message).confidence(confidence);
    let finding = pools.iter().take(5).map(|&pool| &audit.estate.pools[pool]).fold(finding, |finding, pool| {
        finding.see(pool.identity_at.unwrap_or(pool.name.at), format!("pool `{}` is a target", pool.name))
    });
    Some(finding.help("limit the rule to the gateway's service account, or to the addresses that are needed"))
}

fn variant(open: &Traffic) -> &'static str {
    let speaks = |transport: Transport| !open.restrict_transport(&transport).is_empty();
    let tcp = |ports: PortSet| Transport::ports(Protocol::Tcp, ports);
    if speaks(tcp(PortSet::single(22))) && speaks(tcp(PortSet::single(443))) && speaks(tcp(PortSet::single(5432))) {
        "any-tcp"
    } else if speaks(tcp(PortSet::single(443))) || speaks(tcp(PortSet::single(80))) {
        "web"
    } else if speaks(tcp(PortSet::single(53))) || speaks(Transport::ports(Protocol::Udp, PortSet::single(53))) {
        "dns"
    } else {
        "other"
    }
}
