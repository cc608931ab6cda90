//! The ways by another workload that leaves directly and lets itself be used (semantics B.3, C.11 path D). Every pod that
//! listens might; told are those that ask nobody for a certificate, or that are proxies by their image.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::kinds::{Class, Control, Verdict, Via};
use super::step::{Holder, Step};
use super::{Exit, Group};
use crate::analysis::Facts;
use crate::analysis::capture::{Injection, Tier};
use crate::analysis::network_policy::Target;
use crate::finding::Decision;
use crate::model::{Estate, Workload};
use crate::traffic::Protocol;

/// A workload that may be used by others.
struct Candidate {
    workload: usize,
    /// A TCP port that it listens on.
    port: u16,
    why: String,
}

/// One that leaves directly.
struct Pivot<'c> {
    by: &'c Candidate,
    /// Its own way out.
    exit: Arc<Exit>,
}

/// How many steps there may be between a workload and the way out (semantics C.11).
const DEPTH: usize = 2;

/// Adds the ways by others to the groups that have no direct way of their own. `direct` says how a workload leaves directly.
pub(super) fn add(
    groups: &mut [Group],
    estate: &Estate<'_>,
    facts: &Facts<'_>,
    direct: &dyn Fn(usize) -> Option<Arc<Exit>>,
) {
    let candidates = candidates(estate, facts);
    let of_workload: FxHashMap<usize, &Candidate> = candidates.iter().map(|own| (own.workload, own)).collect();
    let mut pivots: Vec<Pivot<'_>> =
        candidates.iter().filter_map(|by| Some(Pivot { exit: direct(by.workload)?, by })).collect();
    for _ in 0..DEPTH {
        if pivots.is_empty() {
            return;
        }
        let mut reached: Vec<(usize, Arc<Exit>)> = Vec::new();
        let mut sends: FxHashMap<(usize, usize), bool> = FxHashMap::default();
        for (number, group) in groups.iter().enumerate() {
            let Some(&first) = group.workloads.first() else { continue };
            if group.exits.iter().any(|exit| leaves(exit)) {
                continue;
            }
            let class = facts.network_policy.class_of(first);
            let usable = pivots.iter().find(|pivot| {
                let &Candidate { workload, port, .. } = pivot.by;
                let own = group.workloads.contains(&workload);
                let sent = *sends.entry((class, workload)).or_insert_with(|| {
                    facts.network_policy.sends(first, workload).possible.contains(Protocol::Tcp, Some(port))
                });
                let received = || {
                    let answer = facts.network_policy.receives(workload, first);
                    answer.possible.contains(Protocol::Tcp, Some(port))
                };
                !own && sent && received()
            });
            reached.extend(usable.map(|pivot| (number, Arc::new(exit(first, pivot, estate, facts)))));
        }
        let mut next = Vec::new();
        for (number, exit) in reached {
            let own = groups[number].workloads.iter().filter_map(|workload| of_workload.get(workload));
            next.extend(own.map(|by| Pivot { by, exit: Arc::clone(&exit) }));
            groups[number].exits.push(exit);
            groups[number].exits.sort_by_key(|exit| exit.via);
        }
        pivots = next;
    }
}

/// Whether a way leads a workload to the internet by itself, without anybody's consent.
pub(super) fn is_direct(exit: &Exit) -> bool {
    leaves(exit) && matches!(exit.via, Via::Direct | Via::Sidecar)
}

/// Whether a way leads a workload out by itself or by another.
fn leaves(exit: &Exit) -> bool {
    exit.verdict == Verdict::Open
        && matches!(exit.via, Via::Direct | Via::Sidecar | Via::GatewayNode | Via::Pivot)
        && matches!(exit.class, Class::Internet | Class::InternetV6)
        && exit.tier <= Tier::CodeExecution
}

/// The workloads that others could use: they listen, and whoever reaches them is let in. The egress gateway is a way of its
/// own.
fn candidates(estate: &Estate<'_>, facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for (index, workload) in estate.workloads.iter().enumerate() {
        if facts.egress.workloads.contains(&index) {
            continue;
        }
        if let Some((port, why)) = port(workload).zip(usable(index, workload, facts)) {
            found.push(Candidate { workload: index, port, why });
        }
    }
    found.sort_by_cached_key(|candidate| estate.order_of(&estate.workloads[candidate.workload]));
    found
}

/// The first TCP port that a container declares.
fn port(workload: &Workload<'_>) -> Option<u16> {
    let ports =
        workload.pod.containers.iter().filter(|container| !container.init).flat_map(|container| &container.ports);
    let mut tcp = ports.filter(|port| port.protocol.is_none_or(|protocol| protocol.value == "TCP"));
    tcp.find_map(|port| u16::try_from(port.port.value).ok())
}

/// Images whose purpose is to pass connections on.
const PROXIES: [&str; 9] =
    ["squid", "tinyproxy", "privoxy", "3proxy", "dante", "haproxy", "mitmproxy", "goproxy", "forward-proxy"];

/// Why a workload may pass on what others send.
fn usable(index: usize, workload: &Workload<'_>, facts: &Facts<'_>) -> Option<String> {
    let image = workload.pod.containers.iter().filter_map(|container| container.image).find_map(|image| {
        let name = image.value.rsplit('/').next().unwrap_or_default();
        PROXIES.iter().find(|proxy| name.contains(**proxy))
    });
    if let Some(proxy) = image {
        return Some(format!("it runs `{proxy}`, which passes connections on"));
    }
    if workload.host_network.is_some() {
        return Some("it is on its node's network and takes connections from anybody".to_owned());
    }
    matches!(facts.capture[index].injection, Injection::Outside { .. })
        .then(|| "it has no proxy and takes connections from anybody".to_owned())
}

fn exit(first: usize, Pivot { by, exit }: &Pivot<'_>, estate: &Estate<'_>, facts: &Facts<'_>) -> Exit {
    let Candidate { workload, port, why } = by;
    let by = &estate.workloads[*workload];
    let policies = &facts.network_policy;
    let sent = policies.why_not(first, &Target::Workload(*workload), (Protocol::Tcp, *port), policies.dataplane());
    let mut steps = vec![
        Step::own(
            Control::Mesh,
            Decision::Allow,
            format!("code that runs in it may open connections to `{}`", estate.display(by)),
            None,
        ),
        Step::said(
            Control::NetworkPolicy,
            Decision::Allow,
            format!("network policy to {}", by.name),
            format!("{} (TCP {port})", sent.reason),
            Some(sent.at),
        ),
        Step::said(Control::Mesh, Decision::Allow, estate.display(by), why.clone(), Some(by.name.at))
            .with(Holder::Workload(*workload)),
    ];
    let onward = exit.steps.iter().map(|step| {
        let hop = exit.hop(step, *workload, estate, facts);
        let said = Step::said(step.control, hop.decision, hop.name, hop.reason, Some(hop.at));
        match step.holder() {
            Some(Holder::Own) => said.with(Holder::Workload(*workload)),
            Some(holder) => said.with(holder),
            None => said,
        }
    });
    steps.extend(onward);
    Exit {
        tier: Tier::CodeExecution,
        via: Via::Pivot,
        class: exit.class,
        host: None,
        verdict: Verdict::Open,
        approved: false,
        traffic: exit.traffic.clone(),
        sample: exit.sample,
        steps,
    }
}
