//! RB02: somebody who is no administrator may write another kind that gets around egress control.

use crate::analysis::access::{Grant, Holding, Target, WRITE, covers, everything, kinds};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Layer;
use crate::model::access::{Rule as AccessRule, Word};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "tenant-writes-bypass-kind",
    topic: "access",
    summary: "somebody who is no administrator may write another kind that gets around egress control",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["cis-gke:4.1.3", "pci-dss-4.0:1.2.8", "pci-dss-4.0:7.2.1", "nsa-cisa:authentication-and-authorization"],
    needs: &[Layer::Access],
    page: include_str!("../../../rules/access/tenant-writes-bypass-kind.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for holding in audit.facts.access.holdings(|grant, rule| covered(grant, rule, audit)) {
        findings.push(finding(&holding, audit));
    }
}

/// The words of a rule that cover a kind by which a tenant gets around egress control, in the namespaces of teams or in the
/// whole cluster.
fn covered<'a>(grant: Grant, rule: &AccessRule<'a>, audit: &Audit<'_>) -> Vec<(Word<'a>, &'static str)> {
    let access = &audit.facts.access;
    // Every right there is counts as an escalation, which says it all.
    if everything(rule).is_some() {
        return Vec::new();
    }
    let word = |target: Target| Some((covers(rule, target, &WRITE)?, target.resource));
    let namespaced = Target::BYPASS_KINDS.into_iter().filter_map(word);
    match access.binding(grant).namespace {
        Some(namespace) if access.is_admins(namespace) => Vec::new(),
        Some(_) => namespaced.collect(),
        // Of configuration maps only those of the mesh and the platform matter, which a cluster-wide right includes.
        None => {
            let of_cluster = Target::CLUSTER_BYPASS_KINDS.into_iter().chain([Target::CONFIG_MAPS]);
            namespaced.chain(of_cluster.filter_map(word)).collect()
        }
    }
}

fn finding(holding: &Holding<'_>, audit: &Audit<'_>) -> Finding {
    let access = &audit.facts.access;
    let (who, place) = (access.who(&holding.grants), access.place(&holding.grants));
    let what = kinds(&holding.what);
    // A service alone names hosts and addresses, and nothing leaves by it unless the mesh takes it for a destination.
    let only_services = holding.what == [Target::SERVICES.resource];
    let variant = if only_services { "services" } else { "role" };
    let message = match holding.builtin {
        Some(role) => format!("the built-in role `{role}` lets {who} write {what} in {place}"),
        None => format!("{who} may write {what} in {place}"),
    };
    let help = if only_services {
        "let admission refuse `externalName`, `externalIPs` and services without a selector, or keep services for administrators"
    } else {
        "take these kinds out of the role, or name the subject under `admins` if it manages egress"
    };
    let severity = if only_services { Severity::Medium } else { Severity::High };
    let confidence = if access.is_certain(holding) { Confidence::High } else { Confidence::Low };
    let finding = RULE.finding(variant, holding.at, message).severity(severity).confidence(confidence).help(help);
    access.bindings_of(holding).into_iter().fold(finding, |finding, label| finding.see(label.at, label.message))
}
