//! What the VPC firewall lets out of a pool, rule by rule, down to the implied one (semantics C.4).

use std::cmp::Reverse;

use crate::model::{Direction, Estate, FirewallRule, Identity, NodePool, Target, Text, Unknown, Verdict};
use crate::traffic::{Sample, Traffic};

/// What the firewall decides about traffic that leaves the nodes of a pool. Every packet is decided by exactly one of
/// the pieces or by the implied rule, which allows.
#[derive(Debug, Default)]
pub struct PoolEgress {
    /// What each rule decides, in the order of evaluation; rules that decide nothing are left out.
    pub pieces: Vec<Piece>,
    /// What no rule matches: the implied rule allows it.
    pub implied: Traffic,
    /// The first rule whose effect is not known.
    pub unknown: Option<Unknown>,
    /// How many pieces come before the first rule that may deny more than is known.
    certain: Option<usize>,
}

/// The traffic that one rule decides.
#[derive(Debug)]
pub struct Piece {
    /// The index of the rule in the estate.
    pub rule: usize,
    /// What the rule does.
    pub verdict: Verdict,
    /// What it matches and no rule before it does.
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
        let certain = self.certain.unwrap_or(self.pieces.len());
        let pieces = self.pieces[..certain].iter().filter(|piece| piece.verdict == Verdict::Allow);
        let implied = self.falls_through().cloned();
        Traffic::union_all(pieces.map(|piece| piece.traffic.clone()).chain(implied))
    }

    /// What falls through to the implied rule for certain; `None` where a rule that is not understood may deny it.
    #[must_use]
    pub fn falls_through(&self) -> Option<&Traffic> {
        self.certain.is_none().then_some(&self.implied)
    }
}

/// Whether a rule applies to a pool's nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Applies {
    Yes,
    No,
    /// The pool's identity or the rule's target is not in the input.
    Unknown,
}

/// Evaluates the rules for every pool.
pub(super) fn firewall(estate: &Estate<'_>) -> Vec<PoolEgress> {
    let mut rules: Vec<usize> =
        (0..estate.firewall.len()).filter(|&rule| is_in_force(&estate.firewall[rule])).collect();
    // The lowest number goes first; of equals, deny beats allow, and the order of the input decides nothing.
    rules.sort_by_key(|&index| {
        let rule = &estate.firewall[index];
        (rule.priority, Reverse(rule.verdict == Verdict::Deny), rule.name.value)
    });
    estate.pools.iter().map(|pool| egress(pool, &rules, &estate.firewall)).collect()
}

/// Whether a rule is, or may be, in force.
fn is_in_force(rule: &FirewallRule<'_>) -> bool {
    // Whether a rule with an open value is disabled may be what is open.
    rule.direction == Direction::Egress && (rule.disabled.is_none() || rule.unknown.is_some())
}

fn egress(pool: &NodePool<'_>, order: &[usize], rules: &[FirewallRule<'_>]) -> PoolEgress {
    let mut egress = PoolEgress { implied: Traffic::all(), ..PoolEgress::default() };
    for &index in order {
        let rule = &rules[index];
        let applies = match applies(rule, pool) {
            // Network and target of a rule with an open value may be what is open.
            Applies::No if rule.unknown.is_some() => Applies::Unknown,
            decided => decided,
        };
        if applies == Applies::No {
            continue;
        }
        if let Some(why) = uncertainty(rule, applies) {
            egress.unknown.get_or_insert(why);
            // What is allowed stays so whatever else an unknown rule may allow.
            if rule.verdict == Verdict::Deny {
                egress.certain.get_or_insert(egress.pieces.len());
            }
        }
        if applies == Applies::Yes && rule.unknown.is_none() {
            let traffic = egress.implied.intersection(&rule.traffic);
            egress.implied = egress.implied.difference(&traffic);
            if !traffic.is_empty() {
                egress.pieces.push(Piece { rule: index, verdict: rule.verdict, traffic });
            }
        }
    }
    egress
}

/// Why a rule's effect is not known: what it says, or whether it applies.
fn uncertainty(rule: &FirewallRule<'_>, applies: Applies) -> Option<Unknown> {
    let target = || Unknown {
        at: rule.name.at,
        reason: format!("whether `{}` applies, which the input does not decide", rule.name.value),
    };
    rule.unknown.clone().or_else(|| (applies == Applies::Unknown).then(target))
}

fn applies(rule: &FirewallRule<'_>, pool: &NodePool<'_>) -> Applies {
    if let (Some(of_rule), Some(of_pool)) = (rule.network, pool.network)
        && of_rule.value != of_pool.value
    {
        return Applies::No;
    }
    match &rule.target {
        Target::Everything => Applies::Yes,
        Target::Accounts(accounts) => applies_to_account(accounts, &pool.identity),
        Target::Tags(tags) => applies_to_tags(tags, pool),
    }
}

fn applies_to_account(accounts: &[Identity], identity: &Identity) -> Applies {
    let is_default = |account: &Identity| matches!(account, Identity::Account(email) if email.ends_with("-compute@developer.gserviceaccount.com"));
    match identity {
        Identity::Account(_) if accounts.contains(identity) => Applies::Yes,
        Identity::Account(_) if accounts.contains(&Identity::Unknown) => Applies::Unknown,
        Identity::Default if accounts.contains(&Identity::Default) || accounts.iter().any(is_default) => Applies::Yes,
        Identity::Account(_) | Identity::Default => Applies::No,
        Identity::Unknown => Applies::Unknown,
    }
}

/// Besides the tags of its own a node has the one that GKE gives all nodes of its cluster, which ends in a hash.
fn applies_to_tags(tags: &[Text<'_>], pool: &NodePool<'_>) -> Applies {
    let is_own = |tag: &Text<'_>| pool.tags.iter().any(|own| own.value == tag.value);
    let is_clusters = |tag: &Text<'_>| tag.value.starts_with("gke-") && tag.value.ends_with("-node");
    if tags.iter().any(is_own) {
        Applies::Yes
    } else if tags.iter().any(is_clusters) {
        Applies::Unknown
    } else {
        Applies::No
    }
}
