//! PA08: a workload reaches private addresses that are not the cluster's own, and what is connected there.

use crate::analysis::capture::Tier;
use crate::analysis::exits::{Exit, Verdict, Via};
use crate::finding::{Confidence, Finding, Parts, Severity};
use crate::model::{Layer, NextHop};
use crate::rule::exits::{Alike, packet};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "private-network-path",
    topic: "path",
    summary: "a workload can reach private networks outside of the cluster, which may lead on",
    severity: Severity::Medium,
    confidence: Confidence::Low,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::NetworkPolicy, Layer::Scheduling, Layer::Firewall],
    page: include_str!("../../../rules/path/private-network-path.md"),
    check,
};

const PARTS: &[&str] = &["external-egress-allowed", "mesh-bypass-path"];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let reaches =
        |exit: &Exit| exit.verdict == Verdict::Open && exit.via == Via::Private && exit.tier <= Tier::CodeExecution;
    // Whoever reaches all of the internet needs no detour.
    let alike = audit.exits_alike_of(audit.without_direct_exit(), reaches, |exit: &Exit| exit.tier);
    findings.extend(alike.iter().filter_map(|alike| finding(alike, audit)));
}

fn finding(alike: &Alike<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let &first = alike.workloads.first()?;
    let exit = alike.exit;
    let message = format!(
        "{} reach private addresses that are not the cluster's, such as {}{}",
        audit.attacker(exit.tier, first),
        packet(&exit.sample),
        alike.others(),
    );
    let finding = RULE.finding("reachable", audit.estate.workloads[first].name.at, message);
    let finding = connected(finding, audit);
    let finding = audit.name_others(finding.witness(exit.witness(first, audit.estate, audit.facts)), alike);
    let parts = Parts { rules: PARTS, about: audit.places_of(alike), yields: false };
    Some(
        finding
            .made_of(parts)
            .help("allow the private addresses that are needed, one by one, in the network policy and in the firewall"),
    )
}

/// What the input shows of where private addresses lead.
fn connected(finding: Finding, audit: &Audit<'_>) -> Finding {
    let topology = &audit.estate.topology;
    let peerings = topology.peerings.iter().map(|peering| (peering.name.at, "a network is peered here"));
    let routes = topology.routes.iter().filter(|route| matches!(route.hop, NextHop::Appliance(_)));
    let routes = routes.map(|route| (route.name.at, "a route leads on from here"));
    peerings.chain(routes).take(5).fold(finding, |finding, (at, said)| finding.see(at, said))
}
