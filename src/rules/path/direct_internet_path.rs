//! PA01: a workload reaches the internet without the gateway, past every layer.

use crate::analysis::exits::Exit;
use crate::finding::{Confidence, Finding, Parts, Severity};
use crate::model::Layer;
use crate::rule::exits::{Alike, is_direct_exit, packet};
use crate::rule::{Audit, Rule};
use crate::traffic::Protocol;

pub(crate) static RULE: Rule = Rule {
    id: "direct-internet-path",
    topic: "path",
    summary: "a workload can reach the internet directly: mesh, network policy and firewall all let it out",
    severity: Severity::Critical,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::NetworkPolicy, Layer::Scheduling, Layer::Firewall],
    page: include_str!("../../../rules/path/direct-internet-path.md"),
    check,
};

/// What opens each layer of a direct way.
const PARTS: &[&str] = &[
    "workload-outside-mesh",
    "host-network-workload",
    "runs-as-proxy-identity",
    "network-capability",
    "capture-excluded",
    "proxy-container-overridden",
    "uncaptured-init-container",
    "mesh-wide-capture-gap",
    "ambient-egress-gap",
    "outbound-allow-any",
    "mesh-bypass-path",
    "pivot-path",
    "missing-egress-isolation",
    "external-egress-allowed",
    "policy-type-mismatch/no-effect",
    "policy-type-mismatch/empty-egress",
    "network-policy-overridden",
    "network-policy-not-enforced",
    "implied-egress-allow",
    "ipv6-egress-open",
    "app-node-egress-allowed",
    "firewall-policy-overrides-deny",
    "single-control-path",
];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    // The weakest attacker's way, and of those over TCP.
    let rank = |exit: &Exit| (exit.tier, exit.sample.protocol != Protocol::Tcp);
    findings.extend(audit.exits_alike(is_direct_exit, rank).iter().filter_map(|alike| finding(alike, audit)));
}

fn finding(alike: &Alike<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let &first = alike.workloads.first()?;
    let exit = alike.exit;
    let message = format!(
        "{} reach the internet without the gateway, such as {}{}",
        audit.attacker(exit.tier, first),
        packet(&exit.sample),
        alike.others(),
    );
    let finding = RULE.finding(exit.tier.as_str(), audit.estate.workloads[first].name.at, message);
    let finding = audit.name_others(finding.witness(exit.witness(first, audit.estate, audit.facts)), alike);
    let parts = Parts { rules: PARTS, about: audit.places_of(alike), yields: false };
    Some(
        finding
            .made_of(parts)
            .help("close at least two of the hops: deny egress in the firewall and in a default-deny network policy"),
    )
}
