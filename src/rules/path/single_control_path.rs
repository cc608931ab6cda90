//! PA02: exactly one layer keeps a workload from the internet.

use crate::analysis::exits::Exit;
use crate::finding::{Confidence, Finding, Parts, Severity};
use crate::model::Layer;
use crate::rule::exits::{Alike, packet};
use crate::rule::{Audit, Rule};
use crate::traffic::Protocol;

pub(crate) static RULE: Rule = Rule {
    id: "single-control-path",
    topic: "path",
    summary: "exactly one layer keeps a workload from the internet",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::NetworkPolicy, Layer::Scheduling, Layer::Firewall],
    page: include_str!("../../../rules/path/single-control-path.md"),
    check,
};

/// The rules about a layer that is open, each of which says more than this one.
const PARTS: &[&str] = &[
    "missing-egress-isolation",
    "external-egress-allowed",
    "policy-type-mismatch/no-effect",
    "policy-type-mismatch/empty-egress",
    "network-policy-overridden",
    "network-policy-not-enforced",
    "host-network-workload",
    "implied-egress-allow",
    "ipv6-egress-open",
    "ineffective-firewall-rule",
    "app-node-egress-allowed",
    "firewall-policy-overrides-deny",
];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let rank = |exit: &Exit| (exit.class, exit.sample.protocol != Protocol::Tcp);
    findings.extend(audit.exits_alike(Exit::is_single, rank).iter().filter_map(|alike| finding(alike, audit)));
}

fn finding(alike: &Alike<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let &first = alike.workloads.first()?;
    let exit = alike.exit;
    let step = exit.cut().next()?;
    let deciding = exit.hop(step, first, audit.estate, audit.facts);
    let workload = &audit.estate.workloads[first];
    let message = format!(
        "nothing but the {} layer keeps `{}` from the internet, such as {}{}",
        step.control.as_str(),
        audit.estate.display(workload),
        packet(&exit.sample),
        alike.others(),
    );
    let finding = RULE.finding(step.control.as_str(), workload.name.at, message);
    let finding = finding.see(deciding.at, format!("the one control: {}", deciding.reason));
    let finding = audit.name_others(finding.witness(exit.witness(first, audit.estate, audit.facts)), alike);
    // What is wrong with the layers that are open stands at them, at the pool that the firewall lets out or the namespace.
    let parts = Parts { rules: PARTS, about: audit.places_of(alike), yields: true };
    Some(finding.made_of(parts).help("add a layer that does not depend on it: a default-deny network policy, or a firewall rule that denies all egress"))
}
