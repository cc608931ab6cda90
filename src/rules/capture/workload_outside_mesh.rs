//! SC01: a workload has no proxy, so the mesh neither routes nor sees its traffic.

use std::collections::BTreeMap;

use crate::analysis::capture::{Injection, Outside};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Layer;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "workload-outside-mesh",
    topic: "capture",
    summary: "a workload runs without a mesh proxy, so none of its traffic is captured",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["nsa-cisa:network-separation"],
    needs: &[Layer::Mesh],
    page: include_str!("../../../rules/capture/workload-outside-mesh.md"),
    check,
};

const HELP: &str = "let the mesh inject a proxy; a network policy and the firewall must hold in any case";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut namespaces: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.tenants() {
        let name = audit.estate.display(workload);
        match audit.facts.capture[index].injection {
            Injection::Outside { why: Outside::PodOptOut, at } => {
                let message = format!("`{name}` opts out of injection, so no proxy captures its traffic");
                findings.push(RULE.finding("pod-optout", at, message).help(HELP));
            }
            Injection::Outside { why: Outside::NoProxySeen, .. } => {
                let message = format!("the live pods of `{name}` have no proxy");
                findings.push(RULE.finding("no-proxy", workload.name.at, message).help(HELP));
            }
            Injection::Outside { why: Outside::Namespace | Outside::NamespaceDisabled, .. } => {
                namespaces.entry(workload.namespace).or_default().push(index);
            }
            _ => {}
        }
    }
    findings
        .extend(namespaces.into_iter().filter_map(|(namespace, workloads)| unlabelled(namespace, &workloads, audit)));
}

/// One finding a namespace, whatever the number of its workloads.
fn unlabelled(namespace: usize, workloads: &[usize], audit: &Audit<'_>) -> Option<Finding> {
    let Injection::Outside { why, at } = audit.facts.capture[*workloads.first()?].injection else { return None };
    let what =
        if why == Outside::NamespaceDisabled { "switches injection off" } else { "is not labelled for injection" };
    let name = audit.estate.namespaces[namespace].name;
    let count = workloads.len();
    let noun = if count == 1 { "workload runs" } else { "workloads run" };
    let message = format!("namespace `{name}` {what}, so {count} {noun} without a proxy");
    let finding = audit.name_workloads(RULE.finding("namespace", at, message), workloads, "runs without a proxy");
    Some(finding.help("label the namespace with `istio.io/rev` or `istio-injection: enabled`"))
}
