//! RB04: somebody who is no administrator has a right by which they get more than they were given.

use crate::analysis::access::{Escalation, Holding, kinds};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Layer;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "tenant-escalation",
    topic: "access",
    summary: "somebody who is no administrator has a right that turns into more than they were given",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["cis-gke:4.1.1", "cis-gke:4.1.3", "pci-dss-4.0:7.2.5", "nsa-cisa:authentication-and-authorization"],
    needs: &[Layer::Access],
    page: include_str!("../../../rules/access/tenant-escalation.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let access = &audit.facts.access;
    for (escalation, holding) in access.sorted_holdings(|grant, rule| access.escalations(grant, rule)) {
        findings.push(finding(escalation, &holding, audit));
    }
}

fn finding(escalation: Escalation, holding: &Holding<'_>, audit: &Audit<'_>) -> Finding {
    let access = &audit.facts.access;
    let who = access.who(&holding.grants);
    let (variant, means) = words(escalation);
    // Rights on what stands in no namespace hold nowhere in particular.
    let place = match access.place(&holding.grants) {
        place if escalation.is_about_namespaces() => format!(" in {place}"),
        _ => String::new(),
    };
    let by = holding.builtin.map(|role| format!(", by the built-in role `{role}`")).unwrap_or_default();
    let what =
        if escalation == Escalation::Everything { String::new() } else { format!(" ({})", kinds(&holding.what)) };
    let message = format!("{who} {means}{place}{by}{what}");
    let confidence = if access.is_certain(holding) { Confidence::Medium } else { Confidence::Low };
    let finding = RULE.finding(variant, holding.at, message).confidence(confidence).help(HELP);
    access.bindings_of(holding).into_iter().fold(finding, |finding, label| finding.see(label.at, label.message))
}

const HELP: &str =
    "take the verb or the resource out of the role, or name the subject under `admins` if it administers the cluster";

/// The variant of an escalation, and what somebody gets by it.
fn words(escalation: Escalation) -> (&'static str, &'static str) {
    match escalation {
        Escalation::Everything => ("wildcard", "may do everything"),
        Escalation::Roles => ("escalate", "may grant rights beyond their own"),
        Escalation::Impersonation => ("impersonate", "may act as somebody else"),
        Escalation::Tokens => ("token", "may make tokens of the platform's accounts"),
        Escalation::Accounts => ("service-account", "may act as an account of the platform or of an administrator"),
        Escalation::Namespaces => ("namespace", "may change labels of namespaces"),
        Escalation::Scheduling => ("scheduling", "may place pods past the scheduler"),
        Escalation::Nodes => ("node", "may change taints and labels of nodes"),
        Escalation::Proxy => ("proxy", "may reach servers through the API server"),
        Escalation::Exec => ("exec", "may enter pods of the gateway or the platform"),
        Escalation::Ephemeral => ("ephemeral", "may add containers to running pods"),
        Escalation::Webhooks => ("webhook", "may change who is asked at admission"),
        Escalation::Definitions => ("definition", "may change the definitions of kinds"),
        Escalation::Secrets => ("secret", "may read keys of the gateway or the platform"),
        Escalation::Certificates => ("certificate", "may approve client certificates"),
    }
}
