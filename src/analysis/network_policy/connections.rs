//! All connections that policies allow: workloads that no policy can tell apart are one group, and groups are compared
//! two by two, each pair of answers only once.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::chain::{Outcome, Selected, decide};
use super::pods::{Dataplane, addressed, bounds, is_peer, named_ports, transport_at};
use super::scopes::Scopes;
use super::select::{Selecting, Selection, classes};
use crate::model::{Direction, Estate, Match, Peer, PeerScope, PolicyClause, PolicyKind, Ports, Workload};
use crate::traffic::{AddressSet, PortSet, Protocol, Traffic, Transport};

/// What may be spoken, for certain and at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Answer {
    pub certain: Transport,
    pub possible: Transport,
}

/// What may be spoken with addresses outside of the cluster, for certain and at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutsideAnswer {
    pub certain: Traffic,
    pub possible: Traffic,
}

/// Which workloads may open which connections.
#[derive(Debug)]
pub struct Connections {
    /// The workloads of each group, by their index in the estate.
    pub groups: Vec<Vec<usize>>,
    /// Pairs of groups, source first, with the number of their answer; those that may speak nothing are left out.
    pub pairs: Vec<(u32, u32, u32)>,
    pub answers: Vec<Answer>,
    /// What each group may send to addresses outside of the cluster.
    pub to_outside: Vec<OutsideAnswer>,
    /// What addresses outside of the cluster may send to each group.
    pub from_outside: Vec<OutsideAnswer>,
}

/// Works out all connections.
#[must_use]
pub fn connections(estate: &Estate<'_>, dataplane: Dataplane) -> Connections {
    let engine = Engine::new(estate, dataplane);
    let mut table = Table::default();
    let egress = engine.rows(Direction::Egress, &mut table);
    let ingress = engine.rows(Direction::Ingress, &mut table);
    let pairs = engine.pairs(&egress, &ingress, &mut table);
    Connections {
        to_outside: engine.all_outside(Direction::Egress),
        from_outside: engine.all_outside(Direction::Ingress),
        pairs,
        answers: table.answers,
        groups: engine.groups.into_iter().map(|group| group.workloads).collect(),
    }
}

/// Workloads that no policy can tell apart.
struct Group {
    workloads: Vec<usize>,
    /// The class by which policies select them.
    class: usize,
    /// The scopes they are in, ascending, and whether that is certain.
    scopes: Vec<(u32, bool)>,
    /// The ports that each name in use stands for.
    named: Vec<PortSet>,
    /// Whether their addresses are in each of the address sets in use.
    addressed: Vec<Match>,
    on_node: bool,
}

/// What decides about all traffic of a group in a direction: on the way in its own named ports count too.
#[derive(PartialEq, Eq, Hash)]
struct Key<'g> {
    selecting: &'g Selecting,
    named: Option<&'g [PortSet]>,
    on_node: bool,
}

/// What tells the groups apart.
type Signature = (usize, Vec<(u32, bool)>, Vec<PortSet>, Vec<u8>, bool);

struct Engine<'e, 'a> {
    estate: &'e Estate<'a>,
    dataplane: Dataplane,
    selections: Vec<Selection>,
    scopes: Scopes<'e, 'a>,
    /// The names of ports that clauses use.
    names: FxHashMap<(Protocol, &'a str), usize>,
    /// The address sets of clauses, by where they lie in the estate.
    sets: FxHashMap<usize, usize>,
    groups: Vec<Group>,
}

/// What the policies on one side say of each peer.
struct Row {
    /// The answer about every peer that is not among the exceptions.
    usual: u32,
    /// Peers and the answers about them, by peer, ascending.
    exceptions: Vec<(u32, u32)>,
}

impl Row {
    fn about(&self, peer: u32) -> u32 {
        let found = self.exceptions.binary_search_by_key(&peer, |(peer, _)| *peer);
        found.map_or(self.usual, |index| self.exceptions[index].1)
    }
}

/// Answers by number: one-sided outcomes and what they come to together.
#[derive(Default)]
struct Table {
    outcomes: Vec<Outcome<Transport>>,
    outcome_of: FxHashMap<Outcome<Transport>, u32>,
    answers: Vec<Answer>,
    answer_of: FxHashMap<Answer, u32>,
    joined: FxHashMap<(u32, u32), Option<u32>>,
}

impl Table {
    fn number(&mut self, outcome: Outcome<Transport>) -> u32 {
        let outcome = Outcome { unruled: Transport::none(), ..outcome };
        let next = u32::try_from(self.outcomes.len()).unwrap_or(u32::MAX);
        *self.outcome_of.entry(outcome).or_insert_with_key(|outcome| {
            self.outcomes.push(outcome.clone());
            next
        })
    }

    /// The answer where one side sends and the other receives; none where nothing may be spoken.
    fn join(&mut self, egress: u32, ingress: u32) -> Option<u32> {
        if let Some(known) = self.joined.get(&(egress, ingress)) {
            return *known;
        }
        let (sends, receives) = (&self.outcomes[egress as usize], &self.outcomes[ingress as usize]);
        let answer = Answer {
            certain: sends.certain().intersection(&receives.certain()),
            possible: sends.allow.intersection(&receives.allow),
        };
        let number = (!answer.possible.is_empty()).then(|| {
            let next = u32::try_from(self.answers.len()).unwrap_or(u32::MAX);
            *self.answer_of.entry(answer).or_insert_with_key(|answer| {
                self.answers.push(answer.clone());
                next
            })
        });
        self.joined.insert((egress, ingress), number);
        number
    }
}

impl<'e, 'a> Engine<'e, 'a> {
    fn new(estate: &'e Estate<'a>, dataplane: Dataplane) -> Self {
        let (class_of, selections) = classes(estate);
        let scopes = Scopes::of(estate);
        let mut engine = Self {
            estate,
            dataplane,
            selections: selections.into_iter().map(|(_, selection)| selection).collect(),
            names: FxHashMap::default(),
            sets: FxHashMap::default(),
            groups: Vec::new(),
            scopes,
        };
        let sets = engine.collect();
        engine.group(&class_of, &sets);
        engine
    }

    /// Numbers the names of ports and the address sets in use.
    fn collect(&mut self) -> Vec<&'e AddressSet> {
        let mut sets = Vec::new();
        let directions = [Direction::Egress, Direction::Ingress];
        let sections = self.estate.network_policies.iter().flat_map(|one| directions.map(|way| one.section(way)));
        for clause in sections.flat_map(|section| &section.clauses) {
            for (protocol, name) in &clause.ports.named {
                let next = self.names.len();
                self.names.entry((*protocol, name.value)).or_insert(next);
            }
            for peer in clause.peers.iter().flatten() {
                if let Some(set) = self.set_that_counts(peer) {
                    self.sets.insert(place(set), sets.len());
                    sets.push(set);
                }
            }
        }
        sets
    }

    /// The addresses of a peer, where they can mean pods.
    fn set_that_counts<'p>(&self, peer: &'p Peer<'_>) -> Option<&'p AddressSet> {
        match &peer.scope {
            PeerScope::Networks(set) => Some(set),
            PeerScope::Addresses(set) if self.dataplane != Dataplane::Dpv2 => Some(set),
            _ => None,
        }
    }

    fn group(&mut self, class_of: &[usize], sets: &[&AddressSet]) {
        let mut names: Vec<_> = self.names.iter().map(|(name, index)| (*index, *name)).collect();
        names.sort_unstable();
        let mut known: FxHashMap<Signature, usize> = FxHashMap::default();
        for (index, scopes) in self.scopes.memberships(self.estate).into_iter().enumerate() {
            let workload = &self.estate.workloads[index];
            let named: Vec<_> =
                names.iter().map(|(_, (protocol, name))| named_ports(workload, *protocol, name)).collect();
            let held: Vec<_> = sets.iter().map(|set| addressed(workload, set)).collect();
            let on_node = workload.host_network.is_some();
            let class = class_of[index];
            let codes = held.iter().map(|held| *held as u8).collect();
            let next = self.groups.len();
            let group = *known.entry((class, scopes.clone(), named.clone(), codes, on_node)).or_insert(next);
            if group == next {
                self.groups.push(Group { workloads: Vec::new(), class, scopes, named, addressed: held, on_node });
            }
            self.groups[group].workloads.push(index);
        }
    }

    fn key<'g>(&'g self, group: &'g Group, direction: Direction) -> Key<'g> {
        Key {
            selecting: self.selections[group.class].of(direction),
            named: (direction == Direction::Ingress).then_some(group.named.as_slice()),
            on_node: group.on_node,
        }
    }

    fn policies(&self, group: &Group, direction: Direction) -> Vec<Selected<'e, 'a>> {
        self.selections[group.class].policies(direction, self.estate)
    }

    /// A row for each group.
    fn rows(&self, direction: Direction, table: &mut Table) -> Vec<Rc<Row>> {
        let members = self.members();
        let mut known: FxHashMap<Key<'_>, Rc<Row>> = FxHashMap::default();
        let mut rows = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let row = known.entry(self.key(group, direction));
            let make = || Rc::new(self.row(group, direction, &members, table));
            rows.push(Rc::clone(row.or_insert_with(make)));
        }
        rows
    }

    /// The groups in each scope.
    fn members(&self) -> Vec<Vec<u32>> {
        let mut members = vec![Vec::new(); self.scopes.list.len()];
        for (index, group) in (0u32..).zip(&self.groups) {
            for (scope, _) in &group.scopes {
                members[*scope as usize].push(index);
            }
        }
        members
    }

    fn row(&self, group: &Group, direction: Direction, members: &[Vec<u32>], table: &mut Table) -> Row {
        if group.on_node {
            return Row { usual: table.number(Outcome::unbound()), exceptions: Vec::new() };
        }
        let policies = self.policies(group, direction);
        let clauses = policies.iter().flat_map(|selected| &selected.policy.section(direction).clauses);
        let touched = self.touched(clauses, direction, members);
        let mut known: FxHashMap<Vec<u8>, u32> = FxHashMap::default();
        let mut exceptions = Vec::with_capacity(touched.len());
        for peer in touched {
            let about = &self.groups[peer as usize];
            let fingerprint = self.fingerprint(&policies, direction, about);
            let number = known
                .entry(fingerprint)
                .or_insert_with(|| table.number(self.outcome(&policies, direction, group, Some(about))));
            exceptions.push((peer, *number));
        }
        let usual = table.number(self.outcome(&policies, direction, group, None));
        exceptions.retain(|(_, number)| *number != usual);
        Row { usual, exceptions }
    }

    /// The groups that some clause can tell from a pod that nothing speaks of, ascending.
    fn touched<'p>(
        &self,
        clauses: impl Iterator<Item = &'p PolicyClause<'a>>,
        direction: Direction,
        members: &[Vec<u32>],
    ) -> Vec<u32>
    where
        'a: 'p,
    {
        let mut touched = vec![false; self.groups.len()];
        for clause in clauses {
            for peer in clause.peers.iter().flatten() {
                if let PeerScope::Pods(scope) = &peer.scope
                    && let Some(index) = self.scopes.index(scope)
                {
                    members[index].iter().for_each(|&group| touched[group as usize] = true);
                }
                let set = self.set_that_counts(peer).and_then(|set| self.sets.get(&place(set)));
                for (group, touched) in self.groups.iter().zip(&mut touched) {
                    *touched |= group.on_node || set.is_some_and(|&set| group.addressed[set] != Match::No);
                }
            }
            if direction == Direction::Egress {
                for (protocol, name) in &clause.ports.named {
                    let index = self.names.get(&(*protocol, name.value)).copied().unwrap_or_default();
                    for (group, touched) in self.groups.iter().zip(&mut touched) {
                        *touched |= !group.named[index].is_empty();
                    }
                }
            }
        }
        (0u32..).zip(touched).filter(|(_, touched)| *touched).map(|(group, _)| group).collect()
    }

    /// What of a peer the clauses can see: equal fingerprints have equal outcomes.
    fn fingerprint(&self, policies: &[Selected<'e, 'a>], direction: Direction, about: &Group) -> Vec<u8> {
        let mut seen = Vec::new();
        for selected in policies {
            for clause in &selected.policy.section(direction).clauses {
                seen.push(self.speaks_of(clause, selected.policy.kind, Some(about)) as u8);
                if direction == Direction::Egress {
                    for (protocol, name) in &clause.ports.named {
                        for (first, last) in self.port_set(about, *protocol, name.value).ranges() {
                            seen.extend(first.to_be_bytes().into_iter().chain(last.to_be_bytes()));
                        }
                        seen.push(u8::MAX);
                    }
                }
            }
        }
        seen
    }

    fn port_set<'g>(&self, group: &'g Group, protocol: Protocol, name: &str) -> &'g PortSet {
        static NONE: PortSet = PortSet::empty();
        self.names.get(&(protocol, name)).map_or(&NONE, |&index| &group.named[index])
    }

    /// What the policies of one side say of a peer, or of a pod that no selector and no block speaks of.
    fn outcome(
        &self,
        policies: &[Selected<'e, 'a>],
        direction: Direction,
        own: &Group,
        peer: Option<&Group>,
    ) -> Outcome<Transport> {
        let destination = if direction == Direction::Egress { peer } else { Some(own) };
        decide(policies, direction, |kind, clause| {
            let transport = match destination {
                Some(group) => self.transport(&clause.ports, group),
                None => clause.ports.numbered.clone(),
            };
            bounds(clause, self.speaks_of(clause, kind, peer), transport)
        })
    }

    fn transport(&self, ports: &Ports<'_>, destination: &Group) -> Transport {
        transport_at(ports, |protocol, name| self.port_set(destination, protocol, name).clone())
    }

    /// Whether a clause speaks of a group's pods; of a pod without any labels that count where there is no group.
    fn speaks_of(&self, clause: &PolicyClause<'_>, kind: PolicyKind, group: Option<&Group>) -> Match {
        let Some(peers) = &clause.peers else { return Match::Yes };
        let one = |peer: &Peer<'_>| {
            let in_scope = |group: &Group| match &peer.scope {
                PeerScope::Pods(scope) => Self::in_scope(self.scopes.index(scope), group),
                _ => Match::No,
            };
            let Some(group) = group else {
                return match &peer.scope {
                    PeerScope::Pods(scope) if scope.is_everything() => Match::Yes,
                    PeerScope::Unknown(_) => Match::Unknown,
                    _ => Match::No,
                };
            };
            if let Some(&set) = self.set_that_counts(peer).and_then(|set| self.sets.get(&place(set)))
                && !group.on_node
            {
                return match (&peer.scope, self.dataplane) {
                    (PeerScope::Addresses(_), Dataplane::Unknown) => group.addressed[set].and(Match::Unknown),
                    _ => group.addressed[set],
                };
            }
            is_peer(peer, kind, self.first(group), self.dataplane, in_scope(group))
        };
        peers.iter().map(one).fold(Match::No, Match::or)
    }

    fn in_scope(scope: Option<usize>, group: &Group) -> Match {
        let Some(scope) = scope.and_then(|scope| u32::try_from(scope).ok()) else { return Match::Yes };
        match group.scopes.binary_search_by_key(&scope, |(scope, _)| *scope) {
            Ok(index) if group.scopes[index].1 => Match::Yes,
            Ok(_) => Match::Unknown,
            Err(_) => Match::No,
        }
    }

    fn first(&self, group: &Group) -> &'e Workload<'a> {
        &self.estate.workloads[group.workloads[0]]
    }

    fn all_outside(&self, direction: Direction) -> Vec<OutsideAnswer> {
        let mut known: FxHashMap<Key<'_>, OutsideAnswer> = FxHashMap::default();
        let mut answers = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let answer = known.entry(self.key(group, direction));
            answers.push(answer.or_insert_with(|| self.outside(group, direction)).clone());
        }
        answers
    }

    fn outside(&self, group: &Group, direction: Direction) -> OutsideAnswer {
        if group.on_node {
            return OutsideAnswer { certain: Traffic::all(), possible: Traffic::all() };
        }
        let policies = self.policies(group, direction);
        let outcome = super::outside::outcome(&policies, direction, |ports| self.transport(ports, group));
        OutsideAnswer { certain: outcome.certain(), possible: outcome.allow }
    }

    /// Joins what each source may send with what each destination may receive.
    fn pairs(&self, egress: &[Rc<Row>], ingress: &[Rc<Row>], table: &mut Table) -> Vec<(u32, u32, u32)> {
        let mut pairs = Vec::new();
        for (source, sends) in (0u32..).zip(egress) {
            let mut pair = |table: &mut Table, target: u32, sent: u32| {
                let alone = source == target && self.groups[source as usize].workloads.len() == 1;
                let received = ingress[target as usize].about(source);
                if let Some(answer) = table.join(sent, received).filter(|_| !alone) {
                    pairs.push((source, target, answer));
                }
            };
            if table.outcomes[sends.usual as usize].allow.is_empty() {
                sends.exceptions.iter().for_each(|&(target, sent)| pair(table, target, sent));
            } else {
                (0u32..).zip(&self.groups).for_each(|(target, _)| pair(table, target, sends.about(target)));
            }
        }
        pairs
    }
}

/// Where an address set lies in the estate: it outlives the engine and never moves.
fn place(set: &AddressSet) -> usize {
    std::ptr::from_ref(set).addr()
}
