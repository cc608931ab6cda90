//! What the firewall lets out of a pool, layer by layer and rule by rule, down to the implied one (semantics C.4).

mod applies;
mod layers;

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use crate::model::{Direction, Estate, FirewallRule, Match, NodePool, RuleSet, Unknown, Verdict};
use crate::traffic::{AddressSet, Sample, Traffic, Transport};

pub use applies::{applies, in_network, of_one_network};
pub use layers::{Layer, layers};

/// What the firewall decides about traffic that leaves the nodes of a pool. Every packet is decided by exactly one of
/// the pieces or by the implied rule, which allows.
#[derive(Clone, Debug, Default)]
pub struct PoolEgress {
    /// What each rule decides, in the order of evaluation; rules that decide nothing are left out.
    pub pieces: Vec<Piece>,
    /// What no rule matches: the implied rule allows it.
    pub implied: Traffic,
    /// The first rule whose effect is not known.
    pub unknown: Option<Unknown>,
    /// The rules that apply to the pool for certain, whether or not they decide anything; ascending.
    asked: Vec<usize>,
    /// What rules that are not understood may deny although something later allows it.
    may_deny: Traffic,
    /// What rules that are not understood may allow although something later denies it.
    may_allow: Traffic,
}

/// The traffic that one rule decides.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The index of the rule in the estate.
    pub rule: usize,
    /// What the rule does.
    pub verdict: Verdict,
    /// What it matches and no rule before it decides.
    pub traffic: Traffic,
}

/// Who decides about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// A rule, by its index in the estate.
    Rule(usize),
    /// The implied rule, which allows all egress.
    Implied,
}

impl PoolEgress {
    /// Who decides about a packet.
    #[must_use]
    pub fn decider(&self, sample: &Sample) -> Decider {
        let holds = |piece: &&Piece| piece.traffic.transport_to(sample.address).contains(sample.protocol, sample.port);
        self.pieces.iter().find(holds).map_or(Decider::Implied, |piece| Decider::Rule(piece.rule))
    }

    /// What leaves for certain: allowed by a rule or by the implied one, whatever the rules that are not understood do.
    #[must_use]
    pub fn certainly_allowed(&self) -> Traffic {
        let allowed = self.of(Verdict::Allow).cloned().chain([self.implied.clone()]);
        Traffic::union_all(allowed).difference(&self.may_deny)
    }

    /// What is held back for certain.
    #[must_use]
    pub fn certainly_denied(&self) -> Traffic {
        Traffic::union_all(self.of(Verdict::Deny).cloned()).difference(&self.may_allow)
    }

    /// What some rule allows, for certain or possibly.
    #[must_use]
    pub fn possibly_allowed(&self) -> Traffic {
        Traffic::union_all(self.of(Verdict::Allow).cloned()).union(&self.may_allow)
    }

    /// What falls through to the implied rule for certain; what a rule that is not understood may deny is left out.
    #[must_use]
    pub fn falls_through(&self) -> Traffic {
        self.implied.difference(&self.may_deny)
    }

    /// What a rule allows for certain: by its index, with everything that earlier rules may hold back left out.
    #[must_use]
    pub fn certain_piece(&self, piece: &Piece) -> Traffic {
        match piece.verdict {
            Verdict::Deny => piece.traffic.difference(&self.may_allow),
            Verdict::Allow | Verdict::GoToNext | Verdict::Inspect | Verdict::Open => {
                piece.traffic.difference(&self.may_deny)
            }
        }
    }

    /// Whether a rule applies to the pool for certain.
    #[must_use]
    pub fn asks(&self, rule: usize) -> bool {
        self.asked.binary_search(&rule).is_ok()
    }

    fn of(&self, verdict: Verdict) -> impl Iterator<Item = &Traffic> {
        self.pieces.iter().filter(move |piece| piece.verdict == verdict).map(|piece| &piece.traffic)
    }
}

/// Evaluates the rules for every pool.
pub(super) fn firewall(estate: &Estate<'_>) -> Vec<PoolEgress> {
    // Pools to which the same rules apply have the same answer: most clusters have many of those.
    let mut known: FxHashMap<Vec<(usize, Match)>, usize> = FxHashMap::default();
    let mut all: Vec<PoolEgress> = Vec::with_capacity(estate.pools.len());
    for pool in &estate.pools {
        let (order, other) = layers(Direction::Egress, pool, estate);
        let asked = order.iter().chain(other.iter().flatten()).flat_map(|layer| {
            layer.rules.iter().map(|&rule| (rule, applies(&estate.firewall[rule], pool).and(layer.applies)))
        });
        match known.entry(asked.collect()) {
            Entry::Occupied(same) => all.push(all[*same.get()].clone()),
            Entry::Vacant(new) => {
                new.insert(all.len());
                all.push(egress(pool, estate));
            }
        }
    }
    all
}

/// What leaves a pool.
#[must_use]
pub fn egress(pool: &NodePool<'_>, estate: &Estate<'_>) -> PoolEgress {
    let mut result = decided(Direction::Egress, pool, estate);
    always_allow(&mut result);
    result
}

/// What comes in to the nodes of a pool: by its sources instead of destinations, and down to an implied rule that denies.
#[must_use]
pub fn ingress(pool: &NodePool<'_>, estate: &Estate<'_>) -> PoolEgress {
    decided(Direction::Ingress, pool, estate)
}

/// What the rules decide. Where the order of the layers is open, what differs between the two is open as well.
fn decided(direction: Direction, pool: &NodePool<'_>, estate: &Estate<'_>) -> PoolEgress {
    let (order, other) = layers(direction, pool, estate);
    let mut result = evaluate(&order, pool, estate);
    if let Some(other) = other {
        let turned = evaluate(&other, pool, estate);
        let allows = |egress: &PoolEgress| {
            Traffic::union_all(egress.of(Verdict::Allow).cloned().chain([egress.implied.clone()]))
        };
        let (own, others) = (allows(&result), allows(&turned));
        result.may_deny = result.may_deny.union(&turned.may_deny).union(&own.difference(&others));
        result.may_allow = result.may_allow.union(&turned.may_allow).union(&others.difference(&own));
        if own != others && result.unknown.is_none() {
            result.unknown = pool.network.map(|network| Unknown {
                at: network.at,
                reason: "whether network firewall policies come before the rules of the network".to_owned(),
            });
        }
    }
    result
}

/// Where evaluation stands.
struct State {
    result: PoolEgress,
    /// What no layer so far has decided.
    undecided: Traffic,
    /// What this layer hands on to the next one.
    passed: Traffic,
}

fn evaluate(layers: &[Layer], pool: &NodePool<'_>, estate: &Estate<'_>) -> PoolEgress {
    let mut state = State { result: PoolEgress::default(), undecided: Traffic::all(), passed: Traffic::none() };
    for layer in layers {
        for &index in &layer.rules {
            step(&mut state, index, layer, pool, estate);
        }
        state.undecided = state.undecided.union(&state.passed);
        state.passed = Traffic::none();
    }
    state.result.implied = state.undecided;
    state.result.asked.sort_unstable();
    state.result
}

fn step(state: &mut State, index: usize, layer: &Layer, pool: &NodePool<'_>, estate: &Estate<'_>) {
    let rule = &estate.firewall[index];
    let match_ = applies(rule, pool).and(layer.applies);
    if match_ == Match::No {
        return;
    }
    let State { result, undecided, passed } = state;
    if match_ == Match::Unknown || rule.unknown.is_some() {
        let possible = undecided.intersection(&rule.traffic);
        if possible.is_empty() {
            return;
        }
        result.unknown.get_or_insert_with(|| uncertainty(rule, pool));
        if rule.verdict != Verdict::Allow {
            result.may_deny = result.may_deny.union(&possible);
        }
        if rule.verdict != Verdict::Deny {
            result.may_allow = result.may_allow.union(&possible);
        }
        return;
    }
    result.asked.push(index);
    let traffic = undecided.intersection(&rule.traffic);
    if traffic.is_empty() {
        return;
    }
    *undecided = undecided.difference(&traffic);
    if rule.verdict == Verdict::GoToNext {
        *passed = passed.union(&traffic);
        return;
    }
    if rule.verdict == Verdict::Inspect {
        result.unknown.get_or_insert_with(|| Unknown {
            at: rule.verdict_at,
            reason: format!("what the inspection that {} asks for lets through", rule.shown()),
        });
    }
    result.pieces.push(Piece { rule: index, verdict: rule.verdict, traffic });
}

/// The metadata server answers whatever the rules say (semantics C.4).
fn always_allow(result: &mut PoolEgress) {
    let metadata = Traffic::new(&AddressSet::range(METADATA, METADATA), Transport::all());
    for piece in &mut result.pieces {
        piece.traffic = piece.traffic.difference(&metadata);
    }
    result.pieces.retain(|piece| !piece.traffic.is_empty());
    result.implied = result.implied.union(&metadata);
    result.may_deny = result.may_deny.difference(&metadata);
    result.may_allow = result.may_allow.difference(&metadata);
}

/// The metadata server, which is also the resolver.
pub const METADATA: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 169, 254));

/// Why a rule's effect is not known: what it says, or whether it applies.
fn uncertainty(rule: &FirewallRule<'_>, pool: &NodePool<'_>) -> Unknown {
    if let Some(unknown) = &rule.unknown {
        return unknown.clone();
    }
    let shown = rule.shown();
    let elsewhere = rule
        .network
        .filter(|network| is_of_network(rule) && in_network(rule, pool) != Match::Yes && !network.is_named());
    match elsewhere {
        Some(network) => Unknown { at: network.at, reason: format!("which network {shown} is of") },
        None => Unknown {
            at: rule.target_at.unwrap_or(rule.name.at),
            reason: format!("whether {shown} applies, which the input does not decide"),
        },
    }
}

/// Whether a rule is one of the network's own, rather than of a policy.
#[must_use]
pub fn is_of_network(rule: &FirewallRule<'_>) -> bool {
    rule.set == RuleSet::Vpc
}

/// A denial among the network's own rules that some traffic of a pool would meet, had a policy not allowed it before.
#[must_use]
pub fn late_denial<'e, 'a>(
    traffic: &Traffic,
    pool: &NodePool<'_>,
    estate: &'e Estate<'a>,
) -> Option<&'e FirewallRule<'a>> {
    let denies = |rule: &&FirewallRule<'_>| {
        is_of_network(rule)
            && rule.verdict == Verdict::Deny
            && rule.direction == Direction::Egress
            && rule.disabled.is_none()
            && applies(rule, pool) == Match::Yes
            && !rule.traffic.intersection(traffic).is_empty()
    };
    estate.firewall.iter().find(denies)
}
