//! The order in which policies decide (semantics C.2), over any sort of set: the Admin tier, where the first clause that
//! matches decides; the policies of namespaces, which add up; the Baseline tier; and what nobody speaks of is allowed.
//!
//! A clause of which something is unknown matches at least one set and at most another. So each outcome is a set of what
//! may happen, and what is sure is what cannot happen otherwise.

use crate::model::{ClauseAction, Direction, NetworkPolicy, PolicyClause, PolicyKind, Tier};
use crate::traffic::{Traffic, Transport};

/// What the chain needs of a set.
pub(super) trait Set: Clone {
    fn none() -> Self;
    fn all() -> Self;
    fn is_empty(&self) -> bool;
    fn or(&self, other: &Self) -> Self;
    fn and(&self, other: &Self) -> Self;
    fn without(&self, other: &Self) -> Self;
}

macro_rules! set {
    ($kind:ty) => {
        impl Set for $kind {
            fn none() -> Self {
                Self::none()
            }
            fn all() -> Self {
                Self::all()
            }
            fn is_empty(&self) -> bool {
                self.is_empty()
            }
            fn or(&self, other: &Self) -> Self {
                self.union(other)
            }
            fn and(&self, other: &Self) -> Self {
                self.intersection(other)
            }
            fn without(&self, other: &Self) -> Self {
                self.difference(other)
            }
        }
    };
}

set!(Transport);
set!(Traffic);

/// The least and the most that a clause matches.
#[derive(Clone, Debug)]
pub(super) struct Bounds<S> {
    pub least: S,
    pub most: S,
}

/// A policy that selects the workloads in question, for certain or possibly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selected<'e, 'a> {
    pub policy: &'e NetworkPolicy<'a>,
    pub certain: bool,
}

/// What may be allowed and what may be denied. Traffic in both is not decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Outcome<S> {
    pub allow: S,
    pub deny: S,
    /// The part of `allow` that no policy speaks of.
    pub unruled: S,
}

impl<S: Set> Outcome<S> {
    /// What is allowed for certain.
    pub(super) fn certain(&self) -> S {
        S::all().without(&self.deny)
    }

    /// What is allowed to workloads that policies do not bind.
    pub(super) fn unbound() -> Self {
        Self { allow: S::all(), deny: S::none(), unruled: S::all() }
    }
}

/// Asks the policies, which must be in the order of [`rank`], about all traffic in a direction.
pub(super) fn decide<S: Set>(
    policies: &[Selected<'_, '_>],
    direction: Direction,
    mut matches: impl FnMut(PolicyKind, &PolicyClause<'_>) -> Bounds<S>,
) -> Outcome<S> {
    let of_tier = |tier| {
        let start = policies.partition_point(|selected| selected.policy.tier < tier);
        let end = policies.partition_point(|selected| selected.policy.tier <= tier);
        &policies[start..end]
    };
    let mut outcome = Outcome { allow: S::none(), deny: S::none(), unruled: S::none() };
    let open = ranked(of_tier(Tier::Admin), direction, S::all(), &mut outcome, &mut matches);
    let open = added_up(of_tier(Tier::Namespace), direction, &open, &mut outcome, &mut matches);
    let open = ranked(of_tier(Tier::Baseline), direction, open, &mut outcome, &mut matches);
    outcome.allow = outcome.allow.or(&open);
    outcome.unruled = open;
    outcome
}

/// Where a policy stands in the chain.
pub(super) fn rank(policy: &NetworkPolicy<'_>) -> (Tier, Option<i64>) {
    (policy.tier, policy.priority)
}

/// Policies of a tier that are asked at the same time: of equal priority, or all where one has none that is known.
pub(super) fn levels<'s, 'e, 'a>(
    policies: &'s [Selected<'e, 'a>],
) -> impl Iterator<Item = &'s [Selected<'e, 'a>]> + use<'s, 'e, 'a> {
    let unordered = policies.iter().any(|selected| selected.policy.priority.is_none());
    policies.chunk_by(move |left, right| unordered || left.policy.priority == right.policy.priority)
}

/// A tier in which the first clause decides. Answers with what it leaves open. Policies of equal priority may be asked in
/// any order: what any of them would do may happen.
fn ranked<S: Set>(
    policies: &[Selected<'_, '_>],
    direction: Direction,
    mut open: S,
    outcome: &mut Outcome<S>,
    matches: &mut impl FnMut(PolicyKind, &PolicyClause<'_>) -> Bounds<S>,
) -> S {
    let mut passed = S::none();
    for level in levels(policies) {
        let mut rest = open.clone();
        for selected in level {
            let mut left = open.clone();
            for clause in &selected.policy.section(direction).clauses {
                if left.is_empty() {
                    break;
                }
                let Bounds { least, most } = matches(selected.policy.kind, clause);
                let hit = left.and(&most);
                let (allow, deny, pass) = possible(clause.action);
                for (may, set) in [(allow, &mut outcome.allow), (deny, &mut outcome.deny), (pass, &mut passed)] {
                    if may {
                        *set = set.or(&hit);
                    }
                }
                left = left.without(&least);
            }
            if selected.certain {
                rest = rest.and(&left);
            }
        }
        open = rest;
    }
    passed.or(&open)
}

/// Whether an action may allow, deny and pass on.
fn possible(action: ClauseAction) -> (bool, bool, bool) {
    match action {
        ClauseAction::Allow => (true, false, false),
        ClauseAction::Deny => (false, true, false),
        ClauseAction::Pass => (false, false, true),
        ClauseAction::Unknown => (true, true, true),
    }
}

/// The tier in which policies add up. Answers with what it leaves open.
fn added_up<S: Set>(
    policies: &[Selected<'_, '_>],
    direction: Direction,
    open: &S,
    outcome: &mut Outcome<S>,
    matches: &mut impl FnMut(PolicyKind, &PolicyClause<'_>) -> Bounds<S>,
) -> S {
    if policies.is_empty() || open.is_empty() {
        return open.clone();
    }
    let isolates = |certain| {
        policies.iter().any(|selected| selected.certain == certain && selected.policy.section(direction).isolates)
    };
    let (isolated, perhaps) = (isolates(true), isolates(false));
    let nothing = || Bounds { least: S::none(), most: S::none() };
    let (mut allowed, mut denied) = (nothing(), nothing());
    for selected in policies {
        for clause in &selected.policy.section(direction).clauses {
            let Bounds { least, most } = matches(selected.policy.kind, clause);
            let into = if clause.action == ClauseAction::Deny { &mut denied } else { &mut allowed };
            into.most = into.most.or(&most);
            if selected.certain {
                into.least = into.least.or(&least);
            }
        }
    }
    if isolated || perhaps {
        let may_allow = allowed.most.without(&denied.least);
        let may_deny = denied.most.or(&S::all().without(&allowed.least));
        outcome.allow = outcome.allow.or(&open.and(&may_allow));
        outcome.deny = outcome.deny.or(&open.and(&may_deny));
    } else {
        outcome.deny = outcome.deny.or(&open.and(&denied.most));
    }
    if isolated { S::none() } else { open.without(&denied.least) }
}
