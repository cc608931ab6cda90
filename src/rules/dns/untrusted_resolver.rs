//! DN03: a pod or a network asks resolvers that the estate does not control.
use crate::analysis::destinations::internet;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Text;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "untrusted-resolver",
    topic: "dns",
    summary: "names are resolved by servers outside of the estate",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.2.8", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/dns/untrusted-resolver.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for policy in &audit.estate.dns.policies {
        if let Some(server) = policy.written.servers.items.iter().find(|server| is_public(server)) {
            let message = format!("`{}` has the network ask the public resolver `{server}`", policy.name);
            findings.push(RULE.finding("stub-domain", server.at, message).help(HELP));
        }
    }
    for (_, workload) in audit.estate.tenants() {
        let dns = &workload.pod.dns;
        let own = dns.policy.is_some_and(|policy| policy.value == "None");
        if let Some(server) = dns.servers.iter().find(|server| own && is_public(server)) {
            let message = format!(
                "`{}` asks the public resolver `{server}` instead of the cluster's",
                audit.estate.display(workload)
            );
            findings.push(RULE.finding("pod-dns", server.at, message).help(HELP));
        }
    }
}

const HELP: &str = "resolve names with the cluster's DNS and the network's own resolver alone";

fn is_public(server: &Text<'_>) -> bool {
    server.value.parse().is_ok_and(|address| internet().contains(address))
}
