//! The hops of an exit, in the order in which traffic meets the layers.

use super::{Exit, Way};
use crate::analysis::Facts;
use crate::analysis::firewall::Decider;
use crate::analysis::network_policy::Why;
use crate::finding::{Decision, Hop};
use crate::model::Estate;

pub(super) fn hops(exit: &Exit, estate: &Estate<'_>, facts: &Facts<'_>) -> Vec<Hop> {
    let Some(&workload) = exit.workloads.first() else { return Vec::new() };
    vec![
        capture(&exit.way, estate.display(&estate.workloads[workload])),
        network_policy(facts.network_policy.why(workload, &exit.sample)),
        landing(exit, estate),
        firewall(exit, estate),
    ]
}

fn capture(way: &Way, name: String) -> Hop {
    let decision = if way.through_proxy { Decision::Allow } else { Decision::NotCaptured };
    Hop { name, decision, reason: way.reason.clone().into_owned(), at: way.at }
}

fn network_policy(why: Why) -> Hop {
    Hop { name: "network policy".to_owned(), decision: why.decision, reason: why.reason, at: why.at }
}

fn landing(exit: &Exit, estate: &Estate<'_>) -> Hop {
    let pool = &estate.pools[exit.landing.pool];
    let (reason, at) = match (exit.landing.toleration, pool.taints.first()) {
        (Some(toleration), Some(taint)) => (format!("tolerates its taint `{}`", taint.key.value), toleration),
        _ => ("no taint and no selector keeps it off the pool".to_owned(), pool.name.at),
    };
    Hop { name: format!("node pool {}", pool.name.value), decision: Decision::Allow, reason, at }
}

fn firewall(exit: &Exit, estate: &Estate<'_>) -> Hop {
    let pool = &estate.pools[exit.landing.pool];
    match exit.decider {
        Decider::Rule(rule) => {
            let rule = &estate.firewall[rule];
            let reason = format!("priority {} allows it, and no rule before it denies it", rule.priority);
            Hop {
                name: format!("firewall rule {}", rule.name.value),
                decision: Decision::Allow,
                reason,
                at: rule.verdict_at,
            }
        }
        Decider::Implied => Hop {
            name: "implied firewall rule".to_owned(),
            decision: Decision::Allow,
            reason: "no egress rule matches, and what no rule matches is allowed".to_owned(),
            at: pool.identity_at.unwrap_or(pool.name.at),
        },
    }
}
