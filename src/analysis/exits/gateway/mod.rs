//! The ways through the egress gateway: from a workload's proxy, or from code in it that asks for whatever it likes, past
//! the network policies, the listener and the authorization policies, and out by a route of the gateway (semantics C.8,
//! C.11 path B).

mod consent;
mod doors;
mod intended;
mod tenant;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::kinds::{Class, Control, Verdict, Via};
use super::pools::Pools;
use super::step::{Holder, Step};
use super::wanted::{on_port, through};
use super::{Exit, Hosts};
use crate::analysis::Facts;
use crate::analysis::authorization;
use crate::analysis::capture::{Injection, Tier};
use crate::analysis::needs::proxy_target;
use crate::analysis::network_policy::{Answer, Why};
use crate::analysis::routing::Target;
use crate::analysis::tls::{Client, ClientView, DestinationRules, Target as TlsTarget};
use crate::finding::Decision;
use crate::model::{ClientMode, Destination, Estate, Layer, ServerMode};
use crate::source::Location;
use crate::traffic::{Protocol, Sample, Traffic, Transport};

pub use intended::Broken;

use consent::{Asker, Consent, Policies};
use doors::{Door, doors};

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
    /// The number of each workload's client in the routes.
    client_of: FxHashMap<usize, usize>,
    /// Where the proxies of each client send what is meant for a host, where that is a gateway.
    led: FxHashMap<(usize, &'a str), Vec<(usize, &'a Destination<'a>)>>,
    pools: &'e Pools,
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

/// What is the same at a door for all callers, who share the words.
struct Sides {
    /// Code that asks there by itself.
    asks: Step,
    /// Where the door leads, and what its proxy's own network policies and nodes do about leaving.
    onward: Vec<Step>,
    traffic: Traffic,
}

/// What every attacker in a workload meets at a door.
struct Met {
    reach: Step,
    consent: Consent,
    agreed: Step,
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
        let sides = doors.iter().map(|door| sides(door, estate, facts, pools)).collect();
        Self { estate, facts, rules: DestinationRules::new(estate), doors, policies, sides, client_of, led, pools }
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

    /// The ways of a caller to the hosts that are wanted. Of those that are closed, the one that the fewest layers close is
    /// enough, unless a host is asked for by its name.
    pub(super) fn exits(&self, caller: &Caller<'a>, hosts: Hosts<'_>) -> Vec<Arc<Exit>> {
        let mut found: Vec<Arc<Exit>> = Vec::new();
        let mut numbers: FxHashMap<(&str, Option<u16>), usize> = FxHashMap::default();
        let mut closed: Option<Exit> = None;
        let mut reached: FxHashMap<(usize, &[u16]), Step> = FxHashMap::default();
        let mut agreed: FxHashMap<(usize, Consent), Step> = FxHashMap::default();
        // Doors that look alike from outside get one answer, wherever they lead.
        let mut asked = FxHashMap::default();
        // Those at which nobody arrives differ in name only: what is closed at one is closed at the next.
        let mut shut = FxHashSet::default();
        for (number, door) in
            self.doors.iter().enumerate().filter(|(_, door)| (hosts.wanted)(&door.upstream, door.leaves))
        {
            let reach = reached
                .entry((door.proxy, door.pod_ports.as_slice()))
                .or_insert_with(|| self.by_policies(door.proxy, &door.pod_ports, caller));
            let alike =
                (door.proxy, door.server.mode, authorization::chain(door.server), &*door.pod_ports, &*door.asked);
            let ask = || self.policies[door.proxy].ask(door, caller.asker);
            let consent = *asked.entry(alike).or_insert_with(ask);
            let agreed = agreed.entry((door.proxy, consent)).or_insert_with(|| self.by_consent(door, consent));
            let met = Met { reach: reach.clone(), consent, agreed: agreed.clone() };
            let server = std::ptr::from_ref(door.server);
            let shape = (door.proxy, server, &*door.pod_ports, consent.decision, decisions(&self.sides[number].onward));
            let is_led = self.led(door, caller).is_some();
            if !hosts.every && !is_led && shut.contains(&shape) {
                continue;
            }
            let exit = match hosts.by_itself {
                true => self.exit(number, caller, Tier::Application, &met),
                false => self.through(number, caller, &met),
            };
            if exit.verdict == Verdict::Closed && !hosts.every {
                if !is_led {
                    shut.insert(shape);
                }
                if closed.as_ref().is_none_or(|known| exit.cut().count() < known.cut().count()) {
                    closed = Some(exit);
                }
                continue;
            }
            let worse = |exit: &Exit| (exit.verdict, exit.approved, exit.tier);
            let known = *numbers.entry((door.upstream.as_str(), door.leaves)).or_insert(found.len());
            match found.get_mut(known) {
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
    fn through(&self, number: usize, caller: &Caller<'a>, met: &Met) -> Exit {
        let application = self.exit(number, caller, Tier::Application, met);
        if application.verdict == Verdict::Open {
            return application;
        }
        let code = self.exit(number, caller, Tier::CodeExecution, met);
        let rank = |exit: &Exit| (exit.verdict, exit.cut().count());
        if rank(&code) < rank(&application) { code } else { application }
    }

    fn exit(&self, number: usize, caller: &Caller<'a>, tier: Tier, met: &Met) -> Exit {
        let door = &self.doors[number];
        let Sides { asks, onward, traffic } = &self.sides[number];
        let led = self.led(door, caller);
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
    fn led(&self, door: &Door<'_, '_>, caller: &Caller<'_>) -> Option<&'e Destination<'a>> {
        let client = caller.client?;
        let ways = self.led.get(&(client, door.asked.as_str()))?;
        let is_this = |(proxy, destination): &&(usize, &'a Destination<'a>)| {
            *proxy == door.proxy && (destination.port.is_none() || destination.port == door.server.port)
        };
        ways.iter().find(is_this).map(|(_, destination)| *destination)
    }

    /// The first hop where the proxy makes it: it leads the application there, or not. Code goes by itself where it does not.
    fn by_proxy(door: &Door<'_, '_>, caller: &Caller<'_>, tier: Tier, led: Option<&Destination<'_>>) -> Option<Step> {
        let (decision, reason, at) = match (led, tier) {
            (Some(destination), _) => {
                let reason = format!("its proxy sends `{}` to the gateway", door.asked);
                (Decision::Allow, reason, Some(destination.host_at))
            }
            (None, Tier::Application) if caller.asker.identified.is_none() => {
                let reason =
                    format!("whether it has a proxy depends on the labels of namespace `{}`", caller.asker.namespace);
                (Decision::Unknown, reason, None)
            }
            (None, Tier::Application) => {
                (Decision::Deny, format!("its proxy does not send `{}` to the gateway", door.asked), None)
            }
            (None, _) => return None,
        };
        Some(Step::own(Control::Mesh, decision, reason, at))
    }

    /// The network policies between the caller and the proxy's pods, on the ports of a listener.
    fn by_policies(&self, proxy: usize, pod_ports: &[u16], caller: &Caller<'_>) -> Step {
        let (sends, receives) = &caller.reaches[proxy];
        let (own, of_proxy) = (caller.workload(), &self.facts.egress.proxies[proxy]);
        let said = |decision, why: Why| {
            let name = format!("network policy to {}", of_proxy.name);
            Step::said(Control::NetworkPolicy, decision, name, why.reason, Some(why.at))
        };
        let policies = &self.facts.network_policy;
        let port = pod_ports.first().copied().unwrap_or(1);
        let sent = || {
            let spoken = (Protocol::Tcp, port);
            let target = proxy_target(of_proxy);
            let why = target.map(|target| policies.why_not(own, &target, spoken, policies.dataplane()));
            let unseen = || Why {
                decision: Decision::Unknown,
                reason: "the gateway's pods are not in the input".to_owned(),
                at: of_proxy.name.at,
            };
            let why = why.unwrap_or_else(unseen);
            Why { reason: format!("{} (TCP {port})", why.reason), ..why }
        };
        let received = |gateway| {
            let why = policies.why_not_in(gateway, own, (Protocol::Tcp, port), policies.dataplane());
            Why { reason: format!("{} (TCP {port})", why.reason), ..why }
        };
        match (passes(sends, pod_ports), passes(receives, pod_ports), of_proxy.workload) {
            (Decision::Deny, ..) => said(Decision::Deny, sent()),
            (_, Decision::Deny, Some(gateway)) => said(Decision::Deny, received(gateway)),
            (_, Decision::Unknown, Some(gateway)) => said(Decision::Unknown, received(gateway)),
            (Decision::Unknown, ..) => said(Decision::Unknown, sent()),
            _ => said(Decision::Allow, sent()),
        }
    }

    /// Whether client and listener speak the same TLS.
    fn by_listener(&self, door: &Door<'_, '_>, caller: &Caller<'_>, tier: Tier, led: Option<&Destination<'_>>) -> Step {
        let server = door.server;
        let name = format!("listener on {}", server.describe());
        let said = |decision, reason: String, at| {
            Step::said(Control::Mesh, decision, name.clone(), reason, Some(at)).with(Holder::Proxy(door.proxy))
        };
        let at = server.mode_at;
        match server.mode {
            ServerMode::Passthrough => said(Decision::Allow, "it forwards TLS unread, whoever sends it".to_owned(), at),
            ServerMode::AutoPassthrough => {
                said(Decision::Allow, "it forwards TLS to whatever the client names".to_owned(), at)
            }
            ServerMode::IstioMutual => match (caller.asker.identified, tier) {
                (Some(false), _) => said(
                    Decision::Deny,
                    "it asks for a certificate of the mesh, and the workload has none".to_owned(),
                    at,
                ),
                (None, _) => said(Decision::Unknown, "it asks for a certificate of the mesh".to_owned(), at),
                (Some(true), Tier::Application) => self.handshake(door, caller, led, &said),
                (Some(true), _) => said(Decision::Allow, "it knows the workload by its certificate".to_owned(), at),
            },
            ServerMode::Plaintext => match (tier, self.view(caller, led).and_then(|view| view.tls)) {
                (Tier::Application, Some(tls)) if tls.mode != ClientMode::Disable => {
                    let reason = format!("it takes plain text, and clients send TLS in mode `{}`", tls.mode.as_str());
                    said(Decision::Deny, reason, tls.at)
                }
                _ => said(Decision::Allow, "it takes plain text from anybody".to_owned(), at),
            },
            ServerMode::Simple => said(Decision::Allow, "it asks for no certificate".to_owned(), at),
            ServerMode::OptionalMutual => said(Decision::Allow, "it insists on no certificate".to_owned(), at),
            ServerMode::Mutual => {
                said(Decision::Unknown, "who has a certificate that it takes is not in the input".to_owned(), at)
            }
            ServerMode::Unknown => said(Decision::Unknown, "what it asks for is not in the input".to_owned(), at),
        }
    }

    fn view(&self, caller: &Caller<'_>, led: Option<&'_ Destination<'_>>) -> Option<ClientView<'e, 'a>> {
        let destination = led?;
        let client =
            Client { namespace: caller.asker.namespace, labels: Some(self.estate.workloads[caller.workload()].labels) };
        let target = TlsTarget {
            host: &destination.host,
            port: destination.port,
            subset: destination.subset.map(|subset| subset.value),
        };
        Some(self.rules.view(client, target))
    }

    /// Whether the application's proxy shows its certificate to the listener.
    fn handshake(
        &self,
        door: &Door<'_, '_>,
        caller: &Caller<'_>,
        led: Option<&Destination<'_>>,
        said: &dyn Fn(Decision, String, Location) -> Step,
    ) -> Step {
        let known =
            || said(Decision::Allow, "it knows the workload by its certificate".to_owned(), door.server.mode_at);
        let Some((view, destination)) = self.view(caller, led).zip(led) else { return known() };
        let labels = self.facts.egress.proxies[door.proxy].labels;
        let is_labelled =
            labels.and_then(|labels| labels.get("security.istio.io/tlsMode")).is_some_and(|mode| mode.value == "istio");
        if view.subset_missing {
            let at = destination.subset.map_or(destination.host_at, |subset| subset.at);
            return said(Decision::Deny, "its clients send to a subset that no destination rule has".to_owned(), at);
        }
        match view.tls {
            Some(tls) if tls.mode == ClientMode::IstioMutual => known(),
            Some(tls) => {
                let reason =
                    format!("it asks for a certificate of the mesh, and clients send in mode `{}`", tls.mode.as_str());
                said(Decision::Deny, reason, tls.at)
            }
            None if is_labelled => known(),
            None => {
                let at = view.absent_at.unwrap_or(destination.host_at);
                said(
                    Decision::Deny,
                    "it asks for a certificate of the mesh, and clients send plain text".to_owned(),
                    at,
                )
            }
        }
    }

    fn by_consent(&self, door: &Door<'_, '_>, consent: Consent) -> Step {
        let policies = &self.policies[door.proxy];
        let own = self.facts.egress.proxies[door.proxy].name;
        let said = |decision, reason: String, at| {
            Step::said(Control::Authorization, decision, "authorization policy".to_owned(), reason, Some(at))
        };
        if policies.is_empty() && !self.estate.evidence.has(Layer::Authorization) {
            return Step::missing(Control::Authorization, Layer::Authorization);
        }
        let by = consent.by.map(|number| policies.clause(number));
        match (consent.decision, by) {
            (authorization::Decision::Allow, Some((name, at))) => {
                said(Decision::Allow, format!("a clause of `{name}` allows it"), at)
            }
            (authorization::Decision::Allow, None) => {
                said(Decision::Allow, "no policy at the gateway limits who may ask for what".to_owned(), own.at)
            }
            (authorization::Decision::Unknown, Some((name, at))) => {
                said(Decision::Unknown, format!("whether `{name}` allows it cannot be decided"), at)
            }
            (authorization::Decision::Unknown, None) => said(
                Decision::Unknown,
                "whether the policies at the gateway allow it cannot be decided".to_owned(),
                own.at,
            ),
            (authorization::Decision::Deny, _) => {
                let (name, at) = policies.denial().unwrap_or((own.value, own.at));
                said(Decision::Deny, format!("no clause allows it where `{name}` denies what none allows"), at)
            }
        }
    }
}

/// What layers decide, each for itself.
fn decisions(said: &[Step]) -> Vec<(Control, Decision)> {
    said.iter().map(Step::decided).collect()
}

/// Whether TCP to any of some ports passes one side's policies; to any port at all where none is known.
fn passes(answer: &Answer, ports: &[u16]) -> Decision {
    let open = |transport: &Transport| match ports {
        [] => transport.ports_of(Protocol::Tcp).is_some_and(|tcp| !tcp.is_empty()),
        ports => ports.iter().any(|&port| transport.contains(Protocol::Tcp, Some(port))),
    };
    match (open(&answer.certain), open(&answer.possible)) {
        (true, _) => Decision::Allow,
        (false, true) => Decision::Unknown,
        (false, false) => Decision::Deny,
    }
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

fn sides(door: &Door<'_, '_>, estate: &Estate<'_>, facts: &Facts<'_>, pools: &Pools) -> Sides {
    let asks = format!("code that runs in it may ask the gateway for `{}`", door.asked);
    let service = door.service.map_or_else(String::new, |service| format!("virtual service {}", service.name));
    let leads = format!("the gateway sends `{}` on to `{}`", door.asked, door.upstream);
    let leads = Step::said(Control::Mesh, Decision::Allow, service, leads, Some(door.at));
    Sides {
        asks: Step::own(Control::Mesh, Decision::Allow, asks, None),
        onward: std::iter::once(leads).chain(beyond(door, estate, facts, pools)).collect(),
        traffic: on_port(door.leaves),
    }
}

/// What the gateway's own policies and nodes do about what leaves by a door. Addresses of hosts are not known: what lets out
/// all of the internet lets out the host.
fn beyond(door: &Door<'_, '_>, estate: &Estate<'_>, facts: &Facts<'_>, pools: &Pools) -> Vec<Step> {
    let wanted = on_port(door.leaves);
    let Some(gateway) = facts.egress.proxies[door.proxy].workload else {
        return vec![Step::missing(Control::Firewall, Layer::Scheduling)];
    };
    let name = estate.display(&estate.workloads[gateway]);
    let mut steps = Vec::new();
    if estate.evidence.has(Layer::NetworkPolicy) {
        let outside = facts.network_policy.egress_outside(gateway);
        let decision = through(&wanted, &outside.certain, &outside.allowed);
        if decision != Decision::Allow {
            let sample = wanted.first().unwrap_or(ANY);
            let why = facts.network_policy.why(gateway, &sample);
            steps.push(Step::said(
                Control::NetworkPolicy,
                decision,
                format!("network policy of {name}"),
                why.reason,
                Some(why.at),
            ));
        }
    }
    steps.extend(nodes(gateway, &wanted, estate, facts, pools));
    steps
}

/// The nodes of a gateway and the firewall.
fn nodes(gateway: usize, wanted: &Traffic, estate: &Estate<'_>, facts: &Facts<'_>, pools: &Pools) -> Vec<Step> {
    let landings = facts.placement.landings(gateway);
    let best = landings
        .iter()
        .map(|landing| {
            let view = &pools.views[landing.pool];
            (landing.pool, through(wanted, &view.certain, &view.possible))
        })
        .min_by_key(|(_, decision)| match decision {
            Decision::Allow | Decision::NotCaptured => 0,
            Decision::Unknown => 1,
            Decision::Deny => 2,
        });
    let Some((pool, decision)) = best else {
        if let Some(step) = kept_off(gateway, estate) {
            return vec![step];
        }
        let layer = if estate.evidence.has(Layer::Scheduling) { Layer::Firewall } else { Layer::Scheduling };
        return vec![Step::missing(Control::Firewall, layer)];
    };
    if !estate.evidence.has(Layer::Firewall) {
        return vec![Step::missing(Control::Firewall, Layer::Firewall)];
    }
    let sample = wanted.first().unwrap_or(ANY);
    let (name, reason, at) = super::step::firewall_words(pool, &sample, decision, estate, facts);
    let mut steps = vec![Step::said(Control::Firewall, decision, name, reason, Some(at)).with(Holder::Pool(pool))];
    if let Some(decision) = pools.views[pool].leaves_network {
        let (name, reason, at) = super::step::node_exit_words(pool, decision, estate);
        steps.push(Step::said(Control::Nat, decision, name, reason, Some(at)).with(Holder::Pool(pool)));
    }
    steps
}

/// A pool that the gateway's selectors pick and whose taints keep its pods off, so that they run nowhere.
fn kept_off(gateway: usize, estate: &Estate<'_>) -> Option<Step> {
    let workload = &estate.workloads[gateway];
    let is_picked = |pool: &&crate::model::NodePool<'_>| {
        !workload.placement.is_free() && workload.placement.admits(pool) == crate::model::Match::Yes
    };
    let index = estate.pools.iter().position(|pool| is_picked(&pool))?;
    let pool = &estate.pools[index];
    let taint = pool.taints.first()?;
    let reason = format!("the gateway's pods do not tolerate `{}`, so they run on none of its nodes", taint.key.value);
    let name = format!("node pool {}", pool.name);
    Some(Step::said(Control::Scheduling, Decision::Deny, name, reason, Some(taint.key.at)).with(Holder::Pool(index)))
}
