//! PA09: a policy lets a workload reach a host through the gateway, and something on the way does not.

use std::collections::BTreeMap;

use crate::finding::{Confidence, Decision, Finding, Parts, Severity};
use crate::model::Layer;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "intended-path-broken",
    topic: "path",
    summary: "a workload that a policy lets reach a host through the egress gateway cannot",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &[],
    needs: &[Layer::Mesh, Layer::Authorization],
    page: include_str!("../../../rules/path/intended-path-broken.md"),
    check,
};

/// What breaks a way that is meant to be open.
const PARTS: &[&str] = &[
    "required-flow-blocked",
    "asymmetric-network-policy",
    "essential-flow-denied",
    "broken-gateway-hop",
    "missing-istio-mutual",
    "destination-rule-drops-tls",
    "gateway-without-mutual-tls",
    "policy-never-matches",
    "identity-without-mtls",
    "policy-route-drift",
    "double-tls",
    "service-entry-overexported/unexported-to-gateway",
    "gateway-placement-loose/toleration",
    "workload-outside-mesh",
];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    // Once for each namespace and host.
    let mut told: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    let broken = &audit.facts.exits.broken;
    for (index, path) in broken.iter().enumerate() {
        let namespace = audit.estate.namespace_of(&audit.estate.workloads[path.workload]).name;
        let known = told.entry((namespace, path.host.as_str())).or_insert((index, 0));
        known.1 += 1;
    }
    for (index, count) in told.into_values() {
        let path = &broken[index];
        let workload = &audit.estate.workloads[path.workload];
        let hops = path.exit.witness(path.workload, audit.estate, audit.facts);
        let Some(failing) = hops.iter().find(|hop| hop.decision == Decision::Deny) else { continue };
        let more = match count - 1 {
            0 => String::new(),
            1 => ", as is 1 more workload of its namespace".to_owned(),
            more => format!(", as are {more} more workloads of its namespace"),
        };
        let message = format!(
            "`{}` is let through to `{}` by `{}`, and does not get there: {}{more}",
            audit.estate.display(workload),
            path.host,
            path.policy,
            failing.reason,
        );
        let about = hops.iter().map(|hop| hop.at).chain([workload.name.at, path.policy_at]).collect();
        let finding = RULE.finding(path.breaks_at().as_str(), failing.at, message);
        let finding = finding.see(path.policy_at, "the policy that lets it through").witness(hops);
        let parts = Parts { rules: PARTS, about, yields: false };
        findings.push(finding.made_of(parts).help("mend the hop that fails, or take the host out of the policy"));
    }
}
