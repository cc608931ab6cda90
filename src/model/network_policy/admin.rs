//! The administrators' policies, of the Admin and the Baseline tier.

use super::{
    ClauseAction, NamespaceScope, NetworkPolicy, Peer, PeerScope, PodScope, PolicyClause, PolicyKind, Ports, Section,
    Tier, block, every_port, listed_ports, selector,
};
use crate::model::{Selector, Unknown};
use crate::resource::kubernetes::{AdminPeer, AdminPeerForm, AdminPolicy, AdminPort, AdminRule, NamespacedPods};
use crate::resource::{Kind, Resource};
use crate::source::{Location, Problem, Spanned};
use crate::traffic::{AddressSet, Protocol};

pub(super) fn policy<'a>(
    written: &'a AdminPolicy<'a>,
    resource: &Resource<'a>,
    list: &'a [Resource<'a>],
    problems: &mut Vec<Problem>,
) -> NetworkPolicy<'a> {
    let meta = &resource.meta;
    let (kind, tier) = match meta.kind {
        "AdminNetworkPolicy" => (PolicyKind::Admin, Tier::Admin),
        "BaselineAdminNetworkPolicy" => (PolicyKind::BaselineAdmin, Tier::Baseline),
        _ => (PolicyKind::Cluster, cluster_tier(written, problems)),
    };
    let mut section = |list_of: &'a Option<Spanned<Vec<AdminRule<'a>>>>| Section {
        isolates: false,
        clauses: list_of.iter().flat_map(|rules| &rules.value).map(|one| clause(one, list, problems)).collect(),
        at: list_of.as_ref().map(|rules| rules.at),
    };
    NetworkPolicy {
        kind,
        name: meta.name,
        namespace: None,
        tier,
        // There is one baseline policy of the older kind, so it needs no number.
        priority: written.priority.map(|priority| priority.value).or((kind == PolicyKind::BaselineAdmin).then_some(0)),
        subject: match &written.subject {
            Some(subject) => scope(subject),
            None => PodScope {
                namespaces: NamespaceScope::Matching(Selector::Everything),
                pods: Selector::Everything,
                unknown: Some(Unknown { at: meta.spec_at, reason: "the policy does not say whom it selects".into() }),
            },
        },
        egress: section(&written.egress),
        ingress: section(&written.ingress),
        types_at: None,
        subject_at: written.subject.as_ref().map_or(meta.spec_at, |subject| subject.at),
    }
}

fn cluster_tier(written: &AdminPolicy<'_>, problems: &mut Vec<Problem>) -> Tier {
    match written.tier {
        Some(tier) if tier.value == "Baseline" => Tier::Baseline,
        Some(tier) if tier.value != "Admin" => {
            let message = format!("expected `Admin` or `Baseline`, found `{tier}`");
            problems.push(Problem { at: tier.at, message });
            Tier::Admin
        }
        _ => Tier::Admin,
    }
}

fn scope<'a>(written: &'a NamespacedPods<'a>) -> PodScope<'a> {
    PodScope {
        namespaces: NamespaceScope::Matching(selector(written.namespaces.as_ref())),
        pods: selector(written.pods.as_ref()),
        unknown: None,
    }
}

fn clause<'a>(written: &'a AdminRule<'a>, list: &'a [Resource<'a>], problems: &mut Vec<Problem>) -> PolicyClause<'a> {
    let action = match written.action.map(|action| action.value) {
        Some("Allow" | "Accept") => ClauseAction::Allow,
        Some("Deny") => ClauseAction::Deny,
        Some("Pass") => ClauseAction::Pass,
        _ => ClauseAction::Unknown,
    };
    let peers = written.peers.as_ref().filter(|peers| !peers.value.is_empty());
    let is_odd = |peer: &AdminPeer<'_>| matches!(peer.form, AdminPeerForm::Unknown);
    if peers.is_some_and(|peers| peers.iter().any(is_odd)) {
        return closed(action, written.at);
    }
    let ports = written.ports.as_ref().filter(|ports| !ports.value.is_empty());
    PolicyClause {
        action,
        peers: peers.map(|peers| peers.iter().map(|one| peer(one, list, problems)).collect()),
        ports: ports.map_or_else(every_port, |ports| admin_ports(ports)),
        unknown: None,
        at: written.at,
    }
}

/// A clause with a peer of a later version of the API fails closed: an allow matches nothing, any other denies all.
fn closed<'a>(action: ClauseAction, at: Location) -> PolicyClause<'a> {
    let (action, peers) = match action {
        ClauseAction::Allow => (action, Some(Vec::new())),
        _ => (ClauseAction::Deny, None),
    };
    PolicyClause { action, peers, ports: every_port(), unknown: None, at }
}

fn admin_ports<'a>(written: &'a [AdminPort<'a>]) -> Ports<'a> {
    let numbered = written.iter().filter_map(|port| match port {
        AdminPort::Numbered(port) => Some(port),
        _ => None,
    });
    let mut ports = listed_ports(numbered);
    for port in written {
        match port {
            AdminPort::Named(name) => {
                let each = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
                ports.named.extend(each.map(|protocol| (protocol, *name)));
            }
            AdminPort::Unknown(at) => {
                ports.unknown = Some(Unknown { at: *at, reason: "an entry that names no known kind of port".into() });
            }
            AdminPort::Numbered(_) => {}
        }
    }
    ports
}

fn peer<'a>(written: &'a AdminPeer<'a>, list: &'a [Resource<'a>], problems: &mut Vec<Problem>) -> Peer<'a> {
    let scope = match &written.form {
        AdminPeerForm::Pods(pods) => PeerScope::Pods(scope(pods)),
        AdminPeerForm::Networks(blocks) => {
            let parsed: Vec<_> = blocks.iter().map(|text| block(*text, &[], problems)).collect();
            match parsed.iter().any(Option::is_none) {
                true => PeerScope::Unknown("a text among the networks is not an address block".to_owned()),
                false => PeerScope::Networks(parsed.into_iter().flatten().collect()),
            }
        }
        AdminPeerForm::Nodes(labels) => PeerScope::Nodes(node_addresses(Selector::Labels(labels), list)),
        AdminPeerForm::Names(names) => PeerScope::Names(names.clone()),
        AdminPeerForm::Unknown => PeerScope::Unknown("a peer that names nobody".to_owned()),
    };
    Peer { scope, at: written.at }
}

/// The addresses of the nodes in the input that a selector picks.
fn node_addresses<'a>(selector: Selector<'a>, list: &'a [Resource<'a>]) -> AddressSet {
    let of_node = |resource: &'a Resource<'a>| match &resource.kind {
        Kind::Node(node) if selector.matches(&node.labels) == crate::model::Match::Yes => Some(&node.addresses),
        _ => None,
    };
    let texts = list.iter().filter_map(of_node).flatten();
    texts.filter_map(|text| text.value.parse::<std::net::IpAddr>().ok()).map(AddressSet::from).collect()
}
