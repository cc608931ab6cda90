//! A comment that speaks to palisade and cannot be followed.

use crate::config::Fault;
use crate::finding::{Confidence, Finding, Severity};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "malformed-ignore",
    topic: "ignores",
    summary: "a comment that means to ignore a finding cannot be followed, so it silences nothing",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/ignores/malformed-ignore.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    findings.extend(audit.ignores.faults.iter().map(finding));
}

fn finding(fault: &Fault) -> Finding {
    let help = match fault.kind {
        "no-reason" => "add `because` and the reason for which the finding is accepted",
        "unknown-rule" => "use the id that the finding shows; `palisade rules` lists all",
        "no-date" => "write the last day as year, month and day, such as `until 2027-06-30`",
        _ => {
            "write `# palisade: ignore[rule-id] because …`, on the line that the finding points at or on the one above"
        }
    };
    RULE.finding(fault.kind, fault.at, fault.message.clone()).help(help)
}
