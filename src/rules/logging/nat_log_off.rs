//! LG02: a NAT logs nothing, or not everything.
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Nat, Setting};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "nat-log-off",
    topic: "logging",
    summary: "a NAT does not log the connections that it translates",
    severity: Severity::Low,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:10.2.1", "nsa-cisa:logging"],
    needs: &[],
    page: include_str!("../../../rules/logging/nat-log-off.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    findings.extend(audit.estate.topology.nats.iter().filter_map(silent));
}

fn silent(nat: &Nat<'_>) -> Option<Finding> {
    let log = &nat.written.log;
    let (variant, at, message) = match (log.enable, log.filter, log.block) {
        (Setting::Unknown(_), ..) | (.., Setting::Unknown(_)) => return None,
        (Setting::Known(on), ..) if !on.value => ("off", on.at, format!("`{}` logs nothing", nat.name)),
        (Setting::Absent, ..) => {
            let at = log.block.known().map_or(nat.name.at, |block| block.at);
            ("off", at, format!("`{}` logs nothing", nat.name))
        }
        (_, Setting::Known(filter), _) if filter.value != "ALL" => {
            ("filtered", filter.at, format!("`{}` logs `{}` alone", nat.name, filter.value))
        }
        _ => return None,
    };
    Some(RULE.finding(variant, at, message).help("enable the log of the NAT with filter `ALL`"))
}
