//! NP02: network policies let an application's pods open connections to public addresses.

use std::collections::BTreeMap;

use crate::analysis::network_policy::{Opening, is_whole_internet};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Peer, Tier};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "external-egress-allowed",
    topic: "network-policy",
    summary: "a network policy lets workloads out to public addresses",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["cis-gke:4.3.2", "pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/network-policy/external-egress-allowed.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut by_variant: BTreeMap<(usize, &'static str), Vec<(&Opening<'_>, Location)>> = BTreeMap::new();
    for opening in audit.facts.openings.iter().filter(|opening| is_judged(opening, audit)) {
        let (variant, at) = variant(opening);
        by_variant.entry((opening.policy, variant)).or_default().push((opening, at));
    }
    for ((policy, variant), openings) in by_variant {
        findings.extend(finding(policy, variant, &openings, audit));
    }
}

/// What administrators allow and what is meant for resolvers has a rule of its own.
fn is_judged(opening: &Opening<'_>, audit: &Audit<'_>) -> bool {
    audit.estate.network_policies[opening.policy].tier != Tier::Admin && !opening.is_any_resolver()
}

fn variant(opening: &Opening<'_>) -> (&'static str, Location) {
    let Some(peers) = &opening.clause.peers else { return ("empty-to", opening.clause.at) };
    let is_any = |peer: &&Peer<'_>| peer.outside().is_some_and(is_whole_internet);
    peers.iter().find(is_any).map_or_else(|| ("public-cidr", opening.at()), |any| ("any-cidr", any.at))
}

fn finding(
    policy: usize,
    variant: &'static str,
    openings: &[(&Opening<'_>, Location)],
    audit: &Audit<'_>,
) -> Option<Finding> {
    let (first, at) = openings.first()?;
    let name = audit.estate.network_policies[policy].name;
    let sample = first.packet()?;
    let message = match variant {
        "empty-to" => {
            format!("a clause of `{name}` names no peers, so it lets pods out to any address, such as {sample}")
        }
        "any-cidr" => format!("`{name}` lets pods out to the whole internet, such as {sample}"),
        _ => format!("`{name}` lets pods out to public addresses, such as {sample}"),
    };
    let mut finding = RULE.finding(variant, *at, message).help(match variant {
        "empty-to" => "name in `to` the peers that are needed; external hosts are reached through the egress gateway",
        _ => "take the public addresses out, by narrower blocks or by `except`; external hosts are reached through the egress gateway",
    });
    for (other, at) in openings.iter().skip(1).take(4) {
        let sample = other.packet()?;
        finding = finding.see(*at, format!("so does this, such as {sample}"));
    }
    let mut workloads: Vec<usize> =
        openings.iter().flat_map(|(opening, _)| opening.workloads.iter().copied()).collect();
    workloads.sort_unstable();
    workloads.dedup();
    if workloads.is_empty() {
        // The input shows the policy and not the pods.
        finding = finding.confidence(Confidence::Medium);
    }
    Some(audit.if_enforced(audit.name_workloads(finding, &workloads, "is let out")))
}
