//! MR14: an egress gateway takes virtual services from every namespace.

use crate::analysis::routing::admission;
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
    let hosts = gateway.servers.iter().flat_map(|server| server.hosts.iter().map(move |host| (server, *host)));
    let mut open = hosts.filter(|(_, host)| admission(host.value, gateway.namespace).namespace.is_none());
    let (server, first) = open.next()?;
    let message = format!(
        "`{first}` on {} of egress gateway `{}` lets the virtual services of every namespace bind",
        server.describe(),
        gateway.name.value
    );
    let help = format!("name the namespace whose routes count, such as `{}/{first}`", gateway.namespace);
    let help = if first.value.contains('/') {
        "name the namespace whose routes count, before the slash".to_owned()
    } else {
        help
    };
    let finding = RULE.finding("hosts", first.at, message).help(help);
    Some(open.fold(finding, |finding, (server, host)| {
        finding.see(host.at, format!("so does `{host}` on {}", server.describe()))
    }))
}
