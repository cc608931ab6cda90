//! RB01: somebody who is no administrator may write the kinds that decide about egress.

use crate::analysis::access::{Grant, Holding, Target, WRITE, covers, kinds};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Layer;
use crate::model::access::{Rule as AccessRule, Word};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "tenant-writes-egress-policy",
    topic: "access",
    summary: "somebody who is no administrator may write the policies that control egress",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["cis-gke:4.1.3", "pci-dss-4.0:1.2.8", "pci-dss-4.0:7.2.1", "nsa-cisa:authentication-and-authorization"],
    needs: &[Layer::Access],
    page: include_str!("../../../rules/access/tenant-writes-egress-policy.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let access = &audit.facts.access;
    for holding in access.holdings(|grant, rule| covered(grant, rule, audit)) {
        findings.push(finding(&holding, audit));
    }
    findings.extend(cloud_roles(audit));
}

/// The words of a rule that cover one of the five kinds, where teams work: what is bound in a namespace of the platform is
/// a finding of its own.
fn covered<'a>(grant: Grant, rule: &AccessRule<'a>, audit: &Audit<'_>) -> Vec<(Word<'a>, &'static str)> {
    let access = &audit.facts.access;
    if access.binding(grant).namespace.is_some_and(|namespace| access.is_admins(namespace)) {
        return Vec::new();
    }
    let word = |target: Target| Some((covers(rule, target, &WRITE)?, target.resource));
    Target::EGRESS_POLICIES.into_iter().filter_map(word).collect()
}

fn finding(holding: &Holding<'_>, audit: &Audit<'_>) -> Finding {
    let access = &audit.facts.access;
    let (who, place) = (access.who(&holding.grants), access.place(&holding.grants));
    let what = kinds(&holding.what);
    let (variant, message, help) = match holding.builtin {
        Some(role) => (
            "built-in",
            format!("the built-in role `{role}` lets {who} write {what} in {place}"),
            "bind a role of your own that leaves these kinds out, and keep them for administrators",
        ),
        None => (
            "role",
            format!("{who} may write {what} in {place}"),
            "take these kinds out of the role, or name the subject under `admins` if it manages egress",
        ),
    };
    let finding = RULE.finding(variant, holding.at, message).help(help);
    let finding =
        access.bindings_of(holding).into_iter().fold(finding, |finding, label| finding.see(label.at, label.message));
    graded(finding, holding, audit)
}

/// A guard at admission that asks who writes may still refuse it, and a subject that is filled in later may be anybody.
fn graded(finding: Finding, holding: &Holding<'_>, audit: &Audit<'_>) -> Finding {
    let access = &audit.facts.access;
    let guard_of = |grant: &Grant| {
        let namespace = access.binding(*grant).namespace?;
        let targets = Target::EGRESS_POLICIES.into_iter().filter(|target| holding.what.contains(&target.resource));
        let guards: Option<Vec<_>> = targets.map(|target| access.guard_of_writers(target, namespace)).collect();
        guards?.first().copied()
    };
    let guards: Option<Vec<_>> = holding.grants.iter().map(guard_of).collect();
    match guards.as_ref().and_then(|guards| guards.first()) {
        Some(guard) => finding
            .severity(Severity::Low)
            .confidence(Confidence::Low)
            .see(guard.name.at, format!("`{}` may refuse it at admission, by who writes", guard.name)),
        None if !access.is_certain(holding) => finding.confidence(Confidence::Low),
        None => finding,
    }
}

/// Whom a role of the cloud lets write most objects of every cluster, past the cluster's own roles.
fn cloud_roles(audit: &Audit<'_>) -> Vec<Finding> {
    let tenants = audit.facts.access.cloud_writers();
    tenants
        .map(|holder| {
            let message = format!(
                "`{}` may write most objects of every namespace by `{}`, whatever the cluster's own roles say",
                holder.member, holder.role
            );
            RULE.finding("cloud-role", holder.member.at, message)
                .severity(Severity::Low)
                .see(holder.role.at, "the role of the cloud")
                .help("grant `roles/container.clusterViewer`, and let the cluster's roles say what may be written")
        })
        .collect()
}
