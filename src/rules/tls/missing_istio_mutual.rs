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
    /// Whether `ISTIO_MUTUAL` is the one mode for all who come by here.
    is_certain: bool,
}

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut faults: BTreeMap<Location, Fault<'_>> = BTreeMap::new();
    for approach in approaches(audit.estate, &audit.facts.egress) {
        if let Some((variant, at, what)) = fault(&approach) {
            let empty = || Fault { variant, what, clients: BTreeSet::new(), is_certain: true };
            let fault = faults.entry(at).or_insert_with(empty);
            fault.clients.insert(approach.client);
            fault.is_certain &= is_mode_alone(&approach) && approach.asks_for_the_mesh(audit.estate);
        }
    }
    for (at, Fault { variant, what, clients, is_certain }) in faults {
        let clients: Vec<String> = clients.into_iter().take(5).map(|client| format!("`{client}`")).collect();
        let message =
            format!("clients in {} reach the egress gateway without the mesh's mutual TLS: {what}", clients.join(", "));
        let help = "set `tls.mode: ISTIO_MUTUAL` for the gateway's host, in the port or subset that the route uses";
        let fix = is_certain.then(|| Fix::set(at, "ISTIO_MUTUAL"));
        findings.push(RULE.finding(variant, at, message).help(help).fix(fix));
    }
}

/// Whether a mode is written and can be another one as it stands: certificates of one's own go with none but theirs.
fn is_mode_alone(approach: &Approach<'_, '_>) -> bool {
    approach.view.tls.is_some_and(|tls| {
        matches!(tls.mode, ClientMode::Disable | ClientMode::Simple)
            && tls.authority.is_none()
            && tls.credential.is_none()
            && tls.names.is_none()
            && tls.skip_verify.is_none()
    })
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
