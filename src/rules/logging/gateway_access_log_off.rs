//! LG01: the egress gateway leaves no record of what passes it, or not of everything.
use crate::analysis::access_log::{AccessLog, access_log};
use crate::analysis::egress::EgressProxy;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{MeshLog, Text};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "gateway-access-log-off",
    topic: "logging",
    summary: "the egress gateway does not log what passes it, or not everything",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:10.2.1", "nsa-cisa:logging"],
    needs: &[],
    page: include_str!("../../../rules/logging/gateway-access-log-off.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut seen = Vec::new();
    for proxy in &audit.facts.egress.proxies {
        let log = access_log(proxy, audit.estate);
        let found = silent(proxy, log).or_else(|| formatted(proxy, log, audit));
        // What one setting does to several gateways is said once.
        findings.extend(found.filter(|finding| !seen.contains(&finding.at)).inspect(|finding| seen.push(finding.at)));
    }
}

fn silent(proxy: &EgressProxy<'_>, log: AccessLog<'_>) -> Option<Finding> {
    let name = proxy.name;
    let finding = match log {
        AccessLog::Full | AccessLog::Unknown => return None,
        AccessLog::Off { empty: Some(at), .. } => {
            let message = format!("the mesh names no file for access logs, so egress gateway `{name}` writes none");
            RULE.finding("off", at, message).see(name.at, "the gateway")
        }
        AccessLog::Off { empty: None, mesh } => {
            let message = format!("egress gateway `{name}` writes no access log: no file and no provider is set");
            let finding = RULE.finding("off", name.at, message);
            mesh.into_iter().fold(finding, |finding, at| finding.see(at, "the mesh's configuration leaves it out"))
        }
        AccessLog::Disabled { by, at } => {
            let message = format!("`{by}` switches off the access log of egress gateway `{name}`");
            RULE.finding("suppressed", at, message).see(name.at, "the gateway")
        }
        AccessLog::Filtered { by, at } => {
            let message = format!("`{by}` keeps only some of what passes egress gateway `{name}` in its access log");
            RULE.finding("suppressed", at, message).see(name.at, "the gateway")
        }
    };
    Some(
        finding
            .help("set `accessLogFile: /dev/stdout` for the mesh, or name a provider in a Telemetry for the gateway"),
    )
}

/// What a line must tell: who asked, for what, and where it went; each by any of the fields that say it.
const WANTED: [(&str, &[&str]); 3] = [
    ("the host asked for", &["AUTHORITY", "REQUESTED_SERVER_NAME"]),
    ("the server reached", &["UPSTREAM_HOST", "UPSTREAM_CLUSTER", "UPSTREAM_REMOTE_ADDRESS"]),
    ("the client's identity", &["DOWNSTREAM_PEER_URI_SAN", "DOWNSTREAM_PEER_SUBJECT", "x-forwarded-client-cert"]),
];

/// A format of one's own that leaves out what an investigation needs.
fn formatted(proxy: &EgressProxy<'_>, log: AccessLog<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let format = match log {
        AccessLog::Full => audit.estate.access_logs.mesh.iter().find_map(own_format)?,
        _ => return None,
    };
    let tells = |fields: &[&str]| {
        let format = format.value.to_ascii_lowercase();
        fields.iter().any(|field| format.contains(&field.to_ascii_lowercase()))
    };
    let missing: Vec<&str> = WANTED.iter().filter(|(_, fields)| !tells(fields)).map(|(what, _)| *what).collect();
    if missing.is_empty() {
        return None;
    }
    let message = format!("the format of access logs leaves out {}", missing.join(" and "));
    let finding = RULE.finding("format", format.at, message).severity(Severity::Low);
    Some(
        finding
            .see(proxy.name.at, format!("egress gateway `{}` writes it", proxy.name))
            .help("log the authority or server name, the upstream host and the peer's URI as well"),
    )
}

fn own_format<'a>(mesh: &MeshLog<'a>) -> Option<Text<'a>> {
    mesh.written.format
}
