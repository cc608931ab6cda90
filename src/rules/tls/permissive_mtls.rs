//! MT08: workloads take connections without a certificate of the mesh.

use std::collections::BTreeMap;

use crate::analysis::capture::Injection;
use crate::analysis::tls::peer_rule;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Namespace, PeerAuthentication, PeerMode, Role};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "permissive-mtls",
    topic: "tls",
    summary: "workloads take connections that show no certificate of the mesh",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:4.2.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/tls/permissive-mtls.md"),
    check,
};

const HELP: &str = "set `mtls.mode: STRICT` for the whole mesh, in the root namespace";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let estate = audit.estate;
    // A policy for the mesh may be in another repository: its absence tells something only where policies or the mesh's
    // own configuration are in the input.
    let is_judged =
        !estate.mesh.peer_authentications.is_empty() || estate.mesh.configured || estate.evidence.mesh_is_complete();
    let mut set: BTreeMap<Location, (&PeerAuthentication<'_>, PeerMode, Vec<&str>)> = BTreeMap::new();
    for namespace in estate.namespaces.iter().filter(|namespace| namespace.role != Role::System) {
        let rule = peer_rule(estate, namespace.name);
        if matches!(rule.mode, PeerMode::Strict | PeerMode::Unknown) {
            continue;
        }
        match rule.set {
            Some((policy, at)) => {
                set.entry(at).or_insert((policy, rule.mode, Vec::new())).2.push(namespace.name);
            }
            None if is_judged && has_sidecars(namespace, audit) => findings.push(of_nothing(namespace)),
            None => {}
        }
    }
    findings.extend(set.iter().map(|(at, (policy, mode, names))| of_policy(*at, policy, *mode, names)));
    let is_owned = |policy: &&PeerAuthentication<'_>| {
        policy.selector.is_some() && estate.namespace(policy.namespace).is_some_and(|own| own.role != Role::System)
    };
    for policy in estate.mesh.peer_authentications.iter().filter(is_owned) {
        findings.extend(of_workloads(policy));
    }
}

fn is_open(mode: PeerMode) -> bool {
    matches!(mode, PeerMode::Permissive | PeerMode::Disable)
}

/// Whether workloads of the namespace have a proxy that the mode governs: gateways' listeners have their own.
fn has_sidecars(namespace: &Namespace<'_>, audit: &Audit<'_>) -> bool {
    let workloads = audit.estate.workloads.iter().zip(&audit.facts.capture);
    workloads.into_iter().any(|(workload, capture)| {
        let is_in = matches!(capture.injection, Injection::In { .. } | Injection::Ambient { .. });
        audit.estate.namespace_of(workload).name == namespace.name && !workload.is_gateway && is_in
    })
}

fn of_nothing(namespace: &Namespace<'_>) -> Finding {
    let message = format!(
        "no peer authentication holds for namespace `{}`, so its workloads take plain text as well as mutual TLS",
        namespace.name
    );
    RULE.finding("unset", namespace.at.at, message).help(HELP)
}

/// What a mode that is not strict lets in.
fn taken(mode: PeerMode) -> &'static str {
    match mode {
        PeerMode::Disable => "take plain text alone",
        _ => "take plain text as well as mutual TLS",
    }
}

fn of_policy(at: Location, policy: &PeerAuthentication<'_>, mode: PeerMode, namespaces: &[&str]) -> Finding {
    let named: Vec<String> = namespaces.iter().take(5).map(|name| format!("`{name}`")).collect();
    let message =
        format!("peer authentication `{}` lets workloads in {} {}", policy.name.value, named.join(", "), taken(mode));
    let variant = if mode == PeerMode::Disable { "disabled" } else { "permissive" };
    RULE.finding(variant, at, message).help(HELP)
}

/// What a policy for certain workloads makes of them and of their ports.
fn of_workloads(policy: &PeerAuthentication<'_>) -> Vec<Finding> {
    let name = policy.name.value;
    let whole = policy.mode.filter(|(mode, _)| is_open(*mode)).map(|(mode, at)| {
        let message = format!("peer authentication `{name}` lets the workloads that it selects {}", taken(mode));
        RULE.finding("workload", at, message).help("remove the exception, or set STRICT in it")
    });
    let port = |(port, mode, at): &(i64, PeerMode, Location)| {
        let message =
            format!("peer authentication `{name}` lets port {port} of the workloads that it selects {}", taken(*mode));
        let finding = RULE.finding("port-level", *at, message).severity(Severity::Low);
        finding.help("keep the exception to ports that probes use, and guard them with a network policy")
    };
    whole.into_iter().chain(policy.ports.iter().filter(|(_, mode, _)| is_open(*mode)).map(port)).collect()
}
