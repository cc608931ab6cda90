//! PA05: a workload leaves through the gateway to a host that no policy means it to reach.

use crate::analysis::capture::Tier;
use crate::analysis::exits::{Control, Exit, Verdict, Via};
use crate::finding::{Confidence, Finding, Parts, Severity};
use crate::model::Layer;
use crate::rule::exits::Alike;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "unapproved-host-through-gateway",
    topic: "path",
    summary: "a workload can leave through the egress gateway to a host that no policy names for it",
    severity: Severity::Critical,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:authentication-authorization"],
    needs: &[Layer::Mesh, Layer::Authorization, Layer::NetworkPolicy, Layer::Scheduling, Layer::Firewall],
    page: include_str!("../../../rules/path/unapproved-host-through-gateway.md"),
    check,
};

/// What opens the gateway to hosts that nobody means.
const PARTS: &[&str] = &[
    "gateway-without-authorization",
    "allow-all-policy",
    "allow-without-source",
    "allow-without-destination",
    "policy-never-matches",
    "policy-not-enforced",
    "evadable-match",
    "gateway-passthrough",
    "gateway-without-mutual-tls",
    "auto-passthrough-egress",
    "foreign-route-on-gateway",
    "tenant-writes-egress-policy",
    "tenant-writes-bypass-kind",
];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let is_unapproved = |exit: &Exit| {
        exit.via == Via::Gateway && exit.verdict == Verdict::Open && !exit.approved && exit.tier <= Tier::Tenant
    };
    let rank = |exit: &Exit| (exit.tier, exit.host.clone());
    for alike in audit.exits_alike(is_unapproved, rank) {
        findings.extend(finding(&alike, is_unapproved, audit));
    }
}

fn finding(alike: &Alike<'_>, is_unapproved: impl Fn(&Exit) -> bool, audit: &Audit<'_>) -> Option<Finding> {
    let &first = alike.workloads.first()?;
    let exit = alike.exit;
    let witness = exit.witness(first, audit.estate, audit.facts);
    let host = exit.host.as_deref().map_or_else(|| "any host".to_owned(), |host| format!("`{host}`"));
    // The other hosts of the same workload are not told one by one.
    let others = audit.facts.exits.of(first).map_or(0, |group| {
        let same =
            |other: &&std::sync::Arc<Exit>| is_unapproved(other) && other.host != exit.host && other.host.is_some();
        group.exits.iter().filter(same).count()
    });
    let more = match others {
        0 => String::new(),
        1 => " and 1 more host".to_owned(),
        more => format!(" and {more} more hosts"),
    };
    let message = format!(
        "{} reach {host}{more} through the egress gateway, and no policy names it for them{}",
        audit.attacker(exit.tier, first),
        alike.others(),
    );
    let consent = exit.steps.iter().position(|step| step.control == Control::Authorization);
    let at = audit.estate.workloads[first].name.at;
    let finding = RULE.finding(exit.tier.as_str(), at, message);
    let finding = consent
        .and_then(|step| witness.get(step))
        .into_iter()
        .fold(finding, |finding, hop| finding.see(hop.at, format!("what lets it through: {}", hop.reason)));
    let about = audit.places_of(alike);
    let finding = audit.name_others(finding.witness(witness), alike);
    let parts = Parts { rules: PARTS, about, yields: false };
    Some(finding.made_of(parts).help("let each clause that allows name a source identity and a host, on listeners that ask for the mesh's certificate"))
}
