//! AZ05: a policy at the egress gateway allows a team more hosts than anybody can have meant.

use crate::analysis::authorization::{Ruling, rulings};
use crate::analysis::routing::{Breadth, breadth};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Action, Attribute, Clause, Condition, ServerProtocol, Text};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "allow-without-destination",
    topic: "authorization",
    summary: "a policy at the egress gateway allows traffic whatever host it is for",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:authentication-and-authorization"],
    needs: &[],
    page: include_str!("../../../rules/authorization/allow-without-destination.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for ruling in rulings(audit.estate, &audit.facts.egress) {
        let is_told = ruling.policy.action != Action::Allow || ruling.clause.is_everything_known();
        // Where connections are passed on without a name there is no host to decide by.
        let is_nameless =
            !ruling.servers.is_empty() && ruling.servers.iter().all(|server| server.protocol == ServerProtocol::Tcp);
        if !is_told && !is_nameless {
            of_clause(&ruling, findings);
        }
    }
}

fn of_clause(ruling: &Ruling<'_, '_>, findings: &mut Vec<Finding>) {
    let Ruling { policy, clause, .. } = ruling;
    let name = policy.name.value;
    let help = "name the hosts: `hosts` where the gateway reads requests, `connection.sni` where it passes TLS on";
    if !names_destination(clause) {
        let at = clause.operations.first().map_or(clause.at, |operation| operation.at);
        let message = format!("`{name}` allows this to whatever host the gateway has a route for");
        findings.push(RULE.finding("no-host", at, message).help(help));
        return;
    }
    let values = || clause.tests().filter(|test| is_destination(test) && !test.negative).flat_map(|test| test.values);
    let wide = values().find_map(|value| Some((value, too_wide(value)?)));
    if let Some((value, what)) = wide {
        let message = format!("`{name}` allows `{}`, which {what}", value.value);
        findings.push(RULE.finding("broad-host", value.at, message).help("name the hosts that the team needs"));
        return;
    }
    let is_read = ruling.servers.iter().any(|server| server.reads_requests());
    let narrows = |test: &Condition<'_>| matches!(test.attribute, Attribute::Path | Attribute::Method);
    if let Some(value) = values().next().filter(|_| is_read && !clause.tests().any(narrows)) {
        let message = format!("`{name}` allows every path of `{}`", value.value);
        let finding = RULE.finding("path", value.at, message).severity(Severity::Info);
        findings.push(finding.help("add `paths` and `methods` where the team needs only some"));
    }
}

/// Whether a test is about where the request goes.
fn is_destination(test: &Condition<'_>) -> bool {
    match test.attribute {
        Attribute::Host | Attribute::Sni => true,
        Attribute::Header(name) => name.eq_ignore_ascii_case(":authority") || name.eq_ignore_ascii_case("host"),
        _ => false,
    }
}

/// Whether every way to meet the clause names the hosts, or those that are excepted.
fn names_destination(clause: &Clause<'_>) -> bool {
    let each = |tests: &[Condition<'_>]| tests.iter().any(is_destination);
    let operations = &clause.operations;
    each(&clause.conditions) || !operations.is_empty() && operations.iter().all(|operation| each(&operation.list))
}

/// What makes a value stand for hosts of anybody.
fn too_wide(value: &Text<'_>) -> Option<&'static str> {
    if value.value.strip_suffix('*').is_some_and(|prefix| !prefix.is_empty() && !prefix.ends_with(':')) {
        return Some("stands for hosts of other owners too: whatever name starts so");
    }
    match breadth(value.value) {
        Breadth::Narrow => None,
        Breadth::Everything => Some("stands for every host there is"),
        Breadth::PublicSuffix => Some("stands for hosts that anybody can register"),
        Breadth::NoDot => Some("stands for hosts of other owners too: whatever name ends so"),
    }
}
