//! MR08: something that looks like a service of the cluster leads out of it.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::analysis::destinations::{external, own};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Layer, Match, PortProtocol, Service, ServiceEntry, ServiceType, Text, Visibility, WorkloadEntry};
use crate::rule::{Audit, Rule};
use crate::traffic::{AddressSet, HostPattern};

pub(crate) static RULE: Rule = Rule {
    id: "hidden-external-backend",
    topic: "routing",
    summary: "a registered name leads to an address outside of the cluster that it does not tell",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/routing/hidden-external-backend.md"),
    check,
};

const HELP: &str =
    "register the host that is meant with a ServiceEntry in the egress namespace, and route it through the gateway";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    // Where there is no mesh, nothing is registered with one.
    if !audit.estate.evidence.has(Layer::Mesh) {
        return;
    }
    let public = external(audit.estate);
    let mesh = &audit.estate.mesh;
    let virtual_ips = audit.estate.services.iter().flat_map(|service| &service.cluster_ips);
    let virtual_ips: AddressSet = virtual_ips.map(|address| IpNet::from(*address)).collect();
    let inside = own(audit.estate).union(&virtual_ips);
    for entry in &mesh.service_entries {
        findings.extend(entry_endpoints(entry, &public));
        findings.extend(covering(entry, &inside));
    }
    findings.extend(mesh.workload_entries.iter().filter_map(|entry| workload_entry(entry, &public)));
    let nobody = Visibility::Namespaces(Vec::new());
    for service in audit.estate.services.iter().filter(|service| service.visibility != nobody) {
        findings.extend(alias(service, audit));
        findings.extend(endpoints(service, &public, audit));
        findings.extend(external_ips(service, &public));
    }
    findings.extend(overlaps(&mesh.service_entries));
}

/// Where an address of an endpoint leads, if out of the cluster.
fn leads_out(address: Text<'_>, public: &AddressSet) -> Option<&'static str> {
    if let Ok(address) = address.value.parse::<IpAddr>() {
        return public.contains(address).then_some("the public address");
    }
    let is_name = address.value.contains('.') && !address.value.contains("://") && !address.value.contains('$');
    (is_name && !is_internal(address.value)).then_some("the host")
}

fn is_internal(host: &str) -> bool {
    const INTERNAL: [&str; 3] = [".local", ".internal", ".global"];
    INTERNAL.iter().any(|ending| host.ends_with(ending))
}

/// An endpoint that is another host than the entry says, or one outside behind a host of the mesh.
fn entry_endpoints(entry: &ServiceEntry<'_>, public: &AddressSet) -> Option<Finding> {
    let addresses = entry.endpoints.iter().filter_map(|endpoint| endpoint.address);
    let hidden = |address: &Text<'_>| {
        leads_out(*address, public)
            .filter(|what| !entry.external || *what == "the host" && !entry.covers(address.value))
    };
    let (address, what) = addresses.into_iter().find_map(|address| Some((address, hidden(&address)?)))?;
    let host = entry.hosts.first()?;
    let message = format!("behind `{host}` stands {what} `{address}`");
    let finding = RULE.finding("entry-endpoints", address.at, message).help(HELP);
    // Part of the mesh by its own account, such as a VM or another cluster.
    Some(if entry.external { finding } else { finding.severity(Severity::Medium) })
}

fn workload_entry(entry: &WorkloadEntry<'_>, public: &AddressSet) -> Option<Finding> {
    let address = entry.address?;
    let what = leads_out(address, public)?;
    let message = format!("workload entry `{}` stands for {what} `{address}`", entry.name);
    Some(RULE.finding("workload-entry", address.at, message).help(HELP))
}

/// A service that is another name of a host outside: registered by itself before Istio 1.21, and since then only where the
/// host is (semantics C.13).
fn alias(service: &Service<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let target = service.external_name.filter(|_| service.kind == ServiceType::ExternalName)?;
    let version = &audit.estate.mesh.version;
    let is_registered =
        audit.estate.mesh.service_entries.iter().any(|entry| entry.external && entry.covers(target.value));
    if is_internal(target.value) || target.value.contains('$') || is_registered && version.at_least(1, 21) == Match::Yes
    {
        return None;
    }
    let registers = |when: &str| {
        format!("service `{}` is another name of `{target}`, which {when}registers that host", service.name)
    };
    let (severity, message) = match version.at_least(1, 21) {
        Match::No => (Severity::High, registers("")),
        Match::Unknown => (Severity::High, registers("before Istio 1.21 ")),
        Match::Yes => (
            Severity::Info,
            format!("service `{}` is another name of `{target}`, which nothing registers", service.name),
        ),
    };
    Some(RULE.finding("externalname", target.at, message).severity(severity).help(HELP))
}

/// A service without a selector behind which somebody wrote public addresses.
fn endpoints(service: &Service<'_>, public: &AddressSet, audit: &Audit<'_>) -> Option<Finding> {
    let namespace = audit.estate.namespaces[service.namespace].name;
    let is_api_server = namespace == "default" && service.name.value == "kubernetes";
    if !service.selector.is_empty() || is_api_server {
        return None;
    }
    let out = |address: &&Text<'_>| address.value.parse().is_ok_and(|address| public.contains(address));
    let address = service.endpoints.iter().filter(out).min_by_key(|address| address.at)?;
    let message = format!("behind service `{}` stands the public address `{address}`", service.name);
    let finding = RULE.finding("endpoints", address.at, message).see(service.name.at, "the service selects no pods");
    Some(finding.help(HELP))
}

fn external_ips(service: &Service<'_>, public: &AddressSet) -> Option<Finding> {
    let out = |address: &&Text<'_>| address.value.parse().is_ok_and(|address| public.contains(address));
    let address = service.external_ips.iter().find(out)?;
    let message =
        format!("service `{}` takes over what the cluster sends to the public address `{address}`", service.name);
    let help = "leave `externalIPs` out, and deny it at admission";
    Some(RULE.finding("externalips", address.at, message).severity(Severity::Medium).help(help))
}

fn blocks(entry: &ServiceEntry<'_>) -> Vec<(AddressSet, usize)> {
    let block = |text: &str| {
        let single = || text.parse::<IpAddr>().ok().map(AddressSet::from);
        text.parse::<IpNet>().ok().map(AddressSet::from).or_else(single)
    };
    entry.addresses.iter().enumerate().filter_map(|(index, text)| Some((block(text.value)?, index))).collect()
}

/// An entry that claims every address, or some of the cluster's own, so that it takes their traffic.
fn covering(entry: &ServiceEntry<'_>, own: &AddressSet) -> Option<Finding> {
    let everything =
        |block: &AddressSet| AddressSet::all_v4().is_subset(block) || AddressSet::all_v6().is_subset(block);
    let whose = |block: &AddressSet| match block.intersection(own).is_empty() {
        _ if everything(block) => Some("every address"),
        false => Some("the cluster's own"),
        true => None,
    };
    let (whose, index) = blocks(entry).into_iter().find_map(|(block, index)| Some((whose(&block)?, index)))?;
    let address = entry.addresses.get(index)?;
    let host = entry.hosts.first()?;
    let message = format!("`{address}` is {whose}, so traffic that is meant for others passes for `{host}`");
    let finding = RULE.finding("address-overlap", address.at, message).severity(Severity::Medium);
    Some(finding.help("list the addresses of the host and no others"))
}

/// Two entries that claim the same addresses on a port that is told apart by address alone: one of them is ignored.
fn overlaps(entries: &[ServiceEntry<'_>]) -> Vec<Finding> {
    let mut sorted: Vec<(&ServiceEntry<'_>, Vec<(AddressSet, usize)>)> =
        entries.iter().filter(|entry| !entry.addresses.is_empty()).map(|entry| (entry, blocks(entry))).collect();
    sorted.sort_by_key(|(entry, _)| (entry.namespace, entry.name.value, entry.name.at));
    let mut found = Vec::new();
    for (at, (entry, own)) in sorted.iter().enumerate() {
        let earlier = sorted[..at].iter().find_map(|(other, others)| {
            if !shares_port(entry, other) || !meet(&entry.visibility, &other.visibility) || is_same(entry, other) {
                return None;
            }
            let clash = |(block, _): &&(AddressSet, usize)| {
                others.iter().any(|(other, _)| !block.intersection(other).is_empty())
            };
            own.iter().find(clash).and_then(|(_, index)| Some((*other, entry.addresses.get(*index)?)))
        });
        if let Some((other, address)) = earlier {
            let message =
                format!("`{}` claims `{address}` as `{}` does, and one of the two is ignored", entry.name, other.name);
            let finding = RULE.finding("address-overlap", address.at, message).severity(Severity::Medium);
            found.push(finding.see(other.name.at, "the other entry").help("give each host addresses of its own"));
        }
    }
    found
}

fn shares_port(one: &ServiceEntry<'_>, other: &ServiceEntry<'_>) -> bool {
    let by_address = |protocol| matches!(protocol, PortProtocol::Tcp | PortProtocol::Auto);
    one.ports
        .iter()
        .filter(|port| by_address(port.protocol))
        .any(|port| other.ports.iter().any(|own| own.number == port.number))
}

fn is_same(one: &ServiceEntry<'_>, other: &ServiceEntry<'_>) -> bool {
    let shares = |host: &Text<'_>| {
        other.hosts.iter().any(|own| HostPattern::new(own.value).matches(&HostPattern::new(host.value)))
    };
    one.hosts.iter().any(shares)
}

/// Whether some namespace sees both.
fn meet(one: &Visibility<'_>, other: &Visibility<'_>) -> bool {
    match (one, other) {
        (Visibility::Everywhere, Visibility::Everywhere) => true,
        (Visibility::Everywhere, Visibility::Namespaces(names))
        | (Visibility::Namespaces(names), Visibility::Everywhere) => !names.is_empty(),
        (Visibility::Namespaces(names), other) => names.iter().any(|name| other.from(name)),
    }
}
