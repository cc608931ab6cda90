//! NP03: network policies keep pods of the mesh from something that they need.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::analysis::needs::{Need, Purpose, Way};
use crate::analysis::network_policy::{Dataplane, NetworkPolicies, Why};
use crate::finding::{Confidence, Finding, Severity};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "required-flow-blocked",
    topic: "network-policy",
    summary: "network policies keep pods of the mesh from something that they need",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/network-policy/required-flow-blocked.md"),
    check,
};

/// What pods are kept from by one place, for one purpose.
struct Gap {
    why: Why,
    severity: Severity,
    confidence: Confidence,
    what: Vec<String>,
    workloads: Vec<usize>,
}

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let (needs, policies) = (&audit.facts.needs, &audit.facts.network_policy);
    let mut gaps: BTreeMap<(Location, Purpose), Gap> = BTreeMap::new();
    // Pods that the same policies select are kept from the same.
    let mut asked: FxHashMap<(usize, usize, bool), Option<Kept>> = FxHashMap::default();
    for (workload, own) in audit.estate.tenants() {
        for (number, need) in needs.of(workload) {
            let alike = (number, policies.class_of(workload), own.host_network.is_some());
            if let Some(kept) = asked.entry(alike).or_insert_with(|| kept(workload, need, policies)) {
                add(&mut gaps, need, kept, workload);
            }
        }
    }
    let all = gaps.into_iter().map(|((at, purpose), gap)| finding(at, purpose, &gap, audit));
    findings.extend(all.map(|finding| audit.if_enforced(finding)));
}

fn add(gaps: &mut BTreeMap<(Location, Purpose), Gap>, need: &Need<'_>, kept: &Kept, workload: usize) {
    let new = || Gap {
        why: kept.why.clone(),
        severity: kept.severity,
        confidence: kept.confidence,
        what: Vec::new(),
        workloads: Vec::new(),
    };
    let gap = gaps.entry((kept.why.at, need.purpose)).or_insert_with(new);
    gap.severity = gap.severity.max(kept.severity);
    gap.confidence = gap.confidence.max(kept.confidence);
    if !gap.what.contains(&need.what) {
        gap.what.push(need.what.clone());
    }
    // Workload by workload, all its needs at a time.
    if gap.workloads.last() != Some(&workload) {
        gap.workloads.push(workload);
    }
}

/// That pods are kept from something, by what, and how bad and how sure that is.
struct Kept {
    why: Why,
    severity: Severity,
    confidence: Confidence,
}

/// What keeps a workload from every way to what it needs.
fn kept(workload: usize, need: &Need<'_>, policies: &NetworkPolicies<'_>) -> Option<Kept> {
    let own = policies.dataplane();
    let blocked = |dataplane| need.ways.iter().all(|way| is_blocked(workload, way, policies, dataplane));
    // Where it is not known how blocks are taken, a block over pods may be nothing to them.
    let (dataplane, severity, confidence) = if blocked(own) {
        let severity = if need.used { Severity::Medium } else { Severity::Low };
        (own, severity, Confidence::Medium)
    } else if own == Dataplane::Unknown && blocked(Dataplane::Dpv2) {
        (Dataplane::Dpv2, Severity::Low, Confidence::Low)
    } else {
        return None;
    };
    let way = need.ways.first()?;
    let target = way.targets.iter().find(|target| {
        let sends = policies.sends_to(workload, target, dataplane).possible;
        !way.ports.iter().any(|&port| sends.contains(way.protocol, Some(port)))
    })?;
    let why = policies.why_not(workload, target, (way.protocol, *way.ports.first()?), dataplane);
    Some(Kept { why, severity, confidence })
}

fn is_blocked(workload: usize, way: &Way<'_>, policies: &NetworkPolicies<'_>, dataplane: Dataplane) -> bool {
    way.targets.iter().any(|target| {
        let sends = policies.sends_to(workload, target, dataplane).possible;
        !way.ports.iter().any(|&port| sends.contains(way.protocol, Some(port)))
    })
}

fn finding(at: Location, purpose: Purpose, gap: &Gap, audit: &Audit<'_>) -> Finding {
    let what = gap.what.join(" and ");
    let who = match gap.workloads.len() {
        1 => audit.list_workloads(&gap.workloads),
        count => format!("{count} workloads of the mesh"),
    };
    let message = format!("{who} may not reach {what}: {}", gap.why.reason);
    let (variant, help) = match purpose {
        Purpose::ControlPlane => (
            "istiod",
            "allow TCP 15012 to pods `app: istiod` of the control plane's namespace, from where proxies get their configuration and certificates",
        ),
        Purpose::EgressGateway => (
            "egress-gateway",
            "allow the ports on which the gateway's pods listen, which are the target ports of its Service",
        ),
        Purpose::Names => (
            "dns",
            "allow port 53, UDP and TCP, to pods `k8s-app: kube-dns` and `k8s-app: node-local-dns` of `kube-system` and to 169.254.20.10/32; with Cloud DNS to 169.254.169.254/32",
        ),
        Purpose::GoogleApis => (
            "google-apis",
            "allow TCP 443 to the block that DNS answers with: 199.36.153.4/30 restricted, 199.36.153.8/30 private",
        ),
        Purpose::Metadata => (
            "metadata",
            "allow TCP 80 to 169.254.169.254/32, or where the dataplane is not V2 TCP 988 to 169.254.169.252/32",
        ),
    };
    let finding = RULE.finding(variant, at, message).severity(gap.severity).confidence(gap.confidence);
    audit.name_workloads(finding, &gap.workloads, "needs it").help(help)
}
