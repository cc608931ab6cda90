//! SC04: a container may change the rules that redirect its traffic, get below them, or take over its node.

use std::collections::BTreeMap;

use crate::analysis::capture::{Injection, Privilege, PrivilegeKind};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Workload;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "network-capability",
    topic: "capture",
    summary: "a container has rights over its network or its node by which it gets around the proxy",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &[
        "cis-gke:4.2.1",
        "cis-gke:4.2.7",
        "cis-gke:4.2.8",
        "cis-gke:4.2.9",
        "pci-dss-4.0:2.2.6",
        "nsa-cisa:pod-security",
    ],
    needs: &[],
    page: include_str!("../../../rules/capture/network-capability.md"),
    check,
};

const HELP: &str =
    "drop all capabilities (`drop: [ALL]`), run as another user than root, and leave privileged and host settings out";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut by_default: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.tenants() {
        let capture = &audit.facts.capture[index];
        // Without a proxy there is nothing to get around but the node.
        let is_outside = matches!(capture.injection, Injection::Outside { .. });
        let of = |kind| capture.privileges.iter().filter(move |privilege| privilege.kind == kind);
        for kind in [PrivilegeKind::NetAdmin, PrivilegeKind::NetRaw, PrivilegeKind::NodeEscape] {
            if kind == PrivilegeKind::NodeEscape || !is_outside {
                findings.extend(finding(of(kind), workload, &audit.estate.display(workload)));
            }
        }
        if !is_outside && of(PrivilegeKind::NetRawByDefault).next().is_some() {
            by_default.entry(workload.namespace).or_default().push(index);
        }
    }
    findings.extend(by_default.into_values().filter_map(|workloads| defaults(workloads, audit)));
}

/// One finding for all privileges of a kind, at the first of them.
fn finding<'p>(
    mut privileges: impl Iterator<Item = &'p Privilege<'p>>,
    workload: &Workload<'_>,
    name: &str,
) -> Option<Finding> {
    let first = privileges.next()?;
    let (variant, may, severity) = match first.kind {
        PrivilegeKind::NetAdmin if is_tied(first, workload) => {
            ("net-admin", "change the rules that redirect its traffic", Severity::Medium)
        }
        PrivilegeKind::NetAdmin => ("net-admin", "change the rules that redirect its traffic", Severity::High),
        PrivilegeKind::NetRaw | PrivilegeKind::NetRawByDefault => {
            ("net-raw", "send packets that no rule redirects", Severity::Medium)
        }
        PrivilegeKind::NodeEscape => ("node-escape", "take over its node", Severity::High),
    };
    let message = format!("{}, so it may {may}", what(first, name));
    let finding = RULE.finding(variant, first.at, message).severity(severity).help(HELP);
    Some(privileges.take(4).fold(finding, |finding, other| finding.see(other.at, what(other, name))))
}

fn what(privilege: &Privilege<'_>, name: &str) -> String {
    let what = privilege.what;
    match (privilege.container, what) {
        (Some(own), "privileged") => format!("container `{own}` of `{name}` is privileged"),
        (Some(own), _) => format!("container `{own}` of `{name}` has the capability `{what}`"),
        (None, "hostPID") => format!("`{name}` shares the processes of its node"),
        (None, _) => format!("`{name}` holds `{what}` of its node"),
    }
}

/// Whether the container is not root and cannot become it, so that what it is given is of no use to it.
fn is_tied(privilege: &Privilege<'_>, workload: &Workload<'_>) -> bool {
    let own = workload.pod.containers.iter().find(|container| Some(container.name.value) == privilege.container);
    own.is_some_and(|container| {
        let (security, pod) = (&container.security, &workload.pod.security);
        let user = security.run_as_user.or(pod.run_as_user).is_some_and(|user| user.value != 0);
        let non_root = security.run_as_non_root.or(pod.run_as_non_root).is_some_and(|flag| flag.value);
        (user || non_root) && security.allow_privilege_escalation.is_some_and(|allowed| !allowed.value)
    })
}

/// Nearly every pod that says nothing about its capabilities: one note a namespace.
fn defaults(mut workloads: Vec<usize>, audit: &Audit<'_>) -> Option<Finding> {
    workloads.sort_by_cached_key(|&index| audit.estate.order_of(&audit.estate.workloads[index]));
    let privileges = &audit.facts.capture[*workloads.first()?].privileges;
    let at = privileges.iter().find(|privilege| privilege.kind == PrivilegeKind::NetRawByDefault)?.at;
    let count = audit.count_workloads(&workloads);
    let (noun, keep) = if count == 1 { ("workload", "keeps") } else { ("workloads", "keep") };
    let message = format!(
        "{count} {noun} of this namespace {keep} `NET_RAW` and may run as root: {}",
        audit.list_workloads(&workloads)
    );
    let finding = RULE.finding("net-raw", at, message).severity(Severity::Low).confidence(Confidence::Medium);
    Some(finding.help("drop `NET_RAW`, or all capabilities, and run as another user than root"))
}
