//! What users state about the ways out, held against them (contract: Config, `expect`).
//!
//! A statement that denies speaks of every attacker; one that allows speaks of what the application does by itself. A host
//! may have any public address: what lets out all of the internet lets out the host, and what lets out a part of it may.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::Facts;
use super::capture::Tier;
use super::destinations::{internet, link_local};
use super::exits::{Class, Control, Exit, Group, Verdict, Via, exits_by_itself, exits_to};
use super::routing::is_google;
use crate::finding::Decision;
use crate::model::{Estate, Expectation, Layer, ServiceEntry, Text, To};
use crate::traffic::{AddressSet, HostPattern, PortSet, Protocol, Traffic, Transport};

/// What came of a statement, for workloads that nothing can tell apart.
#[derive(Clone, Debug)]
pub struct Judgement<'a> {
    pub outcome: Outcome,
    /// By index, in the order of their names; none of it where no way leads there at all.
    pub workloads: Vec<usize>,
    /// The way that decides; none where no way leads there.
    pub exit: Option<Arc<Exit>>,
    /// A service entry that may have the proxy pass on what is undecided.
    pub entry: Option<Text<'a>>,
}

/// How the ways out answer a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It holds.
    Holds,
    /// It denies, and a way is open.
    Open,
    /// It allows, and no way is open.
    Closed,
    /// A way is open to a part of where it may lead.
    Partly,
    /// A layer cannot be decided.
    Undecided,
    /// No way out leads there, open or closed.
    NoWay,
}

/// Where the metadata server is by its name.
const METADATA_HOST: &str = "metadata.google.internal";

/// Holds a statement against the ways out of the workloads that it names. Empty where it names none.
#[must_use]
pub fn judge<'a>(statement: &Expectation, estate: &Estate<'a>, facts: &Facts<'_>) -> Vec<Judgement<'a>> {
    let is_named = |workload: usize| statement.from.holds(&estate.display(&estate.workloads[workload]));
    if !estate.tenants().any(|(workload, _)| is_named(workload)) {
        return Vec::new();
    }
    let asked = Asked::new(statement, estate);
    let traffic = asked.statement.target.traffic();
    let hosts = |host: &str, port: Option<u16>| asked.wants(host, port);
    let exits = match statement.allows {
        true => exits_by_itself(estate, facts, &traffic, &hosts),
        false => exits_to(estate, facts, &traffic, &hosts),
    };
    let judged = exits.groups.iter().filter_map(|group| {
        let workloads: Vec<usize> = group.workloads.iter().copied().filter(|&workload| is_named(workload)).collect();
        let (outcome, exit) = if workloads.is_empty() { return None } else { asked.judge(group) };
        let doubt = exit.as_ref().filter(|_| outcome == Outcome::Closed);
        match doubt.and_then(|exit| asked.known_to_mesh(exit, estate)) {
            Some(entry) => Some(Judgement { outcome: Outcome::Undecided, workloads, exit, entry: Some(entry) }),
            None => Some(Judgement { outcome, workloads, exit, entry: None }),
        }
    });
    judged.collect()
}

/// A statement as it is asked about.
struct Asked<'s> {
    statement: &'s Expectation,
    via: Option<Via>,
    /// Whether ways of the kind that it names would be seen if there were any.
    sees: bool,
    /// Whether it denies all of the internet, and so every host, wherever it is.
    denies_all: bool,
}

/// Whether a way leads to where a statement speaks of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lead {
    Certain,
    /// It leads to some of the addresses that a host may have.
    Possible,
}

impl<'s> Asked<'s> {
    fn new(statement: &'s Expectation, estate: &Estate<'_>) -> Self {
        let named = |via: &&Via| statement.via.as_ref().is_some_and(|named| named.value == via.as_str());
        let denies_all = match &statement.target {
            To::Addresses(addresses, _) => !statement.allows && internet().is_subset(addresses),
            To::Host(..) => false,
        };
        let via = Via::ALL.iter().find(named).copied();
        let sees = via.is_some_and(|via| match via {
            Via::Gateway | Via::Sidecar => estate.evidence.has(Layer::Mesh),
            Via::GatewayNode => estate.evidence.has(Layer::Scheduling),
            _ => true,
        });
        Self { statement, via, sees, denies_all }
    }

    fn wants(&self, host: &str, port: Option<u16>) -> bool {
        match &self.statement.target {
            To::Addresses(_, on) => self.denies_all && on.zip(port).is_none_or(|(wanted, port)| wanted == port),
            target @ To::Host(..) => target.holds(host, port),
        }
    }

    /// Whether a way leads there; none where it leads elsewhere, or is another way than the one that is named.
    fn lead(&self, exit: &Exit) -> Option<Lead> {
        if self.via.is_some_and(|via| via != exit.via) {
            return None;
        }
        match &self.statement.target {
            // Hosts are among the ways only where they are wanted.
            _ if exit.class == Class::Host => Some(Lead::Certain),
            To::Addresses(addresses, _) => self.lead_to_addresses(exit, addresses),
            To::Host(host, _) => self.lead_to_host(exit, host),
        }
    }

    fn lead_to_addresses(&self, exit: &Exit, addresses: &AddressSet) -> Option<Lead> {
        // What a node answers itself leaves it only for who speaks of just that.
        let is_local = matches!(exit.class, Class::Metadata | Class::Dns);
        if is_local && self.via != Some(Via::Dns) && !addresses.is_subset(link_local()) {
            return None;
        }
        (!exit.traffic.intersection(&self.statement.target.traffic()).is_empty()).then_some(Lead::Certain)
    }

    fn lead_to_host(&self, exit: &Exit, host: &str) -> Option<Lead> {
        let open = exit.traffic.intersection(&self.statement.target.traffic());
        let is_there = !open.is_empty();
        match exit.class {
            Class::Internet if internet().is_subset(&open.addresses()) => Some(Lead::Certain),
            // What is closed or undecided for a part is so for the host, if that is where it is.
            Class::Internet if is_there && exit.verdict == Verdict::Closed => Some(Lead::Certain),
            Class::Internet | Class::InternetV6 => is_there.then_some(Lead::Possible),
            Class::GoogleApi => (is_there && is_google(host)).then_some(Lead::Certain),
            Class::Metadata => (is_there && host == METADATA_HOST).then_some(Lead::Certain),
            Class::Private => (is_there && self.via.is_some()).then_some(Lead::Possible),
            Class::Dns => self.via.is_some().then_some(Lead::Certain),
            Class::Host => Some(Lead::Certain),
        }
    }

    fn judge(&self, group: &Group) -> (Outcome, Option<Arc<Exit>>) {
        let leading: Vec<(Lead, &Arc<Exit>)> =
            group.exits.iter().filter_map(|exit| Some((self.lead(exit)?, exit))).collect();
        match leading.as_slice() {
            [] => (self.without_any(), None),
            leading if self.statement.allows => self.judge_allow(leading),
            leading => judge_deny(leading),
        }
    }

    /// Where no way of the kind that is named leads there, that is an answer, if it would be seen.
    fn without_any(&self) -> Outcome {
        match (self.sees, self.statement.allows) {
            (true, true) => Outcome::Closed,
            (true, false) => Outcome::Holds,
            (false, _) => Outcome::NoWay,
        }
    }

    /// A service entry with some of the addresses that are asked for, where nothing but the proxy stops what it does not
    /// know: which of them it knows by such an entry is not worked out.
    fn known_to_mesh<'a>(&self, exit: &Exit, estate: &Estate<'a>) -> Option<Text<'a>> {
        let To::Addresses(wanted, _) = &self.statement.target else { return None };
        let is_asked = |text: &Text<'a>| {
            let block = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            block.is_ok_and(|block| !AddressSet::from(block).intersection(wanted).is_empty())
        };
        let names = |entry: &&ServiceEntry<'a>| {
            let behind = entry.endpoints.iter().filter_map(|endpoint| endpoint.address.as_ref());
            entry.addresses.iter().chain(behind).any(is_asked)
        };
        let by_proxy_alone = exit.cut().all(|step| step.control == Control::Mesh);
        let entry = estate.mesh.service_entries.iter().find(names).filter(|_| by_proxy_alone);
        entry.map(|entry| entry.name)
    }

    /// Whether the application gets there by itself.
    fn judge_allow(&self, leading: &[(Lead, &Arc<Exit>)]) -> (Outcome, Option<Arc<Exit>>) {
        let own = |exit: &Exit| match exit.class {
            // These are reached by what applications do by themselves, or not at all.
            Class::GoogleApi | Class::Metadata | Class::Dns => exit.tier <= Tier::CodeExecution,
            _ => exit.tier == Tier::Application || exit.via == Via::Pivot,
        };
        let own: Vec<(Lead, &Arc<Exit>)> = leading.iter().filter(|(_, exit)| own(exit)).copied().collect();
        // A proxy that knows the host decides by its name, whatever it does with addresses.
        let named = |(_, exit): &(Lead, &Arc<Exit>)| {
            let first = exit.steps.first().map(|step| step.decision);
            exit.class == Class::Host && first != Some(Decision::Deny)
        };
        let by_name: Vec<(Lead, &Arc<Exit>)> = own.iter().filter(|way| named(way)).copied().collect();
        let ways = if by_name.is_empty() { &own } else { &by_name };
        if self.is_reached(ways, |exit| exit.verdict == Verdict::Open) {
            return (Outcome::Holds, None);
        }
        let of = |verdict| ways.iter().map(|(_, exit)| *exit).find(move |exit| exit.verdict == verdict);
        let closed = ways.iter().map(|(_, exit)| *exit).filter(|exit| exit.verdict == Verdict::Closed);
        let closest = closed.min_by_key(|exit| (exit.sample.protocol, exit.cut().count(), exit.class != Class::Host));
        let is_possible = self.is_reached(ways, |exit| exit.verdict != Verdict::Closed);
        match (of(Verdict::Unknown), of(Verdict::Open)) {
            (Some(unknown), _) if is_possible => (Outcome::Undecided, Some(Arc::clone(unknown))),
            // A host may be where it is open; addresses that are named are not all reached.
            (unknown, Some(open)) if matches!(self.statement.target, To::Host(..)) => match unknown {
                Some(unknown) => (Outcome::Undecided, Some(Arc::clone(unknown))),
                None => (Outcome::Partly, Some(Arc::clone(open))),
            },
            (Some(unknown), _) if matches!(self.statement.target, To::Host(..)) => {
                (Outcome::Undecided, Some(Arc::clone(unknown)))
            }
            _ => match closest {
                Some(closed) => (Outcome::Closed, Some(Arc::clone(closed))),
                None => (self.without_any(), None),
            },
        }
    }

    /// Whether some of the ways together lead to all of where the statement speaks of, by one protocol.
    fn is_reached(&self, ways: &[(Lead, &Arc<Exit>)], counts: impl Fn(&Exit) -> bool) -> bool {
        let counting = || ways.iter().map(|(_, exit)| &***exit).filter(|exit| counts(exit));
        match &self.statement.target {
            To::Host(host, port) => {
                let is_named = |exit: &Exit| {
                    let own = exit.host.as_deref().map(HostPattern::new);
                    own.is_some_and(|own| HostPattern::new(host).subset_of(&own))
                };
                let others = counting().filter(|exit| exit.class != Class::Host);
                let is_own = |exit: &Exit| matches!(exit.class, Class::GoogleApi | Class::Metadata | Class::Dns);
                counting().any(|exit| is_named(exit) || is_own(exit)) || reaches(internet(), &all_of(others), *port)
            }
            To::Addresses(_, port) => {
                // Of what is asked for, the addresses that any way leads to: the others are no way out's.
                let judged = all_of(ways.iter().map(|(_, exit)| &***exit));
                let addresses = judged.intersection(&self.statement.target.traffic()).addresses();
                reaches(&addresses, &all_of(counting()), *port)
            }
        }
    }
}

/// Ports on which services answer over UDP: names and time.
const UDP_PORTS: [u16; 2] = [53, 123];

/// Whether all of some addresses are reached over TCP, on a port where one is named; over UDP where that is what is spoken
/// there.
fn reaches(addresses: &AddressSet, open: &Traffic, port: Option<u16>) -> bool {
    let by = |transport: Transport| addresses.is_subset(&open.restrict_transport(&transport).addresses());
    let on = |protocol, port| by(Transport::ports(protocol, PortSet::single(port)));
    match port {
        Some(port) => on(Protocol::Tcp, port) || (UDP_PORTS.contains(&port) && on(Protocol::Udp, port)),
        None => by(Transport::protocol(Protocol::Tcp)),
    }
}

fn all_of<'e>(exits: impl Iterator<Item = &'e Exit>) -> Traffic {
    Traffic::union_all(exits.map(|exit| exit.traffic.clone()))
}

/// Whether anybody gets there: the weakest who does, by the way that is the plainest.
fn judge_deny(leading: &[(Lead, &Arc<Exit>)]) -> (Outcome, Option<Arc<Exit>>) {
    let outcome = |lead: Lead, exit: &Exit| match (exit.verdict, lead) {
        (Verdict::Open, Lead::Certain) => Outcome::Open,
        (Verdict::Open, Lead::Possible) => Outcome::Partly,
        (Verdict::Unknown, _) => Outcome::Undecided,
        (Verdict::Closed, _) => Outcome::Holds,
    };
    let failing = leading.iter().map(|(lead, exit)| (outcome(*lead, exit), *exit));
    let failing = failing.filter(|(outcome, _)| *outcome != Outcome::Holds);
    let worst = failing
        .min_by_key(|(outcome, exit)| (*outcome, exit.tier, exit.class != Class::Host, exit.via, exit.sample.protocol));
    worst.map_or((Outcome::Holds, None), |(outcome, exit)| (outcome, Some(Arc::clone(exit))))
}
