//! FW04: a rule allows what leaves an application node pool for the internet.
use std::collections::BTreeMap;

use crate::analysis::destinations::internet;
use crate::analysis::firewall::is_of_network;
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
            let outside = egress.certain_piece(piece).restrict_addresses(internet());
            if is_of_network(&audit.estate.firewall[piece.rule]) && !outside.is_empty() {
                let (open, pools) = by_rule.entry(piece.rule).or_insert_with(|| (Traffic::none(), Vec::new()));
                *open = open.union(&outside);
                pools.push(pool);
            }
        }
    }
    for (index, (open, pools)) in by_rule {
        let rule = &audit.estate.firewall[index];
        let (Some(sample), Some(&first)) = (open.first(), pools.first()) else { continue };
        let more = if pools.len() > 1 { format!(" and {} more", pools.len() - 1) } else { String::new() };
        let packet =
            sample.port.map_or_else(|| sample.protocol.to_string(), |port| format!("{} {port}", sample.protocol));
        let message = format!(
            "`{}` lets nodes of pool `{}`{more} reach the internet, such as {packet} to {}",
            rule.name, audit.estate.pools[first].name, sample.address
        );
        let confidence = if audit.facts.pools.of(first).certain { Confidence::High } else { Confidence::Medium };
        let at = rule.destinations_at.unwrap_or(rule.verdict_at);
        let mut finding = RULE.finding(variant(&open), at, message).confidence(confidence);
        for &pool in pools.iter().take(5) {
            let pool = &audit.estate.pools[pool];
            finding =
                finding.see(pool.identity_at.unwrap_or(pool.name.at), format!("pool `{}` is a target", pool.name));
        }
        findings
            .push(finding.help("limit the rule to the gateway's service account, or to the addresses that are needed"));
    }
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
