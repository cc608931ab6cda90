//! FW03: a rule is disabled, loses against another one, or targets nobody.
use crate::analysis::destinations::internet;
use crate::analysis::firewall::applies;
use rustc_hash::FxHashSet;

use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, FirewallRule, Identity, Match, RuleSet, Target, Verdict};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "ineffective-firewall-rule",
    topic: "firewall",
    summary: "a firewall rule does not do what it says",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.2.7", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/firewall/ineffective-firewall-rule.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let is_own = |rule: &&FirewallRule<'_>| rule.direction == Direction::Egress && rule.set == RuleSet::Vpc;
    let rules: Vec<&FirewallRule<'_>> = audit.estate.firewall.iter().filter(is_own).collect();
    let deciding: FxHashSet<usize> =
        audit.facts.firewall.iter().flat_map(|pool| pool.pieces.iter().map(|piece| piece.rule)).collect();
    for (index, rule) in audit.estate.firewall.iter().enumerate().filter(|(_, rule)| is_own(rule)) {
        if let Some(at) = rule.disabled {
            findings.extend((rule.verdict == Verdict::Deny).then(|| disabled(rule, at)));
        } else if rule.unknown.is_none() {
            let found = tie(rule, &rules, audit).or_else(|| late(rule, &rules, audit));
            let found = found.or_else(|| if deciding.contains(&index) { None } else { shadowed(rule, &rules, audit) });
            findings.extend(found.or_else(|| dead_target(rule, audit)));
        }
    }
}

fn disabled(rule: &FirewallRule<'_>, at: crate::source::Location) -> Finding {
    let message = format!("`{}` would deny egress, but is disabled", rule.name);
    RULE.finding("disabled", at, message).severity(Severity::High).help("enable the rule, or remove it")
}

/// Whether two rules meet on some pool, or on the same machines where no pool is in the input.
fn meet(left: &FirewallRule<'_>, right: &FirewallRule<'_>, audit: &Audit<'_>) -> bool {
    let same_network = match (&left.network, &right.network) {
        (Some(left), Some(right)) => left.is(right) == Match::Yes,
        (None, None) => true,
        _ => false,
    };
    let on =
        |pool: &crate::model::NodePool<'_>| applies(left, pool) == Match::Yes && applies(right, pool) == Match::Yes;
    same_network && (left.target == right.target || audit.estate.pools.iter().any(on))
}

fn is_sound(rule: &FirewallRule<'_>) -> bool {
    rule.disabled.is_none() && rule.unknown.is_none()
}

/// An allow with the priority of a deny that it meets: the deny wins.
fn tie(rule: &FirewallRule<'_>, rules: &[&FirewallRule<'_>], audit: &Audit<'_>) -> Option<Finding> {
    let beats = |other: &&&FirewallRule<'_>| {
        other.verdict == Verdict::Deny
            && other.priority == rule.priority
            && is_sound(other)
            && !other.traffic.intersection(&rule.traffic).is_empty()
            && meet(rule, other, audit)
    };
    let deny = rules.iter().find(beats).filter(|_| rule.verdict == Verdict::Allow)?;
    let message = format!(
        "`{}` allows with the same priority {} as `{}` denies, and the denial wins",
        rule.name, rule.priority, deny.name
    );
    let finding = RULE.finding("tie", rule.priority_at.unwrap_or(rule.name.at), message);
    let finding = finding.see(deny.priority_at.unwrap_or(deny.name.at), format!("the priority of `{}`", deny.name));
    Some(finding.help("give the rule that allows a lower number than the one that denies"))
}

/// A denial of everything that comes before rules that allow something.
fn late(rule: &FirewallRule<'_>, rules: &[&FirewallRule<'_>], audit: &Audit<'_>) -> Option<Finding> {
    if rule.verdict != Verdict::Deny || !is_deny_all(rule) {
        return None;
    }
    let hidden: Vec<_> = rules.iter().filter(|other| is_hidden(other, rule, audit)).collect();
    let first = hidden.first()?;
    let more = if hidden.len() > 1 { format!(" and {} more", hidden.len() - 1) } else { String::new() };
    let message = format!(
        "`{}` denies everything with priority {}, before `{}`{more} can allow anything",
        rule.name, rule.priority, first.name
    );
    let finding = RULE.finding("deny-priority", rule.priority_at.unwrap_or(rule.name.at), message);
    let finding = hidden.iter().take(5).fold(finding, |finding, other| {
        finding.see(other.priority_at.unwrap_or(other.name.at), format!("`{}` comes later", other.name))
    });
    Some(finding.help("deny with priority 65535, and allow with lower numbers"))
}

fn is_deny_all(rule: &FirewallRule<'_>) -> bool {
    let all = crate::traffic::Traffic::new(internet(), crate::traffic::Transport::all());
    rule.verdict == Verdict::Deny && is_sound(rule) && all.is_subset(&rule.traffic)
}

fn is_hidden(allow: &FirewallRule<'_>, deny: &FirewallRule<'_>, audit: &Audit<'_>) -> bool {
    allow.verdict == Verdict::Allow
        && is_sound(allow)
        && allow.priority > deny.priority
        && allow.traffic.is_subset(&deny.traffic)
        && meet(allow, deny, audit)
}

/// A rule that decides nothing for any pool that it applies to, because opposite rules come first.
fn shadowed(rule: &FirewallRule<'_>, rules: &[&FirewallRule<'_>], audit: &Audit<'_>) -> Option<Finding> {
    let pools = &audit.estate.pools;
    let on: Vec<usize> = (0..pools.len()).filter(|&pool| applies(rule, &pools[pool]) == Match::Yes).collect();
    let open = |&pool: &usize| audit.facts.firewall[pool].unknown.is_some() || pools[pool].provisioned;
    if on.is_empty() || rule.traffic.is_empty() || on.iter().any(open) {
        return None;
    }
    let earlier = |other: &&&FirewallRule<'_>| {
        other.priority < rule.priority
            && other.verdict != rule.verdict
            && is_sound(other)
            && !other.traffic.intersection(&rule.traffic).is_empty()
            && on.iter().all(|&pool| applies(other, &pools[pool]) == Match::Yes)
    };
    // What a denial of everything hides is said of that rule.
    let by = rules.iter().find(earlier).filter(|by| !is_deny_all(by))?;
    let message =
        format!("`{}` decides nothing, since `{}` and others come first and decide the opposite", rule.name, by.name);
    let finding = RULE.finding("shadowed", rule.name.at, message);
    let finding = finding.see(by.priority_at.unwrap_or(by.name.at), format!("the priority of `{}`", by.name));
    Some(finding.help("give the rule a lower number, or remove it"))
}

/// A target that no pool of the input has, where all of them say who they are.
fn dead_target(rule: &FirewallRule<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let pools = &audit.estate.pools;
    let is_open =
        pools.iter().any(|pool| pool.identity == Identity::Unknown || pool.tags_unknown.is_some() || !pool.described);
    let of_network = |pool: &&crate::model::NodePool<'_>| match (&rule.network, &pool.network) {
        (Some(own), Some(other)) => own.is(other) == Match::Yes,
        _ => false,
    };
    if pools.is_empty()
        || is_open
        || pools.iter().any(|pool| applies(rule, pool) != Match::No)
        || !pools.iter().any(|pool| of_network(&pool))
    {
        return None;
    }
    let what = match rule.target {
        Target::Accounts(_) => "a service account",
        Target::Tags(_) => "a tag",
        Target::Everything | Target::SecureTags(_) => return None,
    };
    let message = format!("`{}` targets {what} that no node pool has", rule.name);
    let finding = RULE.finding("dead-target", rule.target_at.unwrap_or(rule.name.at), message);
    Some(
        finding
            .severity(Severity::Low)
            .confidence(Confidence::Low)
            .help("target the account that the nodes run as, or remove the rule"),
    )
}
