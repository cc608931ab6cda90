//! What is beyond a door, whoever comes through it: where it leads, and what holds the gateway itself back.

use super::ANY;
use super::doors::Door;
use crate::analysis::Facts;
use crate::analysis::exits::kinds::Control;
use crate::analysis::exits::pools::Pools;
use crate::analysis::exits::step::{Holder, Step, firewall_words, node_exit_words};
use crate::analysis::exits::wanted::{on_port, through};
use crate::finding::Decision;
use crate::model::{Estate, Layer};
use crate::traffic::Traffic;

/// What is the same at a door for all callers, who share the words.
pub(super) struct Sides {
    /// Code that asks there by itself.
    pub asks: Step,
    /// Where the door leads, and what its proxy's own network policies and nodes do about leaving.
    pub onward: Vec<Step>,
    pub traffic: Traffic,
}

pub(super) fn sides(door: &Door<'_, '_>, estate: &Estate<'_>, facts: &Facts<'_>, pools: &Pools) -> Sides {
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
pub(super) fn beyond(door: &Door<'_, '_>, estate: &Estate<'_>, facts: &Facts<'_>, pools: &Pools) -> Vec<Step> {
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
    let (name, reason, at) = firewall_words(pool, &sample, decision, estate, facts);
    let mut steps = vec![Step::said(Control::Firewall, decision, name, reason, Some(at)).with(Holder::Pool(pool))];
    if let Some(decision) = pools.views[pool].leaves_network {
        let (name, reason, at) = node_exit_words(pool, decision, estate);
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
