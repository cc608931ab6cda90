//! SC09: in ambient mode nothing keeps pods from unknown destinations, and pods can leave it.

use std::collections::BTreeMap;

use crate::analysis::capture::{Injection, Outside};
use crate::analysis::destinations::external;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{OutboundMode, Text, Workload};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "ambient-egress-gap",
    topic: "capture",
    summary: "ambient mode lets pods out to unknown destinations, or is left by a pod",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.3.2"],
    needs: &[],
    page: include_str!("../../../rules/capture/ambient-egress-gap.md"),
    check,
};

const WAYPOINT: &str = "istio.io/use-waypoint";
const DNS_CAPTURE: &str = "ambient.istio.io/dns-capture";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut ambient: BTreeMap<(usize, Location), Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.tenants() {
        let name = audit.estate.display(workload);
        match audit.facts.capture[index].injection {
            Injection::Ambient { at } => {
                ambient.entry((workload.namespace, at)).or_default().push(index);
                findings.extend(opt_outs(workload, &name));
            }
            Injection::Outside { why: Outside::LeavesAmbient, at } => {
                let message =
                    format!("`{name}` leaves the ambient mode of its namespace, so no proxy sees its traffic");
                findings.push(RULE.finding("opt-out", at, message).help("take the label out"));
            }
            _ => {}
        }
    }
    let is_ambient = !ambient.is_empty();
    findings
        .extend(ambient.into_iter().map(|((namespace, at), workloads)| passthrough(namespace, at, &workloads, audit)));
    if is_ambient {
        findings.extend(audit.estate.mesh.service_entries.iter().filter(|entry| entry.external).filter_map(|entry| {
            let waypoint = entry.labels.get(WAYPOINT).filter(|label| label.value != "none")?;
            let message = format!(
                "`{}` is sent through waypoint `{waypoint}` by clients that ask for it by name, and nothing keeps others from its addresses",
                entry.name
            );
            Some(
                RULE.finding("waypoint", waypoint.at, message)
                    .severity(Severity::Low)
                    .help("let network policies and the firewall close everything but the waypoint"),
            )
        }));
    }
}

/// The node's proxy passes on what it does not know, whatever the mesh's mode: one finding a place that asks for it.
fn passthrough(namespace: usize, at: Location, workloads: &[usize], audit: &Audit<'_>) -> Finding {
    let name = audit.estate.namespaces[namespace].name;
    let public = external(audit.estate);
    let is_open = |&&index: &&usize| {
        !audit.facts.network_policy.egress_outside(index).allowed.restrict_addresses(&public).is_empty()
    };
    let open: Vec<usize> = workloads.iter().filter(is_open).copied().collect();
    let registers = audit.estate.mesh.service_entries.iter().any(|entry| entry.external);
    let strict = audit.estate.mesh.outbound.filter(|policy| policy.mode == OutboundMode::RegistryOnly);
    let severity = match (open.is_empty(), registers || strict.is_some()) {
        (true, _) => Severity::Low,
        (false, true) => Severity::High,
        (false, false) => Severity::Medium,
    };
    let whatever =
        if strict.is_some() { "although the mesh's mode is REGISTRY_ONLY" } else { "whatever the mesh's mode" };
    let message = format!("ambient mode passes on what pods of `{name}` send to unknown destinations, {whatever}");
    let finding = RULE.finding("passthrough", at, message).severity(severity);
    let finding = strict
        .into_iter()
        .fold(finding, |finding, policy| finding.see(policy.at, "the mode, which only sidecars obey"));
    let listed = if open.is_empty() { workloads } else { &open };
    audit
        .name_workloads(finding, listed, "is in ambient mode")
        .help("let network policies and the firewall close the namespace's egress but for a waypoint or gateway")
}

/// Settings by which a pod in ambient mode gets around parts of it.
fn opt_outs(workload: &Workload<'_>, name: &str) -> Vec<Finding> {
    let either = |key: &str| workload.labels.get(key).or_else(|| workload.annotation(key));
    let waypoint = either(WAYPOINT).filter(|value| value.value == "none");
    let names = either(DNS_CAPTURE).filter(|value| value.value == "false");
    let finding = |variant, value: Text<'_>, what: &str| {
        RULE.finding(variant, value.at, format!("`{name}` {what}"))
            .severity(Severity::Medium)
            .help("take the setting out")
    };
    let found = [
        waypoint.map(|value| finding("no-waypoint", value, "uses no waypoint, so no policy on requests holds for it")),
        names.map(|value| {
            finding(
                "dns-capture",
                value,
                "resolves names past the mesh, so it reaches registered hosts at their own addresses",
            )
        }),
    ];
    found.into_iter().flatten().collect()
}
