//! Hosts outside that a workload's own proxy sends to without the gateway, because no route leads there (semantics C.7,
//! C.11 path A). Google's APIs and the metadata server are meant to be reached so, and are ways of their own.

use rustc_hash::FxHashMap;

use super::Exit;
use super::kinds::{Class, Control, Verdict, Via};
use super::pools::Pools;
use super::profile::Profile;
use super::step::{Holder, Step, firewall_words, node_exit_words};
use super::wanted::{on_port, through};
use crate::analysis::Facts;
use crate::analysis::capture::Tier;
use crate::analysis::routing::{Flow, Target, Unrouted, Way, is_google};
use crate::finding::Decision;
use crate::model::{Estate, Layer};
use crate::source::Location;

/// The flows of each client that leave its proxy directly.
pub(super) struct Routes<'e, 'a> {
    estate: &'e Estate<'a>,
    facts: &'e Facts<'a>,
    pools: &'e Pools,
    direct: FxHashMap<usize, Vec<(&'e Flow<'a>, &'e Way<'a>)>>,
}

impl<'e, 'a> Routes<'e, 'a> {
    pub(super) fn new(estate: &'e Estate<'a>, facts: &'e Facts<'a>, pools: &'e Pools) -> Self {
        let mut direct: FxHashMap<usize, Vec<_>> = FxHashMap::default();
        for flow in facts.routing.flows.iter().filter(|flow| !is_google(flow.host.value)) {
            if let Some(way) = flow.ways.iter().find(|way| way.to.is_direct()) {
                direct.entry(flow.client).or_default().push((flow, way));
            }
        }
        Self { estate, facts, pools, direct }
    }

    /// The ways of a client's workloads to the hosts that are wanted; of those that are closed, the one that the fewest
    /// layers close is enough, unless a host is asked for by its name. `workload` is one of them.
    pub(super) fn exits(
        &self,
        client: usize,
        workload: usize,
        profile: &Profile<'_>,
        hosts: super::Hosts<'_>,
    ) -> Vec<Exit> {
        let mut found: Vec<Exit> = Vec::new();
        let mut closed: Option<Exit> = None;
        for (flow, way) in self.direct.get(&client).into_iter().flatten() {
            let port = u16::try_from(flow.port.target.unwrap_or(flow.port.number)).ok();
            if !(hosts.wanted)(host(flow, way), port) {
                continue;
            }
            let exit = self.exit(flow, way, port, workload, profile);
            let is_weaker = |known: &Exit| exit.cut().count() < known.cut().count();
            if exit.verdict != Verdict::Closed || hosts.every {
                found.push(exit);
            } else if closed.as_ref().is_none_or(is_weaker) {
                closed = Some(exit);
            }
        }
        found.extend(closed);
        found
    }

    fn exit(&self, flow: &Flow<'a>, way: &Way<'a>, port: Option<u16>, workload: usize, profile: &Profile<'_>) -> Exit {
        let traffic = on_port(port);
        let mut steps = vec![Self::by_proxy(flow, way), self.by_policies(&traffic, workload, profile)];
        steps.extend(self.by_nodes(&traffic, profile));
        let sample = traffic.first().unwrap_or(super::gateway::ANY);
        Exit {
            tier: Tier::Application,
            via: Via::Sidecar,
            class: Class::Host,
            host: Some(host(flow, way).to_owned()),
            verdict: Verdict::of(&steps),
            approved: false,
            traffic,
            sample,
            steps,
        }
    }

    fn by_proxy(flow: &Flow<'_>, way: &Way<'_>) -> Step {
        let host = flow.host;
        let (reason, at): (String, Location) = match way.to {
            Target::Outside(to) => (format!("its proxy sends `{host}` on to `{}`", to.host), to.host_at),
            Target::Mirror(to) => {
                (format!("its proxy sends a copy of what is for `{host}` to `{}`", to.host), to.host_at)
            }
            Target::Host(Unrouted::NotCovered(service, _)) => {
                (format!("no route of `{}` takes this port of `{host}` to the gateway", service.name), service.name.at)
            }
            Target::Host(Unrouted::NotKnown(service)) => {
                (format!("its proxy does not know `{}`, which leads to the gateway", service.name), service.name.at)
            }
            _ => (format!("no virtual service takes `{host}` to the gateway"), host.at),
        };
        let decision = if way.doubt.is_some() { Decision::Unknown } else { Decision::Allow };
        Step::own(Control::Mesh, decision, reason, Some(at))
    }

    fn by_policies(&self, traffic: &crate::traffic::Traffic, workload: usize, profile: &Profile<'_>) -> Step {
        if !profile.policies_known {
            return Step::missing(Control::NetworkPolicy, Layer::NetworkPolicy);
        }
        let (certain, possible) = profile.policies;
        let decision = through(traffic, certain, possible);
        let why = traffic.first().map(|sample| self.facts.network_policy.why(workload, &sample));
        let (reason, at) = match (decision, why) {
            (Decision::Unknown, _) => ("it lets out only a part of the internet".to_owned(), None),
            (_, Some(why)) => (why.reason, Some(why.at)),
            (_, None) => (String::new(), None),
        };
        Step::said(Control::NetworkPolicy, decision, "network policy".to_owned(), reason, at)
    }

    /// The pool that lets out the most.
    fn by_nodes(&self, traffic: &crate::traffic::Traffic, profile: &Profile<'_>) -> Vec<Step> {
        let of_pool = |&(pool, certain): &(usize, bool)| {
            let view = &self.pools.views[pool];
            let decision = through(traffic, &view.certain, &view.possible);
            (pool, if certain || decision == Decision::Deny { decision } else { Decision::Unknown })
        };
        let order = |decision: Decision| match decision {
            Decision::Allow | Decision::NotCaptured => 0,
            Decision::Unknown => 1,
            Decision::Deny => 2,
        };
        let best = profile.landings.iter().map(of_pool).min_by_key(|(_, decision)| order(*decision));
        let Some((pool, decision)) = best.filter(|_| self.estate.evidence.has(Layer::Firewall)) else {
            let layer = if self.estate.pools.is_empty() { Layer::Scheduling } else { Layer::Firewall };
            return vec![Step::missing(Control::Firewall, layer)];
        };
        let sample = traffic.first().unwrap_or(super::gateway::ANY);
        let (name, reason, at) = firewall_words(pool, &sample, decision, self.estate, self.facts);
        let mut steps = vec![Step::said(Control::Firewall, decision, name, reason, Some(at)).with(Holder::Pool(pool))];
        if let Some(decision) = self.pools.views[pool].leaves_network {
            let (name, reason, at) = node_exit_words(pool, decision, self.estate);
            steps.push(Step::said(Control::Nat, decision, name, reason, Some(at)).with(Holder::Pool(pool)));
        }
        steps
    }
}

/// Where the way leads.
fn host<'f>(flow: &'f Flow<'_>, way: &'f Way<'_>) -> &'f str {
    match way.to {
        Target::Outside(to) | Target::Mirror(to) => &to.host,
        _ => flow.host.value,
    }
}
