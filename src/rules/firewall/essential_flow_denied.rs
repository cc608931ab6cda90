//! FW07: a denial cuts a flow that nodes or the gateway need.
use ipnet::IpNet;

use crate::analysis::destinations::{google_private, google_restricted, internet};
use crate::analysis::firewall::{Piece, PoolEgress, ingress, is_of_network};
use crate::analysis::pools::subnet_of;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Cluster, Direction, FirewallRule, Layer, NodePool, ServiceType, Subnet, Verdict, Workload};
use crate::rule::{Audit, Rule};
use crate::traffic::{AddressSet, PortSet, Protocol, Traffic, Transport};

pub(crate) static RULE: Rule = Rule {
    id: "essential-flow-denied",
    topic: "firewall",
    summary: "the firewall cuts a flow that the cluster cannot do without",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &[],
    needs: &[Layer::Firewall],
    page: include_str!("../../../rules/firewall/essential-flow-denied.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for (index, pool) in audit.estate.pools.iter().enumerate().filter(|(_, pool)| pool.described && !pool.provisioned) {
        let cut_off = |(variant, what, flow): Flow| cut(index, pool, (variant, what, &flow), audit);
        let egress: Vec<Finding> = flows(index, pool, audit).into_iter().filter_map(cut_off).collect();
        // What is cut off from the control plane has no use for a tunnel to it.
        if !egress.iter().any(|finding| finding.variant == CONTROL_PLANE) {
            findings.extend(
                tunnel(pool, audit)
                    .and_then(cut_off)
                    .map(|finding| finding.severity(Severity::Low).confidence(Confidence::Low)),
            );
        }
        findings.extend(egress);
        findings.extend(google(index, pool, audit));
        findings.extend(incoming(index, pool, audit));
    }
}

const CONTROL_PLANE: &str = "control-plane";

/// The tunnel by which newer control planes reach nodes and pods: which cluster has it is not in the input.
fn tunnel(pool: &NodePool<'_>, audit: &Audit<'_>) -> Option<Flow> {
    let addresses = control_plane(pool, audit)?;
    Some((
        "konnectivity",
        "the control plane's tunnel, where the cluster has one",
        Traffic::new(&addresses, tcp(&[8132])),
    ))
}

type Flow = (&'static str, &'static str, Traffic);

/// What the pool needs, as far as the input knows the addresses (semantics A.7).
fn flows(index: usize, pool: &NodePool<'_>, audit: &Audit<'_>) -> Vec<Flow> {
    let mut flows = Vec::new();
    let mut add = |variant, what, addresses: Option<AddressSet>, transport: Transport| {
        flows.extend(addresses.map(|addresses| (variant, what, Traffic::new(&addresses, transport))));
    };
    add(CONTROL_PLANE, "the control plane", control_plane(pool, audit), tcp(&[443, 10250]));
    let subnet = subnet_of(pool, audit.estate);
    let cluster = pool.cluster.map(|cluster| &audit.estate.clusters[cluster]);
    let pods = cluster.and_then(|cluster| pod_range(cluster, subnet));
    add("pods", "the pods of the cluster", pods, Transport::protocol(Protocol::Tcp));
    let nodes = subnet.and_then(|subnet| block(subnet.written.range.known()?.value));
    add("nodes", "the nodes of the cluster", nodes, tcp(&[10250]));
    if audit.facts.pools.of(index).gateway {
        add("web", "the internet, for which it is the gateway", Some(internet().clone()), tcp(&[443]));
    }
    flows
}

fn tcp(ports: &[u16]) -> Transport {
    let ports = ports.iter().fold(PortSet::empty(), |all, &port| all.union(&PortSet::single(port)));
    Transport::ports(Protocol::Tcp, ports)
}

fn block(text: &str) -> Option<AddressSet> {
    text.parse::<IpNet>().ok().map(|net| std::iter::once(net).collect())
}

/// The range of the control plane; none where it is reached through Private Service Connect.
fn control_plane(pool: &NodePool<'_>, audit: &Audit<'_>) -> Option<AddressSet> {
    let cluster = &audit.estate.clusters[pool.cluster?];
    block(cluster.written.control_plane_cidr.known()?.value)
}

/// The range of pods, which the cluster writes itself or names among those of its subnet.
fn pod_range(cluster: &Cluster<'_>, subnet: Option<&Subnet<'_>>) -> Option<AddressSet> {
    let named = || {
        let name = cluster.written.pod_range.known()?;
        let mut ranges = subnet?.written.secondary.items.iter();
        ranges.find(|range| range.name.known().is_some_and(|own| own.value == name.value))?.range.known()
    };
    block(cluster.written.pod_cidr.known().or_else(named)?.value)
}

fn cut(
    index: usize,
    pool: &NodePool<'_>,
    (variant, what, flow): (&'static str, &str, &Traffic),
    audit: &Audit<'_>,
) -> Option<Finding> {
    let egress = &audit.facts.firewall[index];
    let denied = egress.certainly_denied();
    // The gateway may be limited to some of the internet; a block of the cluster's own is needed whole.
    let is_cut = if variant == "web" { flow.is_subset(&denied) } else { !flow.intersection(&denied).is_empty() };
    if !is_cut || flow.is_empty() {
        return None;
    }
    let by = egress
        .pieces
        .iter()
        .find(|piece| piece.verdict == Verdict::Deny && !piece.traffic.intersection(flow).is_empty())?;
    let rule = &audit.estate.firewall[by.rule];
    let sample = by.traffic.intersection(flow).first()?;
    let packet = sample.spoken();
    let message = format!(
        "nodes of pool `{}` cannot reach {what}: {} denies {packet} to {}",
        pool.name,
        rule.shown(),
        sample.address
    );
    let finding = RULE.finding(variant, pool.name.at, message).see(rule.verdict_at, "the rule that denies it");
    Some(finding.help("allow the flow with a lower number than the denial has"))
}

/// Private access to Google's APIs is cut where both blocks are.
fn google(index: usize, pool: &NodePool<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let on = |addresses: &AddressSet| Traffic::new(addresses, Transport::ports(Protocol::Tcp, PortSet::single(443)));
    let is_private = pool.private.known().is_some_and(|private| private.value);
    let denied = audit.facts.firewall[index].certainly_denied();
    let both = [on(google_private()), on(google_restricted())];
    let is_cut = is_private && both.iter().all(|flow| !flow.intersection(&denied).is_empty());
    is_cut.then(|| cut(index, pool, ("google-apis", "Google's APIs", &both[1]), audit)).flatten()
}

/// The priority of the rules by which GKE itself lets in what nodes need.
const OF_GKE: i64 = 1000;

/// What has to come in: from the control plane, and from the health checks of load balancers.
fn incoming(index: usize, pool: &NodePool<'_>, audit: &Audit<'_>) -> Vec<Finding> {
    let has_rules = |rule: &FirewallRule<'_>| rule.direction == Direction::Ingress;
    if !audit.estate.firewall.iter().any(has_rules) {
        return Vec::new();
    }
    let ingress = ingress(pool, audit.estate);
    let mut findings = Vec::new();
    if let Some(control_plane) = control_plane(pool, audit) {
        let kubelet = Traffic::new(&control_plane, tcp(&[10250]));
        findings.extend(kept_out(pool, ("kubelet", "the control plane", &kubelet), &ingress, audit));
        findings.extend(webhook(index, pool, &Traffic::new(&control_plane, tcp(&[15017])), &ingress, audit));
    }
    if audit.estate.services.iter().any(|service| service.kind == ServiceType::LoadBalancer) {
        let checks = HEALTH_CHECKS.iter().filter_map(|range| range.parse::<IpNet>().ok()).collect();
        let checks = Traffic::new(&checks, Transport::protocol(Protocol::Tcp));
        findings.extend(kept_out(pool, ("health-check", "health checks", &checks), &ingress, audit));
    }
    findings
}

/// Where the health checks of Google's load balancers come from (semantics A.7).
const HEALTH_CHECKS: [&str; 2] = ["35.191.0.0/16", "130.211.0.0/22"];

/// A denial that comes before the rules of GKE's own, or beats them with the same priority, and takes all of a flow.
fn kept_out(
    pool: &NodePool<'_>,
    (variant, who, flow): (&'static str, &str, &Traffic),
    ingress: &PoolEgress,
    audit: &Audit<'_>,
) -> Option<Finding> {
    let early = |piece: &&Piece| {
        let rule = &audit.estate.firewall[piece.rule];
        piece.verdict == Verdict::Deny && (!is_of_network(rule) || rule.priority <= OF_GKE)
    };
    let denials = ingress.pieces.iter().filter(early).map(|piece| ingress.certain_piece(piece));
    if !flow.is_subset(&Traffic::union_all(denials)) {
        return None;
    }
    let by = ingress.pieces.iter().filter(early).find(|piece| !piece.traffic.intersection(flow).is_empty())?;
    let rule = &audit.estate.firewall[by.rule];
    let sample = by.traffic.intersection(flow).first()?;
    let message = format!(
        "{who} cannot reach nodes of pool `{}`: {} denies {} from {}",
        pool.name,
        rule.shown(),
        sample.spoken(),
        sample.address
    );
    let finding = RULE.finding(variant, pool.name.at, message).see(rule.verdict_at, "the rule that denies it");
    Some(finding.help("allow the flow with a lower number than the denial has"))
}

/// The control plane asks a control plane of the mesh inside of the cluster about every pod: GKE has no rule for that.
fn webhook(
    index: usize,
    pool: &NodePool<'_>,
    flow: &Traffic,
    ingress: &PoolEgress,
    audit: &Audit<'_>,
) -> Option<Finding> {
    let is_istiod = |workload: &Workload<'_>| workload.labels.get("app").is_some_and(|app| app.value == "istiod");
    let workloads = audit.estate.workloads.iter().enumerate();
    let here = |workload: usize| audit.facts.placement.landings(workload).iter().any(|landing| landing.pool == index);
    let (_, istiod) = workloads.filter(|(_, workload)| is_istiod(workload)).find(|(workload, _)| here(*workload))?;
    let sample = flow.intersection(&ingress.possibly_allowed()).is_empty().then(|| flow.first())??;
    let message = format!(
        "the control plane cannot reach the injection webhook on nodes of pool `{}`: no rule allows {} from {}",
        pool.name,
        sample.spoken(),
        sample.address
    );
    let finding = RULE.finding("webhook", pool.name.at, message);
    let finding = finding.see(istiod.name.at, format!("`{}` can run there", audit.estate.display(istiod)));
    Some(finding.help("allow TCP 15017 from the control plane's range to the nodes"))
}
