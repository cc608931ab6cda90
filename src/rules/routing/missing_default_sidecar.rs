//! MR02: a namespace has no default Sidecar that narrows what its proxies know.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::capture::{Injection, only_ambient};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Layer, OutboundMode, Sidecar};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "missing-default-sidecar",
    topic: "routing",
    summary: "a namespace in the mesh has no default Sidecar",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["nsa-cisa:network-separation"],
    needs: &[Layer::Mesh],
    page: include_str!("../../../rules/routing/missing-default-sidecar.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mesh = &audit.estate.mesh;
    let with_default: BTreeSet<&str> =
        mesh.sidecars.iter().filter(|sidecar| sidecar.selector.is_none()).map(|sidecar| sidecar.namespace).collect();
    let mut meshed: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.tenants() {
        if matches!(audit.facts.capture[index].injection, Injection::In { .. }) {
            meshed.entry(workload.namespace).or_default().push(index);
        }
    }
    let root =
        mesh.sidecars.iter().find(|sidecar| sidecar.selector.is_none() && sidecar.namespace == mesh.root_namespace);
    for (index, _) in meshed {
        let namespace = &audit.estate.namespaces[index];
        if with_default.contains(namespace.name) {
            continue;
        }
        let message =
            format!("namespace `{}` has no Sidecar of its own that holds for all its workloads", namespace.name);
        let finding = RULE.finding("namespace", namespace.at.at, message);
        let strict = mesh.outbound.filter(|policy| policy.mode == OutboundMode::RegistryOnly);
        let finding = match (root, strict) {
            (Some(root), _) => {
                finding.severity(Severity::Low).see(root.name.at, "the Sidecar of the root namespace holds instead")
            }
            // One setting for the whole mesh is no perimeter by itself (semantics A.10).
            (None, Some(strict)) => finding.see(strict.at, "the mesh's own mode is REGISTRY_ONLY, for all alike"),
            (None, None) => finding,
        };
        let help =
            "add a Sidecar named `default` without a selector: REGISTRY_ONLY and the hosts that the namespace needs";
        findings.push(finding.help(help));
    }
    findings.extend(several(audit));
    findings.extend(ignored(audit));
}

/// Sidecars whose pods have the node's proxy instead of a sidecar.
fn ignored(audit: &Audit<'_>) -> Vec<Finding> {
    let of_one = |sidecar: &Sidecar<'_>| {
        let at = only_ambient(sidecar, audit.estate, &audit.facts.capture)?;
        let message = format!(
            "the Sidecar `{}` holds for nothing: what it is for is in ambient mode, and has no sidecar",
            sidecar.name
        );
        let finding = RULE.finding("ambient", sidecar.name.at, message).see(at, "what puts them in ambient mode");
        Some(finding.help("let network policies close the namespace's egress, and take the Sidecar out"))
    };
    audit.estate.mesh.sidecars.iter().filter_map(of_one).collect()
}

/// Sidecars of one namespace that all want to be its default: which one counts is not defined.
fn several(audit: &Audit<'_>) -> Vec<Finding> {
    let mut defaults: BTreeMap<&str, Vec<&Sidecar<'_>>> = BTreeMap::new();
    for sidecar in audit.estate.mesh.sidecars.iter().filter(|sidecar| sidecar.selector.is_none()) {
        let known = defaults.entry(sidecar.namespace).or_default();
        // Two versions of one object replace each other.
        if known.iter().all(|other| other.name.value != sidecar.name.value) {
            known.push(sidecar);
        }
    }
    let crowded = defaults.into_iter().filter(|(_, sidecars)| sidecars.len() > 1);
    let findings = crowded.flat_map(|(namespace, sidecars)| {
        let count = sidecars.len();
        sidecars.into_iter().map(move |sidecar| {
            let message = format!(
                "`{}` is one of {count} Sidecars without a selector in `{namespace}`, of which one counts",
                sidecar.name
            );
            let help = "keep one Sidecar without a selector in the namespace, and give the others one";
            RULE.finding("several", sidecar.name.at, message).help(help)
        })
    });
    findings.collect()
}
