//! DN04: whatever the rules say, names can be asked for, and data travels in names.
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Match;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "dns-tunnel-residual",
    topic: "dns",
    summary: "recursive DNS remains a way out of every cluster",
    severity: Severity::Info,
    confidence: Confidence::High,
    controls: &["nsa-cisa:network-separation"],
    needs: &[crate::model::Layer::Firewall],
    page: include_str!("../../../rules/dns/dns-tunnel-residual.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for cluster in &audit.estate.clusters {
        let own = |networks: &[crate::model::Link<'_>]| {
            cluster.network.as_ref().is_some_and(|network| networks.iter().any(|other| other.is(network) == Match::Yes))
        };
        // Only where names are answered by a policy is anything in the way.
        if audit.estate.dns.response_policies.iter().any(|policy| own(&policy.networks)) {
            continue;
        }
        let message =
            format!("pods of cluster `{}` can send data out in the names that they ask DNS for", cluster.name);
        findings.push(
            RULE.finding("residual", cluster.name.at, message)
                .help("log the network's DNS, and answer only the names that are needed with a response policy"),
        );
    }
}
