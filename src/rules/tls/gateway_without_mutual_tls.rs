//! MT01: a listener of the egress gateway does not ask clients for a certificate of the mesh.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Gateway, Server, ServerMode};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-without-mutual-tls",
    topic: "tls",
    summary: "a listener of the egress gateway does not ask clients for a certificate of the mesh",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:4.2.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/tls/gateway-without-mutual-tls.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for gateway in audit.estate.mesh.gateways.iter().filter(|gateway| gateway.egress) {
        findings.extend(gateway.servers.iter().filter_map(|server| finding(gateway, server)));
    }
}

fn finding(gateway: &Gateway<'_>, server: &Server<'_>) -> Option<Finding> {
    let listener = format!("{} of egress gateway `{}`", server.describe(), gateway.name.value);
    let (variant, at, message) = match server.mode {
        ServerMode::Plaintext => {
            ("plaintext", server.mode_at, format!("{listener} takes plain text, so it cannot tell who the client is"))
        }
        ServerMode::Passthrough if server.mode_defaulted => {
            ("default-mode", server.mode_at, format!("{listener} has `tls` without a mode, which means PASSTHROUGH"))
        }
        ServerMode::Simple => ("simple", server.mode_at, format!("{listener} asks clients for no certificate")),
        ServerMode::OptionalMutual => {
            ("optional-mutual", server.mode_at, format!("{listener} lets clients leave their certificate out"))
        }
        ServerMode::Mutual => {
            let authority = server.own_authority?;
            let message =
                format!("{listener} trusts another authority than the mesh's, so identities may not be the mesh's");
            ("external-ca", authority.at, message)
        }
        _ => return None,
    };
    let confidence = if variant == "external-ca" { Confidence::Medium } else { Confidence::High };
    let finding = RULE.finding(variant, at, message).confidence(confidence);
    Some(match server.ignored_tls {
        Some(ignored) => finding
            .see(ignored, "TLS settings count where the protocol is HTTPS or TLS")
            .help("set `protocol: HTTPS` on the listener"),
        None => finding.help("set `tls.mode: ISTIO_MUTUAL` on the listener"),
    })
}
