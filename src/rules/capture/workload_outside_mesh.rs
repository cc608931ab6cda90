//! SC01: a workload has no proxy, so the mesh neither routes nor sees its traffic.

use std::collections::BTreeMap;

use crate::analysis::capture::{Injection, Outside, unknown_revision};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Layer;
use crate::rule::{Audit, Rule};
use crate::source::Location;

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

const LABEL: &str = "label the namespace with `istio.io/rev` or `istio-injection: enabled`";
const HELP: &str = "let the mesh inject a proxy; a network policy and the firewall must hold in any case";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut namespaces: BTreeMap<(usize, Location), Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.tenants() {
        let name = audit.estate.display(workload);
        let Injection::Outside { why, at } = audit.facts.capture[index].injection else { continue };
        let (variant, message, help) = match why {
            Outside::PodOptOut => {
                ("pod-optout", format!("`{name}` opts out of injection, so no proxy captures its traffic"), HELP)
            }
            Outside::NoProxySeen => ("no-proxy", format!("the live pods of `{name}` have no proxy"), HELP),
            Outside::Injector => {
                ("injector", format!("the injector is told to leave `{name}` out, so it has no proxy"), HELP)
            }
            Outside::Namespace | Outside::NamespaceDisabled | Outside::Revision => {
                namespaces.entry((workload.namespace, at)).or_default().push(index);
                continue;
            }
            // Each has a rule of its own, or is no application's.
            Outside::HostNetwork | Outside::LeavesAmbient | Outside::SystemNamespace => continue,
        };
        findings.push(RULE.finding(variant, at, message).help(help));
    }
    let all = namespaces.into_iter();
    findings.extend(all.filter_map(|((namespace, at), workloads)| unlabelled(namespace, at, &workloads, audit)));
    findings.extend(uninjected_namespaces(audit));
    findings.extend(unknown_revisions(audit));
}

/// Namespaces that ask for a revision which no control plane of the input has: it may be one that is not in the input.
fn unknown_revisions(audit: &Audit<'_>) -> Vec<Finding> {
    let settings = &audit.estate.mesh.injection;
    let mut meshed: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.tenants() {
        if matches!(audit.facts.capture[index].injection, Injection::In { .. }) && !workload.live {
            meshed.entry(workload.namespace).or_default().push(index);
        }
    }
    let finding = |(namespace, workloads): (usize, Vec<usize>)| {
        let namespace = &audit.estate.namespaces[namespace];
        let asked = unknown_revision(namespace, settings)?;
        let message = format!(
            "no control plane of the input has the revision that `{}` asks for, so its workloads may run without a proxy",
            namespace.name
        );
        let finding = RULE.finding("unknown-revision", asked.at, message);
        let finding = finding.severity(Severity::Medium).confidence(Confidence::Medium);
        let finding = audit.name_workloads(finding, &workloads, "may run without a proxy");
        let known = settings.revisions.iter().take(4);
        let finding = known.fold(finding, |finding, one| finding.see(one.at, "a revision or tag that is there"));
        Some(finding.help("name a revision or tag that is installed, or add what installs it to the input"))
    };
    meshed.into_iter().filter_map(finding).collect()
}

/// One finding a place, whatever the number of workloads.
fn unlabelled(namespace: usize, at: Location, workloads: &[usize], audit: &Audit<'_>) -> Option<Finding> {
    let Injection::Outside { why, .. } = audit.facts.capture[*workloads.first()?].injection else { return None };
    let name = audit.estate.namespaces[namespace].name;
    let count = workloads.len();
    let noun = if count == 1 { "workload runs" } else { "workloads run" };
    let (variant, message, help) = match why {
        Outside::Revision => (
            "revision",
            format!("no webhook of the input injects for this label of `{name}`, so {count} {noun} without a proxy"),
            "name a revision or tag that is installed, or add its webhook to the input",
        ),
        Outside::NamespaceDisabled => (
            "namespace",
            format!("namespace `{name}` switches injection off, so {count} {noun} without a proxy"),
            LABEL,
        ),
        _ => (
            "namespace",
            format!("namespace `{name}` is not labelled for injection, so {count} {noun} without a proxy"),
            LABEL,
        ),
    };
    let finding = audit.name_workloads(RULE.finding(variant, at, message), workloads, "runs without a proxy");
    let webhooks = audit.estate.mesh.injection.webhooks.iter().filter(|_| why == Outside::Revision);
    let finding = webhooks.take(4).fold(finding, |finding, webhook| {
        finding.see(webhook.name.at, format!("`{}` answers to other labels", webhook.name))
    });
    Some(finding.help(help))
}

/// Namespaces that Istio never injects into and where the platform runs nothing either: what stands there hides.
const HIDEOUTS: [&str; 3] = ["kube-public", "kube-node-lease", "local-path-storage"];

fn uninjected_namespaces(audit: &Audit<'_>) -> Vec<Finding> {
    let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.workloads.iter().enumerate() {
        let namespace = audit.estate.namespace_of(workload).name;
        // The storage provisioner that gives the last of these its name is at home there.
        if HIDEOUTS.contains(&namespace) && workload.name.value != "local-path-provisioner" {
            found.entry(workload.namespace).or_default().push(index);
        }
    }
    let finding = |(namespace, workloads): (usize, Vec<usize>)| {
        let first = audit.sorted(&workloads).first()?.name.at;
        let name = audit.estate.namespaces[namespace].name;
        let message = format!("no proxy is ever injected into `{name}`: {}", audit.list_workloads(&workloads));
        let finding = RULE.finding("system-ns", first, message).severity(Severity::Medium);
        Some(finding.help("move applications to a namespace of their own, and let nobody create pods here"))
    };
    found.into_iter().filter_map(finding).collect()
}
