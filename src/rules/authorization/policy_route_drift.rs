//! AZ10: what policies allow and what the gateway has routes for are not the same.

use std::collections::BTreeMap;

use crate::analysis::authorization::{
    Decision, Held, Peer, Place, Property, Request, Ruling, intention, policies_at, rulings,
};
use crate::analysis::egress::EgressProxy;
use crate::analysis::routing;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Action, Attribute, Estate, Gateway, Role, Route, RouteKind, Server, Text, VirtualService};
use crate::rule::{Audit, Rule};
use crate::source::Location;
use crate::traffic::HostPattern;

pub(crate) static RULE: Rule = Rule {
    id: "policy-route-drift",
    topic: "authorization",
    summary: "policies and routes at the egress gateway do not speak of the same hosts",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.2.7"],
    needs: &[],
    page: include_str!("../../../rules/authorization/policy-route-drift.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let estate = audit.estate;
    let mut found: BTreeMap<Location, Finding> = BTreeMap::new();
    let rulings = rulings(estate, &audit.facts.egress);
    for ruling in rulings.iter().filter(|ruling| ruling.policy.action == Action::Allow) {
        found.extend(unrouted(ruling, estate).into_iter().map(|finding| (finding.at, finding)));
    }
    // Where no policy allows anything yet, there is nothing to compare routes with.
    let allowing = |proxy: &&EgressProxy<'_>| {
        rulings.iter().any(|one| one.proxy.name.at == proxy.name.at && one.policy.action == Action::Allow)
    };
    for proxy in audit.facts.egress.proxies.iter().filter(allowing) {
        let policies = policies_at(&Place::of_proxy(proxy), estate);
        for (gateway, server) in servers(proxy, estate) {
            let listener = Listener { proxy, policies: &policies, gateway, server };
            for service in given(proxy, gateway, estate) {
                for finding in ungranted(&listener, service, estate) {
                    found.entry(finding.at).or_insert(finding);
                }
            }
        }
    }
    findings.extend(found.into_values());
}

fn servers<'e, 'a>(
    proxy: &'e EgressProxy<'a>,
    estate: &'e Estate<'a>,
) -> impl Iterator<Item = (&'e Gateway<'a>, &'e Server<'a>)> {
    let gateways = proxy.gateways.iter().map(|&index| &estate.mesh.gateways[index]);
    gateways.flat_map(|gateway| gateway.servers.iter().map(move |server| (gateway, server)))
}

/// The virtual services that are given to a gateway of a proxy, which sees them.
fn given<'e, 'a>(
    proxy: &'e EgressProxy<'a>,
    gateway: &'e Gateway<'a>,
    estate: &'e Estate<'a>,
) -> impl Iterator<Item = &'e VirtualService<'a>> {
    let is_seen = |service: &VirtualService<'_>| proxy.namespaces.iter().any(|own| service.visibility.from(own));
    let all = estate.mesh.virtual_services.iter();
    all.filter(move |service| routing::names(service, gateway) && is_seen(service))
}

/// Hosts that a rule allows, and that nothing leads to.
fn unrouted(ruling: &Ruling<'_, '_>, estate: &Estate<'_>) -> Vec<Finding> {
    let mut routed = Vec::new();
    for (gateway, server) in servers(ruling.proxy, estate) {
        if ruling.servers.iter().any(|one| one.at == server.at) {
            let services = given(ruling.proxy, gateway, estate);
            routed.extend(services.flat_map(|service| routing::taken(server, gateway, service)));
        }
    }
    if routed.is_empty() {
        return Vec::new();
    }
    let tests = ruling.clause.tests().filter(|test| !test.negative && !test.open);
    let hosts = tests.filter(|test| matches!(test.attribute, Attribute::Host | Attribute::Sni));
    let leads = |value: &Text<'_>| {
        let name = value.value.rsplit_once(':').map_or(value.value, |(name, _)| name).to_ascii_lowercase();
        let is_prefix = name.ends_with('*') && name.len() > 1;
        is_prefix || routed.iter().any(|host| HostPattern::new(host).matches(&HostPattern::new(&name)))
    };
    let finding = |value: &Text<'_>| {
        let message =
            format!("`{}` allows `{}`, which the gateway has no route for", ruling.policy.name.value, value.value);
        RULE.finding("unrouted", value.at, message).help("remove the host, or route it through the gateway")
    };
    hosts.flat_map(|test| test.values).filter(|value| !leads(value)).map(finding).collect()
}

/// A listener of a proxy, and what is asked there.
struct Listener<'e, 'a> {
    proxy: &'e EgressProxy<'a>,
    policies: &'e [Held<'e, 'a>],
    gateway: &'e Gateway<'a>,
    server: &'e Server<'a>,
}

/// Hosts that the gateway has routes for, and that no rule allows: to anybody, or to those for whom the route is made.
fn ungranted(listener: &Listener<'_, '_>, service: &VirtualService<'_>, estate: &Estate<'_>) -> Vec<Finding> {
    let Listener { proxy, policies, gateway, server } = *listener;
    let is_of_kind = |route: &Route<'_>| (route.kind == RouteKind::Http) == server.reads_requests();
    let mut routes = service.routes.iter().filter(|route| is_of_kind(route));
    if !routes.any(|route| routing::takes(service, route, gateway, server)) {
        return Vec::new();
    }
    let taken: Vec<&str> = routing::taken(server, gateway, service).collect();
    let mut found = Vec::new();
    for host in service.hosts.iter().filter(|host| taken.contains(&host.value) && !host.value.contains('*')) {
        // Where it is not known on which port the pods listen, they are denied if they are on each.
        let is_denied = |peer| {
            let mut requests = requests(proxy, server, host.value, peer, estate);
            requests.all(|request| intention(policies, server, &request, &estate.mesh) == Decision::Deny)
        };
        if is_denied(Peer::Unknown) {
            let message = format!(
                "egress gateway `{}` has a route for `{}` on {}, which no policy allows",
                proxy.name.value,
                host.value,
                server.describe()
            );
            let finding = RULE.finding("ungranted", host.at, message);
            found.push(finding.help("allow the host to those who need it, or remove the route"));
            continue;
        }
        let tenants = service
            .export_to
            .iter()
            .filter(|one| estate.namespace(one.value).is_some_and(|namespace| namespace.role == Role::Tenant));
        for namespace in tenants {
            if is_denied(Peer::Account { namespace: namespace.value, account: None }) {
                let message = format!(
                    "`{}` is exported to `{}`, to whom no policy allows `{}` on {}",
                    service.name.value,
                    namespace.value,
                    host.value,
                    server.describe()
                );
                let finding = RULE.finding("exported", namespace.at, message);
                found.push(finding.help("export the route to those alone who may use it"));
            }
        }
    }
    found
}

/// A request for a host as the listener sees it, by its authority or by the name that TLS starts with, for each port on
/// which the pods may receive it.
fn requests<'r>(
    proxy: &EgressProxy<'_>,
    server: &Server<'_>,
    host: &'r str,
    peer: Peer<'r>,
    estate: &Estate<'_>,
) -> impl Iterator<Item = Request<'r>> + use<'r> {
    let base = if server.reads_requests() {
        Request { peer, host: Property::Is(host), ..Request::default() }
    } else {
        Request { peer, sni: Property::Is(host), ..Request::default() }
    };
    let ports = server.port.map(|port| proxy.pod_ports(port, estate)).unwrap_or_default();
    let known = ports.into_iter().filter_map(|port| u16::try_from(port).ok()).map(Property::Is);
    let known: Vec<Property<u16>> = known.collect();
    let ports = if known.is_empty() { vec![Property::Unknown] } else { known };
    ports.into_iter().map(move |port| Request { port, ..base })
}
