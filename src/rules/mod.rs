//! The rules: one file each, in the folder of its topic, and the list of all, sorted by id.

mod firewall {
    pub(super) mod implied_egress_allow;
}
mod network_policy {
    pub(super) mod missing_egress_isolation;
}
mod nodes {
    pub(super) mod foreign_gateway_toleration;
}
mod path {
    pub(super) mod direct_internet_path;
    pub(super) mod incomplete_evidence;
}

use rayon::prelude::*;

use crate::finding::Finding;
use crate::rule::{Audit, Rule};

/// All rules, sorted by id.
pub static RULES: &[&Rule] = &[
    &path::direct_internet_path::RULE,
    &nodes::foreign_gateway_toleration::RULE,
    &firewall::implied_egress_allow::RULE,
    &path::incomplete_evidence::RULE,
    &network_policy::missing_egress_isolation::RULE,
];

/// Runs the rules whose layers are in evidence.
#[must_use]
pub fn run(audit: &Audit<'_>) -> Vec<Finding> {
    let of_rule = |rule: &&'static Rule| {
        let mut findings = Vec::new();
        if rule.missing(audit.estate).next().is_none() {
            (rule.check)(audit, &mut findings);
        }
        findings
    };
    audit.rules.par_iter().flat_map_iter(of_rule).collect()
}
