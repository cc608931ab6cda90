//! Who may do what in the cloud, as far as it bears on egress.

use super::Text;

use super::access::is_admins_member;
use super::link::{Directory, Identity};
use crate::config::Config;
pub use crate::resource::gcp::AuditLog;
use crate::resource::gcp::{self, Item, Reference};

/// A role for one member.
#[derive(Clone, Debug)]
pub struct IamBinding<'a> {
    pub role: Text<'a>,
    /// The service account, where the member is one; unknown where the input leaves the member open.
    pub identity: Identity,
    /// The place of the member.
    pub at: crate::source::Location,
    /// Whether the grant holds under a condition only.
    pub conditional: bool,
}

/// A role for one member that the input writes out, whoever it is.
#[derive(Clone, Debug)]
pub struct Holder<'a> {
    pub role: Text<'a>,
    /// With its kind, as in `group:team-x@example.com`.
    pub member: Text<'a>,
    /// Whether it is one of the config's administrators, or one of Google's own agents.
    pub is_admin: bool,
}

/// Roles of the cloud that let somebody write most objects of every cluster (semantics C.12).
const CLUSTER_ROLES: [&str; 2] = ["roles/container.admin", "roles/container.developer"];

impl Holder<'_> {
    /// Whether the role lets its member write most objects of every namespace, whatever the cluster's own roles say.
    #[must_use]
    pub fn writes_in_clusters(&self) -> bool {
        CLUSTER_ROLES.contains(&self.role.value)
    }
}

/// What the input says of identities and perimeters.
#[derive(Clone, Debug, Default)]
pub struct Iam<'a> {
    pub bindings: Vec<IamBinding<'a>>,
    pub holders: Vec<Holder<'a>>,
    pub audit: Vec<&'a AuditLog<'a>>,
    pub perimeters: Vec<Perimeter<'a>>,
    /// Whether any binding is in the input.
    pub is_known: bool,
}

/// A service perimeter.
#[derive(Clone, Debug)]
pub struct Perimeter<'a> {
    pub name: Text<'a>,
    pub written: &'a gcp::Perimeter<'a>,
}

/// Lowers bindings, audit settings and perimeters.
pub(super) fn iam<'a>(directory: &Directory<'a>, config: &Config) -> Iam<'a> {
    let mut found = Iam::default();
    for (_, resource, cloud) in directory.clouds() {
        match &cloud.item {
            Item::Grants(written) => {
                for grant in &written.bindings.items {
                    found.is_known = true;
                    let Some(role) = grant.role.known() else { continue };
                    found.holders.extend(grant.members.iter().map(|&member| Holder {
                        role,
                        member,
                        is_admin: is_admins_member(member.value, config),
                    }));
                    let conditional = grant.condition.known().is_some();
                    let written = grant.members.iter().filter(|member| member.value.starts_with("serviceAccount:"));
                    let members =
                        written.map(|member| Reference::Written(*member)).chain(grant.accounts.iter().copied());
                    found.bindings.extend(members.map(|member| IamBinding {
                        role,
                        identity: directory.identity(member, resource),
                        at: member.at(),
                        conditional,
                    }));
                }
                found.audit.extend(&written.audit.items);
            }
            Item::Perimeter(written) => found.perimeters.push(Perimeter { name: resource.meta.name, written }),
            _ => {}
        }
    }
    found
}
