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
    findings.extend(audit.ignores.judged.iter().filter_map(finding));
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
