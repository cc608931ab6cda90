//! MT04: settings for a port, a subset, a namespace or an older rule take away the TLS that is set elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::tls::{Cause, ClientView, approaches, departures};
use crate::finding::{Confidence, Finding, Fix, Severity};
use crate::model::{ClientMode, ClientTls};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "destination-rule-drops-tls",
    topic: "tls",
    summary: "part of a destination rule, or another rule, takes away the TLS that is set for the host",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:4.2.1"],
    needs: &[],
    page: include_str!("../../../rules/tls/destination-rule-drops-tls.md"),
    check,
};

/// What takes settings away at one place, and on which ways.
struct Loss<'e, 'a> {
    view: ClientView<'e, 'a>,
    host: &'e str,
    port: Option<i64>,
    subset: Option<&'e str>,
    clients: BTreeSet<&'e str>,
    /// Whether `ISTIO_MUTUAL` is the one mode for all who come by here.
    is_certain: bool,
}

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut losses: BTreeMap<Location, Loss<'_, '_>> = BTreeMap::new();
    let approaches = approaches(audit.estate, &audit.facts.egress);
    let departures = departures(audit.estate, &audit.facts.egress);
    let near =
        approaches.iter().map(|one| (one.view, one.destination, one.client, one.asks_for_the_mesh(audit.estate)));
    let far = departures.iter().map(|one| (one.view, one.destination, one.proxy.name.value, false));
    for (view, destination, client, is_certain) in near.chain(far) {
        let Some(at) = place(&view) else { continue };
        let loss = losses.entry(at).or_insert_with(|| Loss {
            view,
            host: &destination.host,
            port: destination.port,
            subset: destination.subset.map(|subset| subset.value),
            clients: BTreeSet::new(),
            is_certain: true,
        });
        loss.clients.insert(client);
        loss.is_certain &= is_certain;
    }
    findings.extend(losses.iter().filter_map(|(at, loss)| finding(*at, loss)));
}

/// The block that is in the way, or that leaves its mode out.
fn place(view: &ClientView<'_, '_>) -> Option<Location> {
    let defaulted = view.tls.filter(|tls| tls.defaulted && tls.mode == ClientMode::Disable);
    view.lost.map(|lost| lost.at).or(defaulted.map(|tls| tls.at))
}

fn finding(at: Location, loss: &Loss<'_, '_>) -> Option<Finding> {
    let own = loss.view.rule?.name.value;
    let clients: Vec<String> = loss.clients.iter().take(5).map(|client| format!("`{client}`")).collect();
    let clients = clients.join(", ");
    let Some(lost) = loss.view.lost else {
        let message =
            format!("`tls` in destination rule `{own}` leaves its mode out, which means DISABLE for {clients}");
        let help = "write the mode that is meant: `ISTIO_MUTUAL` inside of the mesh, `SIMPLE` or `MUTUAL` outside";
        let is_bare = loss.view.tls.is_some_and(|tls| !tls.has_certificates());
        let fix = (loss.is_certain && is_bare).then(|| Fix::insert_under(at, &["mode"], "ISTIO_MUTUAL"));
        return Some(RULE.finding("mode-missing", at, message).help(help).fix(fix));
    };
    let mode = lost.instead.mode.as_str();
    let port = loss.port.map_or_else(String::new, |port| format!(" of port {port}"));
    let (variant, message, help) = match lost.cause {
        Cause::Port => (
            "port-level",
            format!("the settings{port} in destination rule `{own}` set no TLS, which drops `{mode}` for {clients}"),
            "repeat `tls` in the settings of the port: they replace the whole policy",
        ),
        Cause::Subset => {
            let subset = loss.subset.unwrap_or_default();
            let what = format!("the settings{port} in subset `{subset}` of destination rule `{own}` set no TLS");
            (
                "subset",
                format!("{what}, which drops `{mode}` for {clients}"),
                "repeat `tls` in the settings of the port: they replace all that is set around them",
            )
        }
        Cause::ClientNamespace => {
            let hidden = format!("`{}` of namespace `{}`", lost.rule.name.value, lost.rule.namespace);
            let then = match loss.subset.filter(|_| loss.view.subset_missing) {
                Some(subset) => format!("so subset `{subset}` is missing and requests fail"),
                None => format!("so `{mode}` towards `{}` is dropped", loss.host),
            };
            (
                "client-ns",
                format!("destination rule `{own}` hides {hidden} from clients in {clients}, {then}"),
                "remove the rule from the clients' namespace, or repeat subsets and `tls` in it",
            )
        }
        Cause::MergeOrder => (
            "merge-order",
            format!(
                "destination rules `{own}` and `{}` are for one host: where this policy is the older one, `{mode}` is dropped for {clients}",
                lost.rule.name.value
            ),
            "keep one traffic policy for a host in a namespace",
        ),
    };
    let is_broken = lost.cause == Cause::ClientNamespace && loss.view.subset_missing;
    let is_of_port = matches!(lost.cause, Cause::Port | Cause::Subset);
    let is_repeatable = is_of_port && loss.is_certain && is_bare(&lost.instead);
    let fix = is_repeatable.then(|| Fix::insert_beside(at, &["tls", "mode"], "ISTIO_MUTUAL"));
    let finding = RULE.finding(variant, at, message).help(help).fix(fix);
    let finding = if is_broken { finding.severity(Severity::Medium) } else { finding };
    Some(finding.see(lost.instead.at, "these settings do not hold"))
}

/// Whether settings are the mesh's mode and nothing besides, so that they are known in full.
fn is_bare(tls: &ClientTls<'_>) -> bool {
    tls.mode == ClientMode::IstioMutual && tls.sni.is_none() && !tls.has_certificates()
}
