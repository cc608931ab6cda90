//! What is listed: workloads by name, the groups they are in, and what one group may speak to another. Pairs of workloads
//! are only spelled out while they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Filter;
use crate::analysis::network_policy::{
    Answer, Because, Connections, Dataplane, End, NetworkPolicies, OutsideAnswer, connections, connections_of,
};
use crate::model::{Direction, Estate, NetworkPolicy, PeerScope};
use crate::source::Location;
use crate::traffic::{AddressSet, PortSet, Protocol, Traffic, Transport};

/// All connections, ready to be written.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The name of the estate; empty where the input is one.
    pub estate: String,
    /// The workloads, sorted by name.
    pub workloads: Vec<Named>,
    /// Workloads that no policy can tell apart, sorted by their first workload.
    pub groups: Vec<Group>,
    pub(super) spoken: Vec<Spoken>,
    pub(super) from: Option<Filter>,
    pub(super) to: Option<Filter>,
    /// Why the listing is not the whole truth, such as kinds of policies that are not evaluated.
    pub notes: Vec<String>,
    /// The ends that were asked for and that the input does not have: no namespace and no workload of that name.
    pub unmatched: Vec<Filter>,
    reasons: BTreeMap<(Key, Key), Vec<Reason>>,
    /// Pairs of ends that were asked about and may speak nothing, where the reasons were asked for.
    denied: Vec<(Owned, Owned)>,
}

/// An end that the listing keeps: a workload by its index, or addresses.
#[derive(Clone, Debug)]
enum Owned {
    Workload(usize),
    Addresses(AddressSet),
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

/// What two ends speak that may speak nothing.
static NOTHING: Spoken = Spoken { allowed: Vec::new(), unknown: Vec::new() };

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

impl From<Because> for Reason {
    fn from(because: Because) -> Self {
        let Because { direction, traffic, why } = because;
        Self { direction, traffic, decision: why.decision, reason: why.reason, at: why.at }
    }
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
    let notes = policies.unread().into_iter().chain(estate.network_policies.iter().flat_map(notes)).collect();
    let mut listing = Listing { from, to, notes, ..Listing::default() };
    let representatives = listing.name(estate, &found);
    listing.relate(&found, &representatives);
    let asked = [listing.from.as_ref(), listing.to.as_ref()].into_iter().flatten();
    listing.unmatched = asked.filter(|filter| !listing.has(filter, estate)).cloned().collect();
    if explain {
        listing.denied = listing.find_denied();
        listing.explain(policies, dataplane, &representatives, &found);
    }
    listing
}

/// What of a policy the listing cannot show: names, whose addresses are only known when they are looked up, and parts that
/// are not evaluated.
fn notes(policy: &NetworkPolicy<'_>) -> Vec<String> {
    let (kind, name) = (policy.kind.as_str(), policy.name);
    let peers = policy.egress.clauses.iter().flat_map(|clause| clause.peers.iter().flatten());
    let names: Vec<String> = peers
        .filter_map(|peer| match &peer.scope {
            PeerScope::Names(names) => Some(names),
            _ => None,
        })
        .flatten()
        .map(|name| format!("`{name}`"))
        .collect();
    let by_name = (!names.is_empty())
        .then(|| format!("{kind} `{name}` speaks of names, whose addresses are not known: {}", names.join(", ")));
    let unknown = policy.unknowns().next().map(|unknown| format!("{kind} `{name}`: {}", unknown.reason));
    by_name.into_iter().chain(unknown).collect()
}

impl Listing {
    /// Names and sorts workloads and groups. Answers with the number that each of the groups had before.
    fn name(&mut self, estate: &Estate<'_>, found: &Connections) -> Vec<usize> {
        let mut names: Vec<Named> = Vec::with_capacity(estate.workloads.len());
        for (group, workloads) in found.groups.iter().enumerate() {
            let by_name = |&index: &usize| {
                let workload = &estate.workloads[index];
                let labels = workload.labels.iter().map(|(name, value)| format!("{name}={value}"));
                let pods = Some(labels.collect::<Vec<_>>().join(","));
                Named { name: estate.display(workload), pods, group }
            };
            names.extend(workloads.iter().map(by_name));
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

    /// Whether the input has what a filter names.
    fn has(&self, filter: &Filter, estate: &Estate<'_>) -> bool {
        match filter {
            Filter::Namespace(name) => estate.namespace(name).is_some(),
            Filter::Workload(name) => self.workloads.iter().any(|named| named.name == *name),
            Filter::Addresses(_) => true,
        }
    }

    /// Looks up the clauses behind every entry, once for each pair of groups.
    fn explain(&mut self, policies: &NetworkPolicies<'_>, dataplane: Dataplane, before: &[usize], found: &Connections) {
        let end = |side: Side<'_>| match side {
            Side::Workload(named) => End::Workload(found.groups[before[named.group]][0]),
            Side::Addresses(addresses) => End::Addresses(addresses.clone()),
        };
        let mut reasons: BTreeMap<(Key, Key), Vec<Reason>> = BTreeMap::new();
        for entry in self.entries().chain(self.denied()) {
            let because =
                || policies.explain(&end(entry.from), &end(entry.to), dataplane).into_iter().map(Reason::from);
            reasons.entry((key(entry.from), key(entry.to))).or_insert_with(|| because().collect());
        }
        self.reasons = reasons;
    }

    /// All connections: by source, workloads before addresses; then by target in the same way.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let sources = (0..self.workloads.len()).filter(|&index| holds(self.from.as_ref(), &self.workloads[index]));
        sources.flat_map(|source| self.of_workload(source)).chain(self.of_addresses())
    }

    /// Pairs of ends that were asked about and may speak nothing, where the reasons were asked for.
    pub fn denied(&self) -> impl Iterator<Item = Entry<'_>> {
        self.denied.iter().map(|(from, to)| self.entry_with(self.side(from), self.side(to), &NOTHING))
    }

    fn side<'l>(&'l self, end: &'l Owned) -> Side<'l> {
        match end {
            Owned::Workload(index) => Side::Workload(&self.workloads[*index]),
            Owned::Addresses(addresses) => Side::Addresses(addresses),
        }
    }

    /// Finds the pairs of ends that were asked about and are not among the entries.
    fn find_denied(&self) -> Vec<(Owned, Owned)> {
        let Some((from, to)) = self.from.as_ref().zip(self.to.as_ref()) else { return Vec::new() };
        let workloads =
            |filter| (0..self.workloads.len()).filter(move |&index| holds(Some(filter), &self.workloads[index]));
        let group = |index: usize| &self.groups[self.workloads[index].group];
        let mut found = Vec::new();
        match (from.addresses(), to.addresses()) {
            (None, None) => {
                for source in workloads(from) {
                    let reached: BTreeSet<usize> = self.targets_of(source).map(|(target, _)| target).collect();
                    let apart = |target: &usize| self.workloads[*target].name != self.workloads[source].name;
                    let silent = workloads(to).filter(apart).filter(|target| !reached.contains(target));
                    found.extend(silent.map(|target| (Owned::Workload(source), Owned::Workload(target))));
                }
            }
            (None, Some(wanted)) => {
                for source in workloads(from) {
                    let rest = silent(wanted, &group(source).to_outside);
                    found.extend(rest.map(|rest| (Owned::Workload(source), Owned::Addresses(rest))));
                }
            }
            (Some(wanted), None) => {
                for target in workloads(to) {
                    let rest = silent(wanted, &group(target).from_outside);
                    found.extend(rest.map(|rest| (Owned::Addresses(rest), Owned::Workload(target))));
                }
            }
            (Some(_), Some(_)) => {}
        }
        found
    }

    /// The workloads that one may open connections to, by index, with what may be spoken.
    fn targets_of(&self, source: usize) -> impl Iterator<Item = (usize, usize)> {
        let targets = self.groups[self.workloads[source].group].targets.iter();
        targets.flat_map(|&(target, spoken)| self.groups[target].workloads.iter().map(move |&one| (one, spoken)))
    }

    fn of_workload(&self, index: usize) -> Vec<Entry<'_>> {
        let source = &self.workloads[index];
        let group = &self.groups[source.group];
        let mut targets: Vec<(usize, usize)> = self.targets_of(index).collect();
        targets.sort_unstable();
        let named = targets.into_iter().map(|(index, spoken)| (&self.workloads[index], spoken));
        // A workload's connections to itself, and so those between pods of one owner, are not listed.
        let others = named.filter(|(target, _)| target.name != source.name && holds(self.to.as_ref(), target));
        let to_workloads = others.map(|(target, spoken)| (Side::Workload(target), spoken));
        let outside = group.to_outside.iter().filter(|(addresses, _)| overlaps(self.to.as_ref(), addresses));
        let to_addresses = outside.map(|(addresses, spoken)| (Side::Addresses(addresses), *spoken));
        to_workloads.chain(to_addresses).map(|(to, spoken)| self.entry(Side::Workload(source), to, spoken)).collect()
    }

    fn of_addresses(&self) -> impl Iterator<Item = Entry<'_>> {
        let targets = self.workloads.iter().filter(|named| holds(self.to.as_ref(), named));
        targets.flat_map(|target| {
            let outside = self.groups[target.group].from_outside.iter();
            let outside = outside.filter(|(addresses, _)| overlaps(self.from.as_ref(), addresses));
            outside.map(|(addresses, spoken)| self.entry(Side::Addresses(addresses), Side::Workload(target), *spoken))
        })
    }

    fn entry<'l>(&'l self, from: Side<'l>, to: Side<'l>, spoken: usize) -> Entry<'l> {
        self.entry_with(from, to, &self.spoken[spoken])
    }

    fn entry_with<'l>(&'l self, from: Side<'l>, to: Side<'l>, spoken: &'l Spoken) -> Entry<'l> {
        let reasons = self.reasons.get(&(key(from), key(to)));
        Entry { from, to, spoken, reasons: reasons.map(Vec::as_slice).unwrap_or_default() }
    }
}

/// What reasons are looked up by: no two entries of a group have the same first address.
fn key(side: Side<'_>) -> Key {
    match side {
        Side::Workload(named) => Key::Group(named.group),
        Side::Addresses(addresses) => addresses.first().map_or(Key::Group(usize::MAX), Key::Address),
    }
}

/// Whether a filter, if there is one, means a workload.
fn holds(filter: Option<&Filter>, named: &Named) -> bool {
    filter.is_none_or(|filter| filter.holds_workload(&named.name))
}

/// The part of some addresses with which nothing may be spoken.
fn silent(wanted: &AddressSet, spoken: &[(AddressSet, usize)]) -> impl Iterator<Item = AddressSet> + use<> {
    let rest = spoken.iter().fold(wanted.clone(), |rest, (addresses, _)| rest.difference(addresses));
    std::iter::once(rest).filter(|rest| !rest.is_empty())
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
