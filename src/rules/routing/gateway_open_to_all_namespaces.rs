//! MR14: an egress gateway takes virtual services from every namespace.

use crate::analysis::routing::{Admitted, admissions};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Gateway;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-open-to-all-namespaces",
    topic: "routing",
    summary: "an egress gateway takes routes from every namespace",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.2.8"],
    needs: &[],
    page: include_str!("../../../rules/routing/gateway-open-to-all-namespaces.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let gateways = audit.estate.mesh.gateways.iter().filter(|gateway| gateway.egress);
    findings.extend(gateways.filter_map(open));
}

fn open(gateway: &Gateway<'_>) -> Option<Finding> {
    let all = gateway.servers.iter().flat_map(|server| admissions(server, gateway).map(move |one| (server, one)));
    let mut open = all.filter(|(_, one)| one.from == Admitted::Anybody);
    let (server, first) = open.next()?;
    let (listener, name) = (server.describe(), gateway.name);
    if gateway.of_gateway_api {
        let message = format!("{listener} of egress gateway `{name}` lets the routes of every namespace bind");
        let help = "leave `from` out, which means the gateway's own namespace, or select the namespaces that are meant";
        return Some(RULE.finding("gateway-api", first.at, message).help(help));
    }
    let host = first.host;
    let written = server.hosts.iter().find(|host| host.at == first.at).map_or(host.as_str(), |host| host.value);
    let message = format!(
        "`{written}` on {listener} of egress gateway `{name}` lets the virtual services of every namespace bind"
    );
    let help = format!("name the namespace whose routes count, as in `{}/{host}`", gateway.namespace);
    let finding = RULE.finding("hosts", first.at, message).help(help);
    Some(open.fold(finding, |finding, (server, other)| {
        finding.see(other.at, format!("so does the one for `{}` on {}", other.host, server.describe()))
    }))
}
