//! MR02: a namespace has no default Sidecar that narrows what its proxies know.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::capture::Injection;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Layer, OutboundMode};
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
            (None, Some(strict)) => {
                finding.severity(Severity::Low).see(strict.at, "the mesh's own mode is REGISTRY_ONLY")
            }
            (None, None) => finding,
        };
        let help =
            "add a Sidecar named `default` without a selector: REGISTRY_ONLY and the hosts that the namespace needs";
        findings.push(finding.help(help));
    }
}
