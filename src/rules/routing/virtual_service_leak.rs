//! MR12: a virtual service counts for namespaces that it is not for, or for hosts that are not its own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::analysis::routing::leads_to_gateway;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{GatewayReference, Text, VirtualService, Visibility};
use crate::rule::{Audit, Rule};
use crate::traffic::HostPattern;

pub(crate) static RULE: Rule = Rule {
    id: "virtual-service-leak",
    topic: "routing",
    summary: "a virtual service for external hosts is visible to everybody, or one is for another team's host",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:7.2.1"],
    needs: &[],
    page: include_str!("../../../rules/routing/virtual-service-leak.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let owners = Owners::new(audit);
    let of_mesh = |service: &&VirtualService<'_>| service.gateways.contains(&GatewayReference::Mesh);
    for service in audit.estate.mesh.virtual_services.iter().filter(of_mesh) {
        findings.extend(public(service, audit));
        if service.namespace_at.is_some() && !audit.facts.routing.is_central(service.namespace) {
            findings.extend(hijack(service, &owners));
            findings.extend(unregistered(service, &owners, audit));
        }
    }
}

/// A route for external hosts that every namespace sees.
fn public(service: &VirtualService<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let is_outside = |host: &&Text<'_>| audit.facts.routing.outside.holds(host.value);
    let host = service.hosts.iter().find(is_outside);
    let host = host.or_else(|| service.hosts.first().filter(|_| leads_to_gateway(service, &audit.facts.egress)))?;
    // What a route of the Gateway API is for is seen by whoever sees the host.
    if service.visibility != Visibility::Everywhere || service.of_gateway_api {
        return None;
    }
    let written = service.export_to.iter().find(|one| one.value == "*");
    let message = match written {
        Some(_) => format!("the route for `{host}` is exported to every namespace"),
        None => {
            format!("`{}` leaves out `exportTo`, so its route for `{host}` counts in every namespace", service.name)
        }
    };
    let at = written.map_or(service.spec_at, |one| one.at);
    let help = "list the namespaces that may use the host, and the gateway's, in `exportTo`";
    Some(RULE.finding("export-public", at, message).help(help))
}

/// Who registers which host: the namespaces of services and service entries.
struct Owners<'a> {
    exact: BTreeMap<Cow<'a, str>, Vec<&'a str>>,
    wildcards: Vec<(HostPattern<'a>, &'a str)>,
}

impl<'a> Owners<'a> {
    fn new(audit: &Audit<'a>) -> Self {
        let mut owners = Self { exact: BTreeMap::new(), wildcards: Vec::new() };
        let namespaces = &audit.estate.namespaces;
        for service in &audit.estate.services {
            let host = Cow::Owned(service.host(namespaces));
            owners.exact.entry(host).or_default().push(namespaces[service.namespace].name);
        }
        for entry in &audit.estate.mesh.service_entries {
            for host in &entry.hosts {
                let pattern = HostPattern::new(host.value);
                if pattern.is_wildcard() {
                    owners.wildcards.push((pattern, entry.namespace));
                } else {
                    owners.exact.entry(Cow::Borrowed(host.value)).or_default().push(entry.namespace);
                }
            }
        }
        owners
    }

    /// The namespaces that register a host, or some host that a wildcard stands for.
    fn of(&self, host: &str) -> Vec<&'a str> {
        let pattern = HostPattern::new(host);
        let exact: Vec<&str> = match pattern.is_wildcard() {
            true => {
                let covered = self.exact.iter().filter(|(own, _)| HostPattern::new(own).subset_of(&pattern));
                covered.flat_map(|(_, namespaces)| namespaces).copied().collect()
            }
            false => self.exact.get(host).cloned().unwrap_or_default(),
        };
        let wildcards =
            self.wildcards.iter().filter(|(own, _)| pattern.subset_of(own)).map(|(_, namespace)| *namespace);
        exact.into_iter().chain(wildcards).collect()
    }
}

/// A virtual service of an application for another namespace's host, which others than the application see.
fn hijack(service: &VirtualService<'_>, owners: &Owners<'_>) -> Option<Finding> {
    let is_seen = match &service.visibility {
        Visibility::Everywhere => true,
        Visibility::Namespaces(names) => names.iter().any(|name| *name != service.namespace),
    };
    let (host, owner) =
        service.hosts.iter().zip(&service.full_hosts).filter(|_| is_seen).find_map(|(host, full)| {
            let owning = owners.of(full);
            let owner = owning.iter().min().filter(|_| !owning.contains(&service.namespace))?;
            Some((host, *owner))
        })?;
    let message = format!(
        "virtual service `{}` of namespace `{}` decides where others send what is meant for `{host}`, which `{owner}` registers",
        service.name, service.namespace
    );
    let help = "set `exportTo: [\".\"]`, and let only the owner of a host write routes for it that others see";
    Some(RULE.finding("hijack", host.at, message).severity(Severity::High).help(help))
}

/// A virtual service for a host that nobody registers: on port 80 its routes count all the same.
fn unregistered(service: &VirtualService<'_>, owners: &Owners<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let routing = &audit.facts.routing;
    let destinations = || service.routes.iter().flat_map(|route| &route.destinations);
    let to = destinations().find(|to| routing.outside.holds(&to.host))?;
    let is_public = |host: &&Text<'_>| host.value.contains('.') && !is_internal(host.value);
    let host = service.hosts.iter().filter(is_public).find(|host| owners.of(host.value).is_empty())?;
    let message = format!("nothing registers `{host}`, and on port 80 sidecars send what names it to `{}`", to.host);
    let help = "keep routes for external hosts in the egress namespace, next to the service entry of the host";
    Some(RULE.finding("unregistered-host", host.at, message).help(help))
}

fn is_internal(host: &str) -> bool {
    [".local", ".internal", ".global"].iter().any(|ending| host.ends_with(ending))
}
