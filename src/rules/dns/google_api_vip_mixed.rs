//! DN02: both private addresses of Google's APIs are open, or the one that reaches everybody's data.
use crate::analysis::destinations::{answered, google_private, google_restricted};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{ClauseAction, Peer, PeerScope, Text, Verdict};
use crate::rule::{Audit, Rule};
use crate::traffic::AddressSet;

pub(crate) static RULE: Rule = Rule {
    id: "google-api-vip-mixed",
    topic: "dns",
    summary: "DNS and firewall disagree on how Google's APIs are reached, or all of them are",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/dns/google-api-vip-mixed.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let private = answered(google_private(), audit.estate);
    let restricted = answered(google_restricted(), audit.estate);
    match (private, restricted) {
        (Some(own), None) => {
            findings.extend(opened(google_restricted(), "restricted", own, audit));
            findings.extend(policies(google_restricted(), "restricted", own, audit));
            findings.push(reaches_everything(own, audit));
        }
        (None, Some(own)) => {
            findings.extend(opened(google_private(), "private", own, audit));
            findings.extend(policies(google_private(), "private", own, audit));
        }
        (Some(own), Some(other)) => findings.push(
            RULE.finding("mixed", other.at, "DNS answers with both private addresses of Google's APIs")
                .see(own.at, "the other address")
                .help("use one of the two, the restricted one behind a perimeter"),
        ),
        (None, None) => {}
    }
}

/// A rule of the firewall that opens the block that DNS does not use.
fn opened(other: &AddressSet, name: &str, used: Text<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let opens = |rule: usize| {
        let rule = &audit.estate.firewall[rule];
        let addresses = rule.traffic.addresses();
        // A rule for the whole internet says nothing about these.
        rule.verdict == Verdict::Allow
            && !addresses.intersection(other).is_empty()
            && addresses.intersection(crate::analysis::destinations::internet()).is_empty()
    };
    let pieces = audit.facts.firewall.iter().flat_map(|pool| pool.pieces.iter().map(|piece| piece.rule));
    let rule = pieces.filter(|&rule| opens(rule)).min_by_key(|&rule| audit.estate.firewall[rule].name.at)?;
    let rule = &audit.estate.firewall[rule];
    let message =
        format!("{} opens the {name} address of Google's APIs, and DNS answers with the other one", rule.shown());
    let finding = RULE.finding("mixed", rule.destinations_at.unwrap_or(rule.verdict_at), message);
    let finding = if audit.estate.iam.perimeters.is_empty() { finding } else { finding.severity(Severity::High) };
    Some(finding.see(used.at, "what DNS answers").help("open the address that DNS answers with, and no other"))
}

/// Network policies that open the block that DNS does not use.
fn policies(other: &AddressSet, name: &str, used: Text<'_>, audit: &Audit<'_>) -> Vec<Finding> {
    let opens = |peer: &&Peer<'_>| match &peer.scope {
        PeerScope::Addresses(addresses) | PeerScope::Networks(addresses) | PeerScope::Outside(addresses) => {
            !addresses.intersection(other).is_empty()
                && addresses.intersection(crate::analysis::destinations::internet()).is_empty()
        }
        PeerScope::Nodes(_) | PeerScope::Pods(_) | PeerScope::Names(_) | PeerScope::Unknown(_) => false,
    };
    let mut findings = Vec::new();
    for policy in &audit.estate.network_policies {
        let clauses = policy.egress.clauses.iter().filter(|clause| clause.action == ClauseAction::Allow);
        let Some(peer) = clauses.flat_map(|clause| clause.peers.iter().flatten()).find(opens) else { continue };
        let message = format!(
            "network policy `{}` opens the {name} address of Google's APIs, and DNS answers with the other one",
            policy.name
        );
        findings.push(
            RULE.finding("mixed", peer.at, message)
                .see(used.at, "what DNS answers")
                .help("open the address that DNS answers with, and no other"),
        );
    }
    findings
}

/// The private address leads to every project's data: only a perimeter keeps what is taken there inside.
fn reaches_everything(used: Text<'_>, audit: &Audit<'_>) -> Finding {
    let perimeters = &audit.estate.iam.perimeters;
    let (message, confidence) = if perimeters.is_empty() {
        (
            "DNS sends Google's APIs to the address that reaches every project's data, and no perimeter is in the input",
            Confidence::Low,
        )
    } else {
        (
            "DNS sends Google's APIs to the address that reaches every project's data, past the perimeter",
            Confidence::Medium,
        )
    };
    let finding = RULE.finding("private-vip", used.at, message).confidence(confidence);
    let finding =
        perimeters.iter().take(1).fold(finding, |finding, perimeter| finding.see(perimeter.name.at, "the perimeter"));
    finding.help("answer with 199.36.153.4/30 and protect the project with a perimeter")
}
