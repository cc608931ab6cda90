//! NP08: what one side's network policies let out, the other side's do not let in.

use std::collections::BTreeMap;

use crate::analysis::needs::{Need, Needs, Purpose};
use crate::analysis::network_policy::{Refused, Target, Why};
use crate::finding::{Confidence, Finding, Severity};
use crate::rule::{Audit, Rule};
use crate::source::Location;

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
    let mut gaps: BTreeMap<(Location, Purpose), Gap> = BTreeMap::new();
    let needs = Needs::new(audit.estate, &audit.facts.egress, &audit.facts.capture);
    for (sender, _) in audit.estate.tenants() {
        for need in needs.of(sender) {
            let Some(gap) = gap(sender, &need, audit) else { continue };
            match gaps.get_mut(&(gap.why.at, need.purpose)) {
                Some(known) if !known.senders.contains(&sender) => known.senders.push(sender),
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

/// What a sender needs and is let out for, while nobody who serves it lets it in.
fn gap(sender: usize, need: &Need<'_>, audit: &Audit<'_>) -> Option<Gap> {
    let policies = &audit.facts.network_policy;
    let mut found = None;
    for way in &need.ways {
        let [target] = &way.targets[..] else { return None };
        let sends = policies.sends_to(sender, target, policies.dataplane()).possible;
        let Some(port) = way.ports.iter().copied().find(|&port| sends.contains(way.protocol, Some(port))) else {
            continue;
        };
        // Who is not in the input may well let it in.
        let Target::Workload(receiver) = *target else { return None };
        let spoken = (way.protocol, port);
        if policies.receives(receiver, sender).possible.contains(way.protocol, Some(port)) {
            return None;
        }
        // Only where a clause allows it somebody meant it.
        if let Some((policy, allowed_at)) = policies.allowing_clause(sender, target, spoken) {
            let why = policies.why_not_received(receiver, sender, spoken);
            let what =
                format!("{} {port} of `{}`", way.protocol, audit.estate.display(&audit.estate.workloads[receiver]));
            found = found.or(Some(Gap { what, why, allowed_at, policy, senders: vec![sender] }));
        }
    }
    found
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
