//! PA04: a workload runs on the egress gateway's nodes and leaves with their rights, past the gateway's policy.

use crate::analysis::capture::Tier;
use crate::analysis::exits::{Exit, Verdict, Via};
use crate::finding::{Confidence, Finding, Parts, Severity};
use crate::model::Layer;
use crate::rule::exits::{Alike, packet};
use crate::rule::{Audit, Rule};
use crate::traffic::Protocol;

pub(crate) static RULE: Rule = Rule {
    id: "gateway-node-landing",
    topic: "path",
    summary: "a workload can run on the egress gateway's nodes and leave from there, past the gateway",
    severity: Severity::Critical,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.4.1", "nsa-cisa:network-separation"],
    needs: &[Layer::NetworkPolicy, Layer::Scheduling, Layer::Firewall],
    page: include_str!("../../../rules/path/gateway-node-landing.md"),
    check,
};

/// What brings a workload onto the gateway's nodes, and what lets it out from there.
const PARTS: &[&str] = &[
    "foreign-gateway-toleration",
    "gateway-taint-missing",
    "gateway-nodes-shared",
    "gateway-placement-loose",
    "scheduler-bypass",
    "unrestricted-tolerations",
    "missing-egress-isolation",
    "external-egress-allowed",
    "network-policy-not-enforced",
    "workload-outside-mesh",
    "host-network-workload",
    "runs-as-proxy-identity",
    "network-capability",
    "capture-excluded",
    "outbound-allow-any",
    "mesh-bypass-path",
    "single-control-path",
];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let lands =
        |exit: &Exit| exit.verdict == Verdict::Open && exit.via == Via::GatewayNode && exit.tier <= Tier::Tenant;
    let rank = |exit: &Exit| (exit.tier, exit.class, exit.sample.protocol != Protocol::Tcp);
    findings.extend(audit.exits_alike(lands, rank).iter().filter_map(|alike| finding(alike, audit)));
}

fn finding(alike: &Alike<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let &first = alike.workloads.first()?;
    let exit = alike.exit;
    let witness = exit.witness(first, audit.estate, audit.facts);
    let pool = witness.iter().find(|hop| hop.name.starts_with("node pool"))?.name.clone();
    let message = format!(
        "{} leave from the egress gateway's {pool}, past the gateway's policy, such as {}{}",
        audit.attacker(exit.tier, first),
        packet(&exit.sample),
        alike.others(),
    );
    let finding = RULE.finding(exit.tier.as_str(), audit.estate.workloads[first].name.at, message);
    let finding = audit.name_others(finding.witness(witness), alike);
    let parts = Parts { rules: PARTS, about: audit.places_of(alike), yields: false };
    Some(finding.made_of(parts).help("keep the workload off these nodes: taint them with NoSchedule and NoExecute, and let nothing but the gateway tolerate that"))
}
