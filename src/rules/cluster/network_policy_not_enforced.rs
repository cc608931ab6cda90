//! CL07: network policies are there, or are needed, and the cluster's dataplane does not enforce any.

use crate::analysis::network_policy::has_own_plugin;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Cluster, Enforcement, PolicyKind, Setting};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "network-policy-not-enforced",
    topic: "cluster",
    summary: "the cluster does not enforce network policies",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["cis-gke:5.6.7", "cis-gke:4.3.1", "pci-dss-4.0:1.2.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/cluster/network-policy-not-enforced.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    if !has_own_plugin(audit.estate) {
        findings.extend(audit.estate.clusters.iter().filter_map(|cluster| finding(cluster, audit)));
    }
}

fn finding(cluster: &Cluster<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let Enforcement::Nothing(at) = cluster.enforcement else { return None };
    let name = cluster.name;
    let (variant, why) = match (cluster.written.network_policy, cluster.written.datapath) {
        (Setting::Known(enabled), _) if enabled.value => {
            ("addon-disabled", "asks for network policies and switches off the add-on that enforces them")
        }
        (Setting::Known(_), _) => ("disabled", "switches network policies off and does not use Dataplane V2"),
        (_, Setting::Known(_)) => ("default", "uses the older dataplane and does not switch network policies on"),
        _ => ("default", "leaves out Dataplane V2 and network policies, so it enforces none"),
    };
    let policies = audit.estate.network_policies.iter().filter(|policy| policy.kind == PolicyKind::Kubernetes);
    let affected = match policies.count() {
        0 => String::new(),
        1 => ": the one in the input does nothing".to_owned(),
        count => format!(": the {count} in the input do nothing"),
    };
    let mut finding = RULE.finding(variant, at, format!("cluster `{name}` {why}{affected}"));
    let fields = [
        (cluster.written.network_policy.known().map(|field| field.at), "what the cluster says of network policies"),
        (cluster.written.datapath.known().map(|field| field.at), "the dataplane"),
    ];
    for (field, said) in fields {
        if let Some(field) = field.filter(|field| *field != at) {
            finding = finding.see(field, said);
        }
    }
    Some(
        finding.help(
            "create the cluster with `datapathProvider: ADVANCED_DATAPATH`, which always enforces network policies",
        ),
    )
}
