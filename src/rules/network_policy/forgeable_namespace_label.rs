//! NP06: a network policy knows its peers by a label of namespaces that somebody may set.

use crate::analysis::access::{Proof, Target, Verdict};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, NAME_LABEL, NamespaceScope, NetworkPolicy, PeerScope, Role, Selector, Text};
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
    let trusting: Vec<&NetworkPolicy<'_>> = audit.estate.network_policies.iter().filter(|one| trusts(one)).collect();
    if trusting.is_empty() {
        return;
    }
    let forger = forger(audit);
    if matches!(forger, Forger::Nobody) {
        return;
    }
    let all = trusting.into_iter().filter_map(|policy| finding(policy, &forger));
    findings.extend(all.map(|finding| audit.if_enforced(finding)));
}

fn trusts(policy: &NetworkPolicy<'_>) -> bool {
    [Direction::Egress, Direction::Ingress].into_iter().any(|direction| labels(policy, direction).next().is_some())
}

/// Who may label namespaces.
enum Forger {
    Known(Box<Proof>),
    /// The input does not say who may write namespaces.
    Unknown,
    Nobody,
}

/// Whether some tenant may label namespaces, his own or others.
fn forger(audit: &Audit<'_>) -> Forger {
    let tenants = (0..audit.estate.namespaces.len()).filter(|&one| audit.estate.namespaces[one].role == Role::Tenant);
    let mut found = Forger::Unknown;
    for (index, tenant) in tenants.enumerate() {
        match audit.facts.access.may(tenant, &[Target::NAMESPACES], &["create", "update", "patch"], "") {
            Verdict::Certain(proof) => return Forger::Known(Box::new(proof)),
            Verdict::Unknown(_) => found = Forger::Unknown,
            Verdict::No(_) if index == 0 => found = Forger::Nobody,
            Verdict::No(_) => {}
        }
    }
    found
}

fn finding(policy: &NetworkPolicy<'_>, forger: &Forger) -> Option<Finding> {
    let of = |direction: Direction| labels(policy, direction).map(move |label| (direction, label));
    let mut all = of(Direction::Egress).chain(of(Direction::Ingress));
    let (direction, label) = all.next()?;
    let name = policy.name;
    let does = match direction {
        Direction::Egress => "lets pods out to",
        Direction::Ingress => "lets in",
    };
    let (who, severity) = match forger {
        Forger::Known(proof) => (proof.who.as_str(), Severity::Medium),
        _ => ("whoever may edit one", Severity::Low),
    };
    let message = format!("`{name}` {does} namespaces with the label `{label}`, which {who} can set");
    let finding = RULE.finding("label", label.at, message).severity(severity);
    let finding = all.take(4).fold(finding, |finding, (_, label)| finding.see(label.at, "so can this label"));
    let finding = match forger {
        Forger::Known(proof) => proof.chain.iter().fold(finding, |finding, link| finding.see(link.at, &*link.message)),
        _ => finding,
    };
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
