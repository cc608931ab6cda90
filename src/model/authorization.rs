//! Authorization policies as clauses over attributes (semantics C.9).

use super::{Labels, Text};
use crate::resource::Resource;
use crate::resource::istio::{self, AuthorizationRule};
use crate::source::{Location, Spanned};

pub use crate::resource::istio::TargetRef;

/// What a policy does with what it matches; ALLOW is the enum's zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Allow,
    Deny,
    Custom,
    Audit,
    Unknown,
}

/// A property of a connection or request that a policy looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute<'a> {
    Principal,
    Namespace,
    ServiceAccount,
    TrustDomain,
    RequestPrincipal,
    /// The address that the connection comes from.
    Address,
    /// The address that a header claims.
    RemoteAddress,
    DestinationAddress,
    Host,
    /// The port of the pods.
    Port,
    Method,
    Path,
    Sni,
    /// A header of the request, by its name.
    Header(&'a str),
    Audience,
    Presenter,
    /// A claim of the request's token, as `[name]` or `[outer][inner]`.
    Claim(&'a str),
    /// What a filter of the proxy noted, as `filter[key]`.
    Metadata(&'a str),
    Other(&'a str),
}

impl Attribute<'_> {
    /// Whether it follows from a client certificate of the mesh, and is empty without one.
    #[must_use]
    pub fn is_identity(self) -> bool {
        matches!(self, Self::Principal | Self::Namespace | Self::ServiceAccount | Self::TrustDomain)
    }

    /// Whether only a request has it, so that a listener that forwards bytes does not see it (semantics C.9, 5).
    #[must_use]
    pub fn is_of_request(self) -> bool {
        matches!(self, Self::Host | Self::Method | Self::Path | Self::Header(_)) || self.is_of_token()
    }

    /// Whether it follows from a token that the request carries.
    #[must_use]
    pub fn is_of_token(self) -> bool {
        matches!(self, Self::RequestPrincipal | Self::Audience | Self::Presenter | Self::Claim(_))
    }

    /// Whether it is an address that the client has, or claims to have.
    #[must_use]
    pub fn is_client_address(self) -> bool {
        matches!(self, Self::Address | Self::RemoteAddress)
    }

    fn source(field: &str) -> Attribute<'_> {
        match field {
            "principals" => Attribute::Principal,
            "namespaces" => Attribute::Namespace,
            "serviceAccounts" => Attribute::ServiceAccount,
            "trustDomains" => Attribute::TrustDomain,
            "requestPrincipals" => Attribute::RequestPrincipal,
            "ipBlocks" => Attribute::Address,
            "remoteIpBlocks" => Attribute::RemoteAddress,
            other => Attribute::Other(other),
        }
    }

    fn operation(field: &str) -> Attribute<'_> {
        match field {
            "hosts" => Attribute::Host,
            "ports" => Attribute::Port,
            "methods" => Attribute::Method,
            "paths" => Attribute::Path,
            other => Attribute::Other(other),
        }
    }

    fn condition(key: &str) -> Attribute<'_> {
        match key {
            "source.principal" => Attribute::Principal,
            "source.namespace" => Attribute::Namespace,
            "source.serviceAccount" => Attribute::ServiceAccount,
            "source.trustDomain" => Attribute::TrustDomain,
            "source.ip" => Attribute::Address,
            "remote.ip" => Attribute::RemoteAddress,
            "destination.ip" => Attribute::DestinationAddress,
            "destination.port" => Attribute::Port,
            "connection.sni" => Attribute::Sni,
            "request.auth.principal" => Attribute::RequestPrincipal,
            "request.auth.audiences" => Attribute::Audience,
            "request.auth.presenter" => Attribute::Presenter,
            _ => named(key).unwrap_or(Attribute::Other(key)),
        }
    }
}

/// The attributes whose key holds a name of the user's.
fn named(key: &str) -> Option<Attribute<'_>> {
    if let Some(header) = key.strip_prefix("request.headers[") {
        return header.strip_suffix(']').map(Attribute::Header);
    }
    if let Some(claims) = key.strip_prefix("request.auth.claims") {
        return (claims.starts_with('[') && claims.ends_with(']')).then_some(Attribute::Claim(claims));
    }
    key.strip_prefix("experimental.").filter(|name| name.starts_with("envoy.filters.")).map(Attribute::Metadata)
}

/// One test of an attribute: one of the values must match, or none of them may.
#[derive(Clone, Debug)]
pub struct Condition<'a> {
    pub attribute: Attribute<'a>,
    pub negative: bool,
    pub values: &'a [Text<'a>],
    /// Whether another tool fills a value in later, so that what it says is unknown.
    pub open: bool,
    /// The field or key that makes the test.
    pub at: Location,
}

impl Condition<'_> {
    /// Whether everything passes: a value that is only `*`.
    #[must_use]
    pub fn is_any(&self) -> bool {
        !self.negative && self.values.iter().any(|value| value.value == "*")
    }
}

/// Tests that must all hold: one `source`, or one `operation`.
#[derive(Clone, Debug)]
pub struct Conditions<'a> {
    pub list: Vec<Condition<'a>>,
    pub at: Location,
}

/// One rule of a policy: a source (any), an operation (any) and the conditions (all) must hold.
#[derive(Clone, Debug)]
pub struct Clause<'a> {
    /// Empty where anybody may be the source.
    pub sources: Vec<Conditions<'a>>,
    /// Empty where the operation does not matter.
    pub operations: Vec<Conditions<'a>>,
    pub conditions: Vec<Condition<'a>>,
    pub at: Location,
}

impl<'a> Clause<'a> {
    /// Every test in the clause, wherever it stands.
    pub fn tests(&self) -> impl Iterator<Item = &Condition<'a>> {
        let blocks = self.sources.iter().chain(&self.operations).flat_map(|block| &block.list);
        blocks.chain(&self.conditions)
    }

    /// Whether the clause matches every connection and request.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.is_everything_known() && !self.tests().any(|test| test.attribute.is_identity())
    }

    /// Whether the clause matches every connection and request of everybody who has an identity: one of `*` means any at
    /// all, which a connection without one does not have.
    #[must_use]
    pub fn is_everything_known(&self) -> bool {
        let any = |blocks: &[Conditions<'_>]| {
            blocks.is_empty() || blocks.iter().any(|block| block.list.iter().all(Condition::is_any))
        };
        any(&self.sources) && any(&self.operations) && self.conditions.iter().all(Condition::is_any)
    }

    /// The ports that the clause is limited to; none where it applies to every port. Ports are those of the pod.
    #[must_use]
    pub fn ports(&self) -> Option<Vec<i64>> {
        let numbers = |test: &Condition<'_>| -> Vec<i64> {
            test.values.iter().filter_map(|value| value.value.parse().ok()).collect()
        };
        let is_port = |test: &&Condition<'_>| test.attribute == Attribute::Port && !test.negative;
        let condition = self.conditions.iter().find(is_port).map(numbers);
        let named = |block: &Conditions<'_>| block.list.iter().find(is_port).map(numbers);
        let operations: Option<Vec<Vec<i64>>> = self.operations.iter().map(named).collect();
        let operations = operations.filter(|all| !all.is_empty()).map(|all| all.concat());
        match (condition, operations) {
            (Some(first), Some(second)) => Some(first.into_iter().filter(|port| second.contains(port)).collect()),
            (one, other) => one.or(other),
        }
    }
}

/// An authorization policy.
#[derive(Clone, Debug)]
pub struct AuthorizationPolicy<'a> {
    pub namespace: &'a str,
    /// Where the namespace is said; none where nothing says it.
    pub namespace_at: Option<Location>,
    pub name: Text<'a>,
    /// None selects the whole namespace, or the mesh from the root namespace.
    pub selector: Option<&'a Labels<'a>>,
    /// The objects that it names instead of selecting pods, with the place of the list.
    pub targets: Option<&'a Spanned<Vec<TargetRef<'a>>>>,
    pub action: Action,
    /// The action where it is written, else the policy's name.
    pub action_at: Location,
    /// Who decides in place of a CUSTOM policy.
    pub provider: Option<Text<'a>>,
    pub clauses: Vec<Clause<'a>>,
    /// `istio.io/dry-run: "true"`: nothing is enforced.
    pub dry_run: Option<Location>,
}

impl AuthorizationPolicy<'_> {
    /// Whether it is a deny-all: ALLOW with no clause, so nothing is allowed by it and everything else is denied;
    /// DENY without clauses matches nothing and is none.
    #[must_use]
    pub fn is_deny_all(&self) -> bool {
        match self.action {
            Action::Allow => self.clauses.is_empty(),
            Action::Deny => self.clauses.iter().any(Clause::is_everything),
            _ => false,
        }
    }
}

/// Lowers a policy. Where another tool fills in the action or the rules, what it does is unknown.
pub(super) fn authorization_policy<'a>(
    written: &'a istio::AuthorizationPolicy<'a>,
    resource: &'a Resource<'a>,
    namespace: &'a str,
) -> AuthorizationPolicy<'a> {
    let meta = &resource.meta;
    let clauses = written.rules.as_ref().map(|rules| rules.value.as_slice()).unwrap_or_default();
    let dry_run = meta.annotations.get("istio.io/dry-run").filter(|value| is_true(value.value));
    let open = &meta.placeholders;
    let is_open = written.rules.as_ref().is_some_and(|rules| open.contains(&rules.at));
    AuthorizationPolicy {
        namespace,
        namespace_at: resource.namespace_at(),
        name: meta.name,
        selector: written.selector.as_ref().filter(|labels| !labels.is_empty()),
        targets: written.targets.as_ref(),
        action: match written.action.map_or("ALLOW", |action| action.value) {
            _ if is_open => Action::Unknown,
            "ALLOW" => Action::Allow,
            "DENY" => Action::Deny,
            "CUSTOM" => Action::Custom,
            "AUDIT" => Action::Audit,
            _ => Action::Unknown,
        },
        action_at: written.action.map_or(meta.name.at, |action| action.at),
        provider: written.provider,
        clauses: clauses.iter().map(|rule| clause(rule, open)).collect(),
        dry_run: dry_run.map(|value| value.at),
    }
}

/// What Istio takes for true in an annotation.
fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "True" | "TRUE")
}

type Fields<'a> = [(Text<'a>, Vec<Text<'a>>)];

fn is_open(values: &[Text<'_>], open: &[Location]) -> bool {
    values.iter().any(|value| open.contains(&value.at))
}

fn block<'a>(fields: &'a Fields<'a>, attribute: fn(&'a str) -> Attribute<'a>, open: &[Location]) -> Vec<Condition<'a>> {
    let test = |(name, values): &'a (Text<'a>, Vec<Text<'a>>)| {
        let positive = name.value.strip_prefix("not").map(lower_first);
        Condition {
            attribute: match positive.as_deref() {
                Some(field) => known(attribute, field).unwrap_or(Attribute::Other(name.value)),
                None => attribute(name.value),
            },
            negative: positive.is_some(),
            values,
            open: is_open(values, open),
            at: name.at,
        }
    };
    fields.iter().map(test).collect()
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

/// The attribute of a field's name that is not kept, where it is one that has a name of its own.
fn known<'a>(attribute: fn(&'a str) -> Attribute<'a>, field: &str) -> Option<Attribute<'a>> {
    const FIELDS: [&str; 11] = [
        "principals",
        "namespaces",
        "serviceAccounts",
        "trustDomains",
        "requestPrincipals",
        "ipBlocks",
        "remoteIpBlocks",
        "hosts",
        "ports",
        "methods",
        "paths",
    ];
    FIELDS.iter().find(|known| **known == field).map(|known| attribute(known))
}

fn clause<'a>(written: &'a AuthorizationRule<'a>, open: &[Location]) -> Clause<'a> {
    let from = written.from.as_ref().map(|from| from.value.as_slice()).unwrap_or_default();
    let to = written.to.as_ref().map(|to| to.value.as_slice()).unwrap_or_default();
    let mut conditions = Vec::new();
    for one in &written.when {
        let attribute = Attribute::condition(one.key.value);
        let test = |negative, values: &'a Vec<Text<'a>>| Condition {
            attribute,
            negative,
            values,
            open: is_open(values, open),
            at: one.key.at,
        };
        conditions.extend((!one.values.is_empty()).then(|| test(false, &one.values)));
        conditions.extend((!one.not_values.is_empty()).then(|| test(true, &one.not_values)));
    }
    Clause {
        sources: from
            .iter()
            .map(|one| Conditions { list: block(&one.fields, Attribute::source, open), at: one.at })
            .collect(),
        operations: to
            .iter()
            .map(|one| Conditions { list: block(&one.fields, Attribute::operation, open), at: one.at })
            .collect(),
        conditions,
        at: written.at,
    }
}

impl<'a> AuthorizationPolicy<'a> {
    /// The place of the first clause, or of the name.
    #[must_use]
    pub fn head(&self) -> Spanned<&'a str> {
        self.clauses.first().map_or(self.name, |clause| Spanned::new(self.name.value, clause.at))
    }
}
