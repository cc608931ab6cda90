//! SC03: a container runs, or can come to run, as the proxy's user or group, whose traffic is not redirected.

use std::collections::BTreeMap;

use crate::analysis::capture::{ProxyIdentity, ProxyIdentityKind};
use crate::finding::{Confidence, Finding, Severity};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "runs-as-proxy-identity",
    topic: "capture",
    summary: "a container has, or can take, the proxy's user or group, whose traffic is not captured",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:2.2.6", "nsa-cisa:pod-security"],
    needs: &[],
    page: include_str!("../../../rules/capture/runs-as-proxy-identity.md"),
    check,
};

const HELP: &str = "run as another user and group, with `runAsNonRoot: true` and all capabilities dropped";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut can_set: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.tenants() {
        let name = audit.estate.display(workload);
        for identity in &audit.facts.capture[index].identities {
            if identity.kind == ProxyIdentityKind::CanSetUser {
                let listed = can_set.entry(workload.namespace).or_default();
                if listed.last() != Some(&index) {
                    listed.push(index);
                }
            } else {
                findings.push(set(identity, &name));
            }
        }
    }
    findings.extend(can_set.into_values().filter_map(|workloads| may_become(workloads, audit)));
}

fn set(identity: &ProxyIdentity, workload: &str) -> Finding {
    let container = format!("container `{}` of `{workload}`", identity.container);
    let (variant, message, severity) = match identity.kind {
        ProxyIdentityKind::User => {
            ("uid", format!("{container} runs as user 1337, whose traffic is taken for the proxy's"), Severity::High)
        }
        ProxyIdentityKind::Group => {
            ("gid", format!("{container} runs as group 1337, whose traffic is taken for the proxy's"), Severity::High)
        }
        ProxyIdentityKind::SetGroupFile | ProxyIdentityKind::CanSetUser => (
            "setgid-file",
            format!("{container} can make a program that runs as group 1337, the proxy's"),
            Severity::Low,
        ),
    };
    let confidence = if severity == Severity::High { Confidence::High } else { Confidence::Medium };
    RULE.finding(variant, identity.at, message).severity(severity).confidence(confidence).help(HELP)
}

/// Nearly every pod that says nothing about its user: one note a namespace.
fn may_become(mut workloads: Vec<usize>, audit: &Audit<'_>) -> Option<Finding> {
    workloads.sort_by_cached_key(|&index| audit.estate.order_of(&audit.estate.workloads[index]));
    let first = *workloads.first()?;
    let identities = &audit.facts.capture[first].identities;
    let identity = identities.iter().find(|identity| identity.kind == ProxyIdentityKind::CanSetUser)?;
    let count = audit.count_workloads(&workloads);
    let noun = if count == 1 { "workload of this namespace" } else { "workloads of this namespace" };
    let message =
        format!("{count} {noun} may run as root and become the proxy's user: {}", audit.list_workloads(&workloads));
    Some(RULE.finding("can-setuid", identity.at, message).severity(Severity::Low).help(HELP))
}
