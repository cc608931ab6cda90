//! Authorization policies as clauses over attributes (semantics C.9).

use super::{Labels, Text};
use crate::resource::Meta;
use crate::resource::istio::{self, AuthorizationRule};
use crate::source::{Location, Spanned};

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
    /// The address of the peer, or the one that a header claims.
    Address,
    Host,
    Port,
    Method,
    Path,
    Sni,
    /// A header or a claim of a token.
    Request,
    Other(&'a str),
}

impl Attribute<'_> {
    /// Whether it follows from a client certificate of the mesh, and is empty without one.
    #[must_use]
    pub fn is_identity(self) -> bool {
        matches!(self, Self::Principal | Self::Namespace | Self::ServiceAccount | Self::TrustDomain)
    }

    fn source(field: &str) -> Attribute<'_> {
        match field {
            "principals" => Attribute::Principal,
            "namespaces" => Attribute::Namespace,
            "serviceAccounts" => Attribute::ServiceAccount,
            "trustDomains" => Attribute::TrustDomain,
            "requestPrincipals" => Attribute::RequestPrincipal,
            "ipBlocks" | "remoteIpBlocks" => Attribute::Address,
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
            "source.ip" | "remote.ip" => Attribute::Address,
            "destination.port" => Attribute::Port,
            "connection.sni" => Attribute::Sni,
            "request.auth.principal" => Attribute::RequestPrincipal,
            key if key.starts_with("request.") => Attribute::Request,
            other => Attribute::Other(other),
        }
    }
}

/// One test of an attribute: one of the values must match, or none of them may.
#[derive(Clone, Debug)]
pub struct Condition<'a> {
    pub attribute: Attribute<'a>,
    pub negative: bool,
    pub values: &'a [Text<'a>],
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
        let any = |blocks: &[Conditions<'_>]| {
            blocks.is_empty() || blocks.iter().any(|block| block.list.iter().all(Condition::is_any))
        };
        // An identity of `*` means any identity at all, which a connection without one does not have.
        let names_identity = self.tests().any(|test| test.attribute.is_identity());
        any(&self.sources) && any(&self.operations) && self.conditions.iter().all(Condition::is_any) && !names_identity
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
    pub name: Text<'a>,
    /// None selects the whole namespace, or the mesh from the root namespace.
    pub selector: Option<&'a Labels<'a>>,
    /// Names targets instead of selecting pods; a classic gateway then ignores it.
    pub targets: Option<Location>,
    pub action: Action,
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

pub(super) fn authorization_policy<'a>(
    written: &'a istio::AuthorizationPolicy<'a>,
    meta: &Meta<'a>,
    namespace: &'a str,
) -> AuthorizationPolicy<'a> {
    let clauses = written.rules.as_ref().map(|rules| rules.value.as_slice()).unwrap_or_default();
    let dry_run = meta.annotations.get("istio.io/dry-run").filter(|value| value.value == "true");
    AuthorizationPolicy {
        namespace,
        name: meta.name,
        selector: written.selector.as_ref().filter(|labels| !labels.is_empty()),
        targets: written.target_refs,
        action: match written.action.map_or("ALLOW", |action| action.value) {
            "ALLOW" => Action::Allow,
            "DENY" => Action::Deny,
            "CUSTOM" => Action::Custom,
            "AUDIT" => Action::Audit,
            _ => Action::Unknown,
        },
        clauses: clauses.iter().map(clause).collect(),
        dry_run: dry_run.map(|value| value.at),
    }
}

type Fields<'a> = [(Text<'a>, Vec<Text<'a>>)];

fn block<'a>(fields: &'a Fields<'a>, attribute: fn(&'a str) -> Attribute<'a>) -> Vec<Condition<'a>> {
    let test = |(name, values): &'a (Text<'a>, Vec<Text<'a>>)| {
        let positive = name.value.strip_prefix("not").map(lower_first);
        Condition {
            attribute: match positive.as_deref() {
                Some(field) => known(attribute, field).unwrap_or(Attribute::Other(name.value)),
                None => attribute(name.value),
            },
            negative: positive.is_some(),
            values,
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

fn clause<'a>(written: &'a AuthorizationRule<'a>) -> Clause<'a> {
    let from = written.from.as_ref().map(|from| from.value.as_slice()).unwrap_or_default();
    let to = written.to.as_ref().map(|to| to.value.as_slice()).unwrap_or_default();
    let mut conditions = Vec::new();
    for one in &written.when {
        let attribute = Attribute::condition(one.key.value);
        let test = |negative, values: &'a Vec<Text<'a>>| Condition { attribute, negative, values, at: one.key.at };
        conditions.extend((!one.values.is_empty()).then(|| test(false, &one.values)));
        conditions.extend((!one.not_values.is_empty()).then(|| test(true, &one.not_values)));
    }
    Clause {
        sources: from
            .iter()
            .map(|one| Conditions { list: block(&one.fields, Attribute::source), at: one.at })
            .collect(),
        operations: to
            .iter()
            .map(|one| Conditions { list: block(&one.fields, Attribute::operation), at: one.at })
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
