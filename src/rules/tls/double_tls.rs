//! MT07: a proxy wraps in TLS what is TLS already, or is told to by a rule that is meant for the gateway alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::tls::{Client, Departure, DestinationRules, Target, departures};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{PortProtocol, Role, RouteKind, ServerMode};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "double-tls",
    topic: "tls",
    summary: "a proxy starts TLS for traffic that is TLS already",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/tls/double-tls.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let rules = DestinationRules::new(audit.estate);
    let mut wrapped: BTreeMap<Location, Finding> = BTreeMap::new();
    let mut leaked: BTreeMap<Location, (Departure<'_, '_>, BTreeSet<&str>)> = BTreeMap::new();
    for departure in departures(audit.estate, &audit.facts.egress) {
        let Some(tls) = departure.view.tls.filter(|tls| tls.mode.originates()) else { continue };
        if carries_tls(&departure) {
            wrapped.entry(tls.at).or_insert_with(|| of_application(&departure, tls.at));
            continue;
        }
        let clients = clients(&departure, &rules, audit);
        if !clients.is_empty() {
            leaked.entry(tls.at).or_insert((departure, BTreeSet::new())).1.extend(clients);
        }
    }
    findings.extend(wrapped.into_values());
    findings.extend(leaked.iter().map(|(at, (departure, clients))| of_clients(departure, *at, clients)));
}

/// Whether what passes the gateway is the client's own TLS.
fn carries_tls(departure: &Departure<'_, '_>) -> bool {
    let is_tls = departure.port.is_some_and(|port| port.protocol == PortProtocol::Tls);
    match departure.route.kind {
        RouteKind::Http => false,
        RouteKind::Tls => true,
        RouteKind::Tcp => departure.server.mode == ServerMode::Passthrough || is_tls,
    }
}

fn of_application(departure: &Departure<'_, '_>, at: Location) -> Finding {
    let message = format!(
        "egress gateway `{}` starts TLS for `{}` inside of which clients start theirs, so their handshake fails",
        departure.proxy.name.value, departure.destination.host
    );
    let help = "let clients send plain HTTP to a port of its own, or give this route no TLS settings";
    RULE.finding("app-tls", at, message).see(departure.route.at, "this route passes TLS of the clients").help(help)
}

/// The namespaces whose sidecars follow the gateway's settings too.
fn clients<'e>(departure: &Departure<'e, '_>, rules: &DestinationRules<'_, '_>, audit: &'e Audit<'_>) -> Vec<&'e str> {
    let target = Target {
        host: &departure.destination.host,
        port: departure.port.map(|port| port.number).or(departure.destination.port),
        subset: departure.destination.subset.map(|subset| subset.value),
    };
    let follows = |namespace: &str| {
        let view = || rules.view(Client { namespace, labels: None }, target);
        departure.entry.visibility.from(namespace)
            && view().tls.is_some_and(|tls| departure.view.tls.is_some_and(|own| own.at == tls.at))
    };
    let tenants = audit.estate.namespaces.iter().filter(|namespace| namespace.role == Role::Tenant);
    tenants.map(|namespace| namespace.name).filter(|name| follows(name)).collect()
}

fn of_clients(departure: &Departure<'_, '_>, at: Location, clients: &BTreeSet<&str>) -> Finding {
    let named: Vec<String> = clients.iter().take(5).map(|client| format!("`{client}`")).collect();
    let message = format!(
        "the gateway's TLS for `{}` holds for sidecars in {} as well, so traffic that they send themselves is wrapped too",
        departure.destination.host,
        named.join(", ")
    );
    let help = "export the destination rule to the gateway's namespace alone: `exportTo: [.]`";
    RULE.finding("seen-by-clients", at, message).severity(Severity::Low).help(help)
}
