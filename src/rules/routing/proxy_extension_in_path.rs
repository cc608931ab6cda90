//! MR17: something beyond Istio's own kinds changes the proxies that traffic leaves through.

use crate::analysis::egress::EgressProxy;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Extension, Role};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "proxy-extension-in-path",
    topic: "routing",
    summary: "a patch or plugin changes the proxies that traffic leaves through",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.2.8", "pci-dss-4.0:6.5.1"],
    needs: &[],
    page: include_str!("../../../rules/routing/proxy-extension-in-path.md"),
    check,
};

const HELP: &str = "say it with Istio's own kinds; where that cannot be, keep it with the administrators of egress and review it as code";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for extension in &audit.estate.mesh.extensions {
        findings.extend(on_gateway(extension, audit).or_else(|| on_outbound(extension, audit)));
    }
}

/// A change of the egress gateway itself.
fn on_gateway(extension: &Extension<'_>, audit: &Audit<'_>) -> Option<Finding> {
    if !extension.is_for_gateways() {
        return None;
    }
    let mut proxies = audit.facts.egress.proxies.iter();
    let proxy = proxies.find(|proxy| reaches(extension, proxy, audit.estate.mesh.root_namespace))?;
    let what = subject(extension);
    let message =
        format!("{} `{}` changes the proxies of egress gateway `{}`{what}", extension.kind, extension.name, proxy.name);
    let finding = RULE.finding("gateway", extension.name.at, message).see(proxy.name.at, "these proxies").help(HELP);
    // What the mesh's own administrators install for all proxies is rarely about egress.
    let is_platforms = extension.namespace == audit.estate.mesh.root_namespace && extension.selector.is_none();
    Some(if is_platforms { finding.severity(Severity::Low) } else { finding })
}

/// Whether an extension holds at a proxy. Targets are those of the Gateway API, which a classic gateway is none of.
fn reaches(extension: &Extension<'_>, proxy: &EgressProxy<'_>, root: &str) -> bool {
    let is_near = extension.namespace == root || proxy.namespaces.contains(&extension.namespace);
    let selected =
        extension.selector.is_none_or(|selector| proxy.labels.is_some_and(|labels| selector.is_subset(labels)));
    is_near && extension.targets.is_empty() && selected
}

/// A patch by which a team changes what its sidecars send out.
fn on_outbound(extension: &Extension<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let is_tenants =
        audit.estate.namespace(extension.namespace).is_some_and(|namespace| namespace.role == Role::Tenant);
    if !is_tenants || !extension.is_for_outbound() || !extension.targets.is_empty() {
        return None;
    }
    let message = format!(
        "EnvoyFilter `{}` changes what the sidecars of namespace `{}` send out{}",
        extension.name,
        extension.namespace,
        subject(extension)
    );
    Some(RULE.finding("outbound", extension.name.at, message).severity(Severity::Medium).help(HELP))
}

/// What is patched, or where the code comes from, for a message.
fn subject(extension: &Extension<'_>) -> String {
    let mut subjects: Vec<&str> = extension.subjects.iter().map(|subject| subject.value).collect();
    subjects.sort_unstable();
    subjects.dedup();
    if subjects.is_empty() { String::new() } else { format!(": `{}`", subjects.join("`, `")) }
}
