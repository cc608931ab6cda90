//! MT03: clients do not use the mesh's mutual TLS towards the egress gateway.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::tls::{Approach, approaches};
use crate::finding::{Confidence, Finding, Fix, Severity};
use crate::model::ClientMode;
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "missing-istio-mutual",
    topic: "tls",
    summary: "sidecars do not use the mesh's mutual TLS towards the egress gateway",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:4.2.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/tls/missing-istio-mutual.md"),
    check,
};

/// What clients do at one place, and which of them.
struct Fault<'a> {
    variant: &'static str,
    what: String,
    clients: BTreeSet<&'a str>,
    /// What to write, where `ISTIO_MUTUAL` is the one mode for all who come by here.
    fix: Option<Fix>,
}

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut faults: BTreeMap<Location, Fault<'_>> = BTreeMap::new();
    for approach in approaches(audit.estate, &audit.facts.egress) {
        if let Some((variant, at, what)) = fault(&approach) {
            let empty = || Fault { variant, what, clients: BTreeSet::new(), fix: fix(at, &approach) };
            let fault = faults.entry(at).or_insert_with(empty);
            fault.clients.insert(approach.client);
            fault.fix.take_if(|_| !approach.asks_for_the_mesh(audit.estate));
        }
    }
    for (at, Fault { variant, what, clients, fix }) in faults {
        let clients: Vec<String> = clients.into_iter().take(5).map(|client| format!("`{client}`")).collect();
        let message =
            format!("clients in {} reach the egress gateway without the mesh's mutual TLS: {what}", clients.join(", "));
        let help = "set `tls.mode: ISTIO_MUTUAL` for the gateway's host, in the port or subset that the route uses";
        findings.push(RULE.finding(variant, at, message).help(help).fix(fix));
    }
}

/// What to write where the mode alone is wrong, or where a rule has one place alone for it: certificates of one's own go
/// with no other mode than theirs, and of subsets and ports nobody can tell which are meant.
fn fix(at: Location, approach: &Approach<'_, '_>) -> Option<Fix> {
    const MODE: &str = "ISTIO_MUTUAL";
    let Some(tls) = approach.view.tls else {
        let rule = approach.view.rule.filter(|rule| rule.subsets.is_empty() && rule.tls.ports.is_empty())?;
        return Some(match rule.tls.at {
            Some(policy) => Fix::insert_under(policy, &["tls", "mode"], MODE),
            None => Fix::insert_beside(rule.host_at, &["trafficPolicy", "tls", "mode"], MODE),
        });
    };
    let is_alone = matches!(tls.mode, ClientMode::Disable | ClientMode::Simple) && !tls.has_certificates();
    is_alone.then(|| Fix::set(at, MODE))
}

/// What is wrong with a way to the gateway. Where other settings are in the way of the right ones, where the mode is left
/// out, or where nothing is sent for want of a subset, other rules say so.
fn fault(approach: &Approach<'_, '_>) -> Option<(&'static str, Location, String)> {
    let Approach { view, destination, .. } = approach;
    if view.lost.is_some() || view.subset_missing {
        return None;
    }
    Some(match (view.tls, view.rule) {
        (Some(tls), _) if tls.defaulted || matches!(tls.mode, ClientMode::IstioMutual | ClientMode::Unknown) => {
            return None;
        }
        (Some(tls), _) if tls.mode == ClientMode::Disable => ("disabled", tls.at, "the mode is `DISABLE`".to_owned()),
        (Some(tls), _) => {
            ("simple", tls.at, format!("the mode is `{}`, which presents no identity of the mesh", tls.mode.as_str()))
        }
        (None, Some(rule)) => (
            "missing",
            view.absent_at.unwrap_or(rule.host_at),
            format!("destination rule `{}` sets no TLS here", rule.name.value),
        ),
        (None, None) => {
            let what = format!("no destination rule for `{}` holds for them", destination.host);
            ("missing", destination.host_at, what)
        }
    })
}
