//! SC07: init containers run before the proxy, so nothing that they send is captured.

use crate::analysis::capture::{Startup, StartupKind};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Match;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "uncaptured-init-container",
    topic: "capture",
    summary: "an init container runs before its pod's proxy does",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/capture/uncaptured-init-container.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for (index, workload) in audit.estate.tenants() {
        if let Some(startup) = &audit.facts.capture[index].startup {
            findings.extend(finding(startup, &audit.estate.display(workload), audit));
        }
    }
    let cni = &audit.estate.mesh.injection.cni;
    if let Some(at) = cni.repair_off.filter(|_| cni.installed != Match::No) {
        let message = "pods that start on a new node before the mesh's network plugin is there stay as they are";
        findings.push(
            RULE.finding("cni-race", at, message)
                .severity(Severity::Low)
                .help("let the plugin repair such pods (`repair.enabled: true`)"),
        );
    }
}

fn finding(startup: &Startup<'_>, name: &str, audit: &Audit<'_>) -> Option<Finding> {
    let first = *startup.containers.first()?;
    let who = format!("init container `{first}` of `{name}` runs");
    let (variant, message, severity) = match startup.kind {
        StartupKind::Uncaptured if startup.certain => {
            ("before-redirection", format!("{who} before anything is redirected to its proxy"), Severity::Medium)
        }
        StartupKind::Uncaptured if startup.native == Match::No => (
            "before-redirection",
            format!("{who} before anything is redirected to its proxy, unless the mesh's network plugin does that"),
            Severity::Medium,
        ),
        StartupKind::Uncaptured => (
            "before-redirection",
            format!(
                "{who} before anything is redirected to its proxy, unless proxies start first, as from Istio 1.27 on"
            ),
            Severity::Medium,
        ),
        StartupKind::Refused => {
            ("before-proxy", format!("{who} before its proxy is there, so its connections are refused"), Severity::Low)
        }
    };
    let confidence = if startup.certain { Confidence::Medium } else { Confidence::Low };
    let finding = RULE.finding(variant, first.at, message).severity(severity).confidence(confidence);
    let others = startup.containers.iter().skip(1).take(4);
    let finding = others.fold(finding, |finding, other| finding.see(other.at, format!("so does `{other}`")));
    let version = audit.estate.mesh.version.at;
    let finding = version.into_iter().fold(finding, |finding, at| finding.see(at, "the version of Istio"));
    Some(finding.help("have proxies start first (native sidecars: `ENABLE_NATIVE_SIDECARS`, or Istio 1.27 and later)"))
}
