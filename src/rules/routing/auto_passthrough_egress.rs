//! MR16: a listener of the egress gateway forwards by the name in TLS alone, past authorization.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::ServerMode;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "auto-passthrough-egress",
    topic: "routing",
    summary: "a listener of the egress gateway forwards to whatever service the client names, without authorization",
    severity: Severity::Critical,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2"],
    needs: &[],
    page: include_str!("../../../rules/routing/auto-passthrough-egress.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for &index in &audit.facts.routing.gateways {
        let gateway = &audit.estate.mesh.gateways[index];
        for server in gateway.servers.iter().filter(|server| server.mode == ServerMode::AutoPassthrough) {
            let message = format!(
                "{} of egress gateway `{}` forwards to whatever service the client names, and no authorization policy holds there",
                server.describe(),
                gateway.name.value
            );
            let help = "give east-west traffic a gateway of its own, and use ISTIO_MUTUAL with routes here";
            findings.push(RULE.finding("server", server.mode_at, message).help(help));
        }
    }
}
