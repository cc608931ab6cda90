//! A statement of the settings that the ways out contradict, that nothing in the input decides, or that speaks of nobody.

use std::collections::hash_map::Entry;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::analysis::capture::Tier;
use crate::analysis::exits::{Control, Exit, Via};
use crate::analysis::expectations::{Judgement, Outcome, judge};
use crate::config::suggestion;
use crate::finding::{Confidence, Decision, Finding, Hop, Severity};
use crate::model::Expectation;
use crate::rule::exits::packet;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "unmet-expectation",
    topic: "path",
    summary: "the ways out contradict a statement of the settings, or leave it undecided",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/path/unmet-expectation.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let of_statement = |statement: &Expectation| {
        let judged = judge(statement, audit.estate, audit.facts);
        if judged.is_empty() {
            return Vec::from_iter(of_nobody(statement, audit));
        }
        alike(judged, audit).iter().filter_map(|alike| finding(statement, alike, audit)).collect()
    };
    let statements = audit.estate.expectations.list.par_iter();
    findings.extend(statements.flat_map_iter(of_statement).collect::<Vec<_>>());
}

/// What came of a statement, for workloads with the same reasons at every hop.
struct Alike<'a> {
    judged: Judgement<'a>,
    hops: Vec<Hop>,
}

fn alike<'a>(judged: Vec<Judgement<'a>>, audit: &Audit<'a>) -> Vec<Alike<'a>> {
    let mut all: Vec<Alike<'a>> = Vec::new();
    let mut known: FxHashMap<(Outcome, Vec<String>), usize> = FxHashMap::default();
    for one in judged.into_iter().filter(|one| one.outcome != Outcome::Holds) {
        let first = one.workloads.first().zip(one.exit.as_ref());
        let hops = first.map(|(&first, exit)| exit.witness(first, audit.estate, audit.facts)).unwrap_or_default();
        let reasons = hops.iter().map(|hop| hop.reason.clone()).collect();
        match known.entry((one.outcome, reasons)) {
            Entry::Occupied(known) => all[*known.get()].judged.workloads.extend(one.workloads),
            Entry::Vacant(vacant) => {
                vacant.insert(all.len());
                all.push(Alike { judged: one, hops });
            }
        }
    }
    all
}

fn finding(statement: &Expectation, alike: &Alike<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let found = match (alike.judged.outcome, alike.judged.exit.as_deref()) {
        (Outcome::Holds, _) => return None,
        (Outcome::Open, Some(exit)) => open(statement, exit, alike, audit),
        (Outcome::Closed, _) => closed(statement, alike, audit),
        (Outcome::Partly, Some(exit)) => partly(statement, exit, alike, audit),
        (Outcome::Undecided, Some(exit)) => undecided(statement, exit, alike, audit),
        (Outcome::NoWay | Outcome::Open | Outcome::Partly | Outcome::Undecided, _) => Some(no_way(statement)),
    };
    found.map(|finding| finding.subject(statement.to_string()))
}

/// A finding at the workload, with the statement beside it.
fn at_workload(
    variant: &'static str,
    message: &str,
    statement: &Expectation,
    alike: &Alike<'_>,
    audit: &Audit<'_>,
) -> Option<Finding> {
    let &first = alike.judged.workloads.first()?;
    let at = audit.estate.workloads[first].name.at;
    let finding = RULE.finding(variant, at, format!("{message}{}", others(&alike.judged.workloads)));
    let finding = finding.see(statement.at, format!("the settings say `{statement}`")).witness(alike.hops.clone());
    Some(audit.name_workloads(finding, &alike.judged.workloads[1..], "is in the same case"))
}

/// Somebody gets where nobody may.
fn open(statement: &Expectation, exit: &Exit, alike: &Alike<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let &first = alike.judged.workloads.first()?;
    let message = format!(
        "{} reach `{}` {}, which `{statement}` rules out",
        audit.attacker(exit.tier, first),
        statement.to,
        by(exit),
    );
    let finding = at_workload("open", &message, statement, alike, audit)?;
    // Root on a node is kept by the firewall alone, and is taken for possible always (semantics 0.1).
    let severity = if exit.tier == Tier::NodeRoot { Severity::Medium } else { RULE.severity };
    let finding = deciding(exit, &alike.hops)
        .into_iter()
        .fold(finding, |finding, hop| finding.see(hop.at, format!("what lets it out: {}", hop.reason)));
    Some(finding.severity(severity).help("close the way at one of its hops, or take the statement back"))
}

/// The application does not get where it must.
fn closed(statement: &Expectation, alike: &Alike<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let &first = alike.judged.workloads.first()?;
    let name = audit.estate.display(&audit.estate.workloads[first]);
    let blocking = || alike.hops.iter().filter(|hop| hop.decision == Decision::Deny);
    let none = "no way of the kind that is named leads there";
    let reason = blocking().next().map_or(none, |hop| hop.reason.as_str());
    let message = format!("`{name}` cannot reach `{}`, which `{statement}` asks for: {reason}", statement.to);
    let finding = at_workload("closed", &message, statement, alike, audit)?;
    let finding =
        blocking().fold(finding, |finding, hop| finding.see(hop.at, format!("what stops it: {}", hop.reason)));
    Some(finding.help("open each hop that stops it to this destination alone, or take the statement back"))
}

/// A way is open to a part of where the statement speaks of.
fn partly(statement: &Expectation, exit: &Exit, alike: &Alike<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let open = exit.host.as_ref().map_or_else(|| packet(&exit.sample), |host| format!("`{host}`"));
    let reason = format!("a part of where that may be is open, such as {open}");
    let finding =
        at_workload("partly-open", &open_question(statement, exit, alike, &reason, audit)?, statement, alike, audit)?;
    Some(
        finding
            .severity(Severity::Medium)
            .confidence(Confidence::Low)
            .help("state addresses rather than a host, or let nothing out but through the egress gateway"),
    )
}

/// A layer leaves it open.
fn undecided(statement: &Expectation, exit: &Exit, alike: &Alike<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let entry = alike.judged.entry;
    let gaps = alike.hops.iter().filter(|hop| hop.decision == Decision::Unknown);
    let reasons = || gaps.map(|hop| hop.reason.as_str()).collect::<Vec<_>>().join("; ");
    let reason = entry.map_or_else(reasons, |entry| format!("proxies may know addresses of it by `{entry}`"));
    let finding =
        at_workload("undecided", &open_question(statement, exit, alike, &reason, audit)?, statement, alike, audit)?;
    let finding = entry
        .into_iter()
        .fold(finding, |finding, entry| finding.see(entry.at, "the service entry with some of its addresses"));
    Some(
        finding
            .severity(Severity::Low)
            .confidence(Confidence::Low)
            .help("add to the input what decides, or say with `--complete` that it holds all there is"),
    )
}

fn open_question(
    statement: &Expectation,
    exit: &Exit,
    alike: &Alike<'_>,
    reason: &str,
    audit: &Audit<'_>,
) -> Option<String> {
    let &first = alike.judged.workloads.first()?;
    let (who, to, by, verb) = (audit.attacker(exit.tier, first), &statement.to, by(exit), verb(statement));
    Some(format!("whether {who} reach `{to}` {by}, which `{statement}` {verb}, cannot be decided: {reason}"))
}

fn verb(statement: &Expectation) -> &'static str {
    if statement.allows { "asks for" } else { "rules out" }
}

/// What is stated is no way out at all.
fn no_way(statement: &Expectation) -> Finding {
    let reason = match &statement.via {
        Some(via) => format!("the input holds too little to show ways by `{via}`"),
        None => "no way out leads there, open or closed; it is inside of the cluster, or no node gets there".to_owned(),
    };
    let message = format!("`{statement}` is not judged: {reason}");
    let help = "state a destination outside of the cluster; `palisade connections` lists the connections inside";
    RULE.finding("no-way", statement.to.at, message).severity(Severity::Low).help(help)
}

/// The statement names nobody; where the input is only a part, others may hold whom it names.
fn of_nobody(statement: &Expectation, audit: &Audit<'_>) -> Option<Finding> {
    let estate = audit.estate;
    if !estate.expectations.of_whole {
        return None;
    }
    let asked = statement.from.to_string();
    let mut names: Vec<String> = Vec::new();
    for (_, workload) in estate.tenants() {
        names.extend([estate.namespace_of(workload).name.to_owned(), estate.display(workload)]);
    }
    names.sort_unstable();
    names.dedup();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let is_declared = estate.namespace(&asked).is_some();
    let what = match asked.contains('/') {
        true => format!("there is no application workload `{asked}` in the input"),
        false if is_declared => format!("namespace `{asked}` has no application workload in the input"),
        false => format!("there is no namespace `{asked}` with application workloads in the input"),
    };
    let guess = if is_declared { String::new() } else { suggestion(&asked, &names) };
    let finding =
        RULE.finding("no-workload", statement.from.at, format!("{what}, so `{statement}` says nothing{guess}"));
    let severity = if is_declared { Severity::Low } else { Severity::Medium };
    let help = "name a namespace or a workload as `palisade paths` lists it";
    Some(finding.severity(severity).subject(statement.to_string()).help(help))
}

/// By which way, in words.
fn by(exit: &Exit) -> &'static str {
    match exit.via {
        Via::Direct => "directly",
        Via::Sidecar => "through its proxy, past the gateway",
        Via::Gateway => "through the egress gateway",
        Via::GatewayNode => "from a node of the egress gateway",
        Via::Pivot => "by way of another workload",
        Via::GoogleApi => "by Google's private addresses",
        Via::Private => "over private networks",
        Via::Dns => "in names that it asks for",
    }
}

/// The hop whose clause a reader looks for first: consent at the gateway, else what the firewall lets out, else the policies.
fn deciding<'h>(exit: &Exit, hops: &'h [Hop]) -> Option<&'h Hop> {
    let at = |control| exit.steps.iter().rposition(|step| step.control == control && !step.is_missing());
    let order = [Control::Authorization, Control::Firewall, Control::NetworkPolicy, Control::Mesh];
    order.into_iter().find_map(at).and_then(|step| hops.get(step))
}

/// How many others there are, for the end of a message.
fn others(workloads: &[usize]) -> String {
    match workloads.len() {
        0 | 1 => String::new(),
        2 => "; so for 1 more workload".to_owned(),
        more => format!("; so for {} more workloads", more - 1),
    }
}
