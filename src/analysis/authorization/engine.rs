//! What a proxy's policies decide about a request, as the proxy would: CUSTOM, then DENY, then ALLOW (semantics C.9, 2–7).
//! What is not known of a request, or not written out in a policy, is unknown, and matters only where it could decide.

use std::net::IpAddr;

use ipnet::IpNet;

use super::identity::Peer;
use super::pattern::{Glob, Pattern, symbols};
use crate::model::{Action, Attribute, AuthorizationPolicy, Clause, Condition, Conditions, Match, Mesh};

/// What the policies decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    Allow,
    Deny,
    /// It depends on what is not known: of the request, of the policies, or of an authorizer elsewhere.
    Unknown,
}

/// What a listener sees of what passes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chain {
    /// Requests.
    Http,
    /// Bytes: the properties of requests are not seen.
    Tcp,
}

/// A property of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Property<T> {
    Is(T),
    /// The request has none.
    Absent,
    /// Any, or none.
    #[default]
    Unknown,
}

impl<T> Property<T> {
    /// Whether it is there and passes a test.
    fn is(self, test: impl FnOnce(T) -> bool) -> Match {
        match self {
            Self::Is(value) => test(value).into(),
            Self::Absent => Match::No,
            Self::Unknown => Match::Unknown,
        }
    }
}

/// A claim of a token: the path to it and its value. A claim with several values stands here once for each.
pub type Claim<'r> = (&'r [&'r str], &'r str);

/// A request, or a connection, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request<'r> {
    pub peer: Peer<'r>,
    /// Where the connection comes from.
    pub address: Property<IpAddr>,
    /// Where the request says that it comes from.
    pub remote_address: Property<IpAddr>,
    pub destination_address: Property<IpAddr>,
    /// The port of the pods.
    pub port: Property<u16>,
    pub sni: Property<&'r str>,
    /// The authority, with the port where the client gives one.
    pub host: Property<&'r str>,
    pub method: Property<&'r str>,
    /// The path, with the query where there is one.
    pub path: Property<&'r str>,
    /// Names and values, the names in lower case.
    pub headers: Property<&'r [(&'r str, &'r str)]>,
    pub claims: Property<&'r [Claim<'r>]>,
    /// What filters noted, as `filter[key]` and a text.
    pub metadata: Property<&'r [(&'r str, &'r str)]>,
}

/// A policy, and whether it holds for certain.
pub type Held<'e, 'a> = (&'e AuthorizationPolicy<'a>, bool);

/// What policies decide about a request. Those that are not enforced must be left out.
#[must_use]
pub fn decide(policies: &[Held<'_, '_>], chain: Chain, request: &Request<'_>, mesh: &Mesh<'_>) -> Decision {
    let case = Case { chain, request, mesh };
    let with = |action: Action| policies.iter().filter(move |(policy, _)| policy.action == action).copied();
    let asks = |policy: &AuthorizationPolicy<'_>| chain == Chain::Http || !judges_requests_alone(policy, mesh);
    let custom = Match::any(with(Action::Custom).filter(|(policy, _)| asks(policy)).map(|held| case.held(held)));
    let deny = Match::any(with(Action::Deny).map(|held| case.held(held)));
    let allow = case.allow(&with(Action::Allow).collect::<Vec<_>>());
    if deny == Match::Yes {
        Decision::Deny
    } else if with(Action::Unknown).next().is_some() {
        Decision::Unknown
    } else if allow == Match::No {
        Decision::Deny
    } else if (custom, deny, allow) == (Match::No, Match::No, Match::Yes) {
        Decision::Allow
    } else {
        Decision::Unknown
    }
}

/// Whether a clause of a policy matches a request.
#[must_use]
pub fn matches(
    policy: &AuthorizationPolicy<'_>,
    clause: &Clause<'_>,
    chain: Chain,
    request: &Request<'_>,
    mesh: &Mesh<'_>,
) -> Match {
    Case { chain, request, mesh }.clause(policy, clause)
}

/// Whether a clause can match anything at all on a chain, whatever the request: an ALLOW that names what is not seen there
/// is dropped.
#[must_use]
pub fn is_dropped(action: Action, clause: &Clause<'_>, chain: Chain) -> bool {
    action == Action::Allow
        && clause
            .tests()
            .any(|test| is_blind(test, chain) || test.values.iter().any(|value| is_invalid(test, value.value)))
}

/// Whether a test looks at a property that the chain does not have.
fn is_blind(test: &Condition<'_>, chain: Chain) -> bool {
    chain == Chain::Tcp && test.attribute.is_of_request()
}

/// Whether a value is none of its attribute, so that Istio drops it.
fn is_invalid(test: &Condition<'_>, value: &str) -> bool {
    match test.attribute {
        _ if test.open => false,
        Attribute::Port => value.parse::<u16>().is_err(),
        Attribute::Address | Attribute::RemoteAddress | Attribute::DestinationAddress => block(value).is_none(),
        _ => false,
    }
}

/// An authorizer that speaks HTTP is not asked about connections.
fn judges_requests_alone(policy: &AuthorizationPolicy<'_>, mesh: &Mesh<'_>) -> bool {
    let of_policy = |name: &str| mesh.providers.iter().find(|provider| provider.name.value == name);
    policy.provider.and_then(|name| of_policy(name.value)).is_some_and(|provider| provider.http_only)
}

fn block(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

struct Case<'c> {
    chain: Chain,
    request: &'c Request<'c>,
    mesh: &'c Mesh<'c>,
}

impl Case<'_> {
    /// Whether a policy matches, as far as it is certain that it holds.
    fn held(&self, (policy, certain): Held<'_, '_>) -> Match {
        let clauses = policy.clauses.iter().map(|clause| self.clause(policy, clause));
        let matches = Match::any(clauses);
        if certain || matches == Match::No { matches } else { Match::Unknown }
    }

    /// Whether the policies that allow let the request pass: everything passes where there are none.
    fn allow(&self, policies: &[Held<'_, '_>]) -> Match {
        let certain = policies.iter().any(|(_, certain)| *certain);
        if !certain {
            let all = policies.iter().map(|(policy, _)| self.held((policy, true)));
            // Whichever of them hold, each lets it pass.
            return all.fold(Match::Yes, |all, one| if one == Match::Yes { all } else { Match::Unknown });
        }
        Match::any(policies.iter().map(|held| self.held(*held)))
    }

    fn clause(&self, policy: &AuthorizationPolicy<'_>, clause: &Clause<'_>) -> Match {
        if is_dropped(policy.action, clause, self.chain) {
            return Match::No;
        }
        let all = |tests: &[Condition<'_>]| Match::all(tests.iter().filter_map(|test| self.test(policy, test)));
        let any = |blocks: &[Conditions<'_>]| {
            let matches = Match::any(blocks.iter().map(|block| all(&block.list)));
            if blocks.is_empty() { Match::Yes } else { matches }
        };
        // What is asked for is quicker to tell than who asks.
        let asked = any(&clause.operations).and(all(&clause.conditions));
        if asked == Match::No { asked } else { asked.and(any(&clause.sources)) }
    }

    /// Whether a test passes; none where the proxy leaves it out, as it does with what it cannot see.
    fn test(&self, policy: &AuthorizationPolicy<'_>, test: &Condition<'_>) -> Option<Match> {
        if is_blind(test, self.chain) {
            return None;
        }
        let mut values =
            test.values.iter().map(|value| value.value).filter(|value| !is_invalid(test, value)).peekable();
        values.peek()?;
        let matches = Match::any(values.map(|value| self.value(policy, test.attribute, value)));
        let matches = if test.open && matches == Match::No { Match::Unknown } else { matches };
        Some(if test.negative { !matches } else { matches })
    }

    fn value(&self, policy: &AuthorizationPolicy<'_>, attribute: Attribute<'_>, value: &str) -> Match {
        let request = self.request;
        let pattern = Pattern::of(value);
        let text = |property: Property<&str>| property.is(|text| pattern.matches(text));
        let address =
            |property: Property<IpAddr>| property.is(|ip| block(value).is_some_and(|block| block.contains(&ip)));
        match attribute {
            Attribute::Principal | Attribute::Namespace | Attribute::ServiceAccount | Attribute::TrustDomain => {
                request.peer.is(attribute, value, policy.namespace, self.mesh)
            }
            Attribute::Address => address(request.address),
            Attribute::RemoteAddress => address(request.remote_address),
            Attribute::DestinationAddress => address(request.destination_address),
            Attribute::Port => request.port.is(|port| value.parse() == Ok(port)),
            Attribute::Sni => text(request.sni),
            Attribute::Host => request.host.is(|host| pattern.matches_host(host)),
            Attribute::Method => request.method.is(|method| pattern.matches_header(method)),
            Attribute::Path => request.path.is(|path| matches_path(value, path)),
            Attribute::Header(name) => self.header(name, pattern),
            Attribute::RequestPrincipal => request.claims.is(|claims| is_token_of(value, claims)),
            Attribute::Audience => self.claim(&["aud"], pattern),
            Attribute::Presenter => self.claim(&["azp"], pattern),
            Attribute::Claim(path) => {
                let path: Vec<&str> = path.trim_matches(['[', ']']).split("][").collect();
                self.claim(&path, pattern)
            }
            // A list in the metadata is asked for in brackets; only texts are modelled.
            Attribute::Metadata(_) if value.starts_with('[') => Match::Unknown,
            Attribute::Metadata(key) => {
                request.metadata.is(|all| all.iter().any(|(own, text)| *own == key && pattern.matches(text)))
            }
            Attribute::Other(_) => Match::Unknown,
        }
    }

    fn header(&self, name: &str, pattern: Pattern<'_>) -> Match {
        let name = name.to_ascii_lowercase();
        let of_request = match name.as_str() {
            ":authority" => Some(self.request.host),
            ":method" => Some(self.request.method),
            ":path" => Some(self.request.path),
            _ => None,
        };
        if let Some(property) = of_request {
            return property.is(|text| pattern.matches_header(text));
        }
        let has =
            |headers: &[(&str, &str)]| headers.iter().any(|(own, value)| *own == name && pattern.matches_header(value));
        self.request.headers.is(has)
    }

    fn claim(&self, path: &[&str], pattern: Pattern<'_>) -> Match {
        self.request.claims.is(|claims| claims.iter().any(|(own, value)| *own == path && pattern.matches(value)))
    }
}

/// Whether a path matches, without what follows it.
fn matches_path(value: &str, path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if value.contains("{*}") || value.contains("{**}") {
        return Glob::template(value).matches(&symbols(path)) == Match::Yes;
    }
    Pattern::of(value).matches(path)
}

/// Whether a request's principal, which is `issuer/subject`, is the one of a token. The issuer may hold slashes.
fn is_token_of(value: &str, claims: &[Claim<'_>]) -> bool {
    let holds =
        |name: &str, pattern: Pattern<'_>| claims.iter().any(|(path, value)| *path == [name] && pattern.matches(value));
    let (issuer, subject) = match value.rsplit_once('/') {
        Some((issuer, subject)) if value.starts_with('*') => (Pattern::of(issuer), Pattern::Exact(subject)),
        Some((issuer, subject)) => {
            let subject = match subject.strip_suffix('*') {
                Some("") => Pattern::Any,
                Some(prefix) => Pattern::Prefix(prefix),
                None => Pattern::Exact(subject),
            };
            (Pattern::Exact(issuer), subject)
        }
        None => match Pattern::of(value) {
            Pattern::Suffix(subject) => (Pattern::Any, Pattern::Suffix(subject)),
            Pattern::Any => (Pattern::Any, Pattern::Any),
            issuer @ Pattern::Prefix(_) => (issuer, Pattern::Any),
            Pattern::Exact(issuer) => (Pattern::Exact(issuer), Pattern::Exact("")),
        },
    };
    holds("iss", issuer) && holds("sub", subject)
}
