//! Kubernetes' own NetworkPolicy, and GKE's `FQDNNetworkPolicy` beside it.

use super::{
    ClauseAction, NamespaceScope, NetworkPolicy, Peer, PeerScope, PodScope, PolicyClause, PolicyKind, Section, Tier,
    block, every_port, listed_ports, selector,
};
use crate::model::Selector;
use crate::model::namespace::{Namespace, find};
use crate::resource::Resource;
use crate::resource::kubernetes::{self as written, LabelSelector, NamePolicy, PolicyType};
use crate::source::{Problem, Spanned};

/// The pods of one namespace that a selector picks.
pub(super) fn own_pods<'a>(namespace: usize, pods: Option<&'a LabelSelector<'a>>) -> PodScope<'a> {
    PodScope { namespaces: NamespaceScope::Only(namespace), pods: selector(pods), unknown: None }
}

pub(super) fn network_policy<'a>(
    written: &'a written::NetworkPolicy<'a>,
    resource: &Resource<'a>,
    namespaces: &[Namespace<'a>],
    problems: &mut Vec<Problem>,
) -> Option<NetworkPolicy<'a>> {
    let namespace = find(namespaces, resource.namespace?.value)?;
    let types = written.policy_types.as_ref().filter(|types| !types.value.is_empty());
    let named = |wanted: PolicyType<'_>| types.is_some_and(|types| types.iter().any(|one| one.value == wanted));
    let has_egress = written.egress.as_ref().is_some_and(|clauses| !clauses.value.is_empty());
    let mut section = |list: &'a Option<Spanned<Vec<written::PolicyClause<'a>>>>, isolates| Section {
        isolates,
        clauses: list.iter().flat_map(|list| &list.value).map(|one| clause(one, namespace, problems)).collect(),
        at: list.as_ref().map(|list| list.at),
    };
    Some(NetworkPolicy {
        kind: PolicyKind::Kubernetes,
        name: resource.meta.name,
        namespace: Some(namespace),
        tier: Tier::Namespace,
        priority: None,
        subject: own_pods(namespace, written.pod_selector.as_ref()),
        // Without policyTypes a policy isolates ingress, and egress only if it has an egress clause.
        egress: section(&written.egress, if types.is_some() { named(PolicyType::Egress) } else { has_egress }),
        ingress: section(&written.ingress, types.is_none() || named(PolicyType::Ingress)),
        types_at: types.and_then(|types| types.value.first()).map(|first| first.at),
        spec_at: resource.meta.spec_at,
    })
}

fn clause<'a>(
    written: &'a written::PolicyClause<'a>,
    namespace: usize,
    problems: &mut Vec<Problem>,
) -> PolicyClause<'a> {
    let peers = written.peers.as_ref().filter(|peers| !peers.value.is_empty());
    let ports = written.ports.as_ref().map(|ports| ports.value.as_slice()).unwrap_or_default();
    PolicyClause {
        action: ClauseAction::Allow,
        peers: peers.map(|peers| peers.iter().map(|one| peer(one, namespace, problems)).collect()),
        ports: if ports.is_empty() { every_port() } else { listed_ports(ports) },
        unknown: None,
        at: written.at,
    }
}

fn peer<'a>(written: &'a written::Peer<'a>, namespace: usize, problems: &mut Vec<Problem>) -> Peer<'a> {
    if let Some(cidr) = written.cidr {
        let scope = match block(cidr, &written.except, problems) {
            Some(addresses) => PeerScope::Addresses(addresses),
            None => PeerScope::Unknown(format!("`{}` is not an address block", cidr.value)),
        };
        return Peer { scope, at: cidr.at };
    }
    let pods = written.pod_selector.as_ref();
    let namespaces = written.namespace_selector.as_ref();
    if pods.is_none() && namespaces.is_none() {
        return Peer { scope: PeerScope::Unknown("a peer that names nobody".to_owned()), at: written.at };
    }
    let scope = PodScope {
        namespaces: namespaces.map(Selector::Labels).map_or(NamespaceScope::Only(namespace), NamespaceScope::Matching),
        pods: selector(pods),
        unknown: None,
    };
    Peer { scope: PeerScope::Pods(scope), at: namespaces.or(pods).map_or(written.at, |selector| selector.at) }
}

/// A policy over names isolates egress as any other does, and allows what its names turn out to be.
pub(super) fn name_policy<'a>(
    written: &'a NamePolicy<'a>,
    resource: &Resource<'a>,
    namespaces: &[Namespace<'a>],
) -> Option<NetworkPolicy<'a>> {
    let namespace = find(namespaces, resource.namespace?.value)?;
    let clauses = written.egress.iter().map(|rule| PolicyClause {
        action: ClauseAction::Allow,
        peers: Some(vec![Peer {
            scope: PeerScope::Names(rule.names.clone()),
            at: rule.names.first().map_or(rule.at, |name| name.at),
        }]),
        ports: rule.ports.as_ref().map_or_else(every_port, listed_ports),
        unknown: None,
        at: rule.at,
    });
    Some(NetworkPolicy {
        kind: PolicyKind::Fqdn,
        name: resource.meta.name,
        namespace: Some(namespace),
        tier: Tier::Namespace,
        priority: None,
        subject: own_pods(namespace, written.pods.as_ref()),
        egress: Section { isolates: true, clauses: clauses.collect(), at: Some(written.egress_at) },
        ingress: Section::default(),
        types_at: None,
        spec_at: resource.meta.spec_at,
    })
}
