//! MR15: a Gateway object configures the egress gateway's pods and should not, or configures none.

use crate::analysis::egress::EgressProxy;
use crate::analysis::routing::configures;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Clash, Gateway, LeftOut, Server, clash};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-selector-collision",
    topic: "routing",
    summary: "a Gateway's selector picks the egress gateway's pods from elsewhere, picks every gateway, or picks nothing",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.2.8"],
    needs: &[],
    page: include_str!("../../../rules/routing/gateway-selector-collision.md"),
    check,
};

const OWN: &str =
    "keep Gateways for egress pods in the egress namespace, and give those pods labels that no other Gateway selects";

const APART: &str = "keep one listener for each port and host of the gateway's pods";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for &index in &audit.facts.routing.gateways {
        let gateway = &audit.estate.mesh.gateways[index];
        if gateway.of_gateway_api {
            // Its pods are made for it and have a label of their own.
            continue;
        }
        findings.extend(without_selector(gateway).or_else(|| foreign(index, gateway, audit)));
        findings.extend(unmatched(index, gateway, audit));
        findings.extend(within(gateway));
    }
    findings.extend(conflicts(audit));
}

fn without_selector(gateway: &Gateway<'_>) -> Option<Finding> {
    let message = format!("`{}` has no selector, so it opens its listeners on every gateway", gateway.name);
    gateway
        .selector
        .is_none()
        .then(|| RULE.finding("nil", gateway.spec_at, message).help("select the gateway's pods by their labels"))
}

/// A Gateway of another namespace on pods that other Gateways, or the pods themselves, show to be the egress gateway's.
fn foreign(index: usize, gateway: &Gateway<'_>, audit: &Audit<'_>) -> Option<Finding> {
    if gateway.namespace_at.is_none() || audit.facts.routing.is_central(gateway.namespace) {
        return None;
    }
    let is_others = |proxy: &&EgressProxy<'_>| {
        (proxy.workload.is_some() || proxy.gateways != [index]) && !proxy.namespaces.contains(&gateway.namespace)
    };
    let mut proxies = audit.facts.egress.proxies.iter().filter(is_others);
    let proxy = proxies.find(|proxy| configures(index, proxy, audit.estate))?;
    let (_, label) = gateway.selector?.iter().next()?;
    let message = format!(
        "`{}` of namespace `{}` opens listeners on the pods of egress gateway `{}`",
        gateway.name, gateway.namespace, proxy.name
    );
    Some(
        RULE.finding("foreign", label.at, message)
            .see(proxy.name.at, "a selector looks for pods in every namespace")
            .help(OWN),
    )
}

/// An egress Gateway that selects no pod, although the pods of gateways are in the input, or all there are.
fn unmatched(index: usize, gateway: &Gateway<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let mut workloads = audit.estate.workloads.iter();
    let is_judged = audit.estate.evidence.kubernetes_is_complete() || workloads.any(|workload| workload.is_gateway);
    if !is_judged || audit.estate.gateway_workloads(index).next().is_some() {
        return None;
    }
    let (_, label) = gateway.selector?.iter().next()?;
    let message = format!("`{}` selects no pod of the input, so none of its listeners opens", gateway.name);
    Some(
        RULE.finding("unmatched", label.at, message)
            .severity(Severity::Low)
            .confidence(Confidence::Medium)
            .help("use the labels of the gateway's pods"),
    )
}

/// Servers of one Gateway that an earlier one of it keeps from being opened.
fn within(gateway: &Gateway<'_>) -> Vec<Finding> {
    let of_one = |server: &LeftOut| {
        let port = server.port.map_or_else(|| "a port".to_owned(), |port| format!("port {port}"));
        let taken = match server.clash {
            Clash::Protocol => "an earlier server has the port for another protocol",
            Clash::Host => "an earlier server has the host",
            Clash::Connections => "an earlier server has all connections of the port",
        };
        let message = format!("this server of `{}` is not opened on {port}: {taken}", gateway.name);
        let finding = RULE.finding("conflict", server.at, message).severity(Severity::Medium);
        finding.see(server.by, "the server that counts").help(APART)
    };
    gateway.left_out.iter().map(of_one).collect()
}

/// Listeners of two Gateways that cannot both be, of which the older one counts.
fn conflicts(audit: &Audit<'_>) -> Vec<Finding> {
    let mut gateways: Vec<(usize, &Gateway<'_>)> =
        audit.facts.routing.gateways.iter().map(|&index| (index, &audit.estate.mesh.gateways[index])).collect();
    gateways.sort_by_key(|(_, gateway)| (gateway.namespace, gateway.name.value, gateway.name.at));
    let mut found = Vec::new();
    for (at, (later, gateway)) in gateways.iter().enumerate() {
        let of_pair = |(earlier, other): &(usize, &Gateway<'_>)| {
            let configured =
                audit.facts.egress.proxies.iter().filter(|proxy| {
                    configures(*earlier, proxy, audit.estate) && configures(*later, proxy, audit.estate)
                });
            configured.into_iter().find_map(|proxy| {
                conflict(gateway, other, &|one, other| proxy.is_same_listener(one, other, audit.estate))
            })
        };
        found.extend(gateways[..at].iter().find_map(of_pair));
    }
    found
}

fn conflict(gateway: &Gateway<'_>, other: &Gateway<'_>, is_same: &dyn Fn(i64, i64) -> bool) -> Option<Finding> {
    // Two versions of one object replace each other.
    if (gateway.namespace, gateway.name.value) == (other.namespace, other.name.value) {
        return None;
    }
    let pairs = gateway.servers.iter().flat_map(|own| other.servers.iter().map(move |others| (own, others)));
    let meets =
        |own: &Server<'_>, others: &Server<'_>| own.port.zip(others.port).is_some_and(|(one, two)| is_same(one, two));
    let (own, others) = pairs.into_iter().find(|(own, others)| meets(own, others) && clash(own, others).is_some())?;
    let at = own.hosts.first().map_or(own.at, |host| host.at);
    let of_other = if own.port == others.port { "of".to_owned() } else { format!("{} of", others.describe()) };
    let message = format!(
        "{} of `{}` and {of_other} `{}` cannot both be there: the older one counts, whose age is not in the input",
        own.describe(),
        gateway.name,
        other.name
    );
    let finding = RULE.finding("conflict", at, message).severity(Severity::Medium);
    Some(finding.see(others.at, "the other listener").help(APART))
}
