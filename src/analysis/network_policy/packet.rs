//! What decides about one packet: the clause, the policies that isolate, or nobody.

use super::chain::{Selected, levels};
use crate::finding::Decision;
use crate::model::{ClauseAction, Direction, Match, PolicyClause, PolicyKind, Tier};
use crate::source::Location;

/// Who decides about a packet in one direction.
#[derive(Clone, Debug)]
pub(super) enum Decider<'e, 'a> {
    /// A clause of a policy.
    Clause(&'e PolicyClause<'a>, Selected<'e, 'a>, Decision),
    /// The policies that isolate, with no clause that allows.
    Isolation(Vec<Selected<'e, 'a>>),
    /// A policy of which it is not known whether it selects or what it does.
    Unknown(Location, String),
    Nobody,
}

/// Asks the policies, in the order of the chain. `matches` says whether a clause speaks of the packet.
pub(super) fn decider<'e, 'a>(
    policies: &[Selected<'e, 'a>],
    direction: Direction,
    matches: impl Fn(PolicyKind, &'e PolicyClause<'a>) -> Match,
) -> Decider<'e, 'a> {
    let of_tier = |tier| policies.iter().copied().filter(move |selected| selected.policy.tier == tier).collect();
    let admin: Vec<_> = of_tier(Tier::Admin);
    if let Some(decided) = ranked(&admin, direction, &matches) {
        return decided;
    }
    let namespace: Vec<_> = of_tier(Tier::Namespace);
    if let Some(decided) = added_up(&namespace, direction, &matches) {
        return decided;
    }
    let baseline: Vec<_> = of_tier(Tier::Baseline);
    ranked(&baseline, direction, &matches).unwrap_or(Decider::Nobody)
}

/// The first clause of a tier that decides; `None` where the packet passes on.
fn ranked<'e, 'a>(
    policies: &[Selected<'e, 'a>],
    direction: Direction,
    matches: &impl Fn(PolicyKind, &'e PolicyClause<'a>) -> Match,
) -> Option<Decider<'e, 'a>> {
    for level in levels(policies) {
        let mut found: Vec<(&'e PolicyClause<'a>, Selected<'e, 'a>)> = Vec::new();
        for selected in level {
            for clause in &selected.policy.section(direction).clauses {
                match matches(selected.policy.kind, clause) {
                    Match::No => continue,
                    Match::Yes if selected.certain && clause.action != ClauseAction::Unknown => {
                        found.push((clause, *selected));
                    }
                    _ => return Some(unknown(clause, selected)),
                }
                break;
            }
        }
        let Some(&(clause, selected)) = found.first() else { continue };
        if found.iter().any(|(other, _)| other.action != clause.action) {
            let reason = "policies of equal priority disagree about it".to_owned();
            return Some(Decider::Unknown(clause.at, reason));
        }
        return match clause.action {
            ClauseAction::Allow => Some(Decider::Clause(clause, selected, Decision::Allow)),
            ClauseAction::Deny => Some(Decider::Clause(clause, selected, Decision::Deny)),
            ClauseAction::Pass | ClauseAction::Unknown => None,
        };
    }
    None
}

fn unknown<'e, 'a>(clause: &PolicyClause<'_>, selected: &Selected<'_, '_>) -> Decider<'e, 'a> {
    let name = selected.policy.name;
    let reason = match &clause.unknown {
        Some(unknown) => unknown.reason.clone(),
        None => format!("whether `{name}` speaks of it cannot be decided"),
    };
    Decider::Unknown(clause.unknown.as_ref().map_or(clause.at, |unknown| unknown.at), reason)
}

fn added_up<'e, 'a>(
    policies: &[Selected<'e, 'a>],
    direction: Direction,
    matches: &impl Fn(PolicyKind, &'e PolicyClause<'a>) -> Match,
) -> Option<Decider<'e, 'a>> {
    let isolates = |selected: &&Selected<'e, 'a>| selected.policy.section(direction).isolates;
    let (mut allow, mut undecided) = (None, None);
    for selected in policies {
        for clause in &selected.policy.section(direction).clauses {
            let decision = if clause.action == ClauseAction::Deny { Decision::Deny } else { Decision::Allow };
            match matches(selected.policy.kind, clause) {
                Match::Yes if selected.certain && decision == Decision::Deny => {
                    return Some(Decider::Clause(clause, *selected, decision));
                }
                Match::Yes if selected.certain => {
                    allow.get_or_insert(Decider::Clause(clause, *selected, decision));
                }
                Match::No => {}
                _ if decision == Decision::Deny => return Some(unknown(clause, selected)),
                _ => {
                    undecided.get_or_insert_with(|| unknown(clause, selected));
                }
            }
        }
    }
    if let Some(selected) = policies.iter().filter(isolates).find(|selected| !selected.certain)
        && allow.is_none()
        && !policies.iter().any(|one| one.certain && isolates(&one))
    {
        let name = selected.policy.name;
        return Some(Decider::Unknown(name.at, format!("whether `{name}` selects it cannot be decided")));
    }
    let isolating: Vec<_> = policies.iter().copied().filter(|one| one.certain && isolates(&one)).collect();
    if isolating.is_empty() {
        return None;
    }
    Some(allow.or(undecided).unwrap_or(Decider::Isolation(isolating)))
}
