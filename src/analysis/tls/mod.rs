//! What a client does about TLS towards a host: the destination rule that applies as seen from its namespace, and what
//! port and subset make of it (semantics C.7).

mod approaches;
mod departures;
mod peers;

pub use approaches::{Approach, approaches, is_automatic};
pub use departures::{Departure, departures};
pub use peers::{PeerRule, peer_rule};

use rustc_hash::FxHashMap;

use crate::model::{ClientMode, ClientTls, DestinationRule, Estate, Labels, ServiceEntry, Text, TlsLayer};
use crate::source::Location;
use crate::traffic::HostPattern;

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub struct Client<'e> {
    pub namespace: &'e str,
    /// The labels of its pods, where one workload is meant: some rules are for certain pods.
    pub labels: Option<&'e Labels<'e>>,
}

/// Where a client sends.
#[derive(Clone, Copy, Debug)]
pub struct Target<'e> {
    pub host: &'e str,
    /// The port of the host's service.
    pub port: Option<i64>,
    pub subset: Option<&'e str>,
}

/// A client's TLS settings towards one port and subset of a host.
#[derive(Clone, Copy, Debug)]
pub struct ClientView<'e, 'a> {
    /// The settings, where a rule has some.
    pub tls: Option<ClientTls<'a>>,
    /// The rule that decides, if any applies: the one that holds the subset, or whose policy counts.
    pub rule: Option<&'e DestinationRule<'a>>,
    /// Where the settings would stand: the port's entry, the subset, the policy, or the host of the rule.
    pub absent_at: Option<Location>,
    /// Whether rules apply and none of them has the subset: then there is nowhere to send to.
    pub subset_missing: bool,
    /// What takes settings away that would hold without it.
    pub lost: Option<Lost<'e, 'a>>,
}

/// Settings that do not hold, and what is in their way.
#[derive(Clone, Copy, Debug)]
pub struct Lost<'e, 'a> {
    pub cause: Cause,
    /// The block that is in the way.
    pub at: Location,
    /// The settings that would hold without it.
    pub instead: ClientTls<'a>,
    /// The rule that they stand in.
    pub rule: &'e DestinationRule<'a>,
}

/// What takes settings away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The settings of a single port replace the whole policy.
    Port,
    /// The settings of a single port in a subset replace everything above them.
    Subset,
    /// A rule of the client's namespace replaces those of others.
    ClientNamespace,
    /// Of several rules for a host in a namespace the policy of the oldest counts.
    MergeOrder,
}

/// The destination rules of an estate, to be asked for many clients and hosts.
#[derive(Debug)]
pub struct DestinationRules<'e, 'a> {
    root: &'e str,
    /// By namespace and host.
    named: FxHashMap<(&'e str, &'e str), Vec<&'e DestinationRule<'a>>>,
    /// Those for wildcards, by namespace.
    wild: FxHashMap<&'e str, Vec<&'e DestinationRule<'a>>>,
    /// The service entries of each host.
    entries: FxHashMap<&'e str, Vec<&'e ServiceEntry<'a>>>,
}

impl<'e, 'a> DestinationRules<'e, 'a> {
    /// Sorts the rules by their namespace and host.
    #[must_use]
    pub fn new(estate: &'e Estate<'a>) -> Self {
        let mut rules = Self {
            root: estate.mesh.root_namespace,
            named: FxHashMap::default(),
            wild: FxHashMap::default(),
            entries: FxHashMap::default(),
        };
        for rule in &estate.mesh.destination_rules {
            let is_wild = HostPattern::new(&rule.host).is_wildcard();
            let list = if is_wild {
                rules.wild.entry(rule.namespace).or_default()
            } else {
                rules.named.entry((rule.namespace, rule.host.as_str())).or_default()
            };
            list.push(rule);
        }
        for entry in &estate.mesh.service_entries {
            for host in &entry.hosts {
                rules.entries.entry(host.value).or_default().push(entry);
            }
        }
        rules
    }

    /// What a client does about TLS towards a host.
    #[must_use]
    pub fn view(&self, client: Client<'_>, target: Target<'_>) -> ClientView<'e, 'a> {
        let namespaces = self.namespaces(client, target.host);
        let found =
            namespaces.into_iter().map(|namespace| (namespace, self.applicable(client, target.host, namespace)));
        let mut found = found.filter(|(_, rules)| !rules.is_empty());
        let Some((namespace, rules)) = found.next() else {
            return ClientView { tls: None, rule: None, absent_at: None, subset_missing: false, lost: None };
        };
        let mut view = merged(&rules, target);
        // A rule of the client's own namespace hides all others, whatever they say.
        if view.lost.is_none() && namespace == client.namespace && !protects(view.tls) {
            let hidden = found.map(|(_, rules)| merged(&rules, target)).find(|hidden| protects(hidden.tls));
            if let Some((tls, rule)) = hidden.and_then(|hidden| Some((hidden.tls?, hidden.rule?))) {
                let at = view.rule.map_or(tls.at, |rule| rule.host_at);
                view.lost = Some(Lost { cause: Cause::ClientNamespace, at, instead: tls, rule });
            }
        }
        view
    }

    /// The namespaces whose rules are asked, in order: the client's, the host's, the root namespace.
    fn namespaces<'n>(&'n self, client: Client<'n>, host: &'n str) -> Vec<&'n str> {
        let of_service = host.strip_suffix(".svc.cluster.local").and_then(|name| name.split_once('.'));
        let entries = self.entries.get(host).into_iter().flatten();
        let entries = entries.filter(|entry| entry.visibility.from(client.namespace)).map(|entry| entry.namespace);
        let homes = of_service.map(|(_, namespace)| namespace).into_iter().chain(entries);
        let own = (client.namespace != self.root).then_some(client.namespace);
        let mut all: Vec<&str> = Vec::new();
        for namespace in own.into_iter().chain(homes).chain([self.root]) {
            if !all.contains(&namespace) {
                all.push(namespace);
            }
        }
        all
    }

    /// The rules of a namespace that hold for a client: those with the most specific host, and of these the ones for
    /// certain pods where they are the client's.
    fn applicable(&self, client: Client<'_>, host: &str, namespace: &str) -> Vec<&'e DestinationRule<'a>> {
        let is_for = |rule: &DestinationRule<'_>| {
            rule.workload_selector.is_none_or(|selector| {
                namespace == client.namespace && client.labels.is_some_and(|labels| selector.is_subset(labels))
            })
        };
        let sees = |rule: &&DestinationRule<'_>| {
            rule.visibility.from(client.namespace)
                && is_for(rule)
                && HostPattern::new(host).subset_of(&HostPattern::new(&rule.host))
        };
        let named = self.named.get(&(namespace, host)).into_iter().flatten();
        let all = named.chain(self.wild.get(namespace).into_iter().flatten()).copied();
        let found: Vec<_> = all.filter(sees).collect();
        let rank = |rule: &DestinationRule<'_>| (rule.workload_selector.is_some(), specificity(&rule.host));
        let best = found.iter().map(|rule| rank(rule)).max();
        found.into_iter().filter(|rule| Some(rank(rule)) == best).collect()
    }
}

/// Whether settings encrypt at all.
fn protects(tls: Option<ClientTls<'_>>) -> bool {
    tls.is_some_and(|tls| tls.mode != ClientMode::Disable)
}

/// What the rules of one namespace for one host make together: the policy of the oldest and the subsets of all. Manifests
/// do not tell ages, so of several policies the worst is taken.
fn merged<'e, 'a>(rules: &[&'e DestinationRule<'a>], target: Target<'_>) -> ClientView<'e, 'a> {
    let with_policy: Vec<_> = rules.iter().copied().filter(|rule| rule.tls.at.is_some()).collect();
    let owner = rules.iter().copied().find_map(|rule| {
        let is_named = |(name, _): &&(Text<'_>, TlsLayer<'_>)| Some(name.value) == target.subset;
        Some((rule, rule.subsets.iter().find(is_named)?))
    });
    let subset_missing = target.subset.is_some() && owner.is_none();
    let of = |rule: &'e DestinationRule<'a>| ClientView { subset_missing, ..view(rule, owner, target.port) };
    let Some(&first) = with_policy.first().or(rules.first()) else {
        return ClientView { tls: None, rule: None, absent_at: None, subset_missing, lost: None };
    };
    let views: Vec<_> = with_policy.iter().map(|rule| of(rule)).collect();
    let best = views.iter().find(|view| protects(view.tls)).and_then(|view| Some((view.tls?, view.rule?)));
    let worst = views.into_iter().find(|view| !protects(view.tls)).unwrap_or_else(|| of(first));
    match best {
        Some((instead, rule)) if !protects(worst.tls) && worst.lost.is_none() => {
            let at = worst.rule.and_then(|rule| rule.tls.at).unwrap_or(first.host_at);
            ClientView { lost: Some(Lost { cause: Cause::MergeOrder, at, instead, rule }), ..worst }
        }
        _ => worst,
    }
}

type Subset<'e, 'a> = (&'e DestinationRule<'a>, &'e (Text<'a>, TlsLayer<'a>));

/// What a rule's policy and a subset make of TLS for a port.
fn view<'e, 'a>(
    rule: &'e DestinationRule<'a>,
    subset: Option<Subset<'e, 'a>>,
    port: Option<i64>,
) -> ClientView<'e, 'a> {
    let above = layer_view(rule, &rule.tls, rule.tls.at.unwrap_or(rule.host_at), port, Cause::Port);
    let Some((owner, (name, layer))) = subset else { return above };
    let own = layer_view(owner, layer, layer.at.unwrap_or(name.at), port, Cause::Subset);
    if of_port(layer, port).is_none() {
        // Without TLS of its own a subset has that of the rule.
        let inherits = own.tls.is_none() && (above.tls.is_some() || above.lost.is_some());
        return if inherits { above } else { own };
    }
    let lost = above.tls.filter(|tls| own.tls.is_none() && tls.mode != ClientMode::Disable);
    let lost = lost.and_then(|instead| Some(Lost { cause: Cause::Subset, at: own.absent_at?, instead, rule }));
    ClientView { lost: own.lost.or(lost), ..own }
}

/// What one level makes of TLS for a port.
fn layer_view<'e, 'a>(
    rule: &'e DestinationRule<'a>,
    layer: &TlsLayer<'a>,
    at: Location,
    port: Option<i64>,
    cause: Cause,
) -> ClientView<'e, 'a> {
    let view = |tls, at, lost| ClientView { tls, rule: Some(rule), absent_at: Some(at), subset_missing: false, lost };
    let Some((tls, port_at)) = of_port(layer, port) else { return view(layer.base, at, None) };
    let lost = layer.base.filter(|base| tls.is_none() && base.mode != ClientMode::Disable);
    view(tls, port_at, lost.map(|instead| Lost { cause, at: port_at, instead, rule }))
}

/// The settings of a single port, which replace those of the layer whether or not they speak of TLS.
fn of_port<'a>(layer: &TlsLayer<'a>, port: Option<i64>) -> Option<(Option<ClientTls<'a>>, Location)> {
    layer.ports.iter().find(|(number, _, _)| Some(*number) == port).map(|(_, tls, at)| (*tls, *at))
}

/// Names before wildcards, long wildcards before short ones.
fn specificity(host: &str) -> (bool, usize) {
    (!HostPattern::new(host).is_wildcard(), host.len())
}
