//! MR10: of the two hops through the egress gateway one is missing or leads nowhere.

use std::collections::BTreeMap;

use crate::analysis::egress::EgressProxy;
use crate::analysis::routing::{Onward, Target as Leads, leads_to_gateway, names, onward, taken};
use crate::analysis::tls::{Approach, Client, DestinationRules, Target, approaches, departures};
use crate::finding::{Confidence, Finding, Fix, Severity};
use crate::model::{
    Destination, Entity, Estate, Gateway, GatewayReference, Route, RouteKind, Service, Text, VirtualService, Visibility,
};
use crate::rule::{Audit, Rule};
use crate::source::Location;
use crate::traffic::HostPattern;

pub(crate) static RULE: Rule = Rule {
    id: "broken-gateway-hop",
    topic: "routing",
    summary: "a route through the egress gateway lacks a hop, or names something that is not there",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/routing/broken-gateway-hop.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut found: BTreeMap<(Location, &'static str), Finding> = BTreeMap::new();
    let mut add = |finding: Finding| {
        found.entry((finding.at, finding.variant)).or_insert(finding);
    };
    for service in &audit.estate.mesh.virtual_services {
        first_hops(service, audit).into_iter().for_each(&mut add);
        without_first_hop(service, audit).into_iter().for_each(&mut add);
        dangling(service, audit).into_iter().for_each(&mut add);
        not_admitted(service, audit).into_iter().for_each(&mut add);
    }
    missing_subsets(audit).into_iter().for_each(&mut add);
    hidden_services(audit).into_iter().for_each(&mut add);
    approaches(audit.estate, &audit.facts.egress).iter().filter_map(|one| unanswered(one, audit)).for_each(&mut add);
    findings.extend(found.into_values());
}

/// What sidecars send to an egress gateway, which has no listener or no route for it.
fn first_hops(service: &VirtualService<'_>, audit: &Audit<'_>) -> Vec<Finding> {
    let estate = audit.estate;
    let mut found = Vec::new();
    for route in service.routes_of_sidecars() {
        for to in &route.destinations {
            let Some(proxy) = audit.facts.egress.proxies.iter().find(|proxy| proxy.hosts.contains(to.host.as_str()))
            else {
                continue;
            };
            if let Some(fault) = no_such_port(to, proxy, estate) {
                found.push(fault);
                continue;
            }
            found.extend(hosts(service, route).into_iter().find_map(|host| second_hop(host, to, proxy, estate)));
        }
    }
    found
}

/// The hosts that a route is for: the names of TLS where it has some.
fn hosts<'s>(service: &'s VirtualService<'_>, route: &'s Route<'_>) -> Vec<&'s str> {
    let names: Vec<&str> = route.hops.iter().flat_map(|hop| hop.sni_hosts).map(|name| name.value).collect();
    let of_tls = route.kind == RouteKind::Tls && !names.is_empty();
    if of_tls { names } else { service.hosts.iter().map(|host| host.value).collect() }
}

fn no_such_port(to: &Destination<'_>, proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> Option<Finding> {
    let port = to.port?;
    let selectors = estate.relations.selectors_of(proxy.workload?);
    let service = selectors.into_iter().find_map(|entity| match entity {
        Entity::Service(index) => {
            Some(&estate.services[index]).filter(|service| service.host(&estate.namespaces) == to.host)
        }
        _ => None,
    })?;
    if service.ports.iter().any(|own| own.port == port) {
        return None;
    }
    let message =
        format!("port {port} is none of service `{}`, by which sidecars reach the egress gateway", service.name);
    let finding = RULE.finding("port-mismatch", to.port_at, message).see(service.name.at, "has other ports");
    let fix = port_meant(port, service, proxy, estate)
        .map(|meant| Fix::set(to.port_at, meant.to_string()).titled(format!("send to port `{meant}`")));
    Some(finding.help("use a port of the gateway's service, not one of its pods").fix(fix))
}

/// The one port of the gateway's service that a wrong number can stand for: the one that leads to the pods' port of that
/// number, else the one on which the gateway listens at all.
fn port_meant(wrong: i64, service: &Service<'_>, proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> Option<i64> {
    let only = |mut ports: Vec<i64>| (ports.len() == 1).then(|| ports.pop()).flatten();
    let listens = |port: i64| proxy.servers(estate).any(|server| server.port == Some(port));
    let ports = || service.ports.iter().filter(|own| listens(own.port));
    let leading = ports().filter(|own| own.target == Some(wrong)).map(|own| own.port).collect();
    only(leading).or_else(|| only(ports().map(|own| own.port).collect()))
}

fn second_hop(host: &str, to: &Destination<'_>, proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> Option<Finding> {
    let gateway = proxy.name;
    let mut help = "add the second hop: a match for the gateway and its port, with the host as destination";
    let mut fix = None;
    let (message, see) = match onward(estate, proxy, to.port, host) {
        Onward::Routed | Onward::Unknown => return None,
        Onward::NoListener => {
            let port = to.port.map_or_else(|| "the port that is meant".to_owned(), |port| format!("port {port}"));
            (format!("egress gateway `{gateway}` does not listen on {port}, where sidecars send `{host}`"), None)
        }
        Onward::NotAdmitted(service) => {
            let message = format!(
                "egress gateway `{gateway}` does not take the route for `{host}`, for its hosts do not admit it"
            );
            (message, Some((service.name.at, format!("the route is in virtual service `{}`", service.name))))
        }
        Onward::NotExported(service) => {
            help = "add the gateway's namespace to the `exportTo` of the virtual service";
            // Another one may be meant for the gateway as well.
            let is_for = |one: &&VirtualService<'_>| {
                one.named_gateways().any(|(reference, _)| reference != GatewayReference::Mesh)
                    && one.hosts.iter().any(|own| service.hosts.contains(own))
            };
            let is_only = estate.mesh.virtual_services.iter().filter(is_for).count() == 1;
            fix = match proxy.namespaces.as_slice() {
                [namespace] if is_only => Fix::export_to(service.export_to, namespace),
                _ => None,
            };
            let message = format!("egress gateway `{gateway}` does not see the route for `{host}`");
            (message, Some((service.name.at, format!("virtual service `{}` is not exported to it", service.name))))
        }
        Onward::NoRoute(listener, kind) => {
            let message = format!(
                "egress gateway `{gateway}` has no `{}` route for `{host}`, so it refuses what sidecars send",
                kind.as_str()
            );
            (message, Some((listener.name.at, "the gateway that listens there".to_owned())))
        }
    };
    let finding = RULE.finding("mesh-only", to.host_at, message);
    let finding = see.into_iter().fold(finding, |finding, (at, said)| finding.see(at, said));
    Some(finding.help(help).fix(fix))
}

/// A route on an egress gateway for a host that no sidecar is told to send there.
fn without_first_hop(service: &VirtualService<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let mesh = &audit.estate.mesh;
    let gateway = audit.facts.routing.gateways.iter().map(|&index| &mesh.gateways[index]).find(|gateway| {
        let mut routes = service.routes_of(|taker| taker == gateway.reference());
        routes.any(|route| route.destinations.iter().any(|to| audit.facts.routing.outside.holds(&to.host)))
    })?;
    let host = service.hosts.first().filter(|host| host.value != "*")?;
    let pattern = HostPattern::new(host.value);
    // Where clients know the host, they reach it without the gateway, which is a finding of its own.
    let known = audit.facts.routing.flows.iter().any(|flow| pattern.matches(&HostPattern::new(flow.host.value)));
    if known || is_sent(host.value, audit) {
        return None;
    }
    let message =
        format!("egress gateway `{}` has a route for `{host}`, and no sidecar is told to send there", gateway.name);
    let finding = RULE.finding("gateway-only", place(service, gateway), message).confidence(Confidence::Medium);
    Some(finding.help("add the first hop: a match for `mesh`, with the gateway's service as destination"))
}

/// Whether sidecars are told to send what is meant for a host to an egress gateway.
fn is_sent(host: &str, audit: &Audit<'_>) -> bool {
    let pattern = HostPattern::new(host);
    let is_for = |one: &VirtualService<'_>| one.hosts.iter().any(|own| HostPattern::new(own.value).matches(&pattern));
    let mut services = audit.estate.mesh.virtual_services.iter();
    services.any(|one| is_for(one) && leads_to_gateway(one, &audit.facts.egress))
}

/// A host of a virtual service for egress gateways alone that none of them takes, or one of these that takes none of its
/// hosts. Where sidecars send to one, the first hop tells.
fn not_admitted(service: &VirtualService<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let gateways = audit.facts.routing.gateways.iter().map(|&index| &audit.estate.mesh.gateways[index]);
    let gateways: Vec<_> = gateways.filter(|gateway| names(service, gateway) && !gateway.servers.is_empty()).collect();
    if gateways.len() != service.gateways.len() || service.hosts.iter().any(|host| is_sent(host.value, audit)) {
        return None;
    }
    let takes = |gateway: &Gateway<'_>, host: &Text<'_>| {
        gateway.servers.iter().any(|server| taken(server, gateway, service).any(|own| own == host.value))
    };
    let untaken = service.hosts.iter().find(|host| !gateways.iter().any(|gateway| takes(gateway, host)));
    let idle = gateways.iter().find(|gateway| !service.hosts.iter().any(|host| takes(gateway, host)));
    let (gateway, at, what) = match (untaken, idle) {
        (Some(host), _) => (*gateways.first()?, host.at, format!("the route for `{host}`")),
        (None, Some(idle)) => (*idle, place(service, idle), format!("any route of `{}`", service.name)),
        (None, None) => return None,
    };
    let message = format!("no server of egress gateway `{}` takes {what}", gateway.name);
    let finding = RULE.finding("not-admitted", at, message).severity(Severity::Low);
    let finding = finding.see(gateway.name.at, "its servers are for other hosts, or for those of other namespaces");
    Some(finding.help("add the host to a server of the gateway, for the namespace of the virtual service"))
}

/// Where a virtual service names a gateway.
fn place(service: &VirtualService<'_>, gateway: &Gateway<'_>) -> Location {
    let mut named = service.named_gateways().filter(|(reference, _)| *reference == gateway.reference());
    named.next().map_or(service.name.at, |(_, name)| name.at)
}

/// A gateway that is named and not there, although one of that name is in another namespace, or all are in the input.
fn dangling(service: &VirtualService<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let mesh = &audit.estate.mesh;
    let is_there =
        |wanted: &str, by: &str| mesh.gateways.iter().any(|one| one.namespace == wanted && one.name.value == by);
    let (text, namespace, name) = service.named_gateways().find_map(|(reference, text)| match reference {
        GatewayReference::Named { namespace, name } if !is_there(namespace, name) => Some((text, namespace, name)),
        _ => None,
    })?;
    let meant =
        audit.facts.routing.gateways.iter().map(|&index| &mesh.gateways[index]).find(|one| one.name.value == name);
    let leads_out = service
        .routes
        .iter()
        .flat_map(|route| &route.destinations)
        .any(|to| audit.facts.routing.outside.holds(&to.host));
    let open = service.namespace_at.is_none() && !text.value.contains('/');
    let message = match meant {
        Some(gateway) if !open => {
            format!(
                "`{text}` is no gateway of namespace `{namespace}`: egress gateway `{name}` stands in `{}`",
                gateway.namespace
            )
        }
        None if leads_out && audit.estate.evidence.mesh_is_complete() => {
            format!("there is no gateway `{name}` in namespace `{namespace}`")
        }
        _ => return None,
    };
    let finding = RULE.finding("bad-ref", text.at, message);
    let finding =
        meant.into_iter().fold(finding, |finding, gateway| finding.see(gateway.name.at, "the gateway that is meant"));
    // Of several that are called so, nobody can tell which one is meant.
    let named =
        |gateway: &&Gateway<'_>| mesh.gateways.iter().filter(|one| one.name.value == gateway.name.value).count();
    let fix = meant.filter(|gateway| named(gateway) == 1);
    let fix = fix.map(|gateway| Fix::set(text.at, format!("{}/{}", gateway.namespace, gateway.name)));
    Some(finding.help("name the gateway with its namespace, as in `istio-egress/egress-gateway`").fix(fix))
}

/// Subsets that routes of either hop name, and that the destination rules which hold there do not have.
fn missing_subsets(audit: &Audit<'_>) -> Vec<Finding> {
    let routing = &audit.facts.routing;
    let rules = DestinationRules::new(audit.estate);
    let first = routing.flows.iter().flat_map(|flow| {
        let client = &routing.clients[flow.client];
        flow.ways.iter().filter_map(|way| match way.to {
            Leads::Gateway(_, to) => Some((client.namespace, client.labels, to)),
            _ => None,
        })
    });
    let found = first.filter_map(|(namespace, labels, to)| {
        let subset = to.subset?;
        let target = Target { host: &to.host, port: to.port, subset: Some(subset.value) };
        let view = rules.view(Client { namespace, labels }, target);
        let hidden = view.rule.is_none() && has_subset(audit.estate, &to.host, subset.value);
        (view.subset_missing || hidden).then(|| unknown_subset(subset, &to.host, namespace))
    });
    let second = departures(audit.estate, &audit.facts.egress).into_iter().filter_map(|departure| {
        let subset = departure.destination.subset.filter(|_| departure.view.subset_missing)?;
        let namespace = departure.proxy.namespaces.first()?;
        Some(unknown_subset(subset, &departure.destination.host, namespace))
    });
    found.chain(second).collect()
}

/// Services in front of the gateway that clients do not see, so that their sidecars have nowhere to send to.
fn hidden_services(audit: &Audit<'_>) -> Vec<Finding> {
    let (estate, routing) = (audit.estate, &audit.facts.routing);
    let hidden: Vec<_> =
        estate.services.iter().filter(|service| service.visibility != Visibility::Everywhere).collect();
    let led = routing.flows.iter().flat_map(|flow| flow.ways.iter().map(move |way| (flow.client, way)));
    let found = led.filter_map(|(client, way)| {
        let Leads::Gateway(_, to) = way.to else { return None };
        let service = hidden.iter().find(|service| service.host(&estate.namespaces) == to.host)?;
        let client = &routing.clients[client];
        let message = format!(
            "service `{}` is not exported to `{}`, whose sidecars are told to send there",
            service.name, client.namespace
        );
        let finding = RULE.finding("service-hidden", to.host_at, message);
        let finding = finding.see(service.name.at, "its annotation `networking.istio.io/exportTo` says who sees it");
        (!service.visibility.from(client.namespace))
            .then(|| finding.help("export the gateway's service to every namespace that routes lead to it from"))
    });
    found.collect()
}

/// Mutual TLS to a listener that is picked by the name that clients give, which is none of its hosts.
fn unanswered(approach: &Approach<'_, '_>, audit: &Audit<'_>) -> Option<Finding> {
    let name = approach.unanswered_name(audit.estate)?;
    let (tls, port) = (approach.view.tls?, approach.destination.port?);
    let gateway = approach.proxy.name;
    let (at, whose) = match tls.sni {
        Some(sni) => (sni.at, format!("`{name}`")),
        None => (tls.block_at, format!("`{name}`, for want of `sni`")),
    };
    let message = format!("clients name {whose}, which no server on port {port} of egress gateway `{gateway}` is for");
    let finding = RULE.finding("sni", at, message);
    Some(finding.help("set `sni` to a host of the gateway's server, or have the server take `*` of its namespace"))
}

/// Whether some destination rule for a host has a subset, whoever sees it.
fn has_subset(estate: &Estate<'_>, host: &str, subset: &str) -> bool {
    let rules = estate.mesh.destination_rules.iter().filter(|rule| rule.host == host);
    rules.flat_map(|rule| &rule.subsets).any(|(name, _)| name.value == subset)
}

fn unknown_subset(subset: Text<'_>, host: &str, namespace: &str) -> Finding {
    let message =
        format!("no destination rule that proxies in `{namespace}` see for `{host}` has the subset `{subset}`");
    let help = "define the subset in a destination rule of the host that is exported to these proxies";
    RULE.finding("subset", subset.at, message).help(help)
}
