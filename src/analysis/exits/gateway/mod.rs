//! The ways through the egress gateway: from a workload's proxy, or from code in it that asks for whatever it likes, past
//! the network policies, the listener and the authorization policies, and out by a route of the gateway (semantics C.8,
//! C.11 path B).

mod alike;
mod beyond;
mod consent;
mod doors;
mod intended;
mod meeting;
mod met;
mod tenant;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::kinds::{Class, Verdict, Via};
use super::pools::Pools;
use super::{Exit, Hosts};
use crate::analysis::Facts;
use crate::analysis::capture::{Injection, Tier};
use crate::analysis::needs::proxy_target;
use crate::analysis::network_policy::Answer;
use crate::analysis::routing::Target;
use crate::analysis::tls::DestinationRules;
use crate::model::{Destination, Estate};
use crate::traffic::{Protocol, Sample, Transport};

pub use intended::Broken;

use alike::Alike;
use beyond::{Sides, sides};
use consent::{Asker, Policies};
use doors::{Door, doors};
use meeting::{Meeting, Met};

/// The egress gateways of an estate as clients meet them.
pub(super) struct Gateways<'e, 'a> {
    estate: &'e Estate<'a>,
    facts: &'e Facts<'a>,
    rules: DestinationRules<'e, 'a>,
    doors: Vec<Door<'e, 'a>>,
    /// The policies of each proxy.
    policies: Vec<Policies<'e, 'a>>,
    /// What is the same at each door for all callers.
    sides: Vec<Sides>,
    /// Which of the doors are alike.
    alike: Alike,
    /// The doors that are asked for a host or lead to it, in order.
    called: FxHashMap<String, Vec<usize>>,
    /// The number of each workload's client in the routes.
    client_of: FxHashMap<usize, usize>,
    /// Where the proxies of each client send what is meant for a host, where that is a gateway.
    led: FxHashMap<(usize, &'a str), Vec<(usize, &'a Destination<'a>)>>,
    pools: &'e Pools,
}

/// The ways of a caller through the gateways.
#[derive(Default)]
pub(super) struct Ways {
    pub exits: Vec<Arc<Exit>>,
    /// Those that policies mean to be open and that are not.
    pub broken: Vec<Broken>,
}

/// What of a workload the gateway's ways depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Caller<'a> {
    pub asker: Asker<'a>,
    /// The number of its client in the routes; none where it has no proxy.
    client: Option<usize>,
    /// For each proxy, what its own policies let it send there, and what the proxy's let in.
    reaches: Vec<(Answer, Answer)>,
    /// A workload like it.
    representative: Representative,
}

impl Caller<'_> {
    /// A workload like it, by its index.
    fn workload(&self) -> usize {
        self.representative.0
    }
}

/// A workload that stands for others: which one it is makes no difference.
#[derive(Clone, Copy, Debug)]
struct Representative(usize);

impl PartialEq for Representative {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Representative {}

impl std::hash::Hash for Representative {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl<'e, 'a> Gateways<'e, 'a> {
    pub(super) fn new(estate: &'e Estate<'a>, facts: &'e Facts<'a>, pools: &'e Pools) -> Self {
        let doors = doors(estate, facts);
        let policies = facts.egress.proxies.iter().map(|proxy| Policies::new(proxy, estate)).collect();
        let mut client_of = FxHashMap::default();
        for (number, client) in facts.routing.clients.iter().enumerate() {
            client_of.extend(client.workloads.iter().map(|&workload| (workload, number)));
        }
        let mut led: FxHashMap<_, Vec<_>> = FxHashMap::default();
        for flow in &facts.routing.flows {
            for way in &flow.ways {
                if let Target::Gateway(proxy, destination) = way.to {
                    led.entry((flow.client, flow.host.value)).or_default().push((proxy, destination));
                }
            }
        }
        let sides: Vec<Sides> = doors.iter().map(|door| sides(door, estate, facts, pools)).collect();
        let (rules, alike) = (DestinationRules::new(estate), Alike::new(&doors, &sides));
        let called = called(&doors);
        Self { estate, facts, rules, doors, policies, sides, alike, called, client_of, led, pools }
    }

    /// The number of a workload's client in the routes.
    pub(super) fn client_of(&self, workload: usize) -> Option<usize> {
        self.client_of.get(&workload).copied()
    }

    /// What of a workload its ways through the gateway depend on; none where there is no gateway.
    pub(super) fn caller(&self, workload: usize) -> Option<Caller<'a>> {
        if self.facts.egress.proxies.is_empty() {
            return None;
        }
        let own = &self.estate.workloads[workload];
        let identified = match self.facts.capture[workload].injection {
            Injection::In { .. } | Injection::Ambient { .. } => Some(true),
            Injection::Outside { .. } => Some(false),
            Injection::Unknown { .. } => None,
        };
        let policies = &self.facts.network_policy;
        let reaches = self.facts.egress.proxies.iter().map(|proxy| match proxy.workload {
            _ if policies.unenforced.is_some() => (everything(), everything()),
            Some(gateway) => (policies.sends(workload, gateway), policies.receives(gateway, workload)),
            None => {
                let target = proxy_target(proxy);
                let sends = target.map(|target| policies.sends_to(workload, &target, policies.dataplane()));
                (sends.unwrap_or_else(unseen), everything())
            }
        });
        Some(Caller {
            asker: Asker { namespace: self.estate.namespace_of(own).name, account: own.service_account, identified },
            client: self.client_of.get(&workload).copied(),
            reaches: reaches.collect(),
            representative: Representative(workload),
        })
    }

    /// The ways of a caller to the hosts that are wanted, and where it is asked, those that are meant to be and are not.
    pub(super) fn ways(&self, caller: &Caller<'a>, hosts: Hosts<'_>) -> Ways {
        let mut meeting = Meeting::new(self, caller);
        let exits = self.exits(&mut meeting, hosts);
        let broken = if hosts.meant { self.broken(&mut meeting) } else { Vec::new() };
        Ways { exits, broken }
    }

    /// The ways of a caller to the hosts that are wanted. Of those that are closed, the one that the fewest layers close is
    /// enough, unless a host is asked for by its name.
    fn exits(&self, meeting: &mut Meeting<'_, 'e, 'a>, hosts: Hosts<'_>) -> Vec<Arc<Exit>> {
        let caller = meeting.caller;
        let mut found: Vec<Arc<Exit>> = Vec::new();
        let mut closed: Option<Exit> = None;
        // Where an end stands among those found.
        let mut places: Vec<Option<usize>> = vec![None; self.doors.len()];
        // Those at which nobody arrives differ in name only: what is closed at one is closed at the next.
        let mut shut = FxHashSet::default();
        for (number, door) in
            self.doors.iter().enumerate().filter(|(_, door)| (hosts.wanted)(&door.upstream, door.leaves))
        {
            let led = self.led(door, caller);
            let shape = (self.alike.shape[number], meeting.consent(number).decision);
            let is_like_others = !hosts.every && led.is_none();
            if is_like_others && shut.contains(&shape) {
                continue;
            }
            let met = meeting.at(number, led);
            let exit = match hosts.by_itself {
                true => self.exit(number, caller, Tier::Application, &met),
                false => self.through(number, caller, &met),
            };
            if exit.verdict == Verdict::Closed && !hosts.every {
                if is_like_others {
                    shut.insert(shape);
                }
                if closed.as_ref().is_none_or(|known| exit.cut().count() < known.cut().count()) {
                    closed = Some(exit);
                }
                continue;
            }
            let worse = |exit: &Exit| (exit.verdict, exit.approved, exit.tier);
            let place = *places[self.alike.end[number]].get_or_insert(found.len());
            match found.get_mut(place) {
                // Several listeners may lead to a host: the worst is told.
                Some(known) if worse(&exit) < worse(known) => *known = Arc::new(exit),
                Some(_) => {}
                None => found.push(Arc::new(exit)),
            }
        }
        found.extend(closed.map(Arc::new));
        found.extend(self.of_tenant(caller).map(Arc::new));
        found
    }

    /// The way through a door of the weakest attacker for whom it is open, else may be, else of the one whom the fewest
    /// layers stop. What the application does by itself, code that runs in it does as well.
    fn through(&self, number: usize, caller: &Caller<'a>, met: &Met<'a>) -> Exit {
        let application = self.exit(number, caller, Tier::Application, met);
        if application.verdict == Verdict::Open {
            return application;
        }
        let code = self.exit(number, caller, Tier::CodeExecution, met);
        let rank = |exit: &Exit| (exit.verdict, exit.cut().count());
        if rank(&code) < rank(&application) { code } else { application }
    }

    fn exit(&self, number: usize, caller: &Caller<'a>, tier: Tier, met: &Met<'a>) -> Exit {
        let door = &self.doors[number];
        let Sides { asks, onward, traffic } = &self.sides[number];
        let led = met.led;
        let mut steps = vec![
            Self::by_proxy(door, caller, tier, led).unwrap_or_else(|| asks.clone()),
            met.reach.clone(),
            self.by_listener(door, caller, tier, led),
            met.agreed.clone(),
        ];
        steps.extend(onward.iter().cloned());
        let verdict = Verdict::of(&steps);
        let approved = verdict != Verdict::Closed
            && self.policies[door.proxy].approves(met.consent, &door.upstream, caller.asker, led.is_some());
        Exit {
            tier,
            via: Via::Gateway,
            class: Class::Host,
            host: Some(door.upstream.clone()),
            verdict,
            approved,
            sample: traffic.first().unwrap_or(ANY),
            traffic: traffic.clone(),
            steps,
        }
    }

    /// Where the caller's proxy sends what is meant for the door's host, if it is the door's listener.
    fn led(&self, door: &Door<'_, '_>, caller: &Caller<'_>) -> Option<&'a Destination<'a>> {
        let client = caller.client?;
        let ways = self.led.get(&(client, door.asked.as_str()))?;
        let is_this = |(proxy, destination): &&(usize, &'a Destination<'a>)| {
            *proxy == door.proxy && (destination.port.is_none() || destination.port == door.server.port)
        };
        ways.iter().find(is_this).map(|(_, destination)| *destination)
    }
}

/// The doors by the hosts that they are asked for or lead to.
fn called(doors: &[Door<'_, '_>]) -> FxHashMap<String, Vec<usize>> {
    let mut called: FxHashMap<String, Vec<usize>> = FxHashMap::default();
    for (number, door) in doors.iter().enumerate() {
        called.entry(door.asked.clone()).or_default().push(number);
        if door.upstream != door.asked {
            called.entry(door.upstream.clone()).or_default().push(number);
        }
    }
    called
}

/// What is known of pods of which nothing is.
fn unseen() -> Answer {
    Answer { certain: Transport::none(), possible: Transport::all() }
}

/// Pods whose own policies are not in the input are taken to be what they are for: to let clients in.
fn everything() -> Answer {
    Answer { certain: Transport::all(), possible: Transport::all() }
}

/// Stands where a way has no address.
pub(super) const ANY: Sample =
    Sample { address: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), protocol: Protocol::Tcp, port: None };
