//! What is listed: each way out of each group of workloads that nothing can tell apart, in words.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::filter::Filter;
use super::first::First;
use crate::analysis::Facts;
use crate::analysis::capture::Tier;
use crate::analysis::exits::{Class, Control, Exit, Exits, Group, Verdict, Via, exits_to};
use crate::finding::{Decision, Hop};
use crate::model::Estate;
use crate::source::Location;
use crate::traffic::{AddressSet, PortSet, Protocol, Traffic};

/// All ways out that were asked for. They are put into words one by one, because there can be more than memory holds.
#[derive(Clone, Debug)]
pub struct Listing<'e> {
    /// The name of the estate; empty where the input is one.
    pub name: &'e str,
    /// In the order of the names of their first workloads, so that those of one namespace stand together.
    pub rows: Vec<Row>,
    /// What to do first about what is open; nothing where nobody asked.
    pub first: First,
    estate: &'e Estate<'e>,
    facts: &'e Facts<'e>,
}

/// Workloads of one namespace that nothing can tell apart.
#[derive(Clone, Debug)]
pub struct Row {
    /// Those that were asked for, by their index, in the order of their names.
    pub workloads: Vec<usize>,
    /// The ways that are listed.
    pub exits: Vec<Arc<Exit>>,
    /// All ways, listed or not, for the table.
    pub cells: Vec<Cell>,
}

/// A way out of one workload, in words.
#[derive(Clone, Debug)]
pub struct Way {
    pub exit: Arc<Exit>,
    /// Where it leads, by protocol and ports.
    pub destinations: Vec<Destination>,
    pub witness: Vec<Hop>,
}

impl Way {
    /// What stops it, or what cannot be decided, layer by layer.
    pub fn stops(&self, decision: Decision) -> impl Iterator<Item = Stop<'_>> {
        let decided = self.exit.steps.iter().zip(&self.witness).filter(move |(step, _)| step.decision == decision);
        decided.map(|(step, hop)| Stop {
            layer: step.control,
            reason: &hop.reason,
            at: (!step.is_missing()).then_some(hop.at),
        })
    }
}

/// What makes two ways of a workload alike: all but the protocols and addresses.
pub(in crate::report) type Alike = (Via, Class, Option<String>, Tier, Verdict, bool, Vec<String>);

/// What a way has in common with those that are told with it.
pub(in crate::report) fn alike(exit: &Exit, hops: impl IntoIterator<Item = Hop>) -> Alike {
    let Exit { via, class, ref host, tier, verdict, approved, .. } = *exit;
    (via, class, host.clone(), tier, verdict, approved, hops.into_iter().map(|hop| hop.reason).collect())
}

/// Addresses that are reached by one protocol on the same ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub protocol: Protocol,
    /// None for a protocol without ports.
    pub ports: Option<PortSet>,
    /// None where the way leads to a host, whose addresses are only known when it is looked up.
    pub addresses: Option<AddressSet>,
}

/// A layer with what it says of a way.
#[derive(Clone, Copy, Debug)]
pub struct Stop<'w> {
    pub layer: Control,
    pub reason: &'w str,
    /// None where what would decide is not in the input.
    pub at: Option<Location>,
}

/// What the table shows of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub tier: Tier,
    pub via: Via,
    pub class: Class,
    pub verdict: Verdict,
    pub approved: bool,
    /// How many layers stop it, each for itself.
    pub controls: usize,
}

/// The ways out that a filter asks about, others perhaps among them.
pub(super) fn asked<'f>(estate: &Estate<'_>, facts: &'f Facts<'_>, filter: &Filter) -> Cow<'f, Exits> {
    match &filter.to {
        Some(to) => Cow::Owned(exits_to(estate, facts, &to.traffic(), &|host, port| to.holds(host, port))),
        None => Cow::Borrowed(&facts.exits),
    }
}

impl<'e> Listing<'e> {
    /// Lists the ways out of an estate, of which `name` tells it from others of the input.
    #[must_use]
    pub fn new(name: &'e str, estate: &'e Estate<'e>, facts: &'e Facts<'e>, filter: &Filter) -> Self {
        let exits = asked(estate, facts, filter);
        let rows = exits.groups.iter().filter_map(|group| row(group, estate, filter)).collect();
        Self { name, rows, first: First::default(), estate, facts }
    }

    /// The namespaces and workloads that could have been asked for.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let of = |(_, workload)| [self.estate.namespace_of(workload).name.to_owned(), self.estate.display(workload)];
        self.estate.tenants().flat_map(of).collect()
    }

    /// `namespace/Kind/name` of a workload.
    #[must_use]
    pub fn name_of(&self, workload: usize) -> String {
        self.estate.display(&self.estate.workloads[workload])
    }

    /// The namespace of a workload, by its index.
    pub(super) fn namespace_of(&self, workload: usize) -> usize {
        self.estate.workloads[workload].namespace
    }

    /// A way as a workload takes it.
    #[must_use]
    pub fn way(&self, exit: &Arc<Exit>, workload: usize) -> Way {
        Way {
            destinations: destinations(&exit.traffic, exit.host.is_some()),
            witness: self.witness(exit, workload),
            exit: Arc::clone(exit),
        }
    }

    /// The hops of a way as a workload takes it.
    pub(super) fn witness(&self, exit: &Exit, workload: usize) -> Vec<Hop> {
        exit.witness(workload, self.estate, self.facts)
    }

    /// Every way with the name of the workload that takes it, in the order of the names.
    pub fn ways(&self) -> impl Iterator<Item = (Rc<str>, Way)> {
        let named = |&workload: &usize| (Rc::from(self.name_of(workload)), workload);
        let workloads =
            self.rows.iter().flat_map(|row| row.workloads.iter().map(move |workload| (row, named(workload))));
        let mut workloads: Vec<(&Row, (Rc<str>, usize))> = workloads.collect();
        workloads.sort_by(|(_, (one, _)), (_, (other, _))| one.cmp(other));
        workloads.into_iter().flat_map(move |(row, (name, workload))| {
            row.exits.iter().map(move |exit| (Rc::clone(&name), self.way(exit, workload)))
        })
    }
}

fn row(group: &Group, estate: &Estate<'_>, filter: &Filter) -> Option<Row> {
    let is_asked = |exit: &&Arc<Exit>| {
        filter.tier.is_none_or(|tier| exit.tier == tier) && filter.via.is_none_or(|via| exit.via == via)
    };
    let asked: Vec<&Arc<Exit>> = group.exits.iter().filter(is_asked).collect();
    let is_wanted = |&workload: &usize| {
        filter.from.as_ref().is_none_or(|from| from.holds(&estate.display(&estate.workloads[workload])))
    };
    let workloads: Vec<usize> = group.workloads.iter().copied().filter(is_wanted).collect();
    let cells = asked.iter().map(|exit| cell(exit)).collect();
    (!workloads.is_empty()).then(|| Row { workloads, exits: folded(&asked, filter), cells })
}

fn cell(exit: &Exit) -> Cell {
    let Exit { tier, via, class, verdict, approved, .. } = *exit;
    Cell { tier, via, class, verdict, approved, controls: exit.cut().count() }
}

/// The ways to list. Where nobody asks for an attacker, what is undecided for the same reasons is listed for the weakest,
/// and of what is closed, once for each destination, what stops code that runs in the pod.
fn folded(asked: &[&Arc<Exit>], filter: &Filter) -> Vec<Arc<Exit>> {
    let mut listed: Vec<&Arc<Exit>> = Vec::new();
    for exit in asked.iter().copied().filter(|exit| filter.lists(exit.verdict)) {
        let same = |other: &Exit| {
            other.verdict == exit.verdict && (other.via, other.class, &other.host) == (exit.via, exit.class, &exit.host)
        };
        match exit.verdict {
            Verdict::Unknown if filter.tier.is_none() => {
                if !listed.iter().any(|other| same(other) && other.has_layers_of(exit)) {
                    listed.push(exit);
                }
            }
            Verdict::Closed if filter.tier.is_none() => {
                if exit.tier > Tier::CodeExecution {
                    continue;
                }
                let rank = |exit: &Exit| (exit.cut().count(), exit.sample.protocol);
                match listed.iter_mut().find(|other| same(other)) {
                    Some(known) if rank(exit) < rank(known) => *known = exit,
                    Some(_) => {}
                    None => listed.push(exit),
                }
            }
            _ => listed.push(exit),
        }
    }
    listed.into_iter().cloned().collect()
}

/// The traffic by protocol and ports: addresses with the same ports are one entry.
pub(super) fn destinations(traffic: &Traffic, of_host: bool) -> Vec<Destination> {
    let mut found: Vec<(Protocol, Option<PortSet>, Vec<AddressSet>)> = Vec::new();
    for (first, last, transport) in traffic.pieces() {
        let addresses = AddressSet::range(first, last);
        let with_ports = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().filter_map(|protocol| {
            let ports = transport.ports_of(protocol)?;
            (!ports.is_empty()).then(|| (protocol, Some(ports.clone())))
        });
        for (protocol, ports) in with_ports.chain(transport.other().iter().map(|protocol| (protocol, None))) {
            match found.iter_mut().find(|(known, on, _)| *known == protocol && *on == ports) {
                Some((_, _, all)) => all.push(addresses.clone()),
                None => found.push((protocol, ports, vec![addresses.clone()])),
            }
        }
    }
    found.sort_by_key(|(protocol, ..)| *protocol);
    let destination = |(protocol, ports, addresses): (_, _, Vec<AddressSet>)| Destination {
        protocol,
        ports,
        addresses: (!of_host).then(|| addresses.into_iter().collect()),
    };
    found.into_iter().map(destination).collect()
}
