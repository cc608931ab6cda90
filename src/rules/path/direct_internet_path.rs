//! PA01: a workload reaches the internet without the gateway, past every layer.

use crate::analysis::capture::Tier;
use crate::analysis::exits::{Class, Exit, Verdict, Via};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Layer;
use crate::rule::exits::{Alike, packet};
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

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let is_direct = |exit: &Exit| {
        exit.verdict == Verdict::Open
            && matches!(exit.via, Via::Direct | Via::Sidecar)
            && matches!(exit.class, Class::Internet | Class::InternetV6)
            && exit.tier <= Tier::CodeExecution
    };
    // The weakest attacker's way, and of those over TCP.
    let rank = |exit: &Exit| (exit.tier, exit.sample.protocol != Protocol::Tcp);
    findings.extend(audit.exits_alike(is_direct, rank).iter().filter_map(|alike| finding(alike, audit)));
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
    Some(
        finding
            .help("close at least two of the hops: deny egress in the firewall and in a default-deny network policy"),
    )
}
