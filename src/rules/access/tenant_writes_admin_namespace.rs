//! RB03: somebody who is no administrator may write in a namespace of the egress gateway, the mesh or the platform.

use std::collections::BTreeMap;

use crate::analysis::access::{Grant, kinds, writes_in_namespaces};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::access::{Standing, Word};
use crate::model::{Layer, Role};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "tenant-writes-admin-namespace",
    topic: "access",
    summary: "somebody who is no administrator may write in a namespace of the gateway, the mesh or the platform",
    severity: Severity::Critical,
    confidence: Confidence::High,
    controls: &["cis-gke:4.1", "pci-dss-4.0:7.2.1", "nsa-cisa:authentication-and-authorization"],
    needs: &[Layer::Access],
    page: include_str!("../../../rules/access/tenant-writes-admin-namespace.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let access = &audit.facts.access;
    let mut by_binding: BTreeMap<usize, Vec<Grant>> = BTreeMap::new();
    for &grant in access.grants() {
        if matches!(access.subject(grant).standing, Standing::Tenant | Standing::Unknown) {
            by_binding.entry(grant.binding).or_default().push(grant);
        }
    }
    findings.extend(by_binding.into_values().filter_map(|grants| finding(&grants, audit)));
}

fn finding(grants: &[Grant], audit: &Audit<'_>) -> Option<Finding> {
    let access = &audit.facts.access;
    let first = *grants.first()?;
    let binding = access.binding(first);
    if binding.namespace.is_some_and(|namespace| !access.is_admins(namespace)) {
        return None;
    }
    let written = written(first, audit);
    let word = written.first()?;
    let mut names: Vec<&str> = written.iter().map(|word| word.text).collect();
    names.dedup();
    let (variant, place) = match binding.namespace {
        Some(namespace) => ("namespace", format!("`{namespace}`")),
        None => ("cluster", format!("every namespace, {} included", admin_namespaces(audit))),
    };
    let who = access.who(grants);
    let message = format!("{who} may write {} in {place}", kinds(&names));
    let is_certain = grants.iter().any(|&grant| access.subject(grant).standing == Standing::Tenant);
    let confidence = if is_certain { Confidence::High } else { Confidence::Low };
    let finding = RULE.finding(variant, access.subject(first).at, message).confidence(confidence);
    let finding = finding.see(binding.role.at, format!("bound to the role `{}`", binding.role));
    let finding = match word.at {
        Some(at) => finding.see(at, format!("whose rule covers `{}`", word.text)),
        None => finding,
    };
    Some(finding.help(match binding.namespace {
        Some(_) => "bind only administrators here, or name the subject under `admins` if it is one",
        None => "bind the role in the namespaces of its subjects, or name the subject under `admins` if it is one",
    }))
}

/// The words of the role's rules that write what stands in namespaces, sorted.
fn written<'a>(grant: Grant, audit: &Audit<'a>) -> Vec<Word<'a>> {
    let binding = audit.facts.access.binding(grant);
    let Some(role) = binding.target else { return Vec::new() };
    let anywhere = binding.namespace.is_none();
    let rules = audit.estate.access.rules_of(role).map(|(_, rule)| rule);
    let mut words: Vec<Word<'a>> = rules.flat_map(|rule| writes_in_namespaces(rule, anywhere)).collect();
    words.sort_by_key(|word| (word.at, word.text));
    words
}

/// The namespaces that matter most, by name: the gateway's, the mesh's and the platform's.
fn admin_namespaces(audit: &Audit<'_>) -> String {
    let egress = audit.estate.namespaces.iter().filter(|namespace| namespace.role == Role::Egress);
    let mut names: Vec<&str> = egress.map(|namespace| namespace.name).collect();
    names.push("kube-system");
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}
