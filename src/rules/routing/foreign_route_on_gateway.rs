//! MR13: a route of another namespace binds to the egress gateway.

use crate::analysis::routing::{Admitted, admissions, names, taken};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Gateway, VirtualService};
use crate::rule::{Audit, Rule};
use crate::source::Location;
use crate::traffic::HostPattern;

pub(crate) static RULE: Rule = Rule {
    id: "foreign-route-on-gateway",
    topic: "routing",
    summary: "a route of an application's namespace binds to the egress gateway",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.2.8", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/routing/foreign-route-on-gateway.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for service in &audit.estate.mesh.virtual_services {
        if service.namespace_at.is_some() && !audit.facts.routing.is_central(service.namespace) {
            findings.extend(bound(service, audit));
        }
    }
}

/// The first egress gateway of another namespace that takes a virtual service, and what that opens.
fn bound(service: &VirtualService<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let gateways = audit.facts.routing.gateways.iter().map(|&index| &audit.estate.mesh.gateways[index]);
    let mut others = gateways.filter(|gateway| gateway.namespace != service.namespace && names(service, gateway));
    let (gateway, host) = others.find_map(|gateway| {
        let seen = service.visibility.from(gateway.namespace);
        let mut hosts = gateway.servers.iter().filter(|_| seen).flat_map(|server| taken(server, gateway, service));
        Some((gateway, hosts.next()?))
    })?;
    let at = place(service, gateway);
    let what = if service.of_gateway_api { "route" } else { "virtual service" };
    let message = format!(
        "{what} `{}` of namespace `{}` adds routes for `{host}` to egress gateway `{}`",
        service.name, service.namespace, gateway.name
    );
    let help =
        format!("keep routes of the gateway in namespace `{}`, and let its servers take no others", gateway.namespace);
    let owner = audit.estate.mesh.virtual_services.iter().find(|other| {
        audit.facts.routing.is_central(other.namespace)
            && names(other, gateway)
            && gateway.servers.iter().any(|server| taken(server, gateway, other).any(|own| own == host))
    });
    Some(match owner {
        Some(owner) => {
            let message = format!("{message}, which `{}` routes already", owner.name);
            RULE.finding("same-host", at, message)
                .see(owner.name.at, "routes of both are appended to each other")
                .help(help)
        }
        None if is_delegated(gateway, host) => {
            RULE.finding("delegated", at, message).severity(Severity::Low).help(help)
        }
        None if service.of_gateway_api => RULE.finding("gateway-api", at, message).help(help),
        None => RULE.finding("foreign", at, message).help(help),
    })
}

/// Whether the gateway takes a host from named namespaces alone, so that somebody meant it.
fn is_delegated(gateway: &Gateway<'_>, host: &str) -> bool {
    let mut admitting = gateway.servers.iter().flat_map(|server| admissions(server, gateway));
    !admitting.any(|one| one.from == Admitted::Anybody && one.host.matches(&HostPattern::new(host)))
}

/// Where a virtual service names a gateway.
fn place(service: &VirtualService<'_>, gateway: &Gateway<'_>) -> Location {
    let mut named = service.named_gateways().filter(|(reference, _)| *reference == gateway.reference());
    named.next().map_or(service.name.at, |(_, name)| name.at)
}
