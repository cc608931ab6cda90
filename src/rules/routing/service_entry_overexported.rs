//! MR05: a service entry is visible to more namespaces than need it, or not to the gateway that routes to it.

use crate::analysis::egress::EgressProxy;
use crate::analysis::routing::is_google;
use crate::finding::{Confidence, Finding, Fix, Severity};
use crate::model::{Estate, ServiceEntry, Visibility};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "service-entry-overexported",
    topic: "routing",
    summary: "a service entry is visible to every namespace, or not to the gateway that routes to it",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:7.2.1"],
    needs: &[],
    page: include_str!("../../../rules/routing/service-entry-overexported.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for entry in audit.estate.mesh.service_entries.iter().filter(|entry| entry.external) {
        findings.extend(everywhere(entry, audit.estate).or_else(|| hidden_from_gateway(entry, audit)));
    }
}

fn everywhere(entry: &ServiceEntry<'_>, estate: &Estate<'_>) -> Option<Finding> {
    let host = entry.hosts.first().filter(|_| entry.visibility == Visibility::Everywhere)?;
    let written = entry.export_to.iter().any(|one| one.value == "*");
    let message = match written {
        true => format!("`{host}` is exported to every namespace"),
        false => format!("`{}` leaves out `exportTo`, so every namespace sees `{host}`", entry.name),
    };
    let help = "list the namespaces that may use the host, and the gateway's, in `exportTo`";
    let finding = RULE.finding("everywhere", entry.export_at(), message).help(help);
    // The mesh may have a narrower default, which is not in the input.
    let finding = if written || estate.mesh.configured { finding } else { finding.confidence(Confidence::Medium) };
    let is_for_all = entry.hosts.iter().all(|host| is_google(host.value));
    Some(if is_for_all { finding.severity(Severity::Low) } else { finding })
}

/// An entry that the gateway's namespace does not see, although a route of the gateway leads to its host.
fn hidden_from_gateway(entry: &ServiceEntry<'_>, audit: &Audit<'_>) -> Option<Finding> {
    // What `.` means is open where the entry goes wherever it is applied.
    if entry.namespace_at.is_none() && entry.export_to.iter().any(|one| one.value == ".") {
        return None;
    }
    let blind = |proxy: &&EgressProxy<'_>| !proxy.namespaces.iter().any(|namespace| entry.visibility.from(namespace));
    let mut proxies = audit.facts.egress.proxies.iter().filter(blind);
    let (proxy, at) = proxies.find_map(|proxy| Some((proxy, leading_to(entry, proxy, audit.estate)?)))?;
    let host = entry.hosts.first()?;
    let message = format!(
        "`{host}` is not exported to `{}`, where egress gateway `{}` runs that routes to it",
        proxy.namespaces.first()?,
        proxy.name
    );
    let [namespace, more @ ..] = proxy.namespaces.as_slice() else { return None };
    let fix = Fix::export_to(entry.export_to, namespace).filter(|_| more.is_empty());
    Some(
        RULE.finding("unexported-to-gateway", entry.export_at(), message)
            .see(at, "the route that leads there")
            .help("add the gateway's namespace to `exportTo`")
            .fix(fix),
    )
}

/// Where a route of a proxy's gateways leads to the host of an entry, which the proxy knows by no other entry.
fn leading_to(entry: &ServiceEntry<'_>, proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> Option<Location> {
    let own = |taker| {
        proxy.gateways.iter().map(|&index| &estate.mesh.gateways[index]).any(|gateway| taker == gateway.reference())
    };
    let is_known = |host: &str| {
        let seen = |other: &ServiceEntry<'_>| proxy.namespaces.iter().any(|own| other.visibility.from(own));
        estate.mesh.service_entries.iter().any(|other| other.covers(host) && seen(other))
    };
    estate.mesh.virtual_services.iter().find_map(|service| {
        let routes = service.routes_of(own);
        let mut destinations = routes.flat_map(|route| &route.destinations);
        destinations.find(|to| entry.covers(&to.host) && !is_known(&to.host)).map(|to| to.host_at)
    })
}
