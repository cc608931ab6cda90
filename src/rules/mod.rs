//! The rules: one file each, in the folder of its topic, and the list of all, sorted by id.

mod network_policy;

use rayon::prelude::*;

use crate::finding::Finding;
use crate::rule::{Audit, Rule};

/// All rules, sorted by id.
pub static RULES: &[&Rule] = &[&network_policy::missing_egress_isolation::RULE];

/// Runs the rules whose layers are in evidence.
pub(crate) fn run(audit: &Audit<'_>) -> Vec<Finding> {
    let of_rule = |rule: &&'static Rule| {
        let mut findings = Vec::new();
        if rule.missing(audit.estate).next().is_none() {
            (rule.check)(audit, &mut findings);
        }
        findings
    };
    audit.rules.par_iter().flat_map_iter(of_rule).collect()
}
