//! Nothing in the input is an egress gateway: what is said of each workload then has one reason, and is said once.

use crate::analysis::exits::Verdict;
use crate::finding::{Confidence, Finding, Parts, Severity};
use crate::model::Role;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "missing-egress-gateway",
    topic: "path",
    summary: "nothing in the input is an egress gateway",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/path/missing-egress-gateway.md"),
    check,
};

/// What is wanting where there is no gateway to lead traffic to: with it, none of these is worth a word.
const PARTS: &[&str] = &[
    "capture-excluded",
    "direct-internet-path",
    "external-egress-allowed",
    "mesh-bypass-path",
    "missing-default-sidecar",
    "missing-egress-isolation",
    "outbound-allow-any",
    "private-network-path",
    "single-control-path",
    "tenant-escalation",
    "tenant-writes-bypass-kind",
    "tenant-writes-egress-policy",
    "unrestricted-pods",
    "unrestricted-tolerations",
    "workload-outside-mesh",
];

/// So many workloads are told one by one; of more, one finding stands for all.
const FEW: usize = 20;

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let estate = audit.estate;
    let mut tenants: Vec<_> = estate.tenants().map(|(_, workload)| workload).collect();
    tenants.sort_by_key(|workload| estate.order_of(workload));
    let Some(first) = tenants.first().filter(|_| !has_gateway(audit)) else { return };
    let count = tenants.len();
    let workloads = if count == 1 { "1 workload".to_owned() } else { format!("{count} workloads") };
    let is_closed =
        || audit.facts.exits.groups.iter().flat_map(|group| &group.exits).all(|exit| exit.verdict == Verdict::Closed);
    if !estate.evidence.mesh_is_complete() {
        let message =
            "no egress gateway in scope: nothing in the input is one, so rules about it are silent".to_owned();
        let help = "audit the gateway's manifests together with these; where its namespace holds other pods than Istio's, \
                    name it in `egress-namespaces`";
        let finding = RULE.finding("unknown", first.name.at, message).severity(Severity::Info);
        findings.push(finding.help(help).estate_wide());
    } else if !is_closed() {
        let message = format!("no egress gateway in scope: whatever leaves {workloads} leaves by a way of its own");
        let help = "send what has to leave through an egress gateway with nodes of its own, and close every other way";
        let finding = RULE.finding("missing", first.name.at, message).help(help).estate_wide();
        let parts = Parts { rules: PARTS, about: Vec::new(), yields: false };
        findings.push(if count > FEW { finding.made_of(parts) } else { finding });
    }
}

fn has_gateway(audit: &Audit<'_>) -> bool {
    let estate = audit.estate;
    estate.mesh.gateways.iter().any(|gateway| gateway.egress)
        || estate.workloads.iter().any(|workload| workload.is_gateway)
        || estate.namespaces.iter().any(|namespace| namespace.role == Role::Egress)
}
