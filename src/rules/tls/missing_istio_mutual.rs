//! MT03: clients do not use the mesh's mutual TLS towards the egress gateway.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::egress::EgressProxy;
use crate::analysis::tls::client_view;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{ClientMode, Estate, GatewayReference, Role, Server, ServerMode, VirtualService};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "missing-istio-mutual",
    topic: "tls",
    summary: "sidecars do not use the mesh's mutual TLS towards the egress gateway",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:4.2.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/tls/missing-istio-mutual.md"),
    check,
};

/// What clients do at one place, and which of them.
struct Fault<'a> {
    variant: &'static str,
    what: String,
    clients: BTreeSet<&'a str>,
}

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut faults: BTreeMap<Location, Fault<'_>> = BTreeMap::new();
    for proxy in audit.facts.egress.proxies.iter().filter(|proxy| !is_labelled(proxy)) {
        for service in &audit.estate.mesh.virtual_services {
            through(service, proxy, audit.estate, &mut faults);
        }
    }
    for (at, Fault { variant, what, clients }) in faults {
        let clients: Vec<String> = clients.into_iter().take(5).map(|client| format!("`{client}`")).collect();
        let message =
            format!("clients in {} reach the egress gateway without the mesh's mutual TLS: {what}", clients.join(", "));
        let help = "set `tls.mode: ISTIO_MUTUAL` for the gateway's host, in the port or subset that the route uses";
        findings.push(RULE.finding(variant, at, message).help(help));
    }
}

/// Pods that carry the label of a sidecar's are spoken to with mutual TLS without a rule.
fn is_labelled(proxy: &EgressProxy<'_>) -> bool {
    let mode = proxy.labels.and_then(|labels| labels.get("security.istio.io/tlsMode"));
    proxy.workload.is_some() && mode.is_some_and(|mode| mode.value == "istio")
}

/// Looks at each way by which sidecars send to the gateway, as each client namespace sees it.
fn through<'e>(
    service: &VirtualService<'e>,
    proxy: &EgressProxy<'e>,
    estate: &'e Estate<'e>,
    faults: &mut BTreeMap<Location, Fault<'e>>,
) {
    for route in &service.routes {
        if !service.taken_by(route).any(|(taker, _)| taker == GatewayReference::Mesh) {
            continue;
        }
        for destination in route.destinations.iter().filter(|to| proxy.hosts.contains(to.host.as_str())) {
            if !needs_identity(destination.port, proxy, estate) {
                continue;
            }
            for client in clients(service, estate) {
                let subset = destination.subset.map(|subset| subset.value);
                let view = client_view(estate, client, &destination.host, (destination.port, subset));
                let (variant, at, what) = match view.tls {
                    Some(tls) if tls.mode == ClientMode::IstioMutual || tls.mode == ClientMode::Unknown => continue,
                    Some(tls) if tls.defaulted => {
                        ("defaulted", tls.at, "`tls` without a mode means DISABLE".to_owned())
                    }
                    Some(tls) if tls.mode == ClientMode::Disable => {
                        ("disabled", tls.at, "the mode is `DISABLE`".to_owned())
                    }
                    Some(tls) => (
                        "simple",
                        tls.at,
                        format!("the mode is `{}`, which presents no identity of the mesh", tls.mode.as_str()),
                    ),
                    None => match view.rule {
                        Some(rule) => (
                            "missing",
                            view.absent_at.unwrap_or(rule.host_at),
                            format!("destination rule `{}` sets no TLS here", rule.name.value),
                        ),
                        None => (
                            "missing",
                            destination.host_at,
                            format!("no destination rule for `{}` holds for them", destination.host),
                        ),
                    },
                };
                let fault = faults.entry(at).or_insert_with(|| Fault { variant, what, clients: BTreeSet::new() });
                fault.clients.insert(client);
            }
        }
    }
}

/// Whether the listener on a port can know its clients at all: one that forwards TLS unread cannot.
fn needs_identity(port: Option<i64>, proxy: &EgressProxy<'_>, estate: &Estate<'_>) -> bool {
    let is_opaque = |server: &Server<'_>| matches!(server.mode, ServerMode::Passthrough | ServerMode::AutoPassthrough);
    let mut here = proxy.servers(estate).filter(|server| port.is_none() || server.port == port).peekable();
    here.peek().is_some() && here.all(|server| !is_opaque(server))
}

/// The application namespaces that see a virtual service; its own where the input has none.
fn clients<'e>(service: &VirtualService<'e>, estate: &'e Estate<'e>) -> Vec<&'e str> {
    let tenants =
        estate.namespaces.iter().filter(|namespace| namespace.role == Role::Tenant).map(|namespace| namespace.name);
    let seeing: Vec<&str> = tenants.filter(|name| service.visibility.from(name)).collect();
    if seeing.is_empty() { vec![service.namespace] } else { seeing }
}
