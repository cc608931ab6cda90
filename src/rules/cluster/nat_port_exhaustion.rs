//! CL03: the ports of a NAT do not last for the gateway's nodes.
use crate::analysis::pools::covers;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Match, Nat};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "nat-port-exhaustion",
    topic: "cluster",
    summary: "a NAT has too few ports for the gateway, or port settings that contradict each other",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/cluster/nat-port-exhaustion.md"),
    check,
};

/// The fewest ports for one node of a gateway, which opens all connections of the cluster.
const FEW: i64 = 1024;
/// The ports of one address that a NAT hands out.
const PORTS_OF_ADDRESS: i64 = 64_512;

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for nat in &audit.estate.topology.nats {
        let pools: Vec<usize> = audit
            .facts
            .pools
            .gateways()
            .filter(|&pool| covers(nat, &audit.estate.pools[pool], audit.estate) != Match::No)
            .collect();
        if !pools.is_empty() {
            findings.extend(few_ports(nat));
            findings.extend(budget(nat, &pools, audit));
            findings.extend(few_mappings(nat, audit));
        }
        findings.extend(contradiction(nat));
    }
}

fn is_dynamic(nat: &Nat<'_>) -> Option<bool> {
    nat.written.dynamic_ports.or_default(false)
}

/// What a NAT gives a node at least: what is written, else 64 ports, or 32 where they grow by demand (semantics C.0).
fn min_ports(nat: &Nat<'_>) -> Option<(i64, Location)> {
    let default = if is_dynamic(nat)? { 32 } else { 64 };
    let at = nat.written.min_ports.known().map_or(nat.name.at, |ports| ports.at);
    Some((nat.written.min_ports.or_default(default)?, at))
}

fn few_ports(nat: &Nat<'_>) -> Option<Finding> {
    let (ports, at) = min_ports(nat).filter(|(ports, _)| *ports < FEW)?;
    let message = format!("`{}` gives a gateway node no more than {ports} ports to start with", nat.name);
    Some(
        RULE.finding("min-ports", at, message)
            .help("raise `minPortsPerVm` to 1024 or more, or let ports grow by demand"),
    )
}

/// Whether the addresses of a NAT have ports for as many gateway nodes as there may be.
fn budget(nat: &Nat<'_>, pools: &[usize], audit: &Audit<'_>) -> Option<Finding> {
    let addresses = i64::try_from(nat.written.addresses.items.len()).ok().filter(|&count| count > 0)?;
    let known = nat.written.addresses.unknown.is_none();
    let most = if is_dynamic(nat)? { nat.written.max_ports.or_default(65_536)? } else { min_ports(nat)?.0 };
    let nodes =
        pools.iter().filter_map(|&pool| audit.estate.pools[pool].max_nodes.known()).map(|max| max.value).sum::<i64>();
    let (wanted, there) = (nodes.saturating_mul(most), addresses.saturating_mul(PORTS_OF_ADDRESS));
    if !known || wanted <= there {
        return None;
    }
    let message =
        format!("{nodes} gateway nodes with {most} ports each need {wanted} ports, and `{}` has {there}", nat.name);
    let at = nat.written.addresses.at.unwrap_or(nat.name.at);
    Some(
        RULE.finding("budget", at, message)
            .severity(Severity::Medium)
            .help("add addresses to the NAT, or lower the ports for each node"),
    )
}

/// Mapping that is independent of the endpoint for a gateway of one pod: all connections share one address and its ports.
fn few_mappings(nat: &Nat<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let mapping = nat.written.endpoint_independent.known().filter(|mapping| mapping.value)?;
    let gateways = audit.facts.egress.workloads.iter().map(|&index| &audit.estate.workloads[index]);
    let alone = gateways.filter(|workload| workload.kind == "Deployment" && !workload.scaling.observed);
    let alone = alone
        .filter(|workload| workload.scaling.fewest() < 2)
        .min_by_key(|workload| audit.estate.order_of(workload))?;
    let message = format!(
        "`{}` maps ports independently of the endpoint, and egress gateway `{}` may be a single pod, so mappings conflict",
        nat.name,
        audit.estate.display(alone)
    );
    let finding = RULE.finding("eim", mapping.at, message).see(alone.name.at, "the gateway");
    Some(finding.help("turn the mapping off, and run two gateway pods or more on nodes of their own"))
}

fn contradiction(nat: &Nat<'_>) -> Option<Finding> {
    let dynamic = nat.written.dynamic_ports.known().filter(|dynamic| dynamic.value)?;
    let min = nat.written.min_ports.known();
    let max = nat.written.max_ports.known();
    let (at, why) = match (nat.written.endpoint_independent.known(), min, max) {
        (Some(mapping), ..) if mapping.value => {
            (mapping.at, "mapping that is independent of the endpoint rules it out".to_owned())
        }
        (_, Some(min), Some(max)) if max.value < min.value => {
            (max.at, format!("at most {} is less than at least {}", max.value, min.value))
        }
        (_, _, Some(max)) if max.value.count_ones() != 1 => (max.at, format!("{} is no power of two", max.value)),
        _ => return None,
    };
    let message = format!("`{}` lets ports grow by demand, but {why}", nat.name);
    let finding = RULE.finding("dynamic-conflict", at, message).see(dynamic.at, "ports grow by demand");
    Some(finding.help("correct the setting: the API rejects the combination"))
}
