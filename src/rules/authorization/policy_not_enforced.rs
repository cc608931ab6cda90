//! AZ09: a policy is written, and nothing enforces it.

use crate::analysis::authorization::{Attachment, Reason, attachment, enforced};
use crate::analysis::egress::EgressProxy;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{AuthorizationPolicy, Estate, Labels, Role};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "policy-not-enforced",
    topic: "authorization",
    summary: "an authorization policy is not enforced where it is meant to be",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:7.2.1", "nsa-cisa:authentication-and-authorization"],
    needs: &[],
    page: include_str!("../../../rules/authorization/policy-not-enforced.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for policy in &audit.estate.mesh.authorization_policies {
        let mut proxies = audit.facts.egress.proxies.iter();
        let of_gateway = proxies.find_map(|proxy| at_gateway(policy, proxy, audit.estate));
        findings.extend(of_gateway.or_else(|| nowhere(policy, audit.estate)));
    }
}

/// Why a policy that is meant for an egress gateway does not hold there.
fn at_gateway(policy: &AuthorizationPolicy<'_>, proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> Option<Finding> {
    let Attachment::Not(reason) = attachment(policy, proxy, estate) else { return None };
    let (name, gateway) = (policy.name.value, proxy.name.value);
    Some(match reason {
        Reason::DryRun => {
            let message =
                format!("`{name}` is a dry run, so egress gateway `{gateway}` logs what it would do and lets it pass");
            let finding = RULE.finding("dry-run", policy.dry_run?, message);
            finding.help("remove the annotation once the logs show what was meant")
        }
        Reason::Audit => {
            let is_guarded = enforced(proxy, estate).next().is_some();
            let severity = if is_guarded { Severity::Low } else { Severity::High };
            let message = format!("`{name}` audits, so it keeps nothing from passing egress gateway `{gateway}`");
            let finding = RULE.finding("audit-only", policy.action_at, message).severity(severity);
            finding.help("use ALLOW or DENY for what is to be enforced")
        }
        Reason::Targets => {
            let targets = policy.targets?;
            let is_own = |name: &str| {
                let classic = estate.mesh.gateways.iter();
                let mut classic = classic.filter(|gateway| gateway.namespace == policy.namespace);
                name == gateway || classic.any(|gateway| gateway.name.value == name)
            };
            targets.value.iter().find(|target| is_own(target.name.value))?;
            let message = format!(
                "`{name}` names targets, which egress gateway `{gateway}` ignores, being none of the Gateway API"
            );
            let finding = RULE.finding("targetref", targets.at, message);
            finding.help("select the gateway's pods with `selector`")
        }
        Reason::Namespace => {
            // One that picks pods of its own namespace is for those.
            let labels = proxy.labels.filter(|_| proxy.workload.is_some())?;
            policy.selector.filter(|own| own.is_subset(labels) && !picks(own, policy.namespace, estate))?;
            let namespace = proxy.namespaces.first()?;
            let message = format!(
                "`{name}` selects egress gateway `{gateway}` from namespace `{}`, and holds only there: the gateway is in `{namespace}`",
                policy.namespace
            );
            let finding = RULE.finding("namespace", policy.namespace_at.unwrap_or(policy.name.at), message);
            finding.help("move the policy to the gateway's namespace")
        }
        Reason::Selector => {
            let selector = policy.selector.filter(|own| !picks(own, policy.namespace, estate))?;
            // Elsewhere it may be for other pods, which are not in the input.
            let is_central = estate.namespace(policy.namespace).is_some_and(|own| own.role == Role::Egress);
            if !is_central && !selector.iter().any(|(_, value)| value.value.contains("egress")) {
                return None;
            }
            let first = selector.iter().next()?.1;
            let message = format!("`{name}` selects no pods: those of egress gateway `{gateway}` have other labels");
            let finding = RULE.finding("selector", first.at, message);
            finding.help("use the labels of the gateway's pods, or no selector in their namespace")
        }
    })
}

/// A policy that holds at no pods at all, as far as the input holds its namespace's.
fn nowhere(policy: &AuthorizationPolicy<'_>, estate: &Estate<'_>) -> Option<Finding> {
    let is_root = policy.namespace == estate.mesh.root_namespace;
    let mut own =
        estate.workloads.iter().filter(|workload| is_root || estate.namespace_of(workload).name == policy.namespace);
    let is_judged = estate.evidence.kubernetes_is_complete() || own.next().is_some();
    let is_tenants = estate.namespace(policy.namespace).is_none_or(|namespace| namespace.role == Role::Tenant);
    if !is_judged || policy.targets.is_some() || !(is_tenants || is_root) {
        return None;
    }
    let name = policy.name.value;
    let (at, message) = match policy.selector {
        Some(selector) if !picks(selector, policy.namespace, estate) => {
            (selector.iter().next()?.1.at, format!("`{name}` selects no pods"))
        }
        None if estate.evidence.kubernetes_is_complete() && !is_root && !has_pods(policy.namespace, estate) => {
            (policy.name.at, format!("`{name}` holds for namespace `{}`, which has no pods", policy.namespace))
        }
        _ => return None,
    };
    let finding = RULE.finding("selector", at, message).severity(Severity::Low);
    Some(finding.help("use the labels of the pods that are meant"))
}

fn has_pods(namespace: &str, estate: &Estate<'_>) -> bool {
    picks(Labels::NONE, namespace, estate)
}

/// Whether a selector picks pods of the input, or machines that are part of the mesh: in its namespace, or anywhere from the
/// root namespace.
fn picks(selector: &Labels<'_>, namespace: &str, estate: &Estate<'_>) -> bool {
    let is_root = namespace == estate.mesh.root_namespace;
    let pods = estate.workloads.iter().map(|workload| (estate.namespace_of(workload).name, workload.labels));
    let machines = estate.mesh.workload_entries.iter().map(|entry| (entry.namespace, entry.labels));
    pods.chain(machines).any(|(own, labels)| (is_root || own == namespace) && selector.is_subset(labels))
}
