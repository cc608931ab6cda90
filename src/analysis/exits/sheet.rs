//! All ways out of one profile that lead to addresses: each question is a set of traffic, an attacker and the layers in
//! between (semantics C.11, paths A, C and E).

use std::borrow::Cow;

use super::Exit;
use super::judge::{Gate, passing, weakest};
use super::kinds::{Class, Control, Verdict, Via};
use super::pools::{PoolView, Pools};
use super::profile::{Profile, Proxy};
use super::step::{Step, What};
use super::wanted::Wanted;
use crate::analysis::capture::{Tier, tcp};
use crate::analysis::destinations::google_restricted;
use crate::finding::Decision;
use crate::model::{Estate, Layer};
use crate::traffic::{Sample, Traffic};

/// What does not depend on the workload.
pub(super) struct Desk<'f, 'a> {
    pub estate: &'f Estate<'a>,
    pub pools: &'f Pools,
    pub wanted: Wanted,
}

/// A way and where it leads.
#[derive(Clone, Copy)]
struct Route {
    via: Via,
    class: Class,
}

/// The part of a question's traffic that has one answer.
struct Part {
    verdict: Verdict,
    traffic: Traffic,
    sample: Sample,
    steps: Vec<Step>,
}

impl<'f> Desk<'f, '_> {
    /// The ways out of a profile, in the order of [`Via`], of [`Class`] and of the attackers.
    pub(super) fn exits(&self, profile: &Profile<'f>) -> Vec<Exit> {
        let applications = self.places(profile, false);
        let gateways = self.places(profile, true);
        let mut exits = Vec::new();
        let mut add = |via, class, tiers: &[Tier], places: &[Place], wants: &[Traffic]| {
            let mut found: Vec<Exit> = Vec::new();
            for want in wants {
                let asked = self.ask(Route { via, class }, want, tiers, places, profile);
                let fresh: Vec<Exit> = asked.into_iter().filter(|exit| !says_more(exit, &found)).collect();
                found.extend(fresh);
            }
            exits.extend(found);
        };
        let wanted = &self.wanted;
        add(Via::Direct, Class::Internet, &Tier::ALL, &applications, &wanted.internet);
        add(Via::Direct, Class::InternetV6, &Tier::ALL, &self.v6(&applications), &wanted.internet_v6);
        add(Via::Direct, Class::Metadata, &STRONG[..2], &applications, &wanted.metadata);
        if profile.proxy != Proxy::None {
            add(Via::Sidecar, Class::Internet, &[Tier::Application], &applications, &wanted.internet[..1]);
        }
        add(Via::GatewayNode, Class::Internet, &Tier::ALL, &gateways, &wanted.internet);
        add(Via::GatewayNode, Class::InternetV6, &Tier::ALL, &self.v6(&gateways), &wanted.internet_v6);
        add(Via::GatewayNode, Class::GoogleApi, &STRONG, &gateways, &wanted.google);
        add(Via::GatewayNode, Class::GoogleApi, &STRONG, &self.v6(&gateways), &wanted.google_v6);
        add(Via::GatewayNode, Class::Private, &Tier::ALL, &gateways, &wanted.private);
        add(Via::GoogleApi, Class::GoogleApi, &STRONG, &applications, &wanted.google);
        add(Via::GoogleApi, Class::GoogleApi, &STRONG, &self.v6(&applications), &wanted.google_v6);
        add(Via::Private, Class::Private, &Tier::ALL, &applications, &wanted.private);
        // What keeps a workload off the gateway's nodes, or may, is told once.
        let (landing, others): (Vec<Exit>, Vec<Exit>) =
            exits.into_iter().partition(|exit| exit.via == Via::GatewayNode);
        let (mut told, more): (Vec<Exit>, Vec<Exit>) = landing.into_iter().partition(to_internet);
        let is_new = |exit: &Exit| match exit.verdict {
            Verdict::Open => true,
            Verdict::Unknown => !told.iter().any(|known| known.verdict != Verdict::Closed && known.has_layers_of(exit)),
            Verdict::Closed => false,
        };
        let more: Vec<Exit> = more.into_iter().filter(is_new).collect();
        told.extend(more);
        let mut exits: Vec<Exit> = others.into_iter().chain(told).collect();
        exits.sort_by_key(|exit| exit.via);
        exits
    }

    /// The places where pods of a profile can be: its pools of one sort, one of each kind that the firewall tells apart.
    fn places(&self, profile: &Profile<'_>, gateway: bool) -> Vec<Place> {
        let lands = |pool: usize| profile.landings.iter().find(|(own, _)| *own == pool).map(|(_, certain)| *certain);
        let mut seen = Vec::new();
        let mut places = Vec::new();
        for (pool, view) in self.pools.views.iter().enumerate().filter(|(_, view)| view.gateway == gateway) {
            let landing = match lands(pool) {
                Some(true) => Decision::Allow,
                Some(false) => Decision::Unknown,
                // Everybody has a way to think of the gateway's nodes; other pools are of no concern.
                None if gateway => Decision::Deny,
                None => continue,
            };
            if !seen.contains(&(view.class, landing)) {
                seen.push((view.class, landing));
                places.push(Place { pool: Some(pool), landing });
            }
        }
        if places.is_empty() && !gateway && !profile.landings.iter().any(|(pool, _)| self.pools.views[*pool].gateway) {
            places.push(Place { pool: None, landing: Decision::Unknown });
        }
        places
    }

    /// The places where nodes speak IPv6.
    fn v6(&self, places: &[Place]) -> Vec<Place> {
        places.iter().filter(|place| place.pool.is_some_and(|pool| self.pools.views[pool].v6)).copied().collect()
    }

    /// The answers about some traffic, attacker by attacker. What is open to a weaker one is not told again.
    fn ask(&self, route: Route, want: &Traffic, tiers: &[Tier], places: &[Place], profile: &Profile<'f>) -> Vec<Exit> {
        let mut found: Vec<Exit> = Vec::new();
        let mut open = Traffic::none();
        for &tier in tiers {
            let rest = want.difference(&open);
            if rest.is_empty() || places.is_empty() {
                break;
            }
            for part in self.parts(route, &rest, tier, places, profile) {
                if part.verdict == Verdict::Open {
                    open = open.union(&part.traffic);
                }
                found.push(self.exit(route, tier, part));
            }
        }
        found
    }

    fn exit(&self, route: Route, tier: Tier, part: Part) -> Exit {
        Exit {
            tier,
            via: route.via,
            class: route.class,
            host: None,
            verdict: part.verdict,
            approved: part.verdict == Verdict::Open && self.is_approved(route, &part.traffic),
            traffic: part.traffic,
            sample: part.sample,
            steps: part.steps,
        }
    }

    /// Whether what is open is meant to be: Google's APIs behind a perimeter, and the metadata server that shows pods
    /// their own identity alone (semantics A.3, A.4, C.11 E).
    fn is_approved(&self, route: Route, open: &Traffic) -> bool {
        match route.class {
            Class::GoogleApi => {
                open.addresses().is_subset(google_restricted()) && !self.estate.iam.perimeters.is_empty()
            }
            Class::Metadata => self.pools.views.iter().all(|view| view.hides_node_identity),
            _ => false,
        }
    }

    /// What of some traffic is open, what may be, and what is closed, to one attacker.
    fn parts(&self, route: Route, want: &Traffic, tier: Tier, places: &[Place], profile: &Profile<'f>) -> Vec<Part> {
        let ways: Vec<Vec<Gate<'_>>> = places.iter().map(|place| self.gates(route, tier, *place, profile)).collect();
        let passed: Vec<(Traffic, Traffic)> = ways.iter().map(|gates| passing(want, gates)).collect();
        let all = |pick: fn(&(Traffic, Traffic)) -> &Traffic| Traffic::union_all(passed.iter().map(pick).cloned());
        let (open, possible) = (all(|(open, _)| open), all(|(_, possible)| possible));
        let unknown = possible.difference(&open);
        let closed = want.difference(&possible);
        let mut parts = Vec::new();
        if let Some((gates, sample)) =
            ways.iter().zip(&passed).find_map(|(gates, (open, _))| Some((gates, open.first()?)))
        {
            parts.push(part(Verdict::Open, open, sample, gates));
        }
        if let Some((gates, sample)) = ways
            .iter()
            .zip(&passed)
            .find_map(|(gates, (_, possible))| Some((gates, possible.intersection(&unknown).first()?)))
        {
            parts.push(part(Verdict::Unknown, unknown, sample, gates));
        }
        if let Some((sample, gates)) = fewest(&closed, &ways) {
            parts.push(part(Verdict::Closed, closed, sample, gates));
        }
        parts
    }

    /// The layers between an attacker and some destination, in the order in which traffic meets them.
    fn gates<'g>(&'g self, route: Route, tier: Tier, place: Place, profile: &'g Profile<'f>) -> Vec<Gate<'g>> {
        let mut gates = vec![mesh(route, tier, profile), policies(tier, profile)];
        gates.push(self.scheduling(tier, place, profile));
        let Some(pool) = place.pool else {
            gates.push(Gate::whole(Control::Firewall, Decision::Unknown, missing_or_none(self, Layer::Firewall)));
            return gates;
        };
        let view = &self.pools.views[pool];
        gates.push(if self.estate.evidence.has(Layer::Firewall) {
            Gate::new(Control::Firewall, &view.certain, &view.possible, What::Firewall(pool))
        } else {
            Gate::whole(Control::Firewall, Decision::Unknown, What::Missing(Layer::Firewall))
        });
        gates.extend(way_off(route, pool, view));
        gates
    }

    fn scheduling<'g>(&self, tier: Tier, place: Place, profile: &Profile<'_>) -> Gate<'g> {
        let Some(pool) = place.pool else {
            return Gate::whole(Control::Scheduling, Decision::Unknown, missing_or_none(self, Layer::Scheduling));
        };
        let by_itself = Gate::whole(Control::Scheduling, place.landing, What::Landing(pool));
        // Root on a node of his own is on no other node.
        if tier != Tier::Tenant || place.landing == Decision::Allow {
            return by_itself;
        }
        let number = self.pools.gateways.iter().position(|own| *own == pool);
        match number.and_then(|number| profile.tenants_land.get(number)) {
            Some(&Decision::Deny) | None => by_itself,
            Some(&decision) => Gate::whole(Control::Scheduling, decision, What::LandingOfTenants(pool)),
        }
    }
}

/// Where the pods of a profile can be.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// None where no pool of the input admits them.
    pool: Option<usize>,
    landing: Decision,
}

/// Attackers that the mesh never stops: what applications do by themselves is what these destinations are for.
const STRONG: [Tier; 3] = [Tier::CodeExecution, Tier::Tenant, Tier::NodeRoot];

fn missing_or_none(desk: &Desk<'_, '_>, layer: Layer) -> What {
    if desk.estate.evidence.has(layer) { What::NoPool } else { What::Missing(layer) }
}

/// The proxy only counts against the application itself (semantics 0.1).
fn mesh<'g>(route: Route, tier: Tier, profile: &'g Profile<'_>) -> Gate<'g> {
    if tier != Tier::Application {
        return Gate::whole(Control::Mesh, Decision::Allow, What::Boundary);
    }
    let (certain, possible) = match route.via {
        Via::Sidecar => through_proxy(profile.proxy),
        via => profile.past_proxy(via != Via::Direct),
    };
    Gate { control: Control::Mesh, certain, possible, what: What::Capture }
}

fn through_proxy<'g>(proxy: Proxy) -> (Cow<'g, Traffic>, Cow<'g, Traffic>) {
    let all = || Cow::Borrowed(tcp());
    let none = || Cow::Owned(Traffic::none());
    match proxy {
        Proxy::PassesOn => (all(), all()),
        Proxy::Unknown => (none(), all()),
        Proxy::Refuses | Proxy::None => (none(), none()),
    }
}

fn policies<'g>(tier: Tier, profile: &'g Profile<'_>) -> Gate<'g> {
    let control = Control::NetworkPolicy;
    if tier == Tier::NodeRoot {
        return Gate::whole(control, Decision::Allow, What::NodeNetwork);
    }
    if !profile.policies_known {
        return Gate::whole(control, Decision::Unknown, What::Missing(Layer::NetworkPolicy));
    }
    if tier == Tier::Tenant {
        let (certain, possible) = &profile.rewritten;
        return Gate::new(control, certain, possible, What::RewrittenPolicies);
    }
    let (certain, possible) = profile.policies;
    Gate::new(control, certain, possible, What::Policies)
}

/// How a packet gets from a node to where it is to go, where the input says.
fn way_off<'g>(route: Route, pool: usize, view: &PoolView) -> Option<Gate<'g>> {
    match route.class {
        Class::Internet => {
            view.leaves_network.map(|decision| Gate::whole(Control::Nat, decision, What::NodeExit(pool)))
        }
        Class::GoogleApi if view.google_access => {
            Some(Gate::whole(Control::Nat, Decision::Allow, What::GoogleAccess(pool)))
        }
        _ => None,
    }
}

fn to_internet(exit: &Exit) -> bool {
    matches!(exit.class, Class::Internet | Class::InternetV6)
}

/// The packet of some traffic, none of which may pass, that meets the fewest denials on any of the ways.
fn fewest<'w, 'g>(denied: &Traffic, ways: &'w [Vec<Gate<'g>>]) -> Option<(Sample, &'w [Gate<'g>])> {
    let mut known: Option<(usize, Sample, &[Gate<'g>])> = None;
    for gates in ways {
        match weakest(denied, gates) {
            // There are none fewer.
            Some((1, sample)) => return Some((sample, gates)),
            Some((count, sample)) if known.is_none_or(|(fewest, ..)| count < fewest) => {
                known = Some((count, sample, gates));
            }
            _ => {}
        }
    }
    known.map(|(_, sample, gates)| (sample, gates))
}

fn part(verdict: Verdict, traffic: Traffic, sample: Sample, gates: &[Gate<'_>]) -> Part {
    let step =
        |gate: &Gate<'_>| Step { control: gate.control, decision: gate.decision(&sample), what: gate.what.clone() };
    Part { verdict, traffic, sample, steps: gates.iter().map(step).collect() }
}

/// Whether one of the known answers, about another protocol, says what a new one would, so that the new one is none.
fn says_more(new: &Exit, known: &[Exit]) -> bool {
    let as_weak = |exit: &Exit| match (exit.verdict, new.verdict) {
        (Verdict::Open, Verdict::Open) => false,
        (known, new_one) if known == new_one => exit.tier == new.tier && exit.has_layers_of(new),
        _ => false,
    };
    known.iter().any(as_weak)
}
