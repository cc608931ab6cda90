//! PA07: a workload reaches Google's APIs where nothing keeps it to the project's own data.

use crate::analysis::capture::Tier;
use crate::analysis::exits::{Exit, Verdict, Via};
use crate::finding::{Confidence, Finding, Parts, Severity};
use crate::model::Layer;
use crate::rule::exits::{Alike, packet};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "google-api-exfiltration-path",
    topic: "path",
    summary: "a workload can send data to any project's storage by way of Google's APIs",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::NetworkPolicy, Layer::Scheduling, Layer::Firewall],
    page: include_str!("../../../rules/path/google-api-exfiltration-path.md"),
    check,
};

const PARTS: &[&str] = &["google-api-vip-mixed", "google-api-zone-missing"];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let leaks = |exit: &Exit| {
        exit.verdict == Verdict::Open
            && !exit.approved
            && exit.via == Via::GoogleApi
            && exit.tier <= Tier::CodeExecution
    };
    // Whoever reaches all of the internet needs no API for it.
    let alike = audit.exits_alike_of(audit.without_direct_exit(), leaks, |exit: &Exit| exit.tier);
    findings.extend(alike.iter().filter_map(|alike| finding(alike, audit)));
}

fn finding(alike: &Alike<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let &first = alike.workloads.first()?;
    let exit = alike.exit;
    let perimeter = audit.estate.iam.perimeters.first();
    let (variant, severity, past) = match perimeter {
        Some(_) => ("past-perimeter", Severity::High, "past the perimeter"),
        None => ("no-perimeter", Severity::Medium, "and no perimeter is in the input"),
    };
    let message = format!(
        "{} send data to any project through Google's APIs, by {}, {past}{}",
        audit.attacker(exit.tier, first),
        packet(&exit.sample),
        alike.others(),
    );
    let finding = RULE.finding(variant, audit.estate.workloads[first].name.at, message).severity(severity);
    let finding = perimeter.into_iter().fold(finding, |finding, perimeter| {
        finding.see(perimeter.name.at, "the perimeter, which protects what is reached at 199.36.153.4/30")
    });
    let finding = audit.name_others(finding.witness(exit.witness(first, audit.estate, audit.facts)), alike);
    // DNS is the network's: what is wrong with it is not at any hop.
    let parts = Parts { rules: PARTS, about: Vec::new(), yields: true };
    Some(finding.made_of(parts).help("open 199.36.153.4/30 alone, and protect the project with a perimeter"))
}
