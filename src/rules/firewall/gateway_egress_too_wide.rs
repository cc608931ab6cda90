//! FW05: gateway nodes may open more than the web's ports to the internet.
use crate::analysis::destinations::outside;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Layer, Verdict};
use crate::rule::{Audit, Rule};
use crate::traffic::{PortSet, Protocol, Traffic, Transport};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-egress-too-wide",
    topic: "firewall",
    summary: "the gateway's nodes may reach the internet on more than the web's ports",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.2.5", "pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::Firewall],
    page: include_str!("../../../rules/firewall/gateway-egress-too-wide.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let web = PortSet::single(80).union(&PortSet::single(443));
    let needed = web.union(&audit.facts.egress.ports_beyond(audit.estate));
    let beyond = Transport::ports(Protocol::Tcp, needed).complement();
    let excess = |traffic: &Traffic| outside(traffic).restrict_transport(&beyond);
    let mut seen = Vec::new();
    for pool in audit.facts.pools.gateways().filter(|&pool| !audit.facts.pools.of(pool).applications) {
        let name = audit.estate.pools[pool].name;
        let egress = &audit.facts.firewall[pool];
        for piece in egress.pieces.iter().filter(|piece| piece.verdict == Verdict::Allow) {
            let Some(sample) = excess(&egress.certain_piece(piece)).first() else { continue };
            if !seen.contains(&piece.rule) {
                seen.push(piece.rule);
                let rule = &audit.estate.firewall[piece.rule];
                let message = format!(
                    "{} lets nodes of gateway pool `{name}` speak more than web to the internet, such as {}",
                    rule.shown(),
                    sample.spoken()
                );
                findings.push(RULE.finding("rule", rule.verdict_at, message).see(name.at, "the pool").help(HELP));
            }
        }
        if let Some(sample) = excess(&egress.falls_through()).first() {
            let message = format!(
                "no rule limits what nodes of gateway pool `{name}` speak to the internet, such as {}",
                sample.spoken()
            );
            findings.push(RULE.finding("implied", name.at, message).help(HELP));
        }
    }
}

const HELP: &str =
    "allow TCP 80 and 443, and the ports of TCP services that are routed through the gateway; deny the rest";
