//! NP09: another kind of policy overrides, or is expected to stand in for, the network policies of a namespace.

use std::collections::BTreeMap;

use crate::analysis::capture::Injection;
use crate::analysis::network_policy::{Isolation, Opening};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, Enforcement, NetworkPolicy, PolicyKind, Tier};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "network-policy-overridden",
    topic: "network-policy",
    summary: "another kind of policy opens what network policies close, or does not do what it seems to",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/network-policy/network-policy-overridden.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    findings.extend(admin_allows(audit));
    for (index, policy) in audit.estate.network_policies.iter().enumerate() {
        findings.extend(match policy.kind {
            PolicyKind::BaselineAdmin | PolicyKind::Cluster if policy.tier == Tier::Baseline => {
                baseline_only(index, policy, audit)
            }
            PolicyKind::Fqdn => names_in_mesh(index, policy, audit),
            PolicyKind::Cilium | PolicyKind::CiliumClusterwide => cilium(policy, audit),
            _ => None,
        });
    }
}

/// What administrators allow, the policies of a namespace are not asked about: one finding a policy.
fn admin_allows(audit: &Audit<'_>) -> Vec<Finding> {
    let mut openings: BTreeMap<usize, &Opening<'_>> = BTreeMap::new();
    for opening in &audit.facts.openings {
        if audit.estate.network_policies[opening.policy].tier == Tier::Admin {
            openings.entry(opening.policy).or_insert(opening);
        }
    }
    openings.into_values().filter_map(|opening| admin_allow(opening, audit)).collect()
}

fn admin_allow(opening: &Opening<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let name = audit.estate.network_policies[opening.policy].name;
    let packet = opening.packet()?;
    let is_isolated = |&workload: &usize| {
        matches!(audit.facts.network_policy.isolation(workload, Direction::Egress), Isolation::By(_))
    };
    let isolated: Vec<usize> = opening.workloads.iter().copied().filter(is_isolated).collect();
    let (overridden, severity, named) = if isolated.is_empty() {
        ("before any policy of a namespace is asked", Severity::Medium, &opening.workloads)
    } else {
        ("whatever the network policies of their namespaces say", Severity::High, &isolated)
    };
    let message = format!("`{name}` lets pods out, {overridden}, such as {packet}");
    let finding = RULE.finding("admin-allow", opening.at(), message).severity(severity);
    let finding = audit.name_workloads(finding, named, "is let out");
    Some(
        finding
            .help("use `Pass` instead, so that the policies of the namespace decide, or name the peers that are meant"),
    )
}

/// A baseline is only asked about pods that no policy of a namespace isolates.
fn baseline_only(index: usize, policy: &NetworkPolicy<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let policies = &audit.facts.network_policy;
    let isolating = |workload: usize| match policies.isolation(workload, Direction::Egress) {
        Isolation::By(by) => {
            by.iter().map(|&other| audit.estate.network_policies[other].name).min_by_key(|name| name.at)
        }
        Isolation::None | Isolation::Unknown(_) => None,
    };
    let workloads = policies.tenants_of(index, Direction::Egress)?;
    let mut found: Option<(Finding, Vec<usize>)> = None;
    for workload in workloads {
        let Some(other) = isolating(workload) else { continue };
        let Some((clause, sample)) = policies.opened_against(policy, workload) else { continue };
        match &mut found {
            Some((_, affected)) => affected.push(workload),
            None => {
                let name = policy.name;
                let message = format!(
                    "`{name}` is not asked about pods that `{other}` isolates, which may send what it denies, such as {sample}"
                );
                let finding = RULE.finding("baseline-only", clause.at, message).see(other.at, "isolates egress first");
                found = Some((finding, vec![workload]));
            }
        }
    }
    let (finding, affected) = found?;
    let finding = audit.name_workloads(finding, &affected, "is out of the baseline's reach");
    Some(finding.help("deny it in the Admin tier, which comes before the policies of namespaces"))
}

/// Policies over names and the mesh's proxies do not go together on GKE.
fn names_in_mesh(index: usize, policy: &NetworkPolicy<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let meshed = |workload: &usize| {
        matches!(audit.facts.capture[*workload].injection, Injection::In { .. } | Injection::Ambient { .. })
    };
    let selected = audit.facts.network_policy.selected_by(index, Direction::Egress);
    let meshed: Vec<usize> = selected.into_iter().filter(meshed).collect();
    if meshed.is_empty() {
        return None;
    }
    let message = format!("`{}` selects pods of the mesh, where GKE does not support policies over names", policy.name);
    let finding = RULE.finding("fqdn-csm", policy.name.at, message);
    let finding = audit.name_workloads(finding, &meshed, "is in the mesh");
    Some(finding.help("route these names through the egress gateway and allow them there"))
}

fn cilium(policy: &NetworkPolicy<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let name = policy.name;
    let on_gke = |enforcement: Enforcement| enforcement == Enforcement::DataplaneV2;
    let mut clusters = audit.estate.clusters.iter().peekable();
    let all_on_gke = clusters.peek().is_some() && clusters.all(|cluster| on_gke(cluster.enforcement));
    if policy.kind == PolicyKind::Cilium && all_on_gke {
        let message =
            format!("GKE does not take policies of the kind `{}`, so `{name}` does nothing", policy.kind.as_str());
        return Some(
            RULE.finding("cilium", name.at, message)
                .help("write a NetworkPolicy, or a CiliumClusterwideNetworkPolicy over addresses, entities and labels"),
        );
    }
    let unknown = policy.unknowns().next()?;
    let message = format!("what `{name}` does cannot be told to the end: {}", unknown.reason);
    Some(
        RULE.finding("cilium", unknown.at, message)
            .severity(Severity::Info)
            .help("judge this part of the policy by hand"),
    )
}
