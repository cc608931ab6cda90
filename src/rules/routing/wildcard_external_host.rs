//! MR07: a wildcard registers hosts that nobody answers for, or that cannot be reached as meant.

use crate::analysis::routing::{Breadth, breadth};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Destination, Resolution, ServiceEntry, Text, VirtualService};
use crate::rule::{Audit, Rule};
use crate::traffic::HostPattern;

pub(crate) static RULE: Rule = Rule {
    id: "wildcard-external-host",
    topic: "routing",
    summary: "a wildcard registers more external hosts than anybody answers for, or ones that cannot be routed",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2"],
    needs: &[],
    page: include_str!("../../../rules/routing/wildcard-external-host.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for entry in audit.estate.mesh.service_entries.iter().filter(|entry| entry.external) {
        findings.extend(entry.hosts.iter().find_map(broad));
        let wildcard = entry.hosts.iter().find(|host| HostPattern::new(host.value).is_wildcard());
        findings.extend(wildcard.and_then(|host| unresolvable(*host, entry)));
        findings.extend(wildcard.and_then(|host| lost(*host, entry, audit)));
    }
    for service in &audit.estate.mesh.virtual_services {
        findings.extend(elsewhere(service, audit));
    }
}

fn broad(host: &Text<'_>) -> Option<Finding> {
    let (severity, what) = match breadth(host.value) {
        Breadth::Narrow => return None,
        Breadth::Everything => (Severity::High, "stands for every host there is"),
        Breadth::PublicSuffix => (Severity::High, "stands for hosts that anybody can register"),
        Breadth::NoDot => (Severity::Medium, "has no dot after the star, so it stands for other owners' hosts too"),
    };
    let finding = RULE.finding("broad", host.at, format!("`{host}` {what}")).severity(severity);
    Some(finding.help("register the hosts that are needed, one by one"))
}

fn unresolvable(host: Text<'_>, entry: &ServiceEntry<'_>) -> Option<Finding> {
    let (variant, message) = match entry.resolution {
        Resolution::Dns | Resolution::DnsRoundRobin => {
            ("dns", format!("`{host}` has no address that DNS could tell, and Istio rejects the entry"))
        }
        Resolution::DynamicDns => {
            ("dynamic-dns", format!("whatever host a client names under `{host}` is looked up and reached directly"))
        }
        _ => return None,
    };
    Some(RULE.finding(variant, host.at, message).help("register the hosts that are needed, one by one"))
}

/// The routes that egress gateways take.
fn on_gateways<'e, 'a>(
    audit: &'e Audit<'a>,
) -> impl Iterator<Item = (&'e VirtualService<'a>, &'e Destination<'a>)> + 'e {
    let mesh = &audit.estate.mesh;
    mesh.virtual_services.iter().flat_map(move |service| {
        let routes = service.routes_of(|taker| audit.facts.routing.is_egress(taker, audit.estate));
        routes.flat_map(|route| &route.destinations).map(move |to| (service, to))
    })
}

/// A wildcard without resolution to which a gateway is told to send: the address that the client dialled is the gateway's.
fn lost(host: Text<'_>, entry: &ServiceEntry<'_>, audit: &Audit<'_>) -> Option<Finding> {
    if entry.resolution != Resolution::None {
        return None;
    }
    let known_otherwise = |to: &Destination<'_>| {
        let others = audit.estate.mesh.service_entries.iter().filter(|other| other.resolution != Resolution::None);
        others.into_iter().any(|other| other.covers(&to.host))
    };
    let mut there = on_gateways(audit).filter(|(_, to)| entry.covers(&to.host) && !known_otherwise(to));
    let (_, to) = there.next()?;
    let message = format!("the egress gateway is to send to `{host}`, and cannot tell which address the client meant");
    let help = "route the wildcard to one concrete host that serves all of them, or register the hosts one by one";
    Some(RULE.finding("via-gateway", host.at, message).see(to.host_at, "the gateway sends there").help(help))
}

/// A wildcard that a gateway sends to one host which is not among those that the wildcard stands for.
fn elsewhere(service: &VirtualService<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let wildcard = service.hosts.iter().find(|host| HostPattern::new(host.value).is_wildcard() && host.value != "*")?;
    let outside =
        |host: &str| audit.estate.mesh.service_entries.iter().any(|entry| entry.external && entry.covers(host));
    let is_other = |to: &Destination<'_>| {
        let host = HostPattern::new(&to.host);
        outside(&to.host) && !service.hosts.iter().any(|own| host.subset_of(&HostPattern::new(own.value)))
    };
    let mut sent = on_gateways(audit).filter(|(other, to)| other.name.at == service.name.at && is_other(to));
    let (_, to) = sent.next()?;
    let message =
        format!("the egress gateway sends every host under `{wildcard}` to `{}`, which is none of them", to.host);
    let finding = RULE.finding("shared-servers", to.host_at, message).severity(Severity::Low);
    Some(finding.help("send a wildcard to a server of the same domain that serves all of its hosts"))
}
