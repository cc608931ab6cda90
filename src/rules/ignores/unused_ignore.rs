//! An ignore that silences nothing: what it was written for is gone, or it never was at the right place.

use crate::config::{Judged, Outcome, Scope};
use crate::finding::{Confidence, Finding, Severity};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "unused-ignore",
    topic: "ignores",
    summary: "an ignore silences nothing",
    severity: Severity::Low,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/ignores/unused-ignore.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    findings.extend(audit.ignores.judged.iter().filter(|judged| could_speak(judged, audit)).filter_map(finding));
}

/// Whether the ignored rule had what it needs to find something; else nobody knows whether there is something.
fn could_speak(judged: &Judged, audit: &Audit<'_>) -> bool {
    let rule = audit.rules.iter().find(|rule| rule.id == judged.ignore.rule.value);
    rule.is_some_and(|rule| rule.missing(audit.estate).next().is_none())
}

fn finding(judged: &Judged) -> Option<Finding> {
    let ignore = &judged.ignore;
    let rule = &ignore.rule.value;
    let (variant, message) = match (judged.outcome, &ignore.scope) {
        (Outcome::Unused, Scope::Line(..)) => ("no-finding", format!("`{rule}` finds nothing on this line")),
        (Outcome::Unused, Scope::Objects(name)) => ("no-finding", format!("`{rule}` finds nothing in `{name}`")),
        (Outcome::NoObject, Scope::Objects(name)) => ("no-object", format!("no object in the input is named `{name}`")),
        _ => return None,
    };
    Some(RULE.finding(variant, ignore.at, message).help(
        "remove the ignore, or move it to the line that the finding points at; what it was written for may be mended",
    ))
}
