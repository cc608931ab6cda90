//! Everything that a tenant of a namespace can turn their rights into (semantics C.12, escalators).

use rustc_hash::FxHashSet;

use super::{Access, Allowed, Grant, Target};
use crate::model::access::{Party, Standing};

/// What a tenant of a namespace can use.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// The grants, in a fixed order.
    pub grants: Vec<usize>,
    /// The grant by which every right there is can be taken.
    pub everything: Option<usize>,
}

/// What a grant can be turned into.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turn {
    /// The service accounts of the grant's namespace, or of all: by a pod, a token or impersonation.
    accounts: bool,
    /// Everything: by writing any role, binding any, or acting as anybody.
    everything: bool,
}

/// The verbs by which somebody has a pod of their own making run.
pub(super) const START_PODS: [&str; 3] = ["create", "update", "patch"];

impl<'a> Access<'a> {
    /// What a grant can be turned into.
    pub(super) fn turn_of(&self, grant: Grant) -> Turn {
        let namespace = self.binding(grant).namespace;
        let may = |targets: &[Target], verbs: &[&str]| {
            matches!(self.allows(grant, targets, verbs, namespace.unwrap_or_default()), Some(Allowed::By(_)))
        };
        let cluster_roles = &Target::ROLES[1..];
        Turn {
            accounts: may(&Target::POD_MAKERS, &START_PODS)
                || may(&[Target::TOKENS], &["create"])
                || may(&[Target::ACCOUNTS], &["impersonate"]),
            everything: namespace.is_none()
                && (may(cluster_roles, &["escalate", "bind"]) || may(&Target::IDENTITIES, &["impersonate"])),
        }
    }

    /// What a tenant of a namespace can use: their own grants, and those of every account that they can act as.
    pub(super) fn reach(&self, tenant_of: usize) -> Reach {
        let mut reach = Reach::default();
        let mut seen: FxHashSet<usize> = FxHashSet::default();
        let mut parties: FxHashSet<Party<'a>> = FxHashSet::default();
        let mut entered: FxHashSet<Option<&str>> = FxHashSet::default();
        let mut queue: Vec<usize> = self.own(self.estate.namespaces[tenant_of].name);
        while let Some(index) = queue.pop() {
            if !seen.insert(index) {
                continue;
            }
            let subject = self.subject(self.grants[index]);
            if parties.insert(subject.party) {
                queue.extend(self.by_party.get(&subject.party).into_iter().flatten());
            }
            let turn = self.turns[index];
            if subject.standing == Standing::Unknown {
                continue;
            }
            if turn.everything {
                reach.everything = Some(reach.everything.map_or(index, |known| known.min(index)));
            }
            let scope = self.binding(self.grants[index]).namespace;
            if turn.accounts && entered.insert(scope) {
                queue.extend(self.accounts_of(scope));
            }
        }
        reach.grants = seen.into_iter().collect();
        reach.grants.sort_unstable();
        reach
    }

    /// The grants of whoever is bound in a namespace or in the whole cluster, and of its own service accounts.
    fn own(&self, namespace: &str) -> Vec<usize> {
        let scopes = [namespace, ""].into_iter().filter_map(|scope| self.by_scope.get(scope)).flatten().copied();
        let is_tenant =
            |index: &usize| matches!(self.subject(self.grants[*index]).standing, Standing::Tenant | Standing::Unknown);
        scopes.chain(self.accounts_of(Some(namespace))).filter(is_tenant).collect()
    }

    /// The grants of the service accounts of a namespace, or of all, wherever they hold.
    fn accounts_of(&self, namespace: Option<&str>) -> Vec<usize> {
        let Some(namespace) = namespace else { return self.by_account.values().flatten().copied().collect() };
        ["", namespace].into_iter().filter_map(|name| self.by_account.get(name)).flatten().copied().collect()
    }
}
