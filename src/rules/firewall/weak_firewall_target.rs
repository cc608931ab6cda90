//! FW06: an internet allow targets everybody, a tag, or an account that is shared.
use crate::analysis::firewall::{in_network, of_one_network};
use crate::analysis::pools::reaches_internet;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, FirewallRule, Identity, Match, RuleSet, Target, Verdict};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "weak-firewall-target",
    topic: "firewall",
    summary: "a rule that allows internet egress applies to machines by a mark that others can take",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/firewall/weak-firewall-target.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let rules = &audit.estate.firewall;
    let lets_out = |rule: &&FirewallRule<'_>| {
        is_in_force(rule, Verdict::Allow) && reaches_internet(&rule.traffic) && !is_dead(rule, rules)
    };
    // A rule of a network without clusters is not about their nodes.
    let pools = &audit.estate.pools;
    let is_near =
        |rule: &&FirewallRule<'_>| pools.is_empty() || pools.iter().any(|pool| in_network(rule, pool) != Match::No);
    findings.extend(rules.iter().filter(lets_out).filter(is_near).filter_map(weak));
    for pool in audit.facts.pools.gateways() {
        findings.extend(shared_account(pool, audit));
    }
}

fn is_in_force(rule: &FirewallRule<'_>, verdict: Verdict) -> bool {
    rule.direction == Direction::Egress
        && rule.verdict == verdict
        && rule.set == RuleSet::Vpc
        && rule.disabled.is_none()
        && rule.unknown.is_none()
}

/// Whether a denial goes before an allow wherever that applies: `ineffective-firewall-rule` says so.
fn is_dead(allow: &FirewallRule<'_>, rules: &[FirewallRule<'_>]) -> bool {
    rules.iter().filter(|deny| is_in_force(deny, Verdict::Deny)).any(|deny| {
        deny.priority <= allow.priority
            && (matches!(deny.target, Target::Everything) || deny.target == allow.target)
            && of_one_network(allow, deny)
            && allow.traffic.is_subset(&deny.traffic)
    })
}

const HELP: &str = "target the service account that the gateway's nodes alone run as";

fn weak(rule: &FirewallRule<'_>) -> Option<Finding> {
    let finding = match &rule.target {
        Target::Everything => {
            let message = format!("`{}` allows egress to the internet for every machine of the network", rule.name);
            RULE.finding("untargeted", rule.verdict_at, message)
        }
        Target::Tags(tags) => {
            let of_all_nodes = tags.iter().find(|tag| tag.value.starts_with("gke-") && tag.value.ends_with("-node"));
            let tag = of_all_nodes.or(tags.first())?;
            let (severity, why) = match of_all_nodes {
                Some(_) => (Severity::Critical, "which GKE gives to every node of the cluster"),
                None => (Severity::High, "which whoever may edit a machine can add"),
            };
            let message = format!("`{}` allows egress to the internet by the tag `{tag}`, {why}", rule.name);
            RULE.finding("tag", tag.at, message).severity(severity)
        }
        Target::Accounts(_) | Target::SecureTags(_) => return None,
    };
    Some(finding.help(HELP))
}

fn shared_account(index: usize, audit: &Audit<'_>) -> Option<Finding> {
    let pools = &audit.estate.pools;
    let own = &pools[index];
    let shares = |&other: &usize| {
        other != index && !audit.facts.pools.of(other).gateway && pools[other].identity.is(&own.identity) == Match::Yes
    };
    let other = audit.facts.pools.applications().find(shares).filter(|_| own.identity != Identity::Unknown)?;
    let message =
        format!("gateway pool `{}` runs as the same service account as pool `{}`", own.name, pools[other].name);
    let finding =
        RULE.finding("shared-sa", own.identity_at.unwrap_or(own.name.at), message).severity(Severity::Critical);
    let at = pools[other].identity_at.unwrap_or(pools[other].name.at);
    Some(
        finding
            .see(at, format!("pool `{}` runs as it", pools[other].name))
            .help("give the gateway's pool a service account of its own"),
    )
}
