//! An ignore whose last day has passed: it silences nothing any more.

use crate::config::{Judged, Outcome};
use crate::finding::{Confidence, Finding, Severity};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "expired-ignore",
    topic: "ignores",
    summary: "the last day of an ignore has passed, so it silences nothing",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/ignores/expired-ignore.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    findings.extend(audit.ignores.judged.iter().filter_map(finding));
}

fn finding(Judged { ignore, outcome }: &Judged) -> Option<Finding> {
    let until = ignore.until.filter(|_| *outcome == Outcome::Ended)?;
    let message = format!("the ignore of `{}` ended on {}", ignore.rule.value, until.value);
    Some(RULE.finding("ended", until.at, message).help(
        "mend what was accepted until then and remove the ignore, or decide again and give it a new day and reason",
    ))
}
