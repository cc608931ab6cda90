//! MC01: several clusters, and what holds within one of them does not hold across.

use std::collections::BTreeSet;

use crate::analysis::authorization::enforced;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{AuthorizationPolicy, Clause, ClauseAction, Estate, PeerScope, PolicyClause, Text};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "multi-cluster-gap",
    topic: "path",
    summary: "several clusters share a mesh, and a control that works within one does not reach the others",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &["nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/path/multi-cluster-gap.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let estate = audit.estate;
    if estate.clusters.len() < 2 || audit.facts.egress.proxies.is_empty() {
        return;
    }
    let of = |pools: &mut dyn Iterator<Item = usize>| -> BTreeSet<usize> {
        pools.filter_map(|pool| estate.pools[pool].cluster).collect()
    };
    let gateways = of(&mut audit.facts.pools.gateways());
    let applications = of(&mut audit.facts.pools.applications());
    // Where each cluster has a gateway of its own, they are clusters side by side.
    let [home] = gateways.iter().copied().collect::<Vec<_>>()[..] else { return };
    if applications.iter().all(|cluster| *cluster == home) {
        return;
    }
    if applications.contains(&home) {
        findings.extend(not_dedicated(home, audit));
    }
    findings.extend(remote_pods(home, audit));
    findings.extend(sameness(audit));
}

/// The gateway has a cluster that others use from afar, and applications run there as well.
fn not_dedicated(home: usize, audit: &Audit<'_>) -> Option<Finding> {
    let estate = audit.estate;
    let pool = audit.facts.pools.applications().find(|&pool| estate.pools[pool].cluster == Some(home))?;
    let (cluster, pool) = (estate.clusters[home].name, &estate.pools[pool]);
    let message =
        format!("cluster `{cluster}` holds the egress gateway of other clusters and runs applications as well");
    let finding = RULE.finding("not-dedicated", pool.name.at, message).see(cluster.at, "the gateway's cluster");
    Some(finding.help("keep applications off the gateway's cluster, as they are kept off its nodes"))
}

/// A network policy that picks the gateway's pods by their labels reaches no other cluster.
fn remote_pods(home: usize, audit: &Audit<'_>) -> Vec<Finding> {
    let estate = audit.estate;
    let namespaces: BTreeSet<&str> =
        audit.facts.egress.proxies.iter().flat_map(|proxy| proxy.namespaces.iter().copied()).collect();
    let mut found = Vec::new();
    for policy in &estate.network_policies {
        let own = policy.namespace.map(|namespace| estate.namespaces[namespace].name);
        if own.is_some_and(|own| namespaces.contains(own)) {
            continue;
        }
        let allows = policy.egress.clauses.iter().filter(|clause| clause.action == ClauseAction::Allow);
        let Some(at) = allows.into_iter().find_map(|clause| picks(clause, &namespaces, estate)) else { continue };
        let message = format!(
            "`{}` picks the egress gateway's pods by labels, and they run in cluster `{}`, where labels do not reach",
            policy.name, estate.clusters[home].name
        );
        let finding = RULE.finding("remote-pods", at, message);
        found.push(
            finding.help(
                "name the range of the other cluster's pods in an `ipBlock`, or the gateway between the clusters",
            ),
        );
    }
    found
}

/// The peer of a clause that picks pods of the gateway's namespaces and of no others.
fn picks(
    clause: &PolicyClause<'_>,
    namespaces: &BTreeSet<&str>,
    estate: &Estate<'_>,
) -> Option<crate::source::Location> {
    clause.peers.iter().flatten().find_map(|peer| match &peer.scope {
        PeerScope::Pods(scope) if !scope.is_everything() => {
            let held = |name: &&str| scope.holds_name(name, &estate.namespaces) == crate::model::Match::Yes;
            namespaces.iter().any(held).then_some(peer.at)
        }
        _ => None,
    })
}

/// Namespaces of one name are one identity in all clusters of a mesh.
fn sameness(audit: &Audit<'_>) -> Option<Finding> {
    let estate = audit.estate;
    let by_identity = |policy: &&AuthorizationPolicy<'_>| {
        policy.clauses.iter().flat_map(Clause::tests).any(|test| test.attribute.is_identity())
    };
    let policy = audit.facts.egress.proxies.iter().find_map(|proxy| enforced(proxy, estate).find(by_identity))?;
    let mut names: Vec<Text<'_>> = estate.clusters.iter().map(|cluster| cluster.name).collect();
    names.sort_by_key(|name| (name.value, name.at));
    let (first, others) = names.split_first()?;
    let listed: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    let message = format!(
        "clusters {} share the identities of their namespaces: what `{}` grants a namespace, one of that name in any of them has",
        listed.join(", "),
        policy.name,
    );
    let finding = RULE.finding("sameness", first.at, message).severity(Severity::Info);
    let finding = others.iter().take(4).fold(finding, |finding, name| finding.see(name.at, "shares them"));
    Some(
        finding
            .see(policy.name.at, "the policy")
            .help("let the same people decide about namespaces of one name in all clusters"),
    )
}
