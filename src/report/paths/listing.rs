//! What is listed: each way out of each group of workloads that nothing can tell apart, in words.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::filter::Filter;
use super::first::First;
use crate::analysis::Facts;
use crate::analysis::capture::Tier;
use crate::analysis::exits::{Class, Control, Exit, Exits, Group, Step, Verdict, Via, exits_to};
use crate::finding::{Decision, Hop};
use crate::model::Estate;
use crate::source::Location;
use crate::traffic::{AddressSet, PortSet, Protocol, Traffic};

/// All ways out that were asked for.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The name of the estate; empty where the input is one.
    pub estate: String,
    pub rows: Vec<Row>,
    /// How many application workloads there are, asked for or not.
    pub workloads: usize,
    /// The namespaces and workloads that could have been asked for.
    pub names: BTreeSet<String>,
    /// What to do first about what is open; nothing where nobody asked.
    pub first: First,
}

/// Workloads of one namespace that nothing can tell apart.
#[derive(Clone, Debug)]
pub struct Row {
    /// `namespace/Kind/name` of each of them with its ways out: the same ones, told from where it stands.
    pub workloads: Vec<(String, Vec<Way>)>,
    /// All ways out, listed or not, for the table.
    pub cells: Vec<Cell>,
}

impl Row {
    /// `namespace/Kind/name` of each of the workloads.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.workloads.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// A way out of one workload.
#[derive(Clone, Debug)]
pub struct Way {
    pub tier: Tier,
    pub via: Via,
    pub class: Class,
    pub host: Option<String>,
    pub verdict: Verdict,
    pub approved: bool,
    /// Where it leads, by protocol and ports.
    pub destinations: Vec<Destination>,
    /// What stops it, layer by layer.
    pub blocked_by: Vec<Stop>,
    /// What cannot be decided, layer by layer.
    pub unknown: Vec<Stop>,
    pub witness: Vec<Hop>,
    /// The step of each hop.
    pub steps: Vec<Step>,
}

/// What makes two ways of a workload alike: all but the protocols and addresses.
pub(in crate::report) type Alike<'w> = (Via, Class, Option<&'w str>, Tier, Verdict, bool, Vec<&'w str>);

impl Way {
    /// What it has in common with the ways that are told with it.
    pub(in crate::report) fn alike(&self) -> Alike<'_> {
        let reasons = self.witness.iter().map(|hop| hop.reason.as_str()).collect();
        (self.via, self.class, self.host.as_deref(), self.tier, self.verdict, self.approved, reasons)
    }
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
#[derive(Clone, Debug)]
pub struct Stop {
    pub layer: Control,
    pub reason: String,
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

/// Lists the ways out of an estate.
#[must_use]
pub fn listing(estate: &Estate<'_>, facts: &Facts<'_>, filter: &Filter) -> Listing {
    let exits = asked(estate, facts, filter);
    let mut names = BTreeSet::new();
    for (_, workload) in estate.tenants() {
        names.insert(estate.namespace_of(workload).name.to_owned());
        names.insert(estate.display(workload));
    }
    let rows = exits.groups.iter().filter_map(|group| row(group, estate, facts, filter));
    let (workloads, first) = (estate.tenants().count(), First::default());
    Listing { estate: String::new(), rows: rows.collect(), workloads, names, first }
}

fn row(group: &Group, estate: &Estate<'_>, facts: &Facts<'_>, filter: &Filter) -> Option<Row> {
    let is_asked =
        |exit: &&Exit| filter.tier.is_none_or(|tier| exit.tier == tier) && filter.via.is_none_or(|via| exit.via == via);
    let asked: Vec<&Exit> = group.exits.iter().map(|exit| &**exit).filter(is_asked).collect();
    let name = |workload: usize| estate.display(&estate.workloads[workload]);
    let is_wanted = |name: &str| filter.from.as_ref().is_none_or(|from| from.holds(name));
    let named = group.workloads.iter().map(|&workload| (workload, name(workload)));
    let listed = folded(&asked, filter);
    let workloads = named
        .filter(|(_, name)| is_wanted(name))
        .map(|(workload, name)| (name, listed.iter().map(|exit| way(exit, workload, estate, facts)).collect()));
    let workloads: Vec<(String, Vec<Way>)> = workloads.collect();
    let cells = asked.iter().map(|exit| cell(exit)).collect();
    (!workloads.is_empty()).then_some(Row { workloads, cells })
}

fn cell(exit: &Exit) -> Cell {
    let Exit { tier, via, class, verdict, approved, .. } = *exit;
    Cell { tier, via, class, verdict, approved, controls: exit.cut().count() }
}

/// The ways to list. Where nobody asks for an attacker, what is undecided for the same reasons is listed for the weakest,
/// and of what is closed, once for each destination, what stops code that runs in the pod.
fn folded<'e>(asked: &[&'e Exit], filter: &Filter) -> Vec<&'e Exit> {
    let mut listed: Vec<&Exit> = Vec::new();
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
    listed
}

fn way(exit: &Exit, workload: usize, estate: &Estate<'_>, facts: &Facts<'_>) -> Way {
    let mut blocked_by = Vec::new();
    let mut unknown = Vec::new();
    let mut witness = Vec::new();
    for step in &exit.steps {
        let hop = exit.hop(step, workload, estate, facts);
        let at = (!step.is_missing()).then_some(hop.at);
        let stop = || Stop { layer: step.control, reason: hop.reason.clone(), at };
        match step.decision {
            Decision::Deny => blocked_by.push(stop()),
            Decision::Unknown => unknown.push(stop()),
            Decision::Allow | Decision::NotCaptured => {}
        }
        witness.push(hop);
    }
    Way {
        tier: exit.tier,
        via: exit.via,
        class: exit.class,
        host: exit.host.clone(),
        verdict: exit.verdict,
        approved: exit.approved,
        destinations: destinations(&exit.traffic, exit.host.is_some()),
        blocked_by,
        unknown,
        witness,
        steps: exit.steps.clone(),
    }
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
