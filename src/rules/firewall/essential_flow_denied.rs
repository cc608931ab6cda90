//! FW07: a denial cuts a flow that nodes or the gateway need.
use crate::analysis::destinations::{google_private, google_restricted, internet};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Layer, NodePool, Verdict};
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
        for (variant, what, flow) in flows(index, pool, audit) {
            findings.extend(cut(index, pool, (variant, what, &flow), audit));
        }
        findings.extend(google(index, pool, audit));
    }
}

type Flow = (&'static str, &'static str, Traffic);

/// What the pool needs, as far as the input knows the addresses (semantics A.7).
fn flows(index: usize, pool: &NodePool<'_>, audit: &Audit<'_>) -> Vec<Flow> {
    let tcp = |ports: &[u16]| {
        let ports = ports.iter().fold(PortSet::empty(), |all, &port| all.union(&PortSet::single(port)));
        Transport::ports(Protocol::Tcp, ports)
    };
    let mut flows = Vec::new();
    let mut add = |variant, what, addresses: Option<AddressSet>, transport: Transport| {
        flows.extend(addresses.map(|addresses| (variant, what, Traffic::new(&addresses, transport))));
    };
    let block = |text: &str| text.parse::<ipnet::IpNet>().ok().map(|net| std::iter::once(net).collect::<AddressSet>());
    let cluster = pool.cluster.map(|cluster| &audit.estate.clusters[cluster]);
    let control_plane = cluster.and_then(|cluster| block(cluster.written.control_plane_cidr.known()?.value));
    add("control-plane", "the control plane", control_plane, tcp(&[443, 10250]));
    let pods = cluster.and_then(|cluster| block(cluster.written.pod_cidr.known()?.value));
    add("pods", "the pods of the cluster", pods, Transport::protocol(Protocol::Tcp));
    let subnet = crate::analysis::pools::subnet_of(pool, audit.estate);
    let nodes = subnet.and_then(|subnet| block(subnet.written.range.known()?.value));
    add("nodes", "the nodes of the cluster", nodes, tcp(&[10250]));
    if audit.facts.pools.of(index).gateway {
        add("web", "the internet, for which it is the gateway", Some(internet().clone()), tcp(&[443]));
    }
    flows
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
        "nodes of pool `{}` cannot reach {what}: `{}` denies {packet} to {}",
        pool.name, rule.name, sample.address
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
