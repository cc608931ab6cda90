//! RB06: nothing at admission keeps application pods from what gets them around the mesh, or onto the node.

use crate::analysis::access::{Freedom, Restriction, enumerate};
use crate::analysis::capture::Injection;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::admission::ENFORCED_LEVEL;
use crate::model::{Layer, Namespace};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "unrestricted-pods",
    topic: "access",
    summary: "nothing at admission keeps application pods from the node's network, capabilities or the proxy's user",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["cis-gke:4.2", "pci-dss-4.0:2.2.6", "nsa-cisa:pod-security"],
    needs: &[Layer::Admission],
    page: include_str!("../../../rules/access/unrestricted-pods.md"),
    check,
};

/// What the levels of pod security are for.
const NODE: [Freedom; 3] = [Freedom::HostNetwork, Freedom::Privileged, Freedom::Capabilities];

/// What no level of pod security keeps pods from (semantics A.18).
const MESH: [Freedom; 3] = [Freedom::ProxyUser, Freedom::Injection, Freedom::Capture];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let tenants = audit.estate.tenant_namespaces();
    let meshed = meshed(audit);
    // A namespace may hold no pods at all: Config Connector keeps objects of the cloud in some.
    let mut peopled = meshed.clone();
    audit.estate.tenants().for_each(|(_, workload)| peopled[workload.namespace] = true);
    let peopled = tenants.iter().filter(|&&namespace| peopled[namespace]);
    findings.extend(peopled.filter_map(|&namespace| of_node(namespace, audit)));
    findings.extend(of_mesh(&tenants, &meshed, audit));
}

/// The freedoms that nothing restricts in a namespace.
fn open(freedoms: &[Freedom], namespace: usize, audit: &Audit<'_>) -> Vec<Freedom> {
    let is_open = |freedom: &&Freedom| audit.facts.access.restriction(**freedom, namespace) == Restriction::Open;
    freedoms.iter().filter(is_open).copied().collect()
}

fn list(freedoms: &[Freedom]) -> String {
    enumerate(&freedoms.iter().map(|freedom| freedom.as_str().to_owned()).collect::<Vec<_>>())
}

/// A namespace whose pods may take over the node or its network.
fn of_node(index: usize, audit: &Audit<'_>) -> Option<Finding> {
    let open = open(&NODE, index, audit);
    let namespace = &audit.estate.namespaces[index];
    if open.is_empty() || !namespace.declared {
        return None;
    }
    let at = namespace.labels.get(ENFORCED_LEVEL).map_or(namespace.at.at, |level| level.at);
    let message = format!("nothing at admission keeps pods of `{}` from {}", namespace.name, list(&open));
    let help = format!("set the label `{ENFORCED_LEVEL}: restricted` on the namespace");
    Some(RULE.finding("pod-security", at, message).help(help))
}

/// The namespaces of the mesh whose pods may leave it: one policy for all of them is missing.
fn of_mesh(tenants: &[usize], meshed: &[bool], audit: &Audit<'_>) -> Option<Finding> {
    let meshed = tenants.iter().copied().filter(|&namespace| meshed[namespace]);
    let open: Vec<(usize, Vec<Freedom>)> =
        meshed.map(|index| (index, open(&MESH, index, audit))).filter(|(_, open)| !open.is_empty()).collect();
    let (first, _) = open.first()?;
    let freedoms: Vec<Freedom> =
        MESH.into_iter().filter(|freedom| open.iter().any(|(_, open)| open.contains(freedom))).collect();
    let name = |(index, _): &(usize, Vec<Freedom>)| format!("`{}`", audit.estate.namespaces[*index].name);
    let names = enumerate(&open.iter().map(name).collect::<Vec<_>>());
    let message = format!("nothing at admission keeps pods of {names} from {}", list(&freedoms));
    let finding = RULE.finding("mesh", audit.estate.namespaces[*first].at.at, message);
    let others = open.iter().skip(1).take(4);
    let finding = others.fold(finding, |finding, (index, _)| {
        let namespace = &audit.estate.namespaces[*index];
        finding.see(namespace.at.at, format!("`{}` as well", namespace.name))
    });
    Some(finding.help(
        "refuse user and group 1337, injection labels and the capture annotations by a `ValidatingAdmissionPolicy` or a \
         constraint: no level of pod security does",
    ))
}

/// The namespaces whose pods get a proxy, as far as labels and workloads say, by index.
fn meshed(audit: &Audit<'_>) -> Vec<bool> {
    let labeled = |namespace: &Namespace<'_>| {
        let enabled = namespace.labels.get("istio-injection").is_some_and(|value| value.value == "enabled");
        enabled || namespace.labels.get("istio.io/rev").is_some()
    };
    let mut meshed: Vec<bool> = audit.estate.namespaces.iter().map(labeled).collect();
    for (index, workload) in audit.estate.tenants() {
        meshed[workload.namespace] |= matches!(audit.facts.capture[index].injection, Injection::In { .. });
    }
    meshed
}
