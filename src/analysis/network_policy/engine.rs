//! Workloads that no policy can tell apart, and what the clauses see of them.

use rustc_hash::FxHashMap;

use super::pods::{Dataplane, OnNode, addressed, is_peer, named_ports, transport_at};
use super::scopes::Scopes;
use super::select::{Selecting, Selection, classes};
use crate::model::{Direction, Estate, Match, Peer, PeerScope, PolicyClause, PolicyKind, Ports, Workload};
use crate::traffic::{AddressSet, PortSet, Protocol, Transport};

/// Workloads that no policy can tell apart.
pub(super) struct Group {
    pub workloads: Vec<usize>,
    /// The class by which policies select them.
    pub class: usize,
    /// The scopes they are in, ascending, and whether that is certain.
    pub scopes: Vec<(u32, bool)>,
    /// The ports that each name in use stands for.
    pub named: Vec<PortSet>,
    /// Whether their addresses are in each of the address sets in use.
    pub addressed: Vec<Match>,
    pub on_node: bool,
}

/// What decides about all traffic of a group in a direction: on the way in its own named ports count too.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Key<'g> {
    pub selecting: &'g Selecting,
    pub named: Option<&'g [PortSet]>,
    pub on_node: bool,
}

/// What tells the groups apart.
type Signature = (usize, Vec<(u32, bool)>, Vec<PortSet>, Vec<Match>, bool);

pub(super) struct Engine<'e, 'a> {
    pub estate: &'e Estate<'a>,
    pub dataplane: Dataplane,
    pub selections: Vec<Selection>,
    pub scopes: Scopes<'e, 'a>,
    /// The names of ports that clauses use.
    pub names: FxHashMap<(Protocol, &'a str), usize>,
    /// The number of each address set in clauses that can mean pods, by where it lies in the estate; equal ones share it.
    pub sets: FxHashMap<usize, usize>,
    pub set_count: usize,
    pub groups: Vec<Group>,
}

impl Group {
    /// Whether the group's pods are in a scope; one without a number holds every pod.
    fn is_in(&self, scope: Option<usize>) -> Match {
        let Some(scope) = scope.and_then(|scope| u32::try_from(scope).ok()) else { return Match::Yes };
        match self.scopes.binary_search_by_key(&scope, |(scope, _)| *scope) {
            Ok(index) if self.scopes[index].1 => Match::Yes,
            Ok(_) => Match::Unknown,
            Err(_) => Match::No,
        }
    }
}

impl<'e, 'a> Engine<'e, 'a> {
    pub(super) fn new(estate: &'e Estate<'a>, dataplane: Dataplane) -> Self {
        let (class_of, selections) = classes(estate);
        let scopes = Scopes::of(estate);
        let mut engine = Self {
            estate,
            dataplane,
            selections: selections.into_iter().map(|(_, selection)| selection).collect(),
            names: FxHashMap::default(),
            sets: FxHashMap::default(),
            set_count: 0,
            groups: Vec::new(),
            scopes,
        };
        let sets = engine.collect();
        engine.set_count = sets.len();
        engine.group(&class_of, &sets);
        engine
    }

    /// Numbers the names of ports and the address sets in use.
    fn collect(&mut self) -> Vec<&'e AddressSet> {
        let mut sets = Vec::new();
        let mut numbers: FxHashMap<&AddressSet, usize> = FxHashMap::default();
        let directions = [Direction::Egress, Direction::Ingress];
        let sections = self.estate.network_policies.iter().flat_map(|one| directions.map(|way| one.section(way)));
        for clause in sections.flat_map(|section| &section.clauses) {
            for (protocol, name) in &clause.ports.named {
                let next = self.names.len();
                self.names.entry((*protocol, name.value)).or_insert(next);
            }
            for peer in clause.peers.iter().flatten() {
                if let Some(set) = self.set_that_counts(peer) {
                    let number = *numbers.entry(set).or_insert(sets.len());
                    if number == sets.len() {
                        sets.push(set);
                    }
                    self.sets.insert(place(set), number);
                }
            }
        }
        sets
    }

    /// The addresses of a peer, where they can mean pods.
    pub(super) fn set_that_counts<'p>(&self, peer: &'p Peer<'_>) -> Option<&'p AddressSet> {
        match &peer.scope {
            PeerScope::Networks(set) => Some(set),
            PeerScope::Addresses(set) if self.dataplane != Dataplane::Dpv2 => Some(set),
            _ => None,
        }
    }

    fn group(&mut self, class_of: &[usize], sets: &[&AddressSet]) {
        let mut in_use: Vec<_> = self.names.iter().map(|(name, index)| (*index, *name)).collect();
        in_use.sort_unstable();
        let mut known: FxHashMap<Signature, usize> = FxHashMap::default();
        for (index, scopes) in self.scopes.memberships(self.estate).into_iter().enumerate() {
            let workload = &self.estate.workloads[index];
            let named: Vec<_> =
                in_use.iter().map(|(_, (protocol, name))| named_ports(workload, *protocol, name)).collect();
            let held: Vec<_> = sets.iter().map(|set| addressed(workload, set)).collect();
            let on_node = workload.host_network.is_some();
            let class = class_of[index];
            let next = self.groups.len();
            let group = *known.entry((class, scopes.clone(), named.clone(), held.clone(), on_node)).or_insert(next);
            if group == next {
                self.groups.push(Group { workloads: Vec::new(), class, scopes, named, addressed: held, on_node });
            }
            self.groups[group].workloads.push(index);
        }
    }

    pub(super) fn port_set<'g>(&self, group: &'g Group, protocol: Protocol, name: &str) -> &'g PortSet {
        static NONE: PortSet = PortSet::empty();
        self.names.get(&(protocol, name)).map_or(&NONE, |&index| &group.named[index])
    }

    pub(super) fn transport(&self, ports: &Ports<'_>, destination: &Group) -> Transport {
        transport_at(ports, |protocol, name| self.port_set(destination, protocol, name).clone())
    }

    /// Whether a clause speaks of a group's pods; of a pod without any labels that count where there is no group.
    pub(super) fn speaks_of(
        &self,
        clause: &PolicyClause<'_>,
        kind: PolicyKind,
        group: Option<&Group>,
        on_node: OnNode,
    ) -> Match {
        let Some(peers) = &clause.peers else { return Match::Yes };
        let one = |peer: &Peer<'_>| {
            let in_scope = |group: &Group| match &peer.scope {
                PeerScope::Pods(scope) => group.is_in(self.scopes.index(scope)),
                _ => Match::No,
            };
            let Some(group) = group else {
                return match &peer.scope {
                    PeerScope::Pods(scope) if scope.is_everything() => Match::Yes,
                    PeerScope::Unknown(_) => Match::Unknown,
                    _ => Match::No,
                };
            };
            is_peer(peer, kind, self.first(group), self.dataplane, on_node, in_scope(group))
        };
        Match::any(peers.iter().map(one))
    }

    /// Any of the group's workloads: none of them can be told from the others.
    pub(super) fn first(&self, group: &Group) -> &'e Workload<'a> {
        &self.estate.workloads[group.workloads[0]]
    }
}

/// Where an address set lies in the estate: it outlives the engine and never moves.
pub(super) fn place(set: &AddressSet) -> usize {
    std::ptr::from_ref(set).addr()
}
