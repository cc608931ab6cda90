//! Cilium's policies, in the tier of namespaces: they add up with Kubernetes' own, and what any of them denies is denied.

use super::kubernetes::own_pods;
use super::{
    ClauseAction, NamespaceScope, NetworkPolicy, Peer, PeerScope, PodScope, PolicyClause, PolicyKind, Section, Tier,
    block, every_port, listed_ports,
};
use crate::model::namespace::{Namespace, find};
use crate::model::{Selector, Text, Unknown};
use crate::resource::Resource;
use crate::resource::kubernetes::{CiliumPeer, CiliumPolicy, CiliumRule, CiliumSection, Endpoints};
use crate::source::{Location, Problem};
use crate::traffic::AddressSet;

pub(super) fn policy<'a>(
    written: &'a CiliumPolicy<'a>,
    resource: &Resource<'a>,
    namespaces: &[Namespace<'a>],
    problems: &mut Vec<Problem>,
) -> Option<NetworkPolicy<'a>> {
    let namespace = match resource.namespace {
        Some(namespace) => Some(find(namespaces, namespace.value)?),
        None => None,
    };
    let selected = written.endpoints.as_ref()?;
    Some(NetworkPolicy {
        kind: if namespace.is_some() { PolicyKind::Cilium } else { PolicyKind::CiliumClusterwide },
        name: resource.meta.name,
        namespace,
        tier: Tier::Namespace,
        priority: None,
        // A policy of a namespace selects pods of that namespace, whatever else its selector says.
        subject: match namespace {
            Some(index) => PodScope { unknown: unknown(selected), ..own_pods(index, Some(&selected.pods)) },
            None => scope(selected, None),
        },
        egress: section(&written.egress, namespace, problems),
        ingress: section(&written.ingress, namespace, problems),
        types_at: None,
        subject_at: selected.at,
    })
}

fn unknown(written: &Endpoints<'_>) -> Option<Unknown> {
    let label = written.unknown?;
    Some(Unknown { at: label.at, reason: format!("the label `{label}` is not one of pods or namespaces") })
}

/// Peers of a namespace's policy are in that namespace unless the selector speaks of others.
fn scope<'a>(written: &'a Endpoints<'a>, namespace: Option<usize>) -> PodScope<'a> {
    let namespaces = match (&written.namespaces, namespace) {
        (Some(asked), _) => NamespaceScope::Matching(Selector::Labels(asked)),
        (None, Some(own)) => NamespaceScope::Only(own),
        (None, None) => NamespaceScope::Matching(Selector::Everything),
    };
    PodScope { namespaces, pods: Selector::Labels(&written.pods), unknown: unknown(written) }
}

fn section<'a>(written: &'a CiliumSection<'a>, namespace: Option<usize>, problems: &mut Vec<Problem>) -> Section<'a> {
    let is_written = !written.allow.is_empty() || !written.deny.is_empty();
    let mut clauses = Vec::new();
    for (action, rules) in [(ClauseAction::Deny, &written.deny), (ClauseAction::Allow, &written.allow)] {
        clauses.extend(rules.iter().map(|rule| clause(rule, action, namespace, problems)));
    }
    Section { isolates: written.default_deny.map_or(is_written, |deny| deny.value), clauses, at: written.at }
}

fn clause<'a>(
    written: &'a CiliumRule<'a>,
    action: ClauseAction,
    namespace: Option<usize>,
    problems: &mut Vec<Problem>,
) -> PolicyClause<'a> {
    let unevaluated = |field: Text<'_>| Unknown { at: field.at, reason: format!("`{field}` is not evaluated") };
    PolicyClause {
        action,
        peers: written
            .peers
            .as_ref()
            .map(|peers| peers.iter().map(|one| peer(one, namespace, written.at, problems)).collect()),
        ports: written.ports.as_ref().map_or_else(every_port, listed_ports),
        unknown: written.unknown.map(unevaluated),
        at: written.at,
    }
}

fn peer<'a>(
    written: &'a CiliumPeer<'a>,
    namespace: Option<usize>,
    at: Location,
    problems: &mut Vec<Problem>,
) -> Peer<'a> {
    match written {
        CiliumPeer::Endpoints(endpoints) => {
            Peer { scope: PeerScope::Pods(scope(endpoints, namespace)), at: endpoints.at }
        }
        CiliumPeer::Block { cidr, except } => {
            let addresses = block(*cidr, except, problems);
            let odd = || PeerScope::Unknown(format!("`{cidr}` is not an address block"));
            Peer { scope: addresses.map_or_else(odd, PeerScope::Outside), at: cidr.at }
        }
        CiliumPeer::Names(names) => {
            Peer { scope: PeerScope::Names(names.clone()), at: names.first().map_or(at, |name| name.at) }
        }
        CiliumPeer::Entity(entity) => Peer { scope: entity_scope(*entity), at: entity.at },
        CiliumPeer::Unknown(field) => {
            Peer { scope: PeerScope::Unknown(format!("`{field}` is not evaluated")), at: field.at }
        }
    }
}

/// The words by which Cilium names what has no labels.
fn entity_scope(entity: Text<'_>) -> PeerScope<'_> {
    match entity.value {
        "all" => PeerScope::Networks(AddressSet::all()),
        "world" => PeerScope::Outside(AddressSet::all()),
        "world-ipv4" => PeerScope::Outside(AddressSet::all_v4()),
        "world-ipv6" => PeerScope::Outside(AddressSet::all_v6()),
        "cluster" => PeerScope::Pods(PodScope {
            namespaces: NamespaceScope::Matching(Selector::Everything),
            pods: Selector::Everything,
            unknown: None,
        }),
        "host" | "remote-node" => PeerScope::Nodes(AddressSet::empty()),
        "init" | "health" | "unmanaged" | "none" | "ingress" => PeerScope::Outside(AddressSet::empty()),
        // The control plane has an address that nobody wrote down.
        "kube-apiserver" => PeerScope::Names(vec![entity]),
        other => PeerScope::Unknown(format!("`{other}` is not evaluated")),
    }
}
