//! DN01: the network's DNS does not send the names of Google's APIs to the private addresses.
use crate::analysis::destinations::{google_private, google_restricted};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Cluster, DnsZone, Link, Match, ResponsePolicy, Setting, Text};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "google-api-zone-missing",
    topic: "dns",
    summary: "names of Google's APIs do not resolve to the private addresses",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/dns/google-api-zone-missing.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let dns = &audit.estate.dns;
    for cluster in &audit.estate.clusters {
        // Without any zone of the network in the input nothing says that its DNS is kept there.
        let is_told = |network: &&Link<'_>| has_zones(network, audit) || audit.estate.evidence.cloud_is_complete();
        if let Some(network) = cluster.network.as_ref().filter(is_told) {
            findings.extend(unresolved(cluster, network, audit));
            findings.extend(registries(cluster, network, audit));
        }
    }
    findings.extend(dns.zones.iter().filter(|zone| is_of(zone, "googleapis.com.")).filter_map(wrong_record));
    findings
        .extend(dns.zones.iter().filter(|zone| is_of(zone, "googleapis.com.")).filter_map(|zone| unbound(zone, audit)));
}

/// Whether some private zone or response policy of the input may serve a network.
fn has_zones(network: &Link<'_>, audit: &Audit<'_>) -> bool {
    let dns = &audit.estate.dns;
    let serves = |networks: &[Link<'_>]| networks.iter().any(|own| own.is(network) != Match::No);
    dns.zones.iter().any(|zone| serves(&zone.networks))
        || dns.response_policies.iter().any(|policy| serves(&policy.networks))
}

fn is_of(zone: &DnsZone<'_>, name: &str) -> bool {
    let of = |written: &str| written.trim_end_matches('.') == name.trim_end_matches('.');
    zone.written.dns_name.known().is_some_and(|written| of(written.value))
}

/// Whether a private zone of a name, or a response policy with it, serves a network; unknown where a zone leaves it open.
fn serves(name: &str, network: &Link<'_>, audit: &Audit<'_>) -> Match {
    let bound = |networks: &[Link<'_>], open: bool| {
        let start = if open { Match::Unknown } else { Match::No };
        networks.iter().map(|own| own.is(network)).fold(start, Match::or)
    };
    let dns = &audit.estate.dns;
    let zones =
        dns.zones.iter().filter(|zone| is_of(zone, name) || zone.written.dns_name.unknown().is_some()).map(|zone| {
            bound(&zone.networks, zone.written.networks.unknown.is_some() || zone.written.dns_name.unknown().is_some())
        });
    let policies = dns.response_policies.iter().map(|policy| answers(policy, name).and(bound(&policy.networks, false)));
    Match::any(zones.chain(policies))
}

/// Whether a response policy answers for a name; without its rules in the input it may.
fn answers(policy: &ResponsePolicy<'_>, name: &str) -> Match {
    if policy.rules.is_empty() {
        return Match::Unknown;
    }
    let of_name = policy.rules.iter().map(|rule| match rule.dns_name.known() {
        Some(own) => Match::from(own.value.trim_end_matches('.').ends_with(name.trim_end_matches('.'))),
        None => Match::Unknown,
    });
    Match::any(of_name)
}

const HELP: &str =
    "add a private zone for the name to the cluster's network, with records of one of the private addresses";

fn unresolved(cluster: &Cluster<'_>, network: &Link<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let has_own = audit.estate.dns.zones.iter().any(|zone| is_of(zone, "googleapis.com."));
    if serves("googleapis.com.", network, audit) != Match::No || has_own {
        return None;
    }
    let message = format!("no private zone of the network of cluster `{}` holds `googleapis.com`", cluster.name);
    Some(RULE.finding("missing", cluster.name.at, message).help(HELP))
}

/// Images come from two more domains.
fn registries(cluster: &Cluster<'_>, network: &Link<'_>, audit: &Audit<'_>) -> Option<Finding> {
    if serves("googleapis.com.", network, audit) != Match::Yes {
        return None;
    }
    let missing: Vec<String> = ["gcr.io.", "pkg.dev."]
        .into_iter()
        .filter(|name| serves(name, network, audit) == Match::No)
        .map(|name| format!("`{}`", name.trim_end_matches('.')))
        .collect();
    if missing.is_empty() {
        return None;
    }
    let message = format!(
        "no private zone of the network of cluster `{}` holds {}, from where images come",
        cluster.name,
        missing.join(" or ")
    );
    Some(RULE.finding("registry", cluster.name.at, message).severity(Severity::Low).help(HELP))
}

/// A record of the zone that does not lead to one of the two private blocks.
fn wrong_record(zone: &DnsZone<'_>) -> Option<Finding> {
    let records = |kind: &'static str| {
        zone.records.iter().filter(move |record| record.kind.known().is_some_and(|own| own.value == kind))
    };
    let address = records("A").find_map(|record| wrong_address(zone, &record.data.items));
    address.or_else(|| records("CNAME").find_map(|record| wrong_alias(zone, &record.data.items)))
}

fn wrong_address(zone: &DnsZone<'_>, data: &[Text<'_>]) -> Option<Finding> {
    let parsed = data.iter().filter_map(|data| Some((data, data.value.parse::<std::net::IpAddr>().ok()?)));
    let parsed: Vec<_> = parsed.collect();
    let outside = parsed
        .iter()
        .find(|(_, address)| !google_private().contains(*address) && !google_restricted().contains(*address));
    let (data, message) = if let Some((data, _)) = outside {
        (data, format!("`{}` answers with `{data}`, which is no private address of Google's APIs", zone.name))
    } else {
        let first_is_private = google_private().contains(parsed.first()?.1);
        let (data, _) = parsed.iter().find(|(_, address)| google_private().contains(*address) != first_is_private)?;
        (data, format!("`{}` answers with `{data}` besides addresses of the other private block", zone.name))
    };
    let finding = RULE.finding("record", data.at, message);
    Some(finding.help("answer with 199.36.153.8/30, or with 199.36.153.4/30 behind a perimeter"))
}

/// The names of the zone are those of the private address, by way of an alias.
fn wrong_alias(zone: &DnsZone<'_>, data: &[Text<'_>]) -> Option<Finding> {
    const GOOD: [&str; 3] = ["private.googleapis.com", "restricted.googleapis.com", "googleapis.com"];
    let data = data.iter().find(|data| !GOOD.contains(&data.value.trim_end_matches('.')))?;
    let message = format!("`{}` leads to `{data}`, which is no private name of Google's APIs", zone.name);
    let finding = RULE.finding("record", data.at, message);
    Some(finding.help("lead every name to `private.googleapis.com` or `restricted.googleapis.com`"))
}

fn unbound(zone: &DnsZone<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let is_private = zone.written.visibility.or_default("public") == Some("private");
    if !is_private && zone.written.visibility.unknown().is_none() {
        let at = zone.written.visibility.known().map_or(zone.name.at, |visibility| visibility.at);
        let message = format!("`{}` is a public zone, so the network does not ask it", zone.name);
        return Some(
            RULE.finding("unbound", at, message).help("make the zone private, and bind it to the cluster's network"),
        );
    }
    let networks = audit.estate.clusters.iter().filter_map(|cluster| cluster.network.as_ref());
    let mut all = networks.map(|network| Match::any(zone.networks.iter().map(|own| own.is(network)))).peekable();
    let is_open = zone.written.networks.unknown.is_some() || matches!(zone.written.visibility, Setting::Unknown(_));
    if is_open || all.peek().is_none() || all.any(|bound| bound != Match::No) {
        return None;
    }
    let message = format!("`{}` is bound to no network of a cluster", zone.name);
    let at = zone.written.networks.at.unwrap_or(zone.name.at);
    Some(RULE.finding("unbound", at, message).help("bind the zone to the cluster's network"))
}
