//! CL04: the subnet of private nodes has no private access to Google's APIs.
use crate::analysis::pools::{google_access, subnet_of};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Match, Setting};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "google-access-not-private",
    topic: "cluster",
    summary: "private nodes cannot reach Google's APIs from their own addresses",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/cluster/google-access-not-private.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let estate = audit.estate;
    let mut seen = Vec::new();
    for pool in &estate.pools {
        let is_private = pool.private.known().is_some_and(|private| private.value);
        let Some(subnet) = subnet_of(pool, estate).filter(|_| is_private) else { continue };
        if seen.contains(&subnet.name.at) || google_access(pool, estate) != Match::No {
            continue;
        }
        seen.push(subnet.name.at);
        let (at, message) = match subnet.written.google_access {
            Setting::Known(access) => {
                (access.at, format!("subnet `{}` turns off private access to Google's APIs", subnet.name))
            }
            _ => (subnet.name.at, format!("subnet `{}` leaves private access to Google's APIs off", subnet.name)),
        };
        findings.push(
            RULE.finding("subnet", at, message)
                .see(pool.name.at, format!("nodes of pool `{}` have private addresses in it", pool.name))
                .help("set `privateIpGoogleAccess: true` for the subnet, or add a Private Service Connect endpoint"),
        );
    }
}
