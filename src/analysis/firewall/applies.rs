//! Whether a rule applies to the nodes of a pool.

use crate::model::{FirewallRule, Identity, Link, Match, NodePool, RuleSet, Target, Text};

/// Whether a rule applies to a pool's nodes, its policy's associations apart.
#[must_use]
pub fn applies(rule: &FirewallRule<'_>, pool: &NodePool<'_>) -> Match {
    let network = match rule.set {
        RuleSet::Vpc => to_network(rule.network.as_ref(), pool),
        RuleSet::Policy(..) => to_any_network(&rule.only_networks, pool),
    };
    let target = match &rule.target {
        Target::Everything => Match::Yes,
        Target::Accounts(accounts) => to_account(accounts, &pool.identity),
        Target::Tags(tags) => to_tags(tags, pool),
        Target::SecureTags(tags) => to_secure_tags(tags, pool),
    };
    network.and(target)
}

/// Whether a rule's network is the pool's. Where one of them is not said, an input of one network is supposed.
fn to_network(network: Option<&Link<'_>>, pool: &NodePool<'_>) -> Match {
    match (network, &pool.network) {
        (Some(of_rule), Some(of_pool)) => of_rule.is(of_pool),
        _ => Match::Yes,
    }
}

/// Whether the pool's network is one of some; every network where there are none.
pub(super) fn to_any_network(networks: &[Link<'_>], pool: &NodePool<'_>) -> Match {
    if networks.is_empty() {
        return Match::Yes;
    }
    let Some(own) = &pool.network else { return Match::Unknown };
    networks.iter().map(|network| network.is(own)).fold(Match::No, Match::or)
}

fn to_account(accounts: &[Identity], identity: &Identity) -> Match {
    accounts.iter().map(|account| account.is(identity)).fold(Match::No, Match::or)
}

/// Besides the tags of its own a node has the one that GKE gives all nodes of its cluster, which ends in a hash.
fn to_tags(tags: &[Text<'_>], pool: &NodePool<'_>) -> Match {
    let is_own = |tag: &Text<'_>| pool.tags.iter().any(|own| own.value == tag.value);
    let is_clusters = |tag: &Text<'_>| tag.value.starts_with("gke-") && tag.value.ends_with("-node");
    if tags.iter().any(is_own) {
        Match::Yes
    } else if tags.iter().any(is_clusters) || pool.tags_unknown.is_some() || pool.provisioned {
        Match::Unknown
    } else {
        Match::No
    }
}

fn to_secure_tags(tags: &[Text<'_>], pool: &NodePool<'_>) -> Match {
    let Some(own) = &pool.secure_tags else { return Match::Unknown };
    Match::from(tags.iter().any(|tag| own.contains(&tag.value)))
}
