//! The layers of the firewall in the order in which they are asked: hierarchical policies first, then the network's own
//! rules and its policies in the order that the network says (semantics C.4).

use std::cmp::Reverse;

use super::applies::to_any_network;
use crate::model::{
    Direction, EnforcementOrder, Estate, FirewallPolicy, Match, NodePool, PolicyLevel, RuleSet, Verdict,
};

/// The rules of one layer for one direction, in the order in which they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    pub set: RuleSet,
    /// Whether the layer is in force for the pool.
    pub applies: Match,
    /// The rules by their index in the estate.
    pub rules: Vec<usize>,
}

/// The layers that bear on a pool, and the same ones in the other order where the order is open.
#[must_use]
pub fn layers(direction: Direction, pool: &NodePool<'_>, estate: &Estate<'_>) -> (Vec<Layer>, Option<Vec<Layer>>) {
    let own = vec![layer(RuleSet::Vpc, direction, Match::Yes, estate)];
    let of_level = |level| of_level(level, direction, pool, estate);
    let hierarchical = of_level(PolicyLevel::Hierarchical);
    let global = of_level(PolicyLevel::Global);
    let regional = of_level(PolicyLevel::Regional);
    let policies = [global, regional].concat();
    let after = [hierarchical.clone(), own.clone(), policies.clone()].concat();
    let before = [hierarchical, policies.clone(), own].concat();
    match order(pool, estate) {
        _ if policies.is_empty() => (after, None),
        EnforcementOrder::AfterClassic => (after, None),
        EnforcementOrder::BeforeClassic => (before, None),
        EnforcementOrder::Unknown => (after, Some(before)),
    }
}

/// The order that the pool's network says; open where the network is not in the input.
fn order(pool: &NodePool<'_>, estate: &Estate<'_>) -> EnforcementOrder {
    let networks = &estate.topology.networks;
    let own = match &pool.network {
        Some(own) => networks.iter().find(|network| network.link.is(own) == Match::Yes),
        None => networks.first().filter(|_| networks.len() == 1),
    };
    own.map_or(EnforcementOrder::Unknown, |network| network.order)
}

fn of_level(level: PolicyLevel, direction: Direction, pool: &NodePool<'_>, estate: &Estate<'_>) -> Vec<Layer> {
    let policies = estate.firewall_policies.iter().enumerate().filter(|(_, policy)| policy.level == level);
    let mut policies: Vec<_> =
        policies.map(|(index, policy)| (rank(policy), index, in_force(policy, pool, estate))).collect();
    policies.sort_by_key(|(rank, index, _)| (*rank, *index));
    let known = policies
        .into_iter()
        .filter(|(_, _, applies)| *applies != Match::No)
        .map(|(_, index, applies)| layer(RuleSet::Policy(level, Some(index)), direction, applies, estate));
    // Rules whose policy is not in the input may be in force.
    let strays = layer(RuleSet::Policy(level, None), direction, Match::Unknown, estate);
    known.chain([strays]).filter(|layer| !layer.rules.is_empty()).collect()
}

/// An organization's policy comes before those of its folders.
fn rank(policy: &FirewallPolicy<'_>) -> u8 {
    let at_top = policy.associations.iter().any(|target| target.at_organization);
    u8::from(!at_top)
}

/// Whether a policy is in force for a pool. A hierarchical one is where it is associated with anything: which projects are
/// below a folder is not in the input, and the estate is supposed to be. Of two folders either may be the other one's parent,
/// or neither.
fn in_force(policy: &FirewallPolicy<'_>, pool: &NodePool<'_>, estate: &Estate<'_>) -> Match {
    if policy.effective {
        return Match::Yes;
    }
    let associated = match policy.level {
        _ if policy.associations.is_empty() => Match::No,
        PolicyLevel::Hierarchical
            if is_folders(policy) && estate.firewall_policies.iter().filter(|other| is_folders(other)).count() > 1 =>
        {
            Match::Unknown
        }
        PolicyLevel::Hierarchical => Match::Yes,
        PolicyLevel::Global | PolicyLevel::Regional => to_any_network(&policy.associations, pool),
    };
    let more = if policy.associations_open { Match::Unknown } else { Match::No };
    let here = match (policy.level, policy.region, pool.region) {
        (PolicyLevel::Regional, Some(own), Some(of_pool)) => Match::from(own == of_pool),
        (PolicyLevel::Regional, ..) => Match::Unknown,
        (PolicyLevel::Hierarchical | PolicyLevel::Global, ..) => Match::Yes,
    };
    associated.or(more).and(here)
}

/// Whether a policy is a folder's rather than the organization's.
fn is_folders(policy: &FirewallPolicy<'_>) -> bool {
    policy.level == PolicyLevel::Hierarchical && !policy.associations.is_empty() && rank(policy) > 0
}

/// The enabled rules of a set for a direction, in order. The lowest number goes first; of equals, deny beats allow, and the order of
/// the input decides nothing.
fn layer(set: RuleSet, direction: Direction, applies: Match, estate: &Estate<'_>) -> Layer {
    let rules = &estate.firewall;
    let in_it = |&index: &usize| {
        let rule = &rules[index];
        rule.set == set && rule.direction == direction && rule.disabled.is_none()
    };
    let mut found: Vec<usize> = (0..rules.len()).filter(in_it).collect();
    found.sort_by_key(|&index| {
        let rule = &rules[index];
        (rule.priority, Reverse(rule.verdict == Verdict::Deny), rule.name.value, rule.name.at)
    });
    Layer { set, applies, rules: found }
}
