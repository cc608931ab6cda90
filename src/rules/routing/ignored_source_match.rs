//! MR11: an HTTP match names gateways, so that what it says about the source is ignored.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Hop, Route, RouteKind, Text, VirtualService};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "ignored-source-match",
    topic: "routing",
    summary: "an HTTP match names gateways, so Istio ignores its source namespace and labels",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/routing/ignored-source-match.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for service in &audit.estate.mesh.virtual_services {
        for route in service.routes.iter().filter(|route| route.kind == RouteKind::Http) {
            let narrowed = route.hops.iter().filter_map(|hop| Some((hop, source(hop)?)));
            findings.extend(narrowed.map(|(hop, (field, value))| finding(service, route, hop, (field, value), audit)));
        }
    }
}

/// What a match that names gateways says about the source: the field and its first value.
fn source<'a>(hop: &Hop<'a>) -> Option<(&'static str, Text<'a>)> {
    let named = hop.gateway_names.first().and(hop.source_namespace).map(|namespace| ("sourceNamespace", namespace));
    let label = hop.gateway_names.first().and_then(|_| hop.source_labels.iter().next());
    named.or(label.map(|(_, value)| ("sourceLabels", value)))
}

fn finding(
    service: &VirtualService<'_>,
    route: &Route<'_>,
    hop: &Hop<'_>,
    (field, value): (&'static str, Text<'_>),
    audit: &Audit<'_>,
) -> Finding {
    let message =
        format!("`{field}` is ignored in an HTTP match that names gateways, so not only `{value}` is routed here");
    let variant = if field == "sourceNamespace" { "namespace" } else { "labels" };
    let finding = RULE.finding(variant, value.at, message);
    let finding = match hop.gateway_names.first() {
        Some(gateway) => finding.see(gateway.at, "because of this"),
        None => finding,
    };
    let help = "leave `gateways` out of the match, or split the virtual service and export each to its clients alone";
    let finding = finding.help(help);
    if is_egress(service, route, audit) { finding } else { finding.severity(Severity::Medium) }
}

/// Whether a route is about traffic that leaves: to a host outside, or by way of an egress gateway.
fn is_egress(service: &VirtualService<'_>, route: &Route<'_>, audit: &Audit<'_>) -> bool {
    let mesh = &audit.estate.mesh;
    let is_outside = |host: &str| mesh.service_entries.iter().any(|entry| entry.external && entry.covers(host));
    let is_gateway = |host: &str| audit.facts.egress.proxies.iter().any(|proxy| proxy.hosts.contains(host));
    route.destinations.iter().any(|to| is_outside(&to.host) || is_gateway(&to.host))
        || service.taken_by(route).any(|(taker, _)| audit.facts.routing.is_egress(taker, audit.estate))
}
