//! NP06: a network policy knows its peers by a label of namespaces that somebody may set.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, NAME_LABEL, NamespaceScope, NetworkPolicy, PeerScope, Selector, Text};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "forgeable-namespace-label",
    topic: "network-policy",
    summary: "a network policy trusts a label of namespaces that can be set",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.2.8", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/network-policy/forgeable-namespace-label.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let all = audit.estate.network_policies.iter().filter_map(finding);
    findings.extend(all.map(|finding| audit.if_enforced(finding)));
}

fn finding(policy: &NetworkPolicy<'_>) -> Option<Finding> {
    let of = |direction: Direction| labels(policy, direction).map(move |label| (direction, label));
    let mut all = of(Direction::Egress).chain(of(Direction::Ingress));
    let (direction, label) = all.next()?;
    let name = policy.name;
    let does = match direction {
        Direction::Egress => "lets pods out to",
        Direction::Ingress => "lets in",
    };
    let message = format!("`{name}` {does} namespaces with the label `{label}`, which whoever may edit one can set");
    // Who may edit namespaces is not known here.
    let finding = RULE.finding("label", label.at, message).severity(Severity::Low);
    let finding = all.take(4).fold(finding, |finding, (_, label)| finding.see(label.at, "so can this label"));
    Some(finding.help(format!("select namespaces by `{NAME_LABEL}`, which the API server sets and nobody can change")))
}

/// The labels of namespaces by which a policy knows its peers, where it does not also know them by name.
fn labels<'a>(policy: &'a NetworkPolicy<'a>, direction: Direction) -> impl Iterator<Item = Text<'a>> {
    let clauses = policy.section(direction).clauses.iter();
    let peers = clauses.flat_map(|clause| clause.peers.iter().flatten());
    let selectors = peers.filter_map(|peer| match &peer.scope {
        PeerScope::Pods(scope) => match scope.namespaces {
            NamespaceScope::Matching(selector) => Some(selector),
            NamespaceScope::Only(_) => None,
        },
        _ => None,
    });
    selectors.filter(|selector| !names_namespaces(*selector)).filter_map(|selector| selector.keys().next())
}

/// Whether the selector only holds namespaces of given names, whatever else it asks for.
fn names_namespaces(selector: Selector<'_>) -> bool {
    selector.values_of(NAME_LABEL).next().is_some()
}
