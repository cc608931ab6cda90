//! What a client does about TLS towards a host: the destination rule that applies as seen from its namespace, and what
//! port and subset make of it (semantics C.7).

use crate::model::{ClientTls, DestinationRule, Estate, TlsLayer};
use crate::source::Location;
use crate::traffic::HostPattern;

/// A client's TLS settings towards one port and subset of a host.
#[derive(Clone, Copy, Debug)]
pub struct ClientView<'e, 'a> {
    /// The settings, where a rule has some.
    pub tls: Option<ClientTls<'a>>,
    /// The rule that applies, if any does.
    pub rule: Option<&'e DestinationRule<'a>>,
    /// Where the settings would stand: the port's entry, the subset, the policy, or the host of the rule.
    pub absent_at: Option<Location>,
}

/// What clients of a namespace do about TLS towards a host.
#[must_use]
pub fn client_view<'e, 'a>(
    estate: &'e Estate<'a>,
    client: &str,
    host: &str,
    (port, subset): (Option<i64>, Option<&str>),
) -> ClientView<'e, 'a> {
    let rules = applicable(estate, client, host);
    let Some(&rule) = rules.first() else { return ClientView { tls: None, rule: None, absent_at: None } };
    // Rules of one namespace for one host are one rule: the oldest policy, and the subsets of all.
    let top = rules.iter().map(|rule| &rule.tls).find(|layer| layer.at.is_some()).unwrap_or(&rule.tls);
    let named = rules.iter().flat_map(|rule| &rule.subsets).find(|(name, _)| Some(name.value) == subset);
    let (base, base_at) = of_port(top, port).unwrap_or((top.base, top.at.unwrap_or(rule.host_at)));
    let Some((name, layer)) = named else {
        return ClientView { tls: base, rule: Some(rule), absent_at: Some(base_at) };
    };
    let (tls, at) = match of_port(layer, port) {
        Some(of_port) => of_port,
        None if layer.base.is_some() || base.is_none() => (layer.base, layer.at.unwrap_or(name.at)),
        None => (base, base_at),
    };
    ClientView { tls, rule: Some(rule), absent_at: Some(at) }
}

/// The settings of a single port, which replace those of the layer whether or not they speak of TLS.
fn of_port<'a>(layer: &TlsLayer<'a>, port: Option<i64>) -> Option<(Option<ClientTls<'a>>, Location)> {
    layer.ports.iter().find(|(number, _, _)| Some(*number) == port).map(|(_, tls, at)| (*tls, *at))
}

/// The rules that apply: those of the client's namespace, else those of the host's, else those of the root namespace; of
/// one namespace the ones with the most specific host.
fn applicable<'e, 'a>(estate: &'e Estate<'a>, client: &str, host: &str) -> Vec<&'e DestinationRule<'a>> {
    let root = estate.mesh.root_namespace;
    let service =
        host.strip_suffix(".svc.cluster.local").and_then(|name| name.split_once('.')).map(|(_, namespace)| namespace);
    let own = (client != root).then_some(client);
    let namespaces = own.into_iter().chain(service.filter(|service| *service != client)).chain([root]);
    for namespace in namespaces {
        let sees = |rule: &&DestinationRule<'_>| {
            rule.namespace == namespace
                && (namespace == client || rule.visibility.from(client))
                && rule.workload_selector.is_none()
                && HostPattern::new(host).subset_of(&HostPattern::new(&rule.host))
        };
        let found: Vec<_> = estate.mesh.destination_rules.iter().filter(sees).collect();
        if let Some(best) = found.iter().map(|rule| specificity(&rule.host)).max() {
            return found.into_iter().filter(|rule| specificity(&rule.host) == best).collect();
        }
    }
    Vec::new()
}

/// Names before wildcards, long wildcards before short ones.
fn specificity(host: &str) -> (bool, usize) {
    (!HostPattern::new(host).is_wildcard(), host.len())
}
