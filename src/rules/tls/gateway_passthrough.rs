//! MT02: a listener of the egress gateway forwards TLS that it cannot read.

use crate::analysis::authorization::rulings;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Condition, Server, ServerMode};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-passthrough",
    topic: "tls",
    summary: "a listener of the egress gateway forwards TLS that it cannot read",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:4.2.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/tls/gateway-passthrough.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for gateway in audit.estate.mesh.gateways.iter().filter(|gateway| gateway.egress) {
        let opaque = |server: &&Server<'_>| server.mode == ServerMode::Passthrough && !server.mode_defaulted;
        for server in gateway.servers.iter().filter(opaque) {
            let message = format!(
                "{} of egress gateway `{}` forwards TLS unread, so it knows neither the client nor the request",
                server.describe(),
                gateway.name.value
            );
            let finding = RULE.finding("passthrough", server.mode_at, message);
            let finding = match relying(server, audit) {
                Some(test) => finding.severity(Severity::High).see(test.at, "this condition can never be met there"),
                None => finding,
            };
            findings.push(finding.help("let workloads send plain HTTP, and let the gateway originate TLS"));
        }
    }
}

/// A condition of an enforced policy that speaks of this listener and needs what it cannot see.
fn relying<'e>(server: &Server<'_>, audit: &'e Audit<'_>) -> Option<&'e Condition<'e>> {
    let rulings = rulings(audit.estate, &audit.facts.egress);
    let here = rulings
        .into_iter()
        .filter(|ruling| ruling.clause.ports().is_some() && ruling.servers.iter().any(|one| one.at == server.at));
    let mut tests = here.flat_map(|ruling| ruling.clause.tests());
    tests.find(|test| test.attribute.is_identity() || test.attribute.is_of_request())
}
