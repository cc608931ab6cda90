//! Something is newly accepted, in a run that must not accept anything new (`--deny-new-ignores`).

use crate::config::{Fault, Judged, Outcome, Scope};
use crate::finding::{Confidence, Finding, Severity};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "new-ignore",
    topic: "ignores",
    summary: "a change ignores findings or lowers settings, where it may not",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/ignores/new-ignore.md"),
    check,
};

const HELP: &str = "mend what the audit finds, or bring the exception in by a change of its own that somebody approves";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    findings.extend(audit.ignores.judged.iter().filter_map(ignore));
    findings.extend(audit.ignores.widened.iter().map(setting));
}

fn ignore(Judged { ignore, outcome }: &Judged) -> Option<Finding> {
    let rule = &ignore.rule.value;
    let message = match &ignore.scope {
        Scope::Objects(name) => format!("the ignore of `{rule}` in `{name}` is new, so it silences nothing"),
        Scope::Line(..) => format!("the ignore of `{rule}` is new, so it silences nothing"),
    };
    (*outcome == Outcome::New).then(|| RULE.finding("ignore", ignore.at, message).help(HELP))
}

fn setting(fault: &Fault) -> Finding {
    RULE.finding(fault.kind, fault.at, format!("{}, which this run takes back", fault.message)).help(HELP)
}
