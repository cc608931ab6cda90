//! What is listed: workloads by name, the groups they are in, and what one group may speak to another. Pairs of workloads
//! are only spelled out while they are written.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Filter;
use crate::analysis::network_policy::{
    Answer, Connections, Dataplane, End, NetworkPolicies, OutsideAnswer, connections, connections_of,
};
use crate::model::{Direction, Estate};
use crate::source::Location;
use crate::traffic::{AddressSet, PortSet, Protocol, Traffic, Transport};

/// All connections, ready to be written.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The workloads, sorted by name.
    pub workloads: Vec<Named>,
    /// Workloads that no policy can tell apart, sorted by their first workload.
    pub groups: Vec<Group>,
    pub(super) spoken: Vec<Spoken>,
    pub(super) from: Option<Filter>,
    pub(super) to: Option<Filter>,
    /// Why the listing is not the whole truth, such as kinds of policies that are not evaluated.
    pub notes: Vec<String>,
    reasons: BTreeMap<(Key, Key), Vec<Reason>>,
}

/// A workload by its name in the outputs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// `namespace/Kind/name`.
    pub name: String,
    /// The labels that tell these pods from others of the same owner, where there are such.
    pub pods: Option<String>,
    group: usize,
}

/// Workloads that no policy can tell apart.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Indices into the listing's workloads, ascending.
    pub workloads: Vec<usize>,
    /// The groups that it may open connections to, with what may be spoken.
    targets: Vec<(usize, usize)>,
    to_outside: Vec<(AddressSet, usize)>,
    from_outside: Vec<(AddressSet, usize)>,
}

/// What may be spoken, over TCP, UDP and SCTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spoken {
    /// What is allowed for certain.
    pub allowed: Vec<(Protocol, PortSet)>,
    /// What may be allowed besides: the input does not say.
    pub unknown: Vec<(Protocol, PortSet)>,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub enum Side<'l> {
    Workload(&'l Named),
    Addresses(&'l AddressSet),
}

/// One line of the listing.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'l> {
    pub from: Side<'l>,
    pub to: Side<'l>,
    pub spoken: &'l Spoken,
    /// Which clauses decide, where that was asked for.
    pub reasons: &'l [Reason],
}

/// What a clause decides about a part of the traffic between two ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub direction: Direction,
    pub traffic: Transport,
    pub decision: crate::finding::Decision,
    pub reason: String,
    pub at: Location,
}

/// An end, for looking reasons up: a group, or the first of some addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Group(usize),
    Address(IpAddr),
}

/// Works out all connections of an estate and names them.
#[must_use]
pub fn listing(
    estate: &Estate<'_>,
    policies: &NetworkPolicies<'_>,
    dataplane: Dataplane,
    (from, to): (Option<Filter>, Option<Filter>),
    explain: bool,
) -> Listing {
    let found = connections(estate, dataplane);
    let mut listing = Listing { from, to, notes: policies.unread().into_iter().collect(), ..Listing::default() };
    let representatives = listing.name(estate, &found);
    listing.relate(&found, &representatives);
    if explain {
        listing.explain(policies, dataplane, &representatives, &found);
    }
    listing
}

impl Listing {
    /// Names and sorts workloads and groups. Answers with the number that each of the groups had before.
    fn name(&mut self, estate: &Estate<'_>, found: &Connections) -> Vec<usize> {
        let mut names: Vec<Named> = Vec::with_capacity(estate.workloads.len());
        for (group, workloads) in found.groups.iter().enumerate() {
            let named = |&index: &usize| {
                let workload = &estate.workloads[index];
                let labels = workload.labels.iter().map(|(name, value)| format!("{name}={value}"));
                let pods = Some(labels.collect::<Vec<_>>().join(","));
                Named { name: estate.display(workload), pods, group }
            };
            names.extend(workloads.iter().map(named));
        }
        names.sort();
        let doubles: Vec<bool> = (0..names.len())
            .map(|index| {
                let same = |other: Option<&Named>| other.is_some_and(|other| other.name == names[index].name);
                same(names.get(index + 1)) || same(index.checked_sub(1).and_then(|before| names.get(before)))
            })
            .collect();
        for (named, double) in names.iter_mut().zip(doubles) {
            named.pods = named.pods.take().filter(|_| double);
        }
        let mut number_of: Vec<Option<usize>> = vec![None; found.groups.len()];
        let mut before = Vec::new();
        for (index, named) in names.iter_mut().enumerate() {
            let group = *number_of[named.group].get_or_insert_with(|| {
                before.push(named.group);
                self.groups.push(Group::default());
                before.len() - 1
            });
            named.group = group;
            self.groups[group].workloads.push(index);
        }
        self.workloads = names;
        before
    }

    /// Fills in what the groups may speak to one another and to addresses outside of the cluster.
    fn relate(&mut self, found: &Connections, before: &[usize]) {
        let mut after = vec![0; before.len()];
        before.iter().enumerate().for_each(|(new, &old)| after[old] = new);
        let mut spoken = Pool::default();
        let answers: Vec<Option<usize>> = found.answers.iter().map(|answer| spoken.answer(answer)).collect();
        for &(source, target, answer) in &found.pairs {
            if let Some(answer) = answers[answer as usize] {
                self.groups[after[source as usize]].targets.push((after[target as usize], answer));
            }
        }
        for (new, &old) in before.iter().enumerate() {
            self.groups[new].targets.sort_unstable();
            self.groups[new].to_outside = spoken.outside(&found.to_outside[old]);
            self.groups[new].from_outside = spoken.outside(&found.from_outside[old]);
        }
        self.spoken = spoken.list;
    }

    /// Looks up the clauses behind every entry, once for each pair of groups.
    fn explain(&mut self, policies: &NetworkPolicies<'_>, dataplane: Dataplane, before: &[usize], found: &Connections) {
        let end = |key: Key| match key {
            Key::Group(group) => End::Workload(found.groups[before[group]][0]),
            Key::Address(address) => End::Address(address),
        };
        let mut reasons = BTreeMap::new();
        for (from, to) in self.keys() {
            let because = policies.explain(end(from), end(to), dataplane).into_iter().map(|one| Reason {
                direction: one.direction,
                traffic: one.traffic,
                decision: one.why.decision,
                reason: one.why.reason,
                at: one.why.at,
            });
            reasons.insert((from, to), because.collect());
        }
        self.reasons = reasons;
    }

    /// The ends of all entries, each pair once.
    fn keys(&self) -> std::collections::BTreeSet<(Key, Key)> {
        self.entries().map(|entry| (Self::key(entry.from), Self::key(entry.to))).collect()
    }

    fn key(side: Side<'_>) -> Key {
        match side {
            Side::Workload(named) => Key::Group(named.group),
            Side::Addresses(addresses) => addresses.first().map_or(Key::Group(usize::MAX), Key::Address),
        }
    }

    /// All connections: by source, workloads before addresses; then by target in the same way.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let sources = self.workloads.iter().filter(|named| holds(self.from.as_ref(), named));
        sources.flat_map(|source| self.entries_of(source)).chain(self.address_entries())
    }

    fn entries_of<'l>(&'l self, source: &'l Named) -> Vec<Entry<'l>> {
        let group = &self.groups[source.group];
        let mut targets: Vec<(usize, usize)> = Vec::new();
        for &(target, spoken) in &group.targets {
            targets.extend(self.groups[target].workloads.iter().map(|&workload| (workload, spoken)));
        }
        targets.sort_unstable();
        let named = targets.into_iter().map(|(index, spoken)| (&self.workloads[index], spoken));
        // A workload's connections to itself, and so those between pods of one owner, are not listed.
        let others = named.filter(|(target, _)| target.name != source.name && holds(self.to.as_ref(), target));
        let to_workloads = others.map(|(target, spoken)| (Side::Workload(target), spoken));
        let outside = group.to_outside.iter().filter(|(addresses, _)| overlaps(self.to.as_ref(), addresses));
        let to_addresses = outside.map(|(addresses, spoken)| (Side::Addresses(addresses), *spoken));
        to_workloads.chain(to_addresses).map(|(to, spoken)| self.entry(Side::Workload(source), to, spoken)).collect()
    }

    fn address_entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let targets = self.workloads.iter().filter(|named| holds(self.to.as_ref(), named));
        targets.flat_map(|target| {
            let outside = self.groups[target.group].from_outside.iter();
            let outside = outside.filter(|(addresses, _)| overlaps(self.from.as_ref(), addresses));
            outside.map(|(addresses, spoken)| self.entry(Side::Addresses(addresses), Side::Workload(target), *spoken))
        })
    }

    fn entry<'l>(&'l self, from: Side<'l>, to: Side<'l>, spoken: usize) -> Entry<'l> {
        let reasons = self.reasons.get(&(Self::key(from), Self::key(to)));
        Entry { from, to, spoken: &self.spoken[spoken], reasons: reasons.map(Vec::as_slice).unwrap_or_default() }
    }
}

/// Whether a filter, if there is one, means a workload.
fn holds(filter: Option<&Filter>, named: &Named) -> bool {
    filter.is_none_or(|filter| filter.holds_workload(&named.name))
}

/// Whether a filter, if there is one, means some of these addresses.
fn overlaps(filter: Option<&Filter>, addresses: &AddressSet) -> bool {
    filter.is_none_or(|filter| filter.addresses().is_some_and(|wanted| !wanted.intersection(addresses).is_empty()))
}

/// What is spoken, each once.
#[derive(Default)]
struct Pool {
    list: Vec<Spoken>,
    known: rustc_hash::FxHashMap<Spoken, usize>,
}

impl Pool {
    /// The number of what is spoken; none where it is nothing over TCP, UDP or SCTP.
    fn number(&mut self, certain: &Transport, possible: &Transport) -> Option<usize> {
        let spoken = Spoken { allowed: ports_of(certain), unknown: ports_of(&possible.difference(certain)) };
        if spoken.allowed.is_empty() && spoken.unknown.is_empty() {
            return None;
        }
        Some(*self.known.entry(spoken).or_insert_with_key(|spoken| {
            self.list.push(spoken.clone());
            self.list.len() - 1
        }))
    }

    fn answer(&mut self, answer: &Answer) -> Option<usize> {
        self.number(&answer.certain, &answer.possible)
    }

    /// Addresses that behave alike are one entry. Sorted by their first address.
    fn outside(&mut self, answer: &OutsideAnswer) -> Vec<(AddressSet, usize)> {
        let certain = reachable(&answer.certain);
        let mut by_spoken: BTreeMap<usize, Vec<AddressSet>> = BTreeMap::new();
        for (first, last, possible) in reachable(&answer.possible).pieces() {
            let piece = AddressSet::range(first, last);
            let mut rest = piece.clone();
            for (first, last, sure) in certain.restrict_addresses(&piece).pieces() {
                let part = AddressSet::range(first, last);
                rest = rest.difference(&part);
                if let Some(number) = self.number(sure, possible) {
                    by_spoken.entry(number).or_default().push(part);
                }
            }
            if let Some(number) = self.number(&Transport::none(), possible).filter(|_| !rest.is_empty()) {
                by_spoken.entry(number).or_default().push(rest);
            }
        }
        let mut entries: Vec<(AddressSet, usize)> =
            by_spoken.into_iter().map(|(spoken, parts)| (parts.into_iter().collect(), spoken)).collect();
        entries.sort_by_cached_key(|(addresses, _)| addresses.first());
        entries
    }
}

fn reachable(traffic: &Traffic) -> Traffic {
    traffic.restrict_transport(&connections_of(&Transport::all()))
}

/// The ports by protocol, those without any left out.
fn ports_of(transport: &Transport) -> Vec<(Protocol, PortSet)> {
    let ports = |protocol| Some((protocol, transport.ports_of(protocol)?.clone()));
    let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().filter_map(ports);
    all.filter(|(_, ports)| !ports.is_empty()).collect()
}
