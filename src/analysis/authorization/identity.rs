//! Who a client is to a policy: the name in its certificate, and what principals, namespaces and service accounts make of
//! it (semantics C.9, 4; C.10).

use super::pattern::{Glob, Symbol, symbols};
use crate::model::{Attribute, Match, Mesh};

/// Who a client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Peer<'r> {
    /// It shows no certificate, or the listener does not ask for one.
    Nobody,
    /// The whole name in its certificate, such as `spiffe://cluster.local/ns/shop/sa/cart`.
    Named(&'r str),
    /// A workload of the mesh, in the mesh's own trust domain; the account may be any.
    Account { namespace: &'r str, account: Option<&'r str> },
    /// Anybody, or nobody.
    #[default]
    Unknown,
}

const SCHEME: &str = "spiffe://";

/// The trust domain that stands for the mesh's own, whatever that is.
const LOCAL: &str = "cluster.local";

impl Peer<'_> {
    /// The name as far as it is known; none where there is none, or nothing is known of it.
    fn name(self, mesh: &Mesh<'_>) -> Option<Vec<Symbol>> {
        let known = |text: Option<&str>| text.map_or_else(|| vec![Symbol::Hole], symbols);
        match self {
            Self::Nobody | Self::Unknown => None,
            Self::Named(name) => Some(symbols(name)),
            Self::Account { namespace, account } => {
                let domain = known(mesh.trust_domain.map(|domain| domain.value));
                let place = symbols(&format!("/ns/{namespace}/sa/"));
                Some([symbols(SCHEME), domain, place, known(account)].concat())
            }
        }
    }

    /// Whether a value of an attribute of identity is about this client. `home` is the policy's namespace.
    pub(super) fn is(self, attribute: Attribute<'_>, value: &str, home: &str, mesh: &Mesh<'_>) -> Match {
        let Some(name) = self.name(mesh) else {
            return if self == Self::Nobody { Match::No } else { Match::Unknown };
        };
        let globs = match attribute {
            Attribute::Namespace => vec![Glob::default().any().text("/ns/").starred(value).text("/").any()],
            Attribute::ServiceAccount => accounts(value, home),
            Attribute::TrustDomain => vec![Glob::default().text(SCHEME).starred(value).text("/").any()],
            _ => principals(value, mesh),
        };
        Match::any(globs.iter().map(|glob| glob.matches(&name)))
    }
}

/// The names that a principal stands for. A star in front stands in the place of the trust domain, after the scheme.
fn principals(value: &str, mesh: &Mesh<'_>) -> Vec<Glob> {
    if value == "*" {
        return vec![Glob::default().some()];
    }
    if mesh.trust_domain.is_none() {
        // The domain that `cluster.local` stands for is not known, and is the same for everybody in the mesh.
        if let Some(rest) = value.strip_prefix(LOCAL).filter(|rest| rest.starts_with('/')) {
            return vec![glob(&Glob::default().text(SCHEME).some(), rest)];
        }
    }
    let scheme = Glob::default().text(SCHEME);
    in_every_domain(value, mesh).iter().map(|value| glob(&scheme, value)).collect()
}

fn glob(start: &Glob, value: &str) -> Glob {
    match (value.strip_prefix('*'), value.strip_suffix('*')) {
        (Some(rest), _) => start.clone().any().text(rest),
        (None, Some(rest)) => start.clone().text(rest).any(),
        (None, None) => start.clone().text(value),
    }
}

/// A principal of the mesh's trust domain, or of one of its aliases, is one of all of them; so is one of `cluster.local`.
fn in_every_domain(value: &str, mesh: &Mesh<'_>) -> Vec<String> {
    let as_written = vec![value.to_owned()];
    let parts: Vec<&str> = value.split('/').collect();
    let ([domain, ..], 5) = (parts.as_slice(), parts.len()) else { return as_written };
    let domains: Vec<&str> =
        mesh.trust_domain.iter().chain(&mesh.trust_domain_aliases).map(|domain| domain.value).collect();
    let ends_in = |own: &str| domain.strip_prefix('*').is_some_and(|suffix| own.ends_with(suffix));
    let starts_with = |own: &str| domain.strip_suffix('*').is_some_and(|prefix| own.starts_with(prefix));
    let is_own = |own: &&str| own == domain || ends_in(own) || starts_with(own);
    if *domain == "*" || !(domains.iter().any(is_own) || *domain == LOCAL) {
        return as_written;
    }
    let in_domain = |own: &&str| {
        if ends_in(own) { value.to_owned() } else { format!("{own}{}", &value[domain.len()..]) }
    };
    domains.iter().map(in_domain).collect()
}

/// The trust domain that a principal names, where it is certainly none of the mesh's: nobody in the mesh has such a name.
#[must_use]
pub fn foreign_domain<'v>(value: &'v str, mesh: &Mesh<'_>) -> Option<&'v str> {
    let own = mesh.trust_domain?.value;
    let (domain, rest) = value.split_once("/ns/").filter(|(domain, _)| !domain.contains('/'))?;
    let names: Vec<&str> = mesh.trust_domain_aliases.iter().map(|alias| alias.value).chain([own, LOCAL]).collect();
    let is_plain = !domain.contains('*') && !rest.is_empty();
    (is_plain && !names.contains(&domain)).then_some(domain)
}

/// The names that a service account stands for: `namespace/account`, or `account` in the policy's own namespace.
fn accounts(value: &str, home: &str) -> Vec<Glob> {
    let (namespace, account) = value.split_once('/').unwrap_or((home, value));
    let start = Glob::default().text(SCHEME).some().text(&format!("/ns/{namespace}/"));
    let account = format!("sa/{account}");
    let near = start.clone().text(&account);
    let far = start.some().text("/").text(&account);
    [near, far].into_iter().flat_map(|glob| [glob.clone().text("/").some(), glob]).collect()
}
