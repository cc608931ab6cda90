//! NP05: the types of a network policy and what it says of each direction do not go together.

use crate::analysis::network_policy::Isolation;
use crate::finding::{Confidence, Finding, Fix, Severity};
use crate::model::{Direction, NetworkPolicy, PolicyKind};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "policy-type-mismatch",
    topic: "network-policy",
    summary: "policy types leave clauses without effect, or close a direction that nobody meant",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["cis-gke:4.3.2", "pci-dss-4.0:1.2.7", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/network-policy/policy-type-mismatch.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let policies = audit.estate.network_policies.iter().enumerate();
    for (index, policy) in policies.filter(|(_, policy)| policy.kind == PolicyKind::Kubernetes) {
        let found = match policy.types_at {
            Some(_) => no_effect(policy),
            None => empty_egress(policy).or_else(|| unintended_ingress(index, policy, audit)),
        };
        findings.extend(found.map(|finding| audit.if_enforced(finding)));
    }
}

/// Clauses of a direction that the types leave out.
fn no_effect(policy: &NetworkPolicy<'_>) -> Option<Finding> {
    let types = policy.types_at?;
    let dead = |direction: Direction| {
        let section = policy.section(direction);
        !section.isolates && !section.clauses.is_empty()
    };
    let (field, direction, severity) = if dead(Direction::Egress) {
        ("egress", Direction::Egress, Severity::High)
    } else if dead(Direction::Ingress) {
        ("ingress", Direction::Ingress, Severity::Medium)
    } else {
        return None;
    };
    let word = if direction == Direction::Egress { "Egress" } else { "Ingress" };
    let message = format!(
        "the types of `{}` leave out `{word}`, so its `{field}` clauses do nothing and isolate nothing",
        policy.name
    );
    let finding = RULE.finding("no-effect", types, message).severity(severity);
    let clauses = policy.section(direction).at;
    let finding = clauses.into_iter().fold(finding, |finding, at| finding.see(at, "the clauses"));
    let missing = [(Direction::Egress, "Egress"), (Direction::Ingress, "Ingress")];
    let missing = missing.into_iter().filter(|(direction, _)| dead(*direction));
    let missing: Vec<String> = missing.map(|(_, word)| word.to_owned()).collect();
    let help = format!("add `{}` to `policyTypes`", missing.join("` and `"));
    Some(finding.help(help.clone()).fix(Fix::append(types, missing).titled(help)))
}

/// An empty list of clauses isolates egress only if the types say so.
fn empty_egress(policy: &NetworkPolicy<'_>) -> Option<Finding> {
    let at = policy.egress.at.filter(|_| policy.egress.clauses.is_empty())?;
    let name = policy.name;
    let message =
        format!("`{name}` leaves out `policyTypes`, so an empty `egress` isolates ingress alone and egress stays open");
    Some(
        RULE.finding("empty-egress", at, message)
            .help("write `policyTypes: [Egress]` to deny all egress, with `Ingress` besides if that is meant"),
    )
}

/// A policy over egress isolates ingress too if it leaves its types out, unless another policy does so in any case.
fn unintended_ingress(index: usize, policy: &NetworkPolicy<'_>, audit: &Audit<'_>) -> Option<Finding> {
    if policy.egress.clauses.is_empty() {
        return None;
    }
    let closed = closed_by_default(index, policy, audit)?;
    let name = policy.name;
    let (message, confidence) = if policy.ingress.clauses.is_empty() {
        (
            format!("`{name}` leaves out `policyTypes`, so it also denies all ingress of the pods that it selects"),
            Confidence::High,
        )
    } else {
        // Who writes clauses for both directions may well mean both.
        (
            format!("`{name}` leaves out `policyTypes`, so it also isolates the ingress of the pods that it selects"),
            Confidence::Medium,
        )
    };
    let finding =
        RULE.finding("unintended-ingress", policy.spec_at, message).severity(Severity::Medium).confidence(confidence);
    let finding = audit.name_workloads(finding, &closed, "accepts only what an ingress clause allows");
    Some(finding.help("write `policyTypes: [Egress]`, or name both types if both are meant"))
}

/// The workloads whose ingress a policy without types isolates while no other policy says that it does; none at all where
/// that changes nothing.
fn closed_by_default(index: usize, policy: &NetworkPolicy<'_>, audit: &Audit<'_>) -> Option<Vec<usize>> {
    let all = &audit.estate.network_policies;
    let on_purpose = |other: &NetworkPolicy<'_>| {
        other.ingress.isolates && (other.types_at.is_some() || other.egress.clauses.is_empty())
    };
    if !audit.estate.workloads.iter().any(|workload| Some(workload.namespace) == policy.namespace) {
        // The input shows no pods: any that the policy selects may be closed by it alone.
        let covers = |other: &NetworkPolicy<'_>| {
            on_purpose(other) && other.namespace == policy.namespace && other.subject.pods.is_everything()
        };
        return (!all.iter().any(covers)).then(Vec::new);
    }
    let is_closed = |workload: &usize| match audit.facts.network_policy.isolation(*workload, Direction::Ingress) {
        Isolation::By(by) => !by.iter().any(|&other| on_purpose(&all[other])),
        Isolation::None | Isolation::Unknown(_) => false,
    };
    let mut closed = audit.facts.network_policy.selected_by(index, Direction::Ingress);
    closed.retain(is_closed);
    (!closed.is_empty()).then_some(closed)
}
