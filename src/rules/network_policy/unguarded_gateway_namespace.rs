//! NP07: network policies do not guard the egress gateway's pods.

use crate::analysis::egress::EgressProxy;
use crate::analysis::network_policy::{Isolation, Opening};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, Layer, Match, NetworkPolicy, Server};
use crate::rule::{Audit, Rule};
use crate::traffic::{PortSet, Protocol, Transport};

pub(crate) static RULE: Rule = Rule {
    id: "unguarded-gateway-namespace",
    topic: "network-policy",
    summary: "no network policy guards the pods of the egress gateway",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &["cis-gke:4.3.2", "pci-dss-4.0:1.4.1", "nsa-cisa:network-separation"],
    needs: &[Layer::NetworkPolicy],
    page: include_str!("../../../rules/network-policy/unguarded-gateway-namespace.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for proxy in &audit.facts.egress.proxies {
        let found = match proxy.workload {
            Some(workload) => [ingress(workload, proxy, audit), egress(workload, proxy, audit)],
            None => [unseen(proxy, audit), None],
        };
        findings.extend(found.into_iter().flatten().map(|finding| audit.if_enforced(finding)));
    }
}

const GUARD: &str = "add a NetworkPolicy in the gateway's namespace with `policyTypes: [Ingress, Egress]` that lets the namespaces of its clients in on its listeners, and nobody else";

/// Who reaches the listeners matters less where each of them asks for a certificate of the mesh.
fn severity(proxy: &EgressProxy<'_>, audit: &Audit<'_>) -> Severity {
    let mut servers = proxy.servers(audit.estate).peekable();
    let guarded = servers.peek().is_some() && servers.all(Server::identifies_clients);
    if guarded { Severity::Low } else { Severity::Medium }
}

fn ingress(workload: usize, proxy: &EgressProxy<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let policies = &audit.facts.network_policy;
    let name = proxy.name;
    if policies.is_unguarded(workload) {
        let message =
            format!("no network policy isolates the ingress of egress gateway `{name}`, so every pod reaches it");
        return Some(RULE.finding("ingress", name.at, message).severity(severity(proxy, audit)).help(GUARD));
    }
    let clause = policies.lets_anybody_in(workload, &listeners(proxy, audit))?;
    let message = format!("every pod may reach the listeners of egress gateway `{name}`");
    Some(
        RULE.finding("ingress", clause.at, message)
            .see(name.at, "the gateway")
            .severity(severity(proxy, audit))
            .help("name the namespaces of the gateway's clients in `from`"),
    )
}

/// The ports of the pods that clients connect to; every port where no listener is known.
fn listeners(proxy: &EgressProxy<'_>, audit: &Audit<'_>) -> Transport {
    let of_server = |port: i64| proxy.pod_ports(port, audit.estate);
    let ports = proxy.servers(audit.estate).filter_map(|server| server.port).flat_map(of_server);
    let ports: PortSet = ports.filter_map(|port| u16::try_from(port).ok()).collect();
    let ports = if ports.is_empty() { PortSet::all() } else { ports };
    Transport::ports(Protocol::Tcp, ports)
}

/// A gateway whose pods are not in the input: their namespace still tells whether any policy can guard them.
fn unseen(proxy: &EgressProxy<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let estate = audit.estate;
    let [namespace] = proxy.namespaces[..] else { return None };
    let guards = |policy: &NetworkPolicy<'_>| {
        let ingress = &policy.ingress;
        (ingress.isolates || !ingress.clauses.is_empty())
            && policy.subject.holds_name(namespace, &estate.namespaces) != Match::No
    };
    if estate.network_policies.iter().any(guards) || audit.facts.network_policy.unread().is_some() {
        return None;
    }
    let name = proxy.name;
    let message = format!(
        "no network policy isolates the ingress of `{namespace}`, so every pod reaches the proxies of gateway `{name}`"
    );
    Some(
        RULE.finding("ingress", name.at, message)
            .severity(severity(proxy, audit))
            .confidence(Confidence::Low)
            .help(GUARD),
    )
}

/// What the gateway may send is the firewall's to limit too, so this alone is a note.
fn egress(workload: usize, proxy: &EgressProxy<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let policies = &audit.facts.network_policy;
    let name = proxy.name;
    if policies.isolation(workload, Direction::Egress) == Isolation::None && policies.leaves_unruled(workload) {
        let message =
            format!("no network policy isolates the egress of gateway `{name}`, so it may send anything anywhere");
        return Some(RULE.finding("egress", name.at, message).severity(Severity::Low).help(GUARD));
    }
    let wide = policies.openings_for(workload).into_iter().find_map(|opening| Some((opening.at(), excess(&opening)?)));
    let (at, excess) = wide?;
    let message = format!("egress gateway `{name}` may send {excess} of the internet, which it never needs");
    Some(
        RULE.finding("egress", at, message)
            .see(name.at, "the gateway")
            .severity(Severity::Low)
            .help("list the TCP ports on which external hosts are reached"),
    )
}

/// What an opening has beyond some TCP ports, which is all that a gateway proxies.
fn excess(opening: &Opening<'_>) -> Option<String> {
    let others = Transport::protocol(Protocol::Tcp).complement();
    let other = opening.traffic.restrict_transport(&others).first().map(|sample| sample.protocol);
    let every = || opening.clause.ports.numbered.contains(Protocol::Tcp, None).then(|| "to every TCP port".to_owned());
    other.map(|protocol| format!("{protocol} to addresses")).or_else(every)
}
