//! Whether the policies at an egress proxy let somebody through a door, by which clause, and whether that is what they mean
//! (semantics C.8, C.9). An attacker chooses the path, the method and everything else that a client chooses.

use rustc_hash::FxHashSet;

use super::doors::Door;
use crate::analysis::authorization::{
    ByNamespace, Chain, Claim, Decision, Held, Peer, Place, Property, Request, decide, intention, names_source,
    namespaces_of, peer_seen_by, policies_at, tokens_at,
};
use crate::analysis::egress::EgressProxy;
use crate::model::{Action, Attribute, AuthorizationPolicy, Clause, Condition, Estate, ServerMode};
use crate::source::Location;
use crate::traffic::HostPattern;

/// The policies of one proxy, ready to be asked.
pub(super) struct Policies<'e, 'a> {
    estate: &'e Estate<'a>,
    held: Vec<Held<'e, 'a>>,
    /// Those that do not allow: what one clause allows, they may still refuse.
    guards: Vec<Held<'e, 'a>>,
    /// Each clause that allows, as a policy of its own.
    singles: Vec<Single<'a>>,
    /// Whom they may be about.
    by_namespace: ByNamespace<'a>,
    /// What is known of the claims of requests.
    claims: Property<&'static [Claim<'static>]>,
    /// Whether a policy that allows is enforced, so that what none allows is denied.
    closed: bool,
}

/// One clause that allows.
struct Single<'a> {
    policy: AuthorizationPolicy<'a>,
    certain: bool,
    /// The hosts, in lower case, of which a request must name one; any where there is none.
    hosts: Option<FxHashSet<String>>,
    /// Whether it asks who the client is.
    names_source: bool,
    /// Whether it asks for some paths or methods only.
    narrow: bool,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::analysis::exits) struct Asker<'a> {
    pub namespace: &'a str,
    pub account: &'a str,
    /// Whether its connections show who it is: unknown where it may have a proxy.
    pub identified: Option<bool>,
}

impl<'a> Asker<'a> {
    fn peer(&self) -> Peer<'a> {
        match self.identified {
            Some(true) => Peer::Account { namespace: self.namespace, account: Some(self.account) },
            Some(false) => Peer::Nobody,
            None => Peer::Unknown,
        }
    }
}

/// The answer at a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Consent {
    pub decision: Decision,
    /// The clause that allows it, or may, by its number; none where no policy allows and so everything is allowed.
    pub by: Option<usize>,
}

impl<'e, 'a> Policies<'e, 'a> {
    pub(super) fn new(proxy: &EgressProxy<'a>, estate: &'e Estate<'a>) -> Self {
        let place = Place::of_proxy(proxy);
        let held = policies_at(&place, estate);
        let (mut singles, mut by_namespace) = (Vec::new(), Vec::new());
        for (policy, certain) in held.iter().filter(|(policy, _)| policy.action == Action::Allow) {
            singles.extend(policy.clauses.iter().map(|clause| single(policy, clause, *certain)));
            by_namespace.extend(policy.clauses.iter().map(|clause| namespaces_of(policy, clause)));
        }
        let by_namespace = by_namespace.into_iter().collect();
        let closed = held.iter().any(|(policy, certain)| policy.action == Action::Allow && *certain);
        let guards = held.iter().filter(|(policy, _)| policy.action != Action::Allow).copied().collect();
        let claims = tokens_at(&place, estate).claims();
        Self { estate, held, guards, singles, by_namespace, claims, closed }
    }

    /// The clauses that may be about the workloads of a namespace, with their numbers, in order.
    fn about(&self, namespace: &str) -> impl Iterator<Item = (usize, &Single<'a>)> {
        self.by_namespace.about(namespace).map(|number| (number, &self.singles[number]))
    }

    /// Whether any policy holds, or may.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// What the policies say to somebody at a door, whatever path and method he chooses.
    pub(super) fn ask(&self, door: &Door<'_, '_>, asker: Asker<'_>) -> Consent {
        if door.server.mode == ServerMode::AutoPassthrough {
            return Consent { decision: Decision::Allow, by: None };
        }
        let mut best = Consent { decision: Decision::Deny, by: None };
        if !self.closed {
            best.decision = self.decide(door, asker, &self.held, Choice::default());
        }
        let asked = door.asked.to_ascii_lowercase();
        for (number, single) in self.about(asker.namespace).filter(|(_, single)| single.may_take(&asked)) {
            if best.decision == Decision::Allow {
                break;
            }
            let choice = Choice::of(single);
            let held = (&single.policy, single.certain);
            if self.decide(door, asker, &[held], choice) == Decision::Deny {
                continue;
            }
            // Other clauses that allow have their own turn: this one is judged against what refuses.
            let against: Vec<Held<'_, '_>> = self.guards.iter().copied().chain([held]).collect();
            let decision = self.decide(door, asker, &against, choice);
            if rank(decision) > rank(best.decision) {
                best = Consent { decision, by: Some(number) };
            }
        }
        best
    }

    /// The answer to one request at a door, on whichever of its ports it may arrive.
    fn decide(&self, door: &Door<'_, '_>, asker: Asker<'_>, policies: &[Held<'_, '_>], choice: Choice<'_>) -> Decision {
        let ports = door.pod_ports.iter().map(|port| Property::Is(*port));
        let ports: Vec<Property<u16>> =
            if door.pod_ports.is_empty() { vec![Property::Unknown] } else { ports.collect() };
        let opaque = door.server.mode == ServerMode::Passthrough;
        let mut decisions = ports.into_iter().map(|port| {
            let request = Request {
                peer: peer_seen_by(door.server, asker.peer()),
                port,
                sni: if opaque { Property::Is(door.asked.as_str()) } else { Property::Unknown },
                host: Property::Is(door.asked.as_str()),
                method: Property::Is(choice.method),
                path: Property::Is(choice.path),
                claims: self.claims,
                ..Request::default()
            };
            intention(policies, door.server, &request, &self.estate.mesh)
        });
        let first = decisions.next().unwrap_or(Decision::Unknown);
        if decisions.all(|other| other == first) { first } else { Decision::Unknown }
    }

    /// Whether the policies mean somebody to reach a host, and whether for some paths and methods only. They do where a
    /// clause that allows names both.
    pub(super) fn intends(&self, host: &str, asker: Asker<'_>) -> Option<Intent> {
        let mut intent: Option<Intent> = None;
        let named = self.about(asker.namespace).map(|(_, single)| single);
        for single in named.filter(|single| single.names_source && single.names_host(host)) {
            if !self.is_about(single, host, asker) {
                continue;
            }
            let clause_at = single.policy.clauses.first().map_or(single.policy.name.at, |clause| clause.at);
            let narrow = single.narrow && intent.as_ref().is_none_or(|known| known.narrow);
            let (name, at) =
                intent.map_or((single.policy.name.value.to_owned(), clause_at), |known| (known.name, known.at));
            intent = Some(Intent { narrow, name, at });
        }
        intent
    }

    /// Whether a clause may be about somebody who asks for a host.
    fn is_about(&self, single: &Single<'_>, host: &str, asker: Asker<'_>) -> bool {
        let choice = Choice::of(single);
        let peer = Peer::Account { namespace: asker.namespace, account: Some(asker.account) };
        let request = Request {
            peer,
            host: Property::Is(host),
            sni: Property::Is(host),
            method: Property::Is(choice.method),
            path: Property::Is(choice.path),
            ..Request::default()
        };
        decide(&[(&single.policy, true)], Chain::Http, &request, &self.estate.mesh) != Decision::Deny
    }

    /// Whether what a clause lets somebody do is what the policies mean: it names both him and the host, or others do and
    /// do not ask for more; or it names one of the two, and the mesh sends him there (`led`).
    pub(super) fn approves(&self, consent: Consent, upstream: &str, asker: Asker<'_>, led: bool) -> bool {
        if self.intends(upstream, asker).is_some_and(|intent| !intent.narrow) {
            return true;
        }
        let Some(single) = consent.by.map(|number| &self.singles[number]) else { return false };
        match (single.names_source, single.names_host(upstream), single.asks_host()) {
            (true, true, _) => true,
            (true, false, false) | (false, true, _) => led,
            _ => false,
        }
    }

    /// The hosts that clauses about somebody name, a name for each pattern.
    pub(super) fn hosts_of(&self, asker: Asker<'_>) -> Vec<String> {
        let tests = self.about(asker.namespace).flat_map(|(_, single)| single.hosts());
        let mut names: Vec<String> =
            tests.flat_map(|test| test.values).map(|value| value.value.replace('*', "any")).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The hosts that clauses which ask who the client is name in full for somebody.
    pub(super) fn named_hosts(&self, asker: Asker<'_>) -> Vec<String> {
        let named = self.about(asker.namespace).filter(|(_, single)| single.names_source);
        let tests = named.flat_map(|(_, single)| single.hosts());
        let values = tests.flat_map(|test| test.values).map(|value| value.value);
        let plain = values.filter(|host| !host.contains('*') && !host.contains(':'));
        let mut hosts: Vec<String> = plain.map(str::to_owned).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// The policy and the place of a clause.
    pub(super) fn clause(&self, number: usize) -> (&str, Location) {
        let policy = &self.singles[number].policy;
        (policy.name.value, policy.clauses.first().map_or(policy.name.at, |clause| clause.at))
    }

    /// The policy that denies what none allows: the first that allows something, else the first of all.
    pub(super) fn denial(&self) -> Option<(&str, Location)> {
        let allows = |(policy, _): &&Held<'_, '_>| policy.action == Action::Allow;
        let policy = self.held.iter().find(allows).or(self.held.first()).map(|(policy, _)| *policy)?;
        Some((policy.name.value, policy.name.at))
    }
}

/// That somebody is meant to reach a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Intent {
    /// Only by some paths or methods.
    pub narrow: bool,
    /// The policy that says so, and the place of its clause.
    pub name: String,
    pub at: Location,
}

pub(super) fn rank(decision: Decision) -> u8 {
    match decision {
        Decision::Allow => 2,
        Decision::Unknown => 1,
        Decision::Deny => 0,
    }
}

/// What an attacker chooses in order to please a clause.
#[derive(Clone, Copy)]
struct Choice<'c> {
    method: &'c str,
    path: &'c str,
}

impl Default for Choice<'_> {
    fn default() -> Self {
        Self { method: "GET", path: "/" }
    }
}

impl<'c> Choice<'c> {
    fn of(single: &'c Single<'_>) -> Self {
        let first = |attribute: Attribute<'_>| {
            let tests = single.policy.clauses.iter().flat_map(Clause::tests);
            let mut wanted = tests.filter(|test| test.attribute == attribute && !test.negative);
            wanted.find_map(|test| test.values.first()).map(|value| value.value)
        };
        let default = Self::default();
        // A star in front or at the end stands for nothing, too; templates of paths are left to the engine.
        let plain = |value: &'c str, default: &'c str| {
            let text = value.trim_matches('*');
            if text.is_empty() { default } else { text }
        };
        Self {
            method: first(Attribute::Method).map_or(default.method, |value| plain(value, default.method)),
            path: first(Attribute::Path).map_or(default.path, |value| plain(value, default.path)),
        }
    }
}

impl Single<'_> {
    /// Whether a request for a host, in lower case, may match. Of a policy that may not hold, everything is left open.
    fn may_take(&self, asked: &str) -> bool {
        !self.certain || self.hosts.as_ref().is_none_or(|hosts| hosts.contains(asked))
    }

    fn hosts(&self) -> impl Iterator<Item = &Condition<'_>> {
        let tests = self.policy.clauses.iter().flat_map(Clause::tests);
        tests.filter(|test| matches!(test.attribute, Attribute::Host | Attribute::Sni) && !test.negative)
    }

    fn asks_host(&self) -> bool {
        self.hosts().next().is_some()
    }

    /// Whether it names a host, or the domain right above it: `*` and whole top-level domains name nothing.
    fn names_host(&self, host: &str) -> bool {
        let wanted = HostPattern::new(host);
        self.hosts().flat_map(|test| test.values).any(|value| {
            let named = value.value.strip_suffix(":*").unwrap_or(value.value).to_ascii_lowercase();
            let named = named.strip_suffix(":443").or_else(|| named.strip_suffix(":80")).unwrap_or(&named).to_owned();
            let pattern = HostPattern::new(&named);
            let is_broad =
                pattern.suffix().is_some_and(|suffix| suffix.trim_start_matches('.').matches('.').count() == 0);
            !is_broad && wanted.subset_of(&pattern)
        })
    }
}

fn single<'a>(policy: &AuthorizationPolicy<'a>, clause: &Clause<'a>, certain: bool) -> Single<'a> {
    let narrow =
        clause.tests().any(|test| matches!(test.attribute, Attribute::Path | Attribute::Method | Attribute::Header(_)));
    Single {
        policy: AuthorizationPolicy { clauses: vec![clause.clone()], ..policy.clone() },
        certain,
        hosts: hosts_in_full(clause),
        names_source: names_source(clause),
        narrow,
    }
}

/// The hosts that a clause names, in lower case, where each of its operations names some, all of them in full.
fn hosts_in_full(clause: &Clause<'_>) -> Option<FxHashSet<String>> {
    let is_plain = |test: &&Condition<'_>| {
        test.attribute == Attribute::Host
            && !(test.negative || test.open || test.values.is_empty())
            && test.values.iter().all(|value| !value.value.contains('*'))
    };
    let mut hosts = FxHashSet::default();
    for operation in &clause.operations {
        let test = operation.list.iter().find(is_plain)?;
        hosts.extend(test.values.iter().map(|value| value.value.to_ascii_lowercase()));
    }
    Some(hosts).filter(|hosts| !hosts.is_empty())
}
