//! CL04: the subnet of private nodes has no private access to Google's APIs.
use crate::analysis::pools::{google_access, has_google_endpoint, subnet_of};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Estate, Match, NodePool, Setting, Subnet};
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
        if !seen.contains(&subnet.name.at) {
            let found = [over_v4(pool, subnet, estate), over_v6(pool, subnet, estate)];
            if found.iter().any(Option::is_some) {
                seen.push(subnet.name.at);
            }
            findings.extend(found.into_iter().flatten());
        }
    }
}

fn over_v4(pool: &NodePool<'_>, subnet: &Subnet<'_>, estate: &Estate<'_>) -> Option<Finding> {
    if google_access(pool, estate) != Match::No {
        return None;
    }
    let at = subnet.written.google_access.known().map_or(subnet.name.at, |access| access.at);
    let message = format!("subnet `{}` has no private access to Google's APIs", subnet.name);
    let finding = RULE.finding("subnet", at, message);
    let finding = finding.see(pool.name.at, format!("nodes of pool `{}` have private addresses in it", pool.name));
    Some(finding.help("set `privateIpGoogleAccess: true` for the subnet, or add a Private Service Connect endpoint"))
}

/// Where nodes speak IPv6 as well, its switch is one of its own.
fn over_v6(pool: &NodePool<'_>, subnet: &Subnet<'_>, estate: &Estate<'_>) -> Option<Finding> {
    let stack = subnet.written.stack_type.known().filter(|stack| matches!(stack.value, "IPV4_IPV6" | "IPV6_ONLY"))?;
    if has_google_endpoint(pool, estate) != Match::No {
        return None;
    }
    let at = match subnet.written.google_access_v6 {
        Setting::Absent => stack.at,
        Setting::Known(access) if access.value == "DISABLE_GOOGLE_ACCESS" => access.at,
        Setting::Known(_) | Setting::Unknown(_) => return None,
    };
    let message = format!("subnet `{}` speaks IPv6 and has no private access to Google's APIs over it", subnet.name);
    let finding = RULE.finding("ipv6", at, message).severity(Severity::Low);
    let finding = finding.see(pool.name.at, format!("nodes of pool `{}` have private addresses in it", pool.name));
    Some(finding.help("set `privateIpv6GoogleAccess: ENABLE_OUTBOUND_VM_ACCESS_TO_GOOGLE` for the subnet"))
}
