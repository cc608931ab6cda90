//! SC06: a pod changes the containers or settings that are injected into it, so that its proxy no longer captures.

use crate::analysis::capture::{Override, OverrideKind};
use crate::finding::{Confidence, Finding, Severity};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "proxy-container-overridden",
    topic: "capture",
    summary: "a pod changes its proxy, or what sets up the redirection to it",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.2.8"],
    needs: &[],
    page: include_str!("../../../rules/capture/proxy-container-overridden.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for (index, workload) in audit.estate.tenants() {
        let overrides = &audit.facts.capture[index].overrides;
        // One finding for all changes of a kind.
        let kinds = overrides.chunk_by(|one, other| one.kind == other.kind);
        findings.extend(kinds.filter_map(|alike| finding(alike, &audit.estate.display(workload))));
    }
}

fn finding(overrides: &[Override<'_>], name: &str) -> Option<Finding> {
    let first = overrides.first()?;
    let (what, value) = (first.what, first.value);
    let (variant, message) = match first.kind {
        OverrideKind::ProxyIdentity => (
            "proxy-identity",
            format!("`{name}` sets `{value}` of its proxy, and whoever runs as that user or group may not be captured"),
        ),
        OverrideKind::ProxyContainer => {
            ("proxy-container", format!("`{name}` changes `{value}` of its proxy's container"))
        }
        OverrideKind::InitContainer => (
            "init-container",
            format!("`{name}` has a container `{what}` of its own in place of the one that sets up the redirection"),
        ),
        OverrideKind::Overrides => ("overrides", format!("`{name}` overrides injected containers in an annotation")),
        OverrideKind::Metadata => ("proxy-config", format!("`{name}` narrows what is redirected by `{what}`")),
        OverrideKind::ControlPlane => {
            ("control-plane", format!("`{name}` takes its proxy's configuration from `{value}`"))
        }
        OverrideKind::Bootstrap => ("bootstrap", format!("`{name}` changes its proxy by `{what}`")),
    };
    let finding = RULE.finding(variant, value.at, message);
    let others = overrides.iter().skip(1).take(4);
    let finding =
        others.fold(finding, |finding, other| finding.see(other.value.at, format!("so does `{}`", other.what)));
    Some(finding.help("take the change out, and have admission refuse it to all but administrators"))
}
