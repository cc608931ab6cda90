//! MT05: the egress gateway sends requests to hosts outside in plain text.

use std::collections::BTreeMap;

use crate::analysis::tls::{Departure, departures};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{ClientMode, PortProtocol, RouteKind};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "missing-tls-origination",
    topic: "tls",
    summary: "the egress gateway sends requests to a host outside in plain text",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:4.2.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/tls/missing-tls-origination.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut found: BTreeMap<Location, Finding> = BTreeMap::new();
    for departure in departures(audit.estate, &audit.facts.egress) {
        if let Some(finding) = finding(&departure) {
            found.entry(finding.at).or_insert(finding);
        }
    }
    findings.extend(found.into_values());
}

fn finding(departure: &Departure<'_, '_>) -> Option<Finding> {
    let Departure { view, destination, port, proxy, .. } = departure;
    let sends_requests = departure.route.kind == RouteKind::Http && departure.server.reads_requests();
    // Where other settings are in the way, or the mode is left out, another rule says so.
    if !sends_requests || view.lost.is_some() || view.subset_missing || view.tls.is_some_and(|tls| tls.defaulted) {
        return None;
    }
    let is_off = match view.tls {
        Some(tls) if tls.mode == ClientMode::Disable => true,
        Some(_) => return None,
        None => false,
    };
    let number = port.and_then(|port| port.target).or(port.map(|port| port.number)).or(destination.port)?;
    let wants_tls = number == 443 || port.is_some_and(|port| port.protocol == PortProtocol::Tls);
    let way = format!("egress gateway `{}` sends requests for `{}`", proxy.name.value, destination.host);
    let help = "set `tls.mode: SIMPLE` for the port that the route uses in a destination rule that the gateway sees";
    let (variant, at, message) = match view.tls.filter(|_| is_off) {
        Some(tls) => ("disabled", tls.at, format!("{way} to port {number} in plain text: TLS is switched off")),
        None if wants_tls => {
            let at = view.absent_at.unwrap_or(destination.host_at);
            ("missing", at, format!("{way} in plain text to port {number}, which expects TLS"))
        }
        None => ("cleartext", destination.host_at, format!("{way} to port {number} in plain text")),
    };
    let severity = if wants_tls { Severity::High } else { Severity::Medium };
    let finding = RULE.finding(variant, at, message).severity(severity).help(help);
    Some(finding.see(port.map_or(departure.entry.name.at, |port| port.at), "the port of the host as the mesh knows it"))
}
