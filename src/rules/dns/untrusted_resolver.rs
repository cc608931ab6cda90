//! DN03: a pod or a network asks resolvers that the estate does not control.
use std::net::IpAddr;

use crate::analysis::access::{Allowed, Grant, Target, WRITE};
use crate::analysis::destinations::internet;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::access::Standing;
use crate::model::{Resolvers, Text};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "untrusted-resolver",
    topic: "dns",
    summary: "names are resolved by servers outside of the estate",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.2.8", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/dns/untrusted-resolver.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for policy in &audit.estate.dns.policies {
        if let Some(server) = policy.written.servers.items.iter().find(|server| is_public(server)) {
            let message = format!("`{}` has the network ask the public resolver `{server}`", policy.name);
            findings.push(RULE.finding("stub-domain", server.at, message).help(HELP));
        }
    }
    for zone in &audit.estate.dns.zones {
        if let Some(server) = zone.written.targets.items.iter().find(|server| is_public(server)) {
            let names = zone.written.dns_name.known().map_or("its names", |name| name.value);
            let message = format!("`{}` forwards questions for `{names}` to the public resolver `{server}`", zone.name);
            findings.push(RULE.finding("forwarding-zone", server.at, message).help(HELP));
        }
    }
    for resolvers in &audit.estate.dns.resolvers {
        findings.extend(of_cluster(resolvers));
        findings.extend(writable(resolvers, audit));
    }
    for (_, workload) in audit.estate.tenants() {
        let dns = &workload.pod.dns;
        let own = dns.policy.is_some_and(|policy| policy.value == "None");
        if let Some(server) = dns.servers.iter().find(|server| own && is_public(server)) {
            let message = format!(
                "`{}` asks the public resolver `{server}` instead of the cluster's",
                audit.estate.display(workload)
            );
            findings.push(RULE.finding("pod-dns", server.at, message).help(HELP));
        }
    }
}

/// Somebody who is no administrator may say where the cluster's DNS passes questions on.
fn writable(resolvers: &Resolvers<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let access = &audit.facts.access;
    let may = |grant: Grant| match access.allows(grant, &[Target::CONFIG_MAPS], &WRITE, "kube-system") {
        Some(Allowed::By(word)) if access.subject(grant).standing == Standing::Tenant => Some((grant, word)),
        _ => None,
    };
    let (grant, word) = access.grants().iter().copied().find_map(may)?;
    let message = format!(
        "{} may write `{}`, which says whom the cluster's DNS asks",
        access.subject(grant).party.display(),
        resolvers.name
    );
    let finding = RULE.finding("rbac", access.subject(grant).at, message).see(resolvers.name.at, "the DNS's settings");
    let chain = access.chain(grant, Some(word)).into_iter().skip(1);
    let finding = chain.fold(finding, |finding, label| finding.see(label.at, label.message));
    Some(finding.help("let administrators alone write `ConfigMaps` of `kube-system`"))
}

/// Servers to which the cluster's own DNS passes questions on: those of the internet, else those that are merely elsewhere.
fn of_cluster(resolvers: &Resolvers<'_>) -> Option<Finding> {
    let name = resolvers.name;
    if let Some(server) = resolvers.servers.iter().find(|server| is_public(server)) {
        let message = format!("`{name}` has the cluster's DNS ask the public resolver `{server}`");
        return Some(RULE.finding("stub-domain", server.at, message).help(HELP));
    }
    let is_elsewhere = |server: &&Text<'_>| {
        host(server).parse::<IpAddr>().is_ok_and(|address| !is_local(address)) && !is_public(server)
    };
    let server = resolvers.servers.iter().find(is_elsewhere)?;
    let message =
        format!("`{name}` has the cluster's DNS ask `{server}`, a private resolver that is trusted with names");
    let finding = RULE.finding("stub-domain", server.at, message).severity(Severity::Low).confidence(Confidence::Low);
    Some(finding.help("make sure that only administrators of the network can change what this resolver answers"))
}

/// The node itself and the metadata server, which is Google's resolver.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback(),
    }
}

/// A server's address without its scheme and port: `tls://9.9.9.9:853`.
fn host<'a>(server: &Text<'a>) -> &'a str {
    let bare = server.value.rsplit("://").next().unwrap_or(server.value);
    match bare.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => bare,
    }
}

const HELP: &str = "resolve names with the cluster's DNS and the network's own resolver alone";

fn is_public(server: &Text<'_>) -> bool {
    host(server).parse().is_ok_and(|address| internet().contains(address))
}
