//! What tenants may write, and where: role-based access expanded, after admission (semantics 0.1, A.18, C.11, C.12).
//!
//! The tier "tenant" of a namespace is everybody who is bound in it and is no administrator, with everything that they can
//! turn that into: whoever may start pods in a namespace acts as every service account there.

pub mod admission;
mod escalation;
mod holdings;
mod reach;
pub mod target;

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

pub use admission::{Freedom, Guards, Restriction, holds, left_out, refuses};
pub use escalation::{Escalation, everything};
pub use holdings::{Holding, enumerate, kinds};
pub use target::{Target, WRITE, covers, writes_in_namespaces};

use reach::Reach;

use crate::finding::Label;
use crate::model::access::{Binding, Party, Standing, Subject, Word};
use crate::model::admission::Guard;
use crate::model::{Estate, Holder, Role, Unknown};
use crate::source::Location;

/// The answer to whether a tenant may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A tenant may, as the input shows.
    Certain(Proof),
    /// It depends on something that the input leaves open.
    Unknown(Unknown),
    /// No tenant of the input may; with the place of what stops them, where something does.
    No(Option<Label>),
}

/// Why a tenant may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Who, as a message names them: "group `team-x`".
    pub who: String,
    /// One sentence: who may do what, by which binding.
    pub reason: String,
    /// The place of the subject in its binding.
    pub at: Location,
    /// From the subject by the binding to the rule of the role.
    pub chain: Vec<Label>,
}

/// One subject of one binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    pub binding: usize,
    pub subject: usize,
}

/// Who may do what.
#[derive(Debug)]
pub struct Access<'a> {
    estate: &'a Estate<'a>,
    /// Every subject of every binding, sorted by what the binding is called.
    grants: Vec<Grant>,
    by_party: FxHashMap<Party<'a>, Vec<usize>>,
    /// The grants in each namespace, and those in the whole cluster under the empty name.
    by_scope: FxHashMap<&'a str, Vec<usize>>,
    /// For each grant, what it can be turned into.
    turns: Vec<reach::Turn>,
    guards: Guards,
    /// The grants of the service accounts of each namespace, and those of everybody under the empty name.
    by_account: FxHashMap<&'a str, Vec<usize>>,
    /// For each namespace, what its tenants can use, once it was asked.
    reaches: Vec<OnceLock<Reach>>,
}

/// Works out who may do what.
pub(super) fn access<'a>(estate: &'a Estate<'a>) -> Access<'a> {
    let bindings = &estate.access.bindings;
    let subjects =
        |binding: usize| (0..bindings[binding].subjects.len()).map(move |subject| Grant { binding, subject });
    let mut grants: Vec<Grant> = (0..bindings.len()).flat_map(subjects).collect();
    grants.sort_by_key(|grant| {
        let binding = &bindings[grant.binding];
        (binding.namespace, binding.name.value, binding.subjects[grant.subject].at)
    });
    let mut access = Access {
        estate,
        grants,
        by_party: FxHashMap::default(),
        by_scope: FxHashMap::default(),
        turns: Vec::new(),
        guards: admission::guards(estate),
        by_account: FxHashMap::default(),
        reaches: estate.namespaces.iter().map(|_| OnceLock::new()).collect(),
    };
    for (index, grant) in access.grants.iter().enumerate() {
        let binding = &bindings[grant.binding];
        access.by_party.entry(binding.subjects[grant.subject].party).or_default().push(index);
        if let Some(namespace) = binding.subjects[grant.subject].party.accounts_of() {
            access.by_account.entry(namespace).or_default().push(index);
        }
        access.by_scope.entry(binding.namespace.unwrap_or_default()).or_default().push(index);
    }
    access.turns = access.grants.iter().map(|&grant| access.turn_of(grant)).collect();
    access
}

impl<'a> Access<'a> {
    /// Every subject of every binding, in a fixed order.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The grants of a subject.
    pub(super) fn grants_of(&self, party: Party<'a>) -> impl Iterator<Item = Grant> + '_ {
        self.by_party.get(&party).into_iter().flatten().map(|&index| self.grants[index])
    }

    /// The binding of a grant.
    #[must_use]
    pub fn binding(&self, grant: Grant) -> &'a Binding<'a> {
        &self.estate.access.bindings[grant.binding]
    }

    /// Who is bound by a grant.
    #[must_use]
    pub fn subject(&self, grant: Grant) -> &'a Subject<'a> {
        &self.binding(grant).subjects[grant.subject]
    }

    /// Whether a tenant of a namespace (by its index in the estate) may write a kind in a namespace (by its name), after
    /// admission. Of a kind that stands in none, the second namespace does not matter.
    #[must_use]
    pub fn write(&self, tenant_of: usize, target: Target, namespace: &str) -> Verdict {
        let verdict = self.may(tenant_of, &[target], &WRITE, namespace);
        match (verdict, self.guard_of_writers(target, namespace)) {
            (Verdict::Certain(proof), Some(guard)) => {
                let reason = format!("{}, unless `{}` refuses it", proof.reason, guard.name);
                Verdict::Unknown(Unknown { at: guard.name.at, reason })
            }
            (verdict, _) => verdict,
        }
    }

    /// The guard that may refuse objects of a kind in a namespace by who writes them.
    #[must_use]
    pub fn guard_of_writers(&self, target: Target, namespace: &str) -> Option<&'a Guard<'a>> {
        let namespace = self.estate.namespace(namespace)?;
        self.guards.of_writers(target, namespace, self.estate)
    }

    /// Whether a tenant of a namespace (by its index in the estate) may have a pod run in a namespace that asks for a
    /// freedom, after admission.
    #[must_use]
    pub fn run_pod(&self, tenant_of: usize, freedom: Freedom, namespace: usize) -> Verdict {
        let name = self.estate.namespaces[namespace].name;
        match (self.may(tenant_of, &Target::POD_MAKERS, &reach::START_PODS, name), self.restriction(freedom, namespace))
        {
            (Verdict::No(by), _) => Verdict::No(by),
            (_, Restriction::Refused(by, _)) => Verdict::No(Some(by)),
            (Verdict::Certain(_), Restriction::Unknown(unknown)) => Verdict::Unknown(unknown),
            (verdict, _) => verdict,
        }
    }

    /// What admission does about a freedom in a namespace.
    #[must_use]
    pub fn restriction(&self, freedom: Freedom, namespace: usize) -> Restriction {
        self.guards.restriction(freedom, &self.estate.namespaces[namespace], self.estate)
    }

    /// What guards restrict.
    #[must_use]
    pub fn guards(&self) -> &Guards {
        &self.guards
    }

    /// Whether a tenant of a namespace may do one of some verbs on one of some kinds in a namespace, admission apart.
    #[must_use]
    pub fn may(&self, tenant_of: usize, targets: &[Target], verbs: &[&str], namespace: &str) -> Verdict {
        let reach = self.reaches[tenant_of].get_or_init(|| self.reach(tenant_of));
        let mut doubt = None;
        for &index in &reach.grants {
            let grant = self.grants[index];
            match self.allows(grant, targets, verbs, namespace) {
                Some(Allowed::By(word)) if self.subject(grant).standing != Standing::Unknown => {
                    return Verdict::Certain(self.proof(grant, word, targets, namespace));
                }
                Some(_) => doubt = doubt.or(Some(grant)),
                None => {}
            }
        }
        match (reach.everything, doubt) {
            (Some(index), _) => Verdict::Certain(self.escalation(self.grants[index], namespace)),
            (None, Some(grant)) => Verdict::Unknown(self.doubt(grant)),
            (None, None) => self.absence(tenant_of),
        }
    }

    /// What a namespace is; the platform's own are known by their names where the input does not hold them.
    #[must_use]
    pub fn is_admins(&self, namespace: &str) -> bool {
        self.estate.role_of_namespace(namespace) != Role::Tenant
    }

    /// The word of the role's rules by which a grant covers one of some kinds.
    #[must_use]
    pub fn allows(&self, grant: Grant, targets: &[Target], verbs: &[&str], namespace: &str) -> Option<Allowed<'a>> {
        let binding = self.binding(grant);
        let reaches = |target: &Target| match binding.namespace {
            None => true,
            Some(own) => target.namespaced && own == namespace,
        };
        let targets: Vec<Target> = targets.iter().copied().filter(reaches).collect();
        if targets.is_empty() {
            return None;
        }
        let Some(role) = binding.target else { return Some(Allowed::RoleUnseen) };
        let rules = self.estate.access.rules_of(role).map(|(_, rule)| rule);
        let words = rules.flat_map(|rule| targets.iter().filter_map(|target| covers(rule, *target, verbs)));
        words.min_by_key(|word| word.at).map(Allowed::By)
    }

    /// The chain from a subject to the rule that allows something.
    #[must_use]
    pub fn chain(&self, grant: Grant, word: Option<Word<'_>>) -> Vec<Label> {
        let (binding, subject) = (self.binding(grant), self.subject(grant));
        let mut chain = vec![
            Label { at: subject.at, message: format!("{} is bound by `{}`", subject.party.display(), binding.name) },
            Label { at: binding.role.at, message: format!("to the role `{}`", binding.role) },
        ];
        if let Some((at, text)) = word.and_then(|word| Some((word.at?, word.text))) {
            chain.push(Label { at, message: format!("whose rule covers `{text}`") });
        }
        chain
    }

    fn proof(&self, grant: Grant, word: Word<'_>, targets: &[Target], namespace: &str) -> Proof {
        let (binding, subject) = (self.binding(grant), self.subject(grant));
        let what = targets.iter().find(|target| target.resource == word.text).or(targets.first());
        let what = what.map_or(word.text, |target| target.resource);
        let place = if binding.namespace.is_some() { format!("in `{namespace}`") } else { "everywhere".to_owned() };
        Proof {
            who: subject.party.display(),
            reason: format!("{} may write `{what}` {place}, by `{}`", subject.party.display(), binding.name),
            at: subject.at,
            chain: self.chain(grant, Some(word)),
        }
    }

    fn escalation(&self, grant: Grant, namespace: &str) -> Proof {
        let (binding, subject) = (self.binding(grant), self.subject(grant));
        let who = subject.party.display();
        Proof {
            reason: format!("{who} can take every right in `{namespace}`, by `{}`", binding.name),
            who,
            at: subject.at,
            chain: self.chain(grant, None),
        }
    }

    fn doubt(&self, grant: Grant) -> Unknown {
        let (binding, subject) = (self.binding(grant), self.subject(grant));
        let reason = match binding.target {
            None => format!("`{}` refers to the role `{}`, which is not in the input", binding.name, binding.role),
            Some(_) => format!("whom `{}` binds is filled in by another tool", binding.name),
        };
        Unknown { at: if binding.target.is_none() { binding.role.at } else { subject.at }, reason }
    }

    /// Nothing of the input lets a tenant of a namespace do something: whether that says that nobody may.
    fn absence(&self, tenant_of: usize) -> Verdict {
        let namespace = &self.estate.namespaces[tenant_of];
        if let Some(holder) = self.cloud_writers().next() {
            let reason = format!("`{}` may write most objects by `{}`", holder.member, holder.role);
            return Verdict::Unknown(Unknown { at: holder.member.at, reason });
        }
        if self.is_known(namespace.name) {
            return Verdict::No(None);
        }
        let reason = format!("who may write what in `{}` is not in the input", namespace.name);
        Verdict::Unknown(Unknown { at: namespace.at.at, reason })
    }

    /// Those who are no administrators and may write most objects of every namespace by a role of the cloud, which the
    /// cluster's own roles do not show.
    pub fn cloud_writers(&self) -> impl Iterator<Item = &'a Holder<'a>> {
        let holders = self.estate.iam.holders.iter();
        holders.filter(|holder| holder.writes_in_clusters() && !holder.is_admin)
    }

    /// Whether the input says who works in a namespace: somebody other than the platform is bound there, or the input is
    /// all there is of the cluster.
    #[must_use]
    pub fn is_known(&self, namespace: &str) -> bool {
        let is_somebody = |&index: &usize| self.subject(self.grants[index]).standing != Standing::Platform;
        self.estate.evidence.kubernetes_is_complete()
            || self.by_scope.get(namespace).is_some_and(|grants| grants.iter().any(is_somebody))
    }
}

/// How a grant covers something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed<'a> {
    /// By this word of a rule.
    By(Word<'a>),
    /// The role is not in the input, so it may or may not.
    RoleUnseen,
}
