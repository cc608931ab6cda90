//! AZ08: a rule decides by what its client can choose, or lists what is bad instead of what is good.

use crate::analysis::authorization::{Blind, Chain, Ruling, blind, chain, rulings};
use crate::finding::{Confidence, Finding, Fix, Severity};
use crate::model::{Action, Attribute, Clause, Condition, Server, Text};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "evadable-match",
    topic: "authorization",
    summary: "a policy at the egress gateway decides by what a client can evade",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:7.2.1", "nsa-cisa:authentication-and-authorization"],
    needs: &[],
    page: include_str!("../../../rules/authorization/evadable-match.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let rulings = rulings(audit.estate, &audit.facts.egress);
    for ruling in &rulings {
        // Where the denial is the second line of defense, behind rules that allow little, less depends on it.
        let second_line = rulings.iter().any(|other| {
            other.proxy.name.at == ruling.proxy.name.at
                && other.policy.action == Action::Allow
                && !other.clause.is_everything_known()
        });
        match ruling.policy.action {
            Action::Allow => findings.extend(of_allow(ruling)),
            Action::Deny => findings.extend(of_deny(ruling, second_line)),
            _ => {}
        }
        findings.extend(of_name(ruling));
    }
}

const POSITIVE: &str = "name what is meant to pass; everything else is then denied";

fn at(test: &Condition<'_>) -> crate::source::Location {
    test.values.first().map_or(test.at, |value| value.at)
}

/// The first of some tests, where the clause has none like them that says who or what is meant.
fn only_negative<'c>(clause: &'c Clause<'_>, is_meant: fn(&Condition<'_>) -> bool) -> Option<&'c Condition<'c>> {
    let mut tests = clause.tests().filter(|test| is_meant(test)).peekable();
    let first = tests.peek().copied()?;
    tests.all(|test| test.negative).then_some(first)
}

fn of_allow(ruling: &Ruling<'_, '_>) -> Vec<Finding> {
    let Ruling { policy, clause, .. } = ruling;
    let name = policy.name.value;
    let mut found = Vec::new();
    let of_source = only_negative(clause, |test| test.attribute.is_identity());
    // Without an identity everybody passes, which is worse and has a rule of its own.
    if let Some(test) = of_source.filter(|_| blind(ruling).is_none()) {
        let message = format!("`{name}` allows everybody but those that it lists, and everybody who is new");
        found.push(RULE.finding("negative-only", at(test), message).severity(Severity::Medium).help(POSITIVE));
    }
    if let Some(test) = only_negative(clause, |test| matches!(test.attribute, Attribute::Host | Attribute::Sni)) {
        let message = format!("`{name}` allows every host but those that it lists, under any other name or port");
        found.push(RULE.finding("negative-only", at(test), message).help(POSITIVE));
    }
    let is_identified = clause.tests().any(|test| test.attribute.is_identity());
    if let Some(test) = only_negative(clause, |test| test.attribute.is_client_address()).filter(|_| !is_identified) {
        found.push(of_address(name, test));
    }
    found
}

fn of_deny(ruling: &Ruling<'_, '_>, second_line: bool) -> Vec<Finding> {
    let Ruling { policy, clause, .. } = ruling;
    let name = policy.name.value;
    let severity = if second_line { Severity::Low } else { Severity::High };
    let mut found = Vec::new();
    let mut tests = clause.tests().filter(|test| !test.negative);
    let identity = clause.tests().find(|test| test.attribute.is_identity() && !test.negative);
    let is_blind = blind(ruling).is_some_and(|Blind { fails_open, .. }| fails_open);
    if let Some(test) = identity.filter(|_| !second_line && !is_blind) {
        let message =
            format!("`{name}` denies those that it lists, and no rule says who is allowed: everybody else passes");
        found.push(RULE.finding("deny-identity", at(test), message).severity(Severity::Medium).help(POSITIVE));
    }
    let is_read = ruling.servers.iter().any(|server| chain(server) == Some(Chain::Http));
    let exact = clause.tests().filter(|test| test.attribute == Attribute::Host && !test.negative && is_read);
    if let Some((value, fix)) = exact.into_iter().find_map(without_port) {
        let message = format!("`{name}` denies `{0}`, and a client that asks for `{0}:443` is not denied", value.value);
        let help = format!("list `{0}:*` beside `{0}`, or allow what is meant instead", value.value);
        found.push(RULE.finding("deny-host-exact", value.at, message).severity(severity).help(help).fix(fix));
    }
    if let Some(test) = tests.find(|test| test.attribute.is_client_address()) {
        found.push(of_address(name, test));
    }
    found
}

/// The first value that a port behind the name evades, with no other beside it that covers it; and what covers all of these.
fn without_port<'a>(test: &Condition<'a>) -> Option<(&'a Text<'a>, Fix)> {
    let has_port = |value: &str| value.contains(':');
    let covered = |value: &str| {
        test.values.iter().any(|other| other.value == "*" || other.value.strip_prefix(value).is_some_and(has_port))
    };
    // A star at the end stands for the port as well.
    let takes_port = |value: &str| has_port(value) || value.ends_with('*');
    let is_open = |value: &&Text<'_>| !takes_port(value.value) && !covered(value.value);
    let open: Vec<_> = test.values.iter().filter(is_open).collect();
    let first = *open.first()?;
    let with_ports = open.iter().map(|value| format!("{}:*", value.value)).collect();
    Some((first, Fix::append(first.at, with_ports)))
}

fn of_address(policy: &str, test: &Condition<'_>) -> Finding {
    let what = match test.attribute {
        Attribute::RemoteAddress => "which a header of the client's decides",
        _ => "which is that of a pod for a while, or of a proxy in between",
    };
    let message = format!("`{policy}` keeps clients out by their address, {what}");
    let help = "decide by `namespaces`, `serviceAccounts` or `principals`, over ISTIO_MUTUAL";
    RULE.finding("ip", at(test), message).severity(Severity::Medium).help(help)
}

/// A name that the client sends before TLS starts: all that a listener has that reads no requests. Of one that does it picks
/// the listener at best, and not which of its hosts is then asked for.
fn of_name(ruling: &Ruling<'_, '_>) -> Option<Finding> {
    let names_host = ruling.clause.tests().any(|test| test.attribute == Attribute::Host);
    let is_for_several = |server: &Server<'_>| match server.hosts.as_slice() {
        [only] => only.value.contains('*'),
        _ => true,
    };
    let is_loose = |server: &Server<'_>| match chain(server) {
        Some(Chain::Tcp) => true,
        Some(Chain::Http) => !names_host && is_for_several(server),
        None => false,
    };
    let test = ruling.clause.tests().find(|test| test.attribute == Attribute::Sni)?;
    ruling.servers.iter().find(|server| is_loose(server))?;
    let is_wide = ruling.policy.action == Action::Deny || test.values.iter().any(|value| value.value.contains('*'));
    let message = format!(
        "`{}` decides by the name that a client gives when TLS starts, and the client can then ask for another host inside",
        ruling.policy.name.value
    );
    let severity = if is_wide { Severity::Medium } else { Severity::Low };
    let help = "let clients send plain HTTP over mutual TLS, so that the gateway reads what they ask for";
    Some(RULE.finding("sni", at(test), message).severity(severity).help(help))
}
