//! MT06: TLS towards a host outside does not check whom it speaks to.

use crate::analysis::tls::{Departure, departures};
use crate::finding::{Confidence, Finding, Fix, Severity};
use crate::model::{ClientTls, DestinationRule, Match, Role, Visibility};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "unverified-tls-origination",
    topic: "tls",
    summary: "a proxy starts TLS without checking the server's certificate",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:4.2.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/tls/unverified-tls-origination.md"),
    check,
};

/// The version from which proxies check certificates, names and all, unless they are told not to (semantics C.13).
const VERIFIES: (u32, u32) = (1, 21);

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let departures = departures(audit.estate, &audit.facts.egress);
    for rule in &audit.estate.mesh.destination_rules {
        let blocks = rule.blocks().filter(|(_, tls)| tls.mode.originates());
        findings.extend(blocks.filter_map(|(_, tls)| finding(rule, &tls, &departures, audit)));
    }
}

/// What is wrong with one block of settings: the worst of it.
fn finding(
    rule: &DestinationRule<'_>,
    tls: &ClientTls<'_>,
    departures: &[Departure<'_, '_>],
    audit: &Audit<'_>,
) -> Option<Finding> {
    let verifies = audit.estate.mesh.version.at_least(VERIFIES.0, VERIFIES.1);
    let name = format!("destination rule `{}`", rule.name.value);
    let host = &rule.host;
    let which = match verifies {
        Match::Unknown => " before 1.21, and the input does not say which version runs",
        _ => " before 1.21",
    };
    if let Some(at) = tls.skip_verify {
        let message = format!("{name} takes any certificate for `{host}`");
        let help = "remove `insecureSkipVerify`, and name the authority in `caCertificates`";
        let fix = tls.authority.map(|_| Fix::set(at, "false").titled("check the server's certificate"));
        return Some(RULE.finding("skip-verify", at, message).confidence(Confidence::High).help(help).fix(fix));
    }
    if let Some(credential) = tls.credential.filter(|_| is_for_sidecars(rule, departures, audit)) {
        let message = format!(
            "{name} keeps its certificates in a secret that sidecars do not read, so they set up no TLS for `{host}`"
        );
        let help = "mount the certificates and name them by path, or select the workloads with `workloadSelector`";
        return Some(RULE.finding("credential-ignored", credential.at, message).help(help));
    }
    if tls.authority.is_none() && tls.credential.is_none() {
        let help = "name the authority in `caCertificates`, the server in `sni` and `subjectAltNames`";
        let (severity, message) = match verifies {
            Match::Yes => (
                Severity::Low,
                format!("{name} names no authority for `{host}`, so every one that the system trusts may vouch for it"),
            ),
            _ => (
                Severity::High,
                format!("{name} names no authority for `{host}`, so any certificate is taken in Istio{which}"),
            ),
        };
        return Some(RULE.finding("no-ca", tls.block_at, message).severity(severity).help(help));
    }
    if verifies == Match::Yes {
        return None;
    }
    let (variant, severity, message, help) = if tls.names.is_none() {
        let message = format!(
            "{name} does not name the server, so any certificate of the authority is taken for `{host}` in Istio{which}"
        );
        ("no-san", Severity::Medium, message, "name the server in `subjectAltNames`")
    } else if tls.sni.is_none() {
        let message = format!("{name} does not tell `{host}` which certificate to show in Istio{which}");
        ("no-sni", Severity::Low, message, "name the server in `sni`")
    } else {
        return None;
    };
    Some(RULE.finding(variant, tls.block_at, message).severity(severity).help(help))
}

/// Whether sidecars are the ones that use a rule: only gateways, and workloads that a rule selects, read secrets. Where a
/// gateway sends to the host, the rule is the gateway's.
fn is_for_sidecars(rule: &DestinationRule<'_>, departures: &[Departure<'_, '_>], audit: &Audit<'_>) -> bool {
    let is_seen = match &rule.visibility {
        Visibility::Everywhere => true,
        seen @ Visibility::Namespaces(_) => {
            let mut tenants = audit.estate.namespaces.iter().filter(|namespace| namespace.role == Role::Tenant);
            tenants.any(|namespace| seen.from(namespace.name))
        }
    };
    let of_gateway = departures.iter().any(|one| one.view.rule.is_some_and(|used| used.name.at == rule.name.at));
    rule.workload_selector.is_none() && is_seen && !of_gateway
}
