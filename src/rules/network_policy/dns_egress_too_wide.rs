//! NP04: a clause that is meant for names lets pods ask, or reach, more than the cluster's resolver.

use crate::analysis::destinations::link_local;
use crate::analysis::network_policy::{Opening, is_whole_internet};
use crate::analysis::resolver::{KUBE_DNS, METADATA_ADDRESS, NODE_LOCAL_DNS, RESOLVER_NAMESPACE, plain_dns, resolvers};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{
    ClauseAction, Direction, Match, NAME_LABEL, NamespaceScope, NetworkPolicy, Peer, PeerScope, PodScope, Ports,
    Selector, Text,
};
use crate::rule::{Audit, Rule};
use crate::source::Location;
use crate::traffic::Protocol;

pub(crate) static RULE: Rule = Rule {
    id: "dns-egress-too-wide",
    topic: "network-policy",
    summary: "a network policy for DNS opens more than the cluster's resolver",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.2.5", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/network-policy/dns-egress-too-wide.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let cloud_dns = resolvers(audit.estate).cloud_dns && !audit.estate.clusters.is_empty();
    let mut found = anywhere(audit);
    for (index, policy) in audit.estate.network_policies.iter().enumerate() {
        let Some(workloads) = audit.facts.network_policy.tenants_of(index, Direction::Egress) else { continue };
        let faults = [first(policy, all_ports), first(policy, namespace_wide), metadata(policy).filter(|_| !cloud_dns)];
        found.extend(faults.into_iter().flatten().map(|fault| audit.name_workloads(fault, &workloads, "may use it")));
    }
    findings.extend(found.into_iter().map(|finding| audit.if_enforced(finding)));
}

/// Clauses for names that leave open whom to ask: one finding a policy.
fn anywhere(audit: &Audit<'_>) -> Vec<Finding> {
    let mut policies: Vec<usize> = Vec::new();
    let mut found = Vec::new();
    for opening in audit.facts.openings.iter().filter(|opening| opening.is_any_resolver()) {
        if !policies.contains(&opening.policy) {
            policies.push(opening.policy);
            let name = audit.estate.network_policies[opening.policy].name;
            let finding = ask_anybody(opening, &format!("`{name}` lets pods ask any DNS server in the world"));
            found.push(audit.name_workloads(finding, &opening.workloads, "may ask it"));
        }
    }
    found
}

fn ask_anybody(opening: &Opening<'_>, said: &str) -> Finding {
    let is_any = |peer: &&Peer<'_>| peer.outside().is_some_and(is_whole_internet);
    let peer = opening.clause.peers.iter().flatten().find(is_any);
    let (at, message) = match peer {
        Some(peer) => (peer.at, said.to_owned()),
        None => (opening.clause.at, format!("{said}, since a clause for port 53 names no peers")),
    };
    RULE.finding("anywhere", at, message)
        .severity(Severity::High)
        .help("name the cluster's resolver in `to`: pods `k8s-app: kube-dns` of `kube-system`, or the cache's address")
}

/// The first clause and pods among its peers that are at fault.
fn first(
    policy: &NetworkPolicy<'_>,
    fault: fn(&NetworkPolicy<'_>, &PodScope<'_>, &Ports<'_>, Location) -> Option<Finding>,
) -> Option<Finding> {
    let clauses = policy.egress.clauses.iter().filter(|clause| clause.action == ClauseAction::Allow);
    let mut peers = clauses.flat_map(|clause| clause.peers.iter().flatten().map(move |peer| (clause, peer)));
    peers.find_map(|(clause, peer)| match &peer.scope {
        PeerScope::Pods(scope) if names_resolver_namespace(scope) => {
            fault(policy, scope, &clause.ports, place(scope, peer))
        }
        _ => None,
    })
}

/// Whether pods of the resolvers' namespace are meant, rather than those of all namespaces.
fn names_resolver_namespace(scope: &PodScope<'_>) -> bool {
    let NamespaceScope::Matching(selector) = scope.namespaces else { return false };
    named(selector).is_some() && selector.matches_name(RESOLVER_NAMESPACE) != Match::No
}

/// The namespace's name in a selector: of the label that Kubernetes sets, or of one that people set themselves.
fn named(selector: Selector<'_>) -> Option<Text<'_>> {
    let own = |key| selector.values_of(key).find(|value| value.value == RESOLVER_NAMESPACE);
    own(NAME_LABEL).or_else(|| own("name"))
}

/// The namespace's name in the selector.
fn place(scope: &PodScope<'_>, peer: &Peer<'_>) -> Location {
    let NamespaceScope::Matching(selector) = scope.namespaces else { return peer.at };
    named(selector).map_or(peer.at, |value| value.at)
}

fn holds_a_resolver(scope: &PodScope<'_>) -> bool {
    [KUBE_DNS, NODE_LOCAL_DNS].iter().any(|labels| scope.pods.matches_known(labels, true) != Match::No)
}

fn all_ports(policy: &NetworkPolicy<'_>, scope: &PodScope<'_>, ports: &Ports<'_>, at: Location) -> Option<Finding> {
    if !opens_every_port(ports) || !holds_a_resolver(scope) {
        return None;
    }
    let message = format!("`{}` opens every port of pods in `{RESOLVER_NAMESPACE}`, not port 53 alone", policy.name);
    Some(RULE.finding("all-ports", at, message).help("list port 53, once for UDP and once for TCP"))
}

fn namespace_wide(
    policy: &NetworkPolicy<'_>,
    scope: &PodScope<'_>,
    ports: &Ports<'_>,
    at: Location,
) -> Option<Finding> {
    let opens_dns = !ports.numbered.intersection(plain_dns()).is_empty();
    if opens_every_port(ports) || !opens_dns || !scope.pods.is_everything() {
        return None;
    }
    let message =
        format!("`{}` opens port 53 of every pod in `{RESOLVER_NAMESPACE}`, not of the resolver alone", policy.name);
    Some(
        RULE.finding("namespace-wide", at, message)
            .severity(Severity::Low)
            .help("add a `podSelector` for the resolver, such as `k8s-app: kube-dns`, beside the `namespaceSelector`"),
    )
}

/// Whether all ports of TCP or of UDP are open: nothing was said of port 53.
fn opens_every_port(ports: &Ports<'_>) -> bool {
    ports.numbered.contains(Protocol::Tcp, None) || ports.numbered.contains(Protocol::Udp, None)
}

/// The metadata server answers for any name besides, on port 53.
fn metadata(policy: &NetworkPolicy<'_>) -> Option<Finding> {
    let clauses = policy.egress.clauses.iter().filter(|clause| clause.action == ClauseAction::Allow);
    let open = clauses.filter(|clause| opens_every_port(&clause.ports));
    let is_metadata = |peer: &&Peer<'_>| {
        peer.outside().is_some_and(|held| held.contains(METADATA_ADDRESS) && held.is_subset(link_local()))
    };
    let peer = open.flat_map(|clause| clause.peers.iter().flatten()).find(is_metadata)?;
    let message =
        format!("`{}` opens every port of the metadata server, which on port 53 answers for any name", policy.name);
    Some(
        RULE.finding("metadata-53", peer.at, message)
            .help("list the port of the metadata server: TCP 80, or TCP 988 where the cluster's dataplane is not V2"),
    )
}
