//! ND04: a workload other than the egress gateway tolerates the taint that keeps the gateway's nodes apart.

use std::cmp::Reverse;

use crate::analysis::placement::{GatewayPool, passes_taints, tolerates_like};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Estate, NodePool, Role, Taint, Workload};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "foreign-gateway-toleration",
    topic: "nodes",
    summary: "a workload that is not the egress gateway tolerates the gateway nodes' taint",
    severity: Severity::Critical,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.4.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/nodes/foreign-gateway-toleration.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let (agents, others): (Vec<usize>, Vec<usize>) = foreign(audit)
        .partition(|&index| audit.estate.namespace_of(&audit.estate.workloads[index]).role == Role::System);
    for &index in &others {
        findings.extend(on_gateway_pool(index, audit).or_else(|| like_the_gateway(index, audit)));
    }
    findings.extend(platform_agents(&agents, audit));
}

/// The workloads that have no business on the gateway's nodes.
fn foreign<'e>(audit: &'e Audit<'_>) -> impl Iterator<Item = usize> + 'e {
    let workloads = audit.estate.workloads.iter().enumerate();
    let gateways = &audit.facts.egress.workloads;
    workloads.filter(|(index, workload)| !workload.is_gateway && !gateways.contains(index)).map(|(index, _)| index)
}

/// A workload that passes the taints of a gateway pool, the pool that it can land on first.
fn on_gateway_pool(index: usize, audit: &Audit<'_>) -> Option<Finding> {
    let workload = &audit.estate.workloads[index];
    let pools = audit.facts.placement.gateway_pools().iter();
    let mut passed: Vec<(&GatewayPool, Location, Option<bool>)> = pools
        .filter_map(|kept| Some((kept, passes_taints(workload, &audit.estate.pools[kept.pool])?)))
        .map(|(kept, by)| (kept, by, lands(index, kept.pool, audit)))
        .collect();
    passed.sort_by_key(|(_, _, lands)| Reverse(*lands));
    let &(kept, by, lands) = passed.first()?;
    let pool = &audit.estate.pools[kept.pool];
    let name = audit.estate.display(workload);
    let (what, severity) = match lands {
        Some(true) => ("can land on the egress gateway's pool", Severity::Critical),
        Some(false) => ("may be let onto the egress gateway's pool", Severity::High),
        None => ("is only kept by its selectors off the pool", Severity::High),
    };
    let message = format!("`{name}` tolerates {} and {what} `{}`", taint_words(pool), pool.name.value);
    let confidence = if kept.workload.is_some() { Confidence::High } else { Confidence::Medium };
    let finding = RULE.finding(variant(workload, by), by, message).severity(severity).confidence(confidence);
    let finding = pool.taints.iter().fold(finding, |finding, taint| {
        finding.see(taint.key.at, format!("the taint that it passes, `{}`", taint.effect.as_str()))
    });
    Some(finding.help(HELP))
}

const HELP: &str = "remove the toleration, and let admission control reserve the gateway's taint for the gateway";

/// Whether a workload can land on a pool for certain; none where it cannot.
fn lands(workload: usize, pool: usize, audit: &Audit<'_>) -> Option<bool> {
    let mut landings = audit.facts.placement.landings(workload).iter();
    landings.find(|landing| landing.pool == pool).map(|landing| landing.certain)
}

/// Without pools in the input: a workload that tolerates what the gateway tolerates.
fn like_the_gateway(index: usize, audit: &Audit<'_>) -> Option<Finding> {
    let Estate { workloads, pools, .. } = audit.estate;
    if !pools.is_empty() {
        return None;
    }
    let gateways = audit.facts.egress.workloads.iter().map(|&gateway| &workloads[gateway]);
    let (gateway, toleration, by) = gateways
        .flat_map(|gateway| gateway.placement.tolerations.iter().map(move |toleration| (gateway, toleration)))
        .find_map(|(gateway, toleration)| {
            Some((gateway, toleration, tolerates_like(&workloads[index], toleration)?))
        })?;
    let message = format!(
        "`{}` tolerates `{}`, the taint by which the egress gateway's nodes are told apart",
        audit.estate.display(&workloads[index]),
        toleration.key.unwrap_or_default(),
    );
    let seen = format!("`{}` tolerates it as the gateway", audit.estate.display(gateway));
    let finding = RULE.finding(variant(&workloads[index], by), by, message).severity(Severity::High);
    Some(finding.confidence(Confidence::Medium).see(toleration.at, seen).help(HELP))
}

/// The platform's own agents run on every node by design: said once, for completeness.
fn platform_agents(agents: &[usize], audit: &Audit<'_>) -> Option<Finding> {
    let estate = audit.estate;
    let passes = |&&index: &&usize| {
        let mut pools = audit.facts.placement.gateway_pools().iter();
        pools.any(|kept| passes_taints(&estate.workloads[index], &estate.pools[kept.pool]).is_some())
    };
    let found: Vec<usize> = agents.iter().filter(passes).copied().collect();
    let first = audit.sorted(&found).first()?.name;
    let named = audit.list_workloads(&found);
    let message = format!("agents of the platform run on the egress gateway's nodes: {named}");
    Some(
        RULE.finding("platform", first.at, message)
            .severity(Severity::Info)
            .help("let no tenant change these workloads or run commands in their pods"),
    )
}

fn variant(workload: &Workload<'_>, by: Location) -> &'static str {
    let tolerates_all = |toleration: &&crate::model::Toleration<'_>| toleration.at == by && toleration.key.is_none();
    if workload.placement.tolerations.iter().any(|toleration| tolerates_all(&toleration)) {
        "exists-all"
    } else if workload.kind == "DaemonSet" {
        "daemonset"
    } else {
        "key"
    }
}

fn taint_words(pool: &NodePool<'_>) -> String {
    let word = |taint: &Taint<'_>| match taint.value {
        "" => format!("`{}`", taint.key.value),
        value => format!("`{}={value}`", taint.key.value),
    };
    let mut words: Vec<String> = pool.taints.iter().map(word).collect();
    words.dedup();
    words.join(" and ")
}
