//! MR04: an application's namespace registers hosts outside of the mesh.

use crate::analysis::routing::is_google;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Resolution, ServiceEntry, Text};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "stray-service-entry",
    topic: "routing",
    summary: "a service entry outside of the egress namespace registers external hosts",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.2.8", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/routing/stray-service-entry.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let entries = audit.estate.mesh.service_entries.iter();
    let strays = entries.filter(|entry| entry.external && !audit.facts.routing.is_central(entry.namespace));
    findings.extend(strays.filter_map(stray));
}

fn stray(entry: &ServiceEntry<'_>) -> Option<Finding> {
    let outside: Vec<&Text<'_>> = entry.hosts.iter().filter(|host| !is_internal(host.value)).collect();
    let first = outside.first()?;
    let more = outside.len() - 1;
    let hosts = if more == 0 { format!("`{first}`") } else { format!("`{first}` and {more} more") };
    let is = if more == 0 { "is" } else { "are" };
    let help =
        "keep service entries for external hosts in the egress namespace, and export them to those who need them";
    let Some(at) = entry.namespace_at else {
        let message =
            format!("the entry for {hosts} names no namespace, so it may land outside of the egress namespace");
        let unplaced = RULE.finding("unplaced", entry.name.at, message);
        return Some(unplaced.severity(Severity::Low).confidence(Confidence::Low).help(help));
    };
    let message =
        format!("{hosts} {is} registered from namespace `{}`, outside of the egress namespace", entry.namespace);
    let finding = RULE.finding("namespace", at, message).see(first.at, "the host is outside of the mesh").help(help);
    // Calling Google's APIs past the gateway is as designed, so that little is won by registering them.
    let harmless = outside.iter().all(|host| is_google(host.value)) && entry.resolution != Resolution::None;
    Some(if harmless { finding.severity(Severity::Low) } else { finding })
}

/// Whether a host is the cluster's own, or one by which clusters of a mesh know each other's services.
fn is_internal(host: &str) -> bool {
    host.ends_with(".svc.cluster.local") || host.ends_with(".global") || host.ends_with(".clusterset.local")
}
