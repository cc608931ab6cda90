//! All connections that policies allow: workloads that no policy can tell apart are one group, and groups are compared
//! two by two, each pair of answers only once.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::chain::{Outcome, Selected, decide};
use super::engine::{Engine, Group, Key, place};
use super::pods::{Dataplane, OnNode, bounds};
use crate::model::{Direction, Estate, Match, PeerScope, PolicyClause};
use crate::traffic::{PortSet, Traffic, Transport};

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

/// Which workloads may open which connections. Pods on their node's network are answered for as pods are; what they may do
/// where the network plugin cannot tell them from their node is possible besides.
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

/// The groups, ascending, that are in each scope, have ports of each name, may have addresses in each set, or are on their
/// nodes' networks.
struct Members {
    of_scope: Vec<Vec<u32>>,
    of_name: Vec<Vec<u32>>,
    of_set: Vec<Vec<u32>>,
    on_node: Vec<u32>,
}

/// What clauses see of a peer: whether each of them speaks of it, and which ports their names stand for there.
#[derive(PartialEq, Eq, Hash)]
struct Fingerprint<'g> {
    on_node: bool,
    speaks: Vec<Match>,
    named: Vec<&'g PortSet>,
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

    /// The groups that each sort of criterion can pick.
    fn members(&self) -> Members {
        let mut members = Members {
            of_scope: vec![Vec::new(); self.scopes.list.len()],
            of_name: vec![Vec::new(); self.names.len()],
            of_set: vec![Vec::new(); self.set_count],
            on_node: Vec::new(),
        };
        for (index, group) in (0u32..).zip(&self.groups) {
            group.scopes.iter().for_each(|(scope, _)| members.of_scope[*scope as usize].push(index));
            let named = group.named.iter().zip(&mut members.of_name);
            named.filter(|(ports, _)| !ports.is_empty()).for_each(|(_, list)| list.push(index));
            let addressed = group.addressed.iter().zip(&mut members.of_set);
            addressed.filter(|(held, _)| **held != Match::No).for_each(|(_, list)| list.push(index));
            members.on_node.extend(group.on_node.then_some(index));
        }
        members
    }

    fn row(&self, group: &Group, direction: Direction, members: &Members, table: &mut Table) -> Row {
        let policies = self.policies(group, direction);
        let clauses = policies.iter().flat_map(|selected| &selected.policy.section(direction).clauses);
        let touched = self.touched(clauses, direction, members);
        let mut known: FxHashMap<Fingerprint<'_>, u32> = FxHashMap::default();
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
        members: &Members,
    ) -> Vec<u32>
    where
        'a: 'p,
    {
        // What a clause says of pods on their node's network is never quite what it says of others.
        let mut touched = members.on_node.clone();
        for clause in clauses {
            for peer in clause.peers.iter().flatten() {
                if let PeerScope::Pods(scope) = &peer.scope
                    && let Some(index) = self.scopes.index(scope)
                {
                    touched.extend(&members.of_scope[index]);
                }
                if let Some(&set) = self.set_that_counts(peer).and_then(|set| self.sets.get(&place(set))) {
                    touched.extend(&members.of_set[set]);
                }
            }
            for (protocol, name) in clause.ports.named.iter().filter(|_| direction == Direction::Egress) {
                if let Some(&index) = self.names.get(&(*protocol, name.value)) {
                    touched.extend(&members.of_name[index]);
                }
            }
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// What of a peer the clauses can see: equal fingerprints have equal outcomes.
    fn fingerprint<'g>(
        &self,
        policies: &[Selected<'e, 'a>],
        direction: Direction,
        about: &'g Group,
    ) -> Fingerprint<'g> {
        let mut seen = Fingerprint { on_node: about.on_node, speaks: Vec::new(), named: Vec::new() };
        for selected in policies {
            for clause in &selected.policy.section(direction).clauses {
                seen.speaks.push(self.speaks_of(clause, selected.policy.kind, Some(about), OnNode::Pods));
                if direction == Direction::Egress {
                    let named = clause.ports.named.iter();
                    seen.named.extend(named.map(|(protocol, name)| self.port_set(about, *protocol, name.value)));
                }
            }
        }
        seen
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
        let decided = |on_node| {
            decide(policies, direction, |kind, clause| {
                let transport = match destination {
                    Some(group) => self.transport(&clause.ports, group),
                    None => clause.ports.numbered.clone(),
                };
                bounds(clause, self.speaks_of(clause, kind, peer, on_node), transport)
            })
        };
        let mut outcome = decided(OnNode::Pods);
        if own.on_node {
            outcome.allow = Transport::all();
        } else if peer.is_some_and(|peer| peer.on_node) {
            outcome.allow = decided(OnNode::Either).allow;
        }
        outcome
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
        let policies = self.policies(group, direction);
        let outcome = super::outside::outcome(&policies, direction, |ports| self.transport(ports, group));
        let possible = if group.on_node { Traffic::all() } else { outcome.allow.clone() };
        OutsideAnswer { certain: outcome.certain(), possible }
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
