//! MR09: sidecars send to an external host themselves, instead of by way of the egress gateway.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::routing::{Doubt, Flow, Target, Unrouted, Way, is_google};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Destination, RouteKind, VirtualService};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "route-skips-gateway",
    topic: "routing",
    summary: "sidecars send to an external host themselves, and not through the egress gateway",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/routing/route-skips-gateway.md"),
    check,
};

/// What is wrong at one place, and whose sidecars do it.
struct Fault<'a> {
    /// What they send where, and why.
    what: String,
    /// The virtual service that says so.
    by: Option<&'a VirtualService<'a>>,
    doubt: Option<Doubt>,
    namespaces: BTreeSet<&'a str>,
    workloads: BTreeSet<usize>,
}

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    // Without an egress gateway in the input there is nothing to skip, unless there is none for certain.
    if audit.facts.egress.proxies.is_empty() && !audit.estate.evidence.mesh_is_complete() {
        return;
    }
    let mut faults: BTreeMap<(Location, &'static str), Fault<'_>> = BTreeMap::new();
    for flow in audit.facts.routing.flows.iter().filter(|flow| !is_google(flow.host.value)) {
        let client = &audit.facts.routing.clients[flow.client];
        for way in flow.ways.iter().filter(|way| way.to.is_direct()) {
            let Some((at, variant, fault)) = fault(flow, way) else { continue };
            let known = faults.entry((at, variant)).or_insert(fault);
            // What is certain for one client is so for the finding.
            known.doubt = known.doubt.min(way.doubt);
            known.namespaces.insert(client.namespace);
            known.workloads.extend(&client.workloads);
        }
    }
    findings.extend(faults.into_iter().map(|((at, variant), fault)| finding(at, variant, &fault, audit)));
}

fn fault<'a>(flow: &Flow<'a>, way: &Way<'a>) -> Option<(Location, &'static str, Fault<'a>)> {
    let (host, port) = (flow.host, flow.port.number);
    let by = way.by.map(|(service, _)| service);
    let (at, variant, what, by) = match way.to {
        Target::Host(Unrouted::NoVirtualService) => {
            let what = format!("send to `{host}` themselves: no virtual service takes it to the egress gateway");
            (host.at, "no-vs", what, None)
        }
        Target::Host(Unrouted::NotKnown(service)) => {
            let what = format!("send to `{host}` themselves: they do not know virtual service `{}`", service.name);
            (host.at, "not-imported", what, Some(service))
        }
        Target::Host(Unrouted::NotCovered(service, kind)) => {
            let variant = if kind == RouteKind::Tls { "tls-uncovered" } else { "port-uncovered" };
            let list = kind.as_str();
            let lacks = match way.partial {
                true => format!("virtual service `{}` has a `{list}` route for a part of it alone", service.name),
                false => format!("virtual service `{}` has no `{list}` route for it", service.name),
            };
            (flow.port.at, variant, format!("send to port {port} of `{host}` themselves: {lacks}"), Some(service))
        }
        Target::Outside(to) => {
            let same =
                |other: &Way<'_>| other.by.map(|(service, _)| service.name.at) == by.map(|service| service.name.at);
            let is_rest = flow.ways.iter().any(|other| same(other) && matches!(other.to, Target::Gateway(..)));
            let (variant, what) = match (way.partial, is_rest) {
                (true, _) => ("partial-match", "some of what is meant for"),
                (false, true) => ("partial-match", "the rest of what is meant for"),
                (false, false) => ("dest-external", "what is meant for"),
            };
            (to.host_at, variant, format!("send {what} `{host}` {} themselves", named(to, host.value)), by)
        }
        Target::Mirror(to) => {
            let what = format!("send a copy of what is meant for `{host}` {} themselves", named(to, host.value));
            (to.host_at, "mirror", what, by)
        }
        Target::Gateway(..) | Target::Elsewhere(_) => return None,
    };
    let fault = Fault { what, by, doubt: way.doubt, namespaces: BTreeSet::new(), workloads: BTreeSet::new() };
    Some((at, variant, fault))
}

fn named(to: &Destination<'_>, host: &str) -> String {
    if to.host == host { "there".to_owned() } else { format!("to `{}`", to.host) }
}

fn finding(at: Location, variant: &'static str, fault: &Fault<'_>, audit: &Audit<'_>) -> Finding {
    const NAMED: usize = 3;
    let mut namespaces: Vec<String> = fault.namespaces.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = fault.namespaces.len().saturating_sub(NAMED);
    namespaces.extend((more > 0).then(|| format!("{more} more")));
    let service = fault.by.map(|service| service.name);
    let doubt = match (fault.doubt, service) {
        (Some(Doubt::Age), Some(name)) => format!(", if `{name}` is the oldest one for the host"),
        (Some(Doubt::Copy), Some(name)) => format!(", if this is the `{name}` of several that is applied"),
        (Some(Doubt::Version), Some(name)) => {
            format!(", if Istio is older than 1.18 and `{name}` the oldest one for the host")
        }
        _ => String::new(),
    };
    let message = format!("the sidecars of {} {}{doubt}", namespaces.join(", "), fault.what);
    let finding = RULE.finding(variant, at, message);
    let finding = if fault.doubt.is_some() { finding.confidence(Confidence::Medium) } else { finding };
    let finding = match service {
        Some(name) if name.at != at => finding.see(name.at, "this virtual service"),
        _ => finding,
    };
    let workloads: Vec<usize> = fault.workloads.iter().copied().collect();
    let help = "route every port of the host to the gateway for `mesh`: with `http` routes, and `tls` or `tcp` ones where it speaks those";
    audit.name_workloads(finding, &workloads, "sends there itself").help(help)
}
