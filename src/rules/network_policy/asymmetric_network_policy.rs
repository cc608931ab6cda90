//! NP08: what one side's network policies let out, the other side's do not let in.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::analysis::needs::{Need, Purpose};
use crate::analysis::network_policy::{NetworkPolicies, Refused, Target, Why};
use crate::finding::{Confidence, Finding, Severity};
use crate::rule::{Audit, Rule};
use crate::source::Location;
use crate::traffic::Protocol;

pub(crate) static RULE: Rule = Rule {
    id: "asymmetric-network-policy",
    topic: "network-policy",
    summary: "network policies let pods send what the other side does not let in",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/network-policy/asymmetric-network-policy.md"),
    check,
};

const HELP: &str =
    "add an ingress clause on the receiving side that names the senders and the port, or take the egress clause out";

/// What a receiver does not let in, for one purpose.
struct Gap {
    what: String,
    why: Why,
    /// The clause that lets the first of the senders send it.
    allowed_at: Location,
    policy: usize,
    senders: Vec<usize>,
}

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let policies = &audit.facts.network_policy;
    let mut gaps: BTreeMap<(Location, Purpose), Gap> = BTreeMap::new();
    // Pods that the same policies select are let out to the same.
    let mut asked: FxHashMap<(usize, usize, bool), Option<Vec<Sent>>> = FxHashMap::default();
    for (sender, own) in audit.estate.tenants() {
        for (number, need) in audit.facts.needs.of(sender) {
            let alike = (number, policies.class_of(sender), own.host_network.is_some());
            let sent = asked.entry(alike).or_insert_with(|| let_out(sender, need, policies));
            let Some(gap) = sent.as_ref().and_then(|sent| gap(sender, sent, audit)) else { continue };
            match gaps.get_mut(&(gap.why.at, need.purpose)) {
                // Sender by sender, all its needs at a time.
                Some(known) if known.senders.last() != Some(&sender) => known.senders.push(sender),
                Some(_) => {}
                None => drop(gaps.insert((gap.why.at, need.purpose), gap)),
            }
        }
    }
    let needed = gaps.into_iter().map(|((at, purpose), gap)| of_need(at, purpose, &gap, audit));
    let refused = audit.facts.network_policy.refused();
    let all = needed.chain(refused.iter().map(|refused| of_peers(refused, audit)));
    findings.extend(all.map(|finding| audit.if_enforced(finding)));
}

/// A receiver in the input, with what it is sent.
type Sent = (usize, (Protocol, u16));

/// To whom a sender is let out for what it needs; none where that may be somebody who is not in the input, and who may well
/// let it in.
fn let_out(sender: usize, need: &Need<'_>, policies: &NetworkPolicies<'_>) -> Option<Vec<Sent>> {
    let mut found = Vec::new();
    for way in &need.ways {
        let [target] = &way.targets[..] else { return None };
        let sends = policies.sends_to(sender, target, policies.dataplane()).possible;
        let Some(port) = way.ports.iter().copied().find(|&port| sends.contains(way.protocol, Some(port))) else {
            continue;
        };
        let Target::Workload(receiver) = *target else { return None };
        found.push((receiver, (way.protocol, port)));
    }
    Some(found)
}

/// What a sender needs and is let out for, while nobody who serves it lets it in.
fn gap(sender: usize, sent: &[Sent], audit: &Audit<'_>) -> Option<Gap> {
    let policies = &audit.facts.network_policy;
    let is_received = |&(receiver, (protocol, port)): &Sent| {
        policies.receives(receiver, sender).possible.contains(protocol, Some(port))
    };
    if sent.iter().any(is_received) {
        return None;
    }
    sent.iter().find_map(|&(receiver, spoken)| {
        // Only where a clause allows it somebody meant it.
        let (policy, allowed_at) = policies.allowing_clause(sender, &Target::Workload(receiver), spoken)?;
        let why = policies.why_not_received(receiver, sender, spoken);
        let name = audit.estate.display(&audit.estate.workloads[receiver]);
        Some(Gap {
            what: format!("{} {} of `{name}`", spoken.0, spoken.1),
            why,
            allowed_at,
            policy,
            senders: vec![sender],
        })
    })
}

fn of_need(at: Location, purpose: Purpose, gap: &Gap, audit: &Audit<'_>) -> Finding {
    let variant = match purpose {
        Purpose::ControlPlane => "istiod",
        Purpose::EgressGateway => "egress-gateway",
        Purpose::Names | Purpose::GoogleApis | Purpose::Metadata => "dns",
    };
    let who = match gap.senders.len() {
        1 => audit.list_workloads(&gap.senders),
        count => format!("{count} workloads"),
    };
    let message = format!("{who} may send to {}, which does not let it in: {}", gap.what, gap.why.reason);
    let policy = audit.estate.network_policies[gap.policy].name;
    let finding = RULE.finding(variant, at, message).see(gap.allowed_at, format!("`{policy}` lets it out"));
    audit.name_workloads(finding, &gap.senders, "is not let in").help(HELP)
}

fn of_peers(refused: &Refused<'_>, audit: &Audit<'_>) -> Finding {
    let policy = audit.estate.network_policies[refused.policy].name;
    let whom = match refused.receivers.len() {
        1 => format!("{}, which does not let it in", audit.list_workloads(&refused.receivers)),
        count => format!("{count} workloads, none of which lets it in"),
    };
    let message = format!("`{policy}` lets pods send to {whom}: {}", refused.why.reason);
    let finding = RULE.finding("peers", refused.peer.at, message).see(refused.why.at, "where it is kept out");
    audit.name_workloads(finding, &refused.senders, "may send it").help(HELP)
}
