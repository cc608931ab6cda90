//! Who may do what in the cluster: roles with what they gather, and who is bound to them (semantics C.12).

mod builtin;
mod subject;

use rustc_hash::FxHashMap;

pub use subject::{Party, Standing, Subject};
pub(super) use subject::{is_admins_member, is_controllers};

use super::namespace::Namespace;
use super::{Match, Selector, Text};
use crate::config::Config;
use crate::resource::kubernetes::{AccessBinding, AccessRole, AccessRule, LabelSelector};
use crate::resource::{Kind, Resource};
use crate::source::Location;

/// Roles and bindings.
#[derive(Clone, Debug, Default)]
pub struct Access<'a> {
    pub roles: Vec<Role<'a>>,
    pub bindings: Vec<Binding<'a>>,
}

/// A role: of the input, or one that every cluster has.
#[derive(Clone, Debug)]
pub struct Role<'a> {
    pub name: &'a str,
    /// The place of the name; none for one that every cluster has.
    pub at: Option<Location>,
    /// None where it is a `ClusterRole`.
    pub namespace: Option<&'a str>,
    pub rules: Vec<Rule<'a>>,
    /// The roles whose rules it has: itself, and every one that it gathers, directly or not.
    pub parts: Vec<usize>,
}

/// A word of a rule; of a role that every cluster has, without a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    pub text: &'a str,
    pub at: Option<Location>,
}

/// These verbs on these resources of these groups.
#[derive(Clone, Debug, Default)]
pub struct Rule<'a> {
    pub groups: Vec<Word<'a>>,
    pub resources: Vec<Word<'a>>,
    pub verbs: Vec<Word<'a>>,
    /// The only objects that it holds for; all where there is none.
    pub names: Vec<Word<'a>>,
}

/// Some subjects bound to a role.
#[derive(Clone, Debug)]
pub struct Binding<'a> {
    pub name: Text<'a>,
    pub kind: &'a str,
    /// The only namespace that it holds for; none where it holds for the cluster.
    pub namespace: Option<&'a str>,
    /// The role's name, as the binding writes it.
    pub role: Text<'a>,
    /// The role; none where the input does not have it, so that what it allows is unknown.
    pub target: Option<usize>,
    pub subjects: Vec<Subject<'a>>,
}

impl<'a> Access<'a> {
    /// What a role allows, with what it gathers.
    pub fn rules_of(&self, role: usize) -> impl Iterator<Item = (usize, &Rule<'a>)> {
        let parts = self.roles[role].parts.iter();
        parts.flat_map(|&part| self.roles[part].rules.iter().map(move |rule| (part, rule)))
    }
}

/// Lowers roles and bindings, and finds what they refer to.
pub(super) fn access<'a>(list: &'a [Resource<'a>], namespaces: &[Namespace<'a>], config: &Config) -> Access<'a> {
    let written: Vec<(&'a Resource<'a>, &'a AccessRole<'a>)> = list
        .iter()
        .filter_map(|resource| match &resource.kind {
            Kind::AccessRole(role) => Some((resource, role)),
            _ => None,
        })
        .collect();
    let mut roles: Vec<Role<'a>> = written.iter().map(|(resource, role)| lower(resource, role)).collect();
    let gathered: Vec<Vec<usize>> = written.iter().map(|(resource, role)| gathers(resource, role, &written)).collect();
    for (index, role) in roles.iter_mut().enumerate() {
        role.parts = closure(index, &gathered);
    }
    builtin::complete(&mut roles, &written);
    let directory = directory(&roles);
    let bindings = list.iter().filter_map(|resource| match &resource.kind {
        Kind::AccessBinding(written) => Some(binding(resource, written, &directory, namespaces, config)),
        _ => None,
    });
    Access { bindings: bindings.collect(), roles }
}

fn lower<'a>(resource: &Resource<'a>, role: &'a AccessRole<'a>) -> Role<'a> {
    Role {
        name: resource.meta.name.value,
        at: Some(resource.meta.name.at),
        namespace: resource.namespace.map(|namespace| namespace.value),
        rules: role.rules.iter().map(rule).collect(),
        parts: Vec::new(),
    }
}

fn rule<'a>(written: &'a AccessRule<'a>) -> Rule<'a> {
    let words = |texts: &'a [Text<'a>]| texts.iter().map(|text| Word { text: text.value, at: Some(text.at) }).collect();
    Rule {
        groups: words(&written.groups),
        resources: words(&written.resources),
        verbs: words(&written.verbs),
        names: words(&written.names),
    }
}

/// The `ClusterRoles` that an aggregated one gathers by their labels.
fn gathers<'a>(
    resource: &Resource<'a>,
    role: &'a AccessRole<'a>,
    all: &[(&'a Resource<'a>, &'a AccessRole<'a>)],
) -> Vec<usize> {
    let Some(selectors) = role.gathers.as_ref().filter(|_| resource.namespace.is_none()) else { return Vec::new() };
    let selects = |selector: &'a LabelSelector<'a>, other: &Resource<'a>| {
        Selector::Labels(selector).matches(&other.meta.labels) == Match::Yes
    };
    let others = all.iter().enumerate().filter(|(_, (other, _))| other.namespace.is_none());
    others
        .filter(|(_, (other, _))| selectors.iter().any(|selector| selects(selector, other)))
        .map(|(index, _)| index)
        .collect()
}

/// A role and everything that it gathers, each once; roles may gather each other.
fn closure(start: usize, gathered: &[Vec<usize>]) -> Vec<usize> {
    let mut found = vec![start];
    let mut next = 0;
    while let Some(&role) = found.get(next) {
        for &part in gathered.get(role).into_iter().flatten() {
            if !found.contains(&part) {
                found.push(part);
            }
        }
        next += 1;
    }
    found
}

/// Roles by namespace and name.
type Directory<'a> = FxHashMap<(Option<&'a str>, &'a str), usize>;

fn directory<'a>(roles: &[Role<'a>]) -> Directory<'a> {
    let mut directory = Directory::default();
    for (index, role) in roles.iter().enumerate() {
        directory.entry((role.namespace, role.name)).or_insert(index);
    }
    directory
}

fn binding<'a>(
    resource: &Resource<'a>,
    written: &'a AccessBinding<'a>,
    directory: &Directory<'a>,
    namespaces: &[Namespace<'a>],
    config: &Config,
) -> Binding<'a> {
    let namespace = resource.namespace.map(|namespace| namespace.value);
    // Only a RoleBinding may name a Role, and then one of its own namespace.
    let of_namespace = written.role_kind.is_some_and(|kind| kind.value == "Role");
    let key = (namespace.filter(|_| of_namespace), written.role.value);
    let unset = |at: Location| resource.meta.placeholders.contains(&at);
    let subject = |one| subject::subject(one, namespace, namespaces, config, &unset);
    Binding {
        name: resource.meta.name,
        kind: resource.meta.kind,
        namespace,
        role: written.role,
        target: directory.get(&key).copied().filter(|_| !unset(written.role.at)),
        subjects: written.subjects.iter().filter_map(subject).collect(),
    }
}
