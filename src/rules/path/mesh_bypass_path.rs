//! PA03: a workload gets around its proxy; how bad that is depends on what is left to contain it.

use crate::analysis::capture::{Escape, Tier};
use crate::analysis::exits::{Class, Exit, Verdict, Via};
use crate::finding::{Confidence, Finding, Parts, Severity};
use crate::model::Layer;
use crate::rule::exits::{Alike, packet};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "mesh-bypass-path",
    topic: "path",
    summary: "a workload can get around its proxy, and the layers below it are all that is left",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::NetworkPolicy, Layer::Scheduling, Layer::Firewall],
    page: include_str!("../../../rules/path/mesh-bypass-path.md"),
    check,
};

/// The rules about what keeps traffic from the proxy.
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
];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let is_direct =
        |exit: &Exit| exit.via == Via::Direct && exit.class == Class::Internet && exit.tier <= Tier::CodeExecution;
    // What is open comes before what is closed, and of that what the fewest layers close.
    let rank = |exit: &Exit| (exit.verdict, exit.cut().count(), exit.sample.protocol, exit.tier);
    for alike in audit.exits_alike(is_direct, rank) {
        findings.extend(finding(&alike, audit));
    }
}

/// The weakest attacker's way around the proxy. What no proxy ever sees is none of its holes.
fn vector<'f>(workload: usize, audit: &Audit<'f>) -> Option<&'f Escape> {
    let escapes = &audit.facts.capture[workload].escapes;
    escapes.iter().take(escapes.len().saturating_sub(1)).find(|escape| escape.tier <= Tier::CodeExecution)
}

fn finding(alike: &Alike<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let &first = alike.workloads.first()?;
    let escape = vector(first, audit)?;
    let exit = alike.exit;
    let name = audit.estate.display(&audit.estate.workloads[first]);
    let (variant, severity, contained) = match exit.verdict {
        Verdict::Open => ("open", Severity::Critical, format!("nothing stops {}", packet(&exit.sample))),
        Verdict::Unknown => return None,
        Verdict::Closed => {
            let severity = if escape.tier == Tier::Application { Severity::Medium } else { Severity::Low };
            let layers: Vec<&str> = exit.cut().map(|step| step.control.as_str()).collect();
            let stop = if layers.len() == 1 { "layer stops" } else { "layers stop" };
            ("contained", severity, format!("only the {} {stop} {}", layers.join(" and "), packet(&exit.sample)))
        }
    };
    let who = if escape.tier == Tier::Application { "" } else { "code in " };
    let message =
        format!("{who}`{name}` gets around its proxy, for {}, and {contained}{}", escape.reason, alike.others());
    let finding = RULE.finding(variant, escape.at, message).severity(severity);
    let finding = audit.name_others(finding.witness(exit.witness(first, audit.estate, audit.facts)), alike);
    let parts = Parts { rules: PARTS, about: audit.places_of(alike), yields: exit.verdict == Verdict::Closed };
    Some(
        finding.made_of(parts).help("close the way around the proxy, and keep two layers below it that do not need it"),
    )
}
