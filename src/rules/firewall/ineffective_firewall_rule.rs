//! FW03: a rule is disabled, loses against another one, or targets nobody.
use rustc_hash::FxHashSet;

use crate::analysis::destinations::{internet, internet_v6};
use crate::analysis::firewall::{Piece, applies, is_of_network, of_one_network};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Direction, FirewallRule, Match, NodePool, Target, Verdict};
use crate::rule::{Audit, Rule};
use crate::source::Location;
use crate::traffic::{Traffic, Transport};

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
    let rules = audit.estate.firewall.iter().enumerate();
    let of_egress = rules.filter(|(_, rule)| rule.direction == Direction::Egress);
    let pieces = audit.facts.firewall.iter().flat_map(|pool| &pool.pieces);
    let deciding: FxHashSet<usize> = pieces.map(|piece| piece.rule).collect();
    findings.extend(of_egress.filter_map(|(index, rule)| judge(rule, index, deciding.contains(&index), audit)));
}

/// The first thing that is wrong with a rule.
fn judge(rule: &FirewallRule<'_>, index: usize, decides: bool, audit: &Audit<'_>) -> Option<Finding> {
    match rule.disabled {
        Some(at) => (rule.verdict == Verdict::Deny).then(|| disabled(rule, at)),
        None if rule.unknown.is_some() => None,
        None => tie(rule, audit)
            .or_else(|| late(rule, audit))
            .or_else(|| if decides { None } else { shadowed(rule, index, audit) })
            .or_else(|| dead_target(rule, audit)),
    }
}

fn disabled(rule: &FirewallRule<'_>, at: Location) -> Finding {
    // One that is about addresses inside keeps nothing from leaving.
    let holds_in = [internet(), internet_v6()].iter().any(|out| !rule.traffic.restrict_addresses(out).is_empty());
    let severity = if holds_in { Severity::High } else { Severity::Medium };
    let message = format!("{} would deny egress, but is disabled", rule.shown());
    RULE.finding("disabled", at, message).severity(severity).help("enable the rule, or remove it")
}

/// The place of a rule's priority, or of its name where it has the one that rules have by default.
fn priority_at(rule: &FirewallRule<'_>) -> Location {
    rule.priority_at.unwrap_or(rule.name.at)
}

/// The network's own egress rules that are in force for certain.
fn in_force<'e, 'a>(audit: &'e Audit<'a>) -> impl Iterator<Item = &'e FirewallRule<'a>> {
    let is_sound = |rule: &&FirewallRule<'_>| rule.disabled.is_none() && rule.unknown.is_none();
    let of_network = audit.estate.firewall.iter().filter(|rule| is_of_network(rule));
    of_network.filter(|rule| rule.direction == Direction::Egress).filter(is_sound)
}

/// Whether two rules meet on some pool, or on the same machines where no pool is in the input.
fn meet(left: &FirewallRule<'_>, right: &FirewallRule<'_>, audit: &Audit<'_>) -> bool {
    let on = |pool: &NodePool<'_>| applies(left, pool) == Match::Yes && applies(right, pool) == Match::Yes;
    of_one_network(left, right) && (left.target == right.target || audit.estate.pools.iter().any(on))
}

/// An allow with the priority of a deny that it meets: the deny wins.
fn tie(rule: &FirewallRule<'_>, audit: &Audit<'_>) -> Option<Finding> {
    if rule.verdict != Verdict::Allow || !is_of_network(rule) {
        return None;
    }
    let beats = |other: &&FirewallRule<'_>| {
        other.verdict == Verdict::Deny
            && other.priority == rule.priority
            && !other.traffic.intersection(&rule.traffic).is_empty()
            && meet(rule, other, audit)
    };
    let deny = in_force(audit).find(beats)?;
    let message = format!(
        "`{}` allows with the same priority {} as `{}` denies, and the denial wins",
        rule.name, rule.priority, deny.name
    );
    let finding = RULE.finding("tie", priority_at(rule), message);
    let finding = finding.see(priority_at(deny), format!("the priority of `{}`", deny.name));
    Some(finding.help("give the rule that allows a lower number than the one that denies"))
}

/// A denial of everything that comes before rules that allow something.
fn late(rule: &FirewallRule<'_>, audit: &Audit<'_>) -> Option<Finding> {
    if !is_of_network(rule) || !is_deny_all(rule) {
        return None;
    }
    let is_hidden = |allow: &&FirewallRule<'_>| {
        allow.verdict == Verdict::Allow
            && allow.priority > rule.priority
            && allow.traffic.is_subset(&rule.traffic)
            && meet(allow, rule, audit)
    };
    let hidden: Vec<_> = in_force(audit).filter(is_hidden).collect();
    let first = hidden.first()?;
    let more = if hidden.len() > 1 { format!(" and {} more", hidden.len() - 1) } else { String::new() };
    let message = format!(
        "`{}` denies everything with priority {}, before `{}`{more} can allow anything",
        rule.name, rule.priority, first.name
    );
    let finding = RULE.finding("deny-priority", priority_at(rule), message);
    let finding = hidden
        .iter()
        .take(5)
        .fold(finding, |finding, other| finding.see(priority_at(other), format!("`{}` comes later", other.name)));
    Some(finding.help("deny with priority 65535, and allow with lower numbers"))
}

fn is_deny_all(rule: &FirewallRule<'_>) -> bool {
    rule.verdict == Verdict::Deny && Traffic::new(internet(), Transport::all()).is_subset(&rule.traffic)
}

/// A rule that decides nothing, because opposite rules come first on every pool that it applies to.
fn shadowed(rule: &FirewallRule<'_>, index: usize, audit: &Audit<'_>) -> Option<Finding> {
    let pools = &audit.estate.pools;
    let egress = |pool: usize| &audit.facts.firewall[pool];
    let on: Vec<usize> = (0..pools.len()).filter(|&pool| egress(pool).asks(index)).collect();
    let is_open = |&pool: &usize| egress(pool).unknown.is_some() || pools[pool].provisioned;
    if !matches!(rule.verdict, Verdict::Allow | Verdict::Deny) || on.iter().any(is_open) {
        return None;
    }
    let opposes = |piece: &&Piece| {
        matches!(piece.verdict, Verdict::Allow | Verdict::Deny)
            && piece.verdict != rule.verdict
            && !piece.traffic.intersection(&rule.traffic).is_empty()
    };
    let by = egress(*on.first()?).pieces.iter().find(opposes).map(|piece| &audit.estate.firewall[piece.rule])?;
    // What a denial of everything hides among the network's rules is said of that rule, and what a policy allows against
    // those rules is `firewall-policy-overrides-deny`.
    let is_said = if is_of_network(by) { is_deny_all(by) } else { rule.verdict == Verdict::Deny };
    if is_of_network(rule) && is_said {
        return None;
    }
    let message =
        format!("{} decides nothing, since {} and others come first and decide the opposite", rule.shown(), by.shown());
    let at = if is_of_network(rule) { rule.name.at } else { rule.verdict_at };
    let finding = RULE.finding("shadowed", at, message);
    let finding = finding.see(priority_at(by), format!("the priority of {}", by.shown()));
    Some(finding.help("let the rule come first, or remove it"))
}

/// A target that no pool of the input has, where all of them say who they are.
fn dead_target(rule: &FirewallRule<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let what = match rule.target {
        Target::Accounts(_) => "a service account",
        Target::Tags(_) => "a tag",
        Target::Everything | Target::SecureTags(_) => return None,
    };
    let pools = &audit.estate.pools;
    let is_open = |pool: &NodePool<'_>| pool.identity.is_open() || pool.tags_unknown.is_some() || !pool.described;
    let is_near = |pool: &NodePool<'_>| match (&rule.network, &pool.network) {
        (Some(own), Some(other)) => own.is(other) == Match::Yes,
        _ => false,
    };
    let is_dead = pools.iter().all(|pool| !is_open(pool) && applies(rule, pool) == Match::No);
    if !is_dead || !pools.iter().any(is_near) {
        return None;
    }
    let message = format!("`{}` targets {what} that no node pool has", rule.name);
    let finding = RULE.finding("dead-target", rule.target_at.unwrap_or(rule.name.at), message);
    let finding = finding.severity(Severity::Low).confidence(Confidence::Low);
    Some(finding.help("target the account that the nodes run as, or remove the rule"))
}
