//! Whether a rule applies to the nodes of a pool.

use crate::model::{FirewallRule, Identity, Link, Match, NodePool, RuleSet, Target, Text};

/// Whether a rule applies to a pool's nodes, its policy's associations apart.
#[must_use]
pub fn applies(rule: &FirewallRule<'_>, pool: &NodePool<'_>) -> Match {
    let target = match &rule.target {
        Target::Everything => Match::Yes,
        Target::Accounts(accounts) => to_account(accounts, &pool.identity),
        Target::Tags(tags) => to_tags(tags, pool),
        Target::SecureTags(tags) => to_secure_tags(tags, pool),
    };
    in_network(rule, pool).and(target)
}

/// Whether a rule is about a pool's network, its targets apart.
#[must_use]
pub fn in_network(rule: &FirewallRule<'_>, pool: &NodePool<'_>) -> Match {
    match rule.set {
        RuleSet::Vpc => to_network(rule.network.as_ref(), pool),
        RuleSet::Policy(..) => to_any_network(&rule.only_networks, pool),
    }
}

/// Whether a rule's network is the pool's. An input that names no network at all is supposed to be about one.
fn to_network(network: Option<&Link<'_>>, pool: &NodePool<'_>) -> Match {
    match (network, &pool.network) {
        (Some(of_rule), Some(of_pool)) => of_rule.is(of_pool),
        (None, None) => Match::Yes,
        _ => Match::Unknown,
    }
}

/// Whether two of the network's own rules are certainly of one network.
#[must_use]
pub fn of_one_network(left: &FirewallRule<'_>, right: &FirewallRule<'_>) -> bool {
    match (&left.network, &right.network) {
        (Some(left), Some(right)) => left.is(right) == Match::Yes,
        (None, None) => true,
        _ => false,
    }
}

/// Whether the pool's network is one of some; every network where there are none.
pub(super) fn to_any_network(networks: &[Link<'_>], pool: &NodePool<'_>) -> Match {
    if networks.is_empty() {
        return Match::Yes;
    }
    let Some(own) = &pool.network else { return Match::Unknown };
    Match::any(networks.iter().map(|network| network.is(own)))
}

fn to_account(accounts: &[Identity], identity: &Identity) -> Match {
    Match::any(accounts.iter().map(|account| account.is(identity)))
}

/// Besides the tags of its own a node has the one that GKE gives all nodes of its cluster.
fn to_tags(tags: &[Text<'_>], pool: &NodePool<'_>) -> Match {
    let is_own = |tag: &Text<'_>| pool.tags.iter().any(|own| own.value == tag.value);
    if tags.iter().any(is_own) {
        return Match::Yes;
    }
    let open = pool.tags_unknown.is_some() || pool.provisioned;
    let start = if open { Match::Unknown } else { Match::No };
    tags.iter().map(|tag| of_cluster(tag.value, pool.cluster_name)).fold(start, Match::or)
}

/// Whether a tag is GKE's own for the nodes of a cluster: `gke-`, the start of the cluster's name, a hash and `-node`.
fn of_cluster(tag: &str, cluster: Option<&str>) -> Match {
    /// As much of the name as fits into the tag.
    const LONGEST: usize = 20;
    let Some(middle) = tag.strip_prefix("gke-").and_then(|rest| rest.strip_suffix("-node")) else { return Match::No };
    let Some(cluster) = cluster else { return Match::Unknown };
    let name = middle.rsplit_once('-').map_or(middle, |(name, _)| name);
    Match::from(name == cluster.get(..LONGEST).unwrap_or(cluster).trim_end_matches('-'))
}

/// Secure tags are written by their ids or by their names, and which name belongs to which id is not in the input.
fn to_secure_tags(tags: &[Text<'_>], pool: &NodePool<'_>) -> Match {
    let Some(own) = &pool.secure_tags else { return Match::Unknown };
    let is_id = |tag: &str| tag.starts_with("tagValues/");
    let same = |tag: &Text<'_>| {
        let with = |own: &&str| match (*own == tag.value, is_id(own) == is_id(tag.value)) {
            (true, _) => Match::Yes,
            (false, true) => Match::No,
            (false, false) => Match::Unknown,
        };
        Match::any(own.iter().map(with))
    };
    Match::any(tags.iter().map(same))
}
