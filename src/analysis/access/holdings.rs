//! What tenants hold that they should not, by the object whose change takes it from them: the role of the input that
//! allows it, or the binding to a role that every cluster has.

use std::collections::BTreeMap;

use super::{Access, Grant};
use crate::finding::Label;
use crate::model::access::{Rule, Standing, Word};
use crate::source::Location;

/// Rights of one role or binding, and the tenants who have them.
#[derive(Clone, Debug)]
pub struct Holding<'a> {
    /// The role's word, or the role's name in the binding.
    pub at: Location,
    /// The `ClusterRole` that every cluster has, where it is one.
    pub builtin: Option<&'a str>,
    /// What is allowed, in the words of the rules.
    pub words: Vec<&'a str>,
    /// What those words cover, as the asker names it.
    pub what: Vec<&'static str>,
    /// Who has it, in a fixed order.
    pub grants: Vec<Grant>,
}

/// The role or binding to change: its namespace, its name and its place.
type Object<'n> = (Option<&'n str>, &'n str, Location);

/// How many subjects, namespaces or kinds a message names at most.
const NAMED: usize = 5;

impl<'a> Access<'a> {
    /// What tenants hold: `covered` tells which words of a rule matter for a grant, and what they cover.
    #[must_use]
    pub fn holdings(&self, covered: impl Fn(Grant, &Rule<'a>) -> Vec<(Word<'a>, &'static str)>) -> Vec<Holding<'a>> {
        let untagged = |grant, rule: &Rule<'a>| covered(grant, rule).into_iter().map(|(word, what)| (word, what, ()));
        self.sorted_holdings(|grant, rule| untagged(grant, rule).collect()).into_iter().map(|((), held)| held).collect()
    }

    /// What tenants hold, sorted by a tag that `covered` gives to each word: one entry for each object and tag.
    #[must_use]
    pub fn sorted_holdings<T: Ord + Copy>(
        &self,
        covered: impl Fn(Grant, &Rule<'a>) -> Vec<(Word<'a>, &'static str, T)>,
    ) -> Vec<(T, Holding<'a>)> {
        let mut found: BTreeMap<(T, Object<'_>), Holding<'a>> = BTreeMap::new();
        for &grant in &self.grants {
            let binding = self.binding(grant);
            let is_tenant = matches!(self.subject(grant).standing, Standing::Tenant | Standing::Unknown);
            let Some(role) = binding.target.filter(|_| is_tenant) else { continue };
            for (part, rule) in self.estate.access.rules_of(role) {
                let role = &self.estate.access.roles[part];
                let (builtin, object) = match role.at {
                    Some(at) => (None, (role.namespace, role.name, at)),
                    None => (Some(role.name), (binding.namespace, binding.name.value, binding.role.at)),
                };
                for (word, what, tag) in covered(grant, rule) {
                    let at = word.at.unwrap_or(binding.role.at);
                    let fresh = || Holding { at, builtin, words: Vec::new(), what: Vec::new(), grants: Vec::new() };
                    let holding = found.entry((tag, object)).or_insert_with(fresh);
                    holding.at = holding.at.min(at);
                    insert(&mut holding.words, word.text);
                    insert(&mut holding.what, what);
                    insert(&mut holding.grants, grant);
                }
            }
        }
        found.into_iter().map(|((tag, _), holding)| (tag, holding)).collect()
    }

    /// Who is bound by some grants, for a message.
    #[must_use]
    pub fn who(&self, grants: &[Grant]) -> String {
        let mut names: Vec<String> = Vec::new();
        for &grant in grants {
            insert(&mut names, self.subject(grant).party.display());
        }
        enumerate(&names)
    }

    /// Where some grants hold, for a message.
    #[must_use]
    pub fn place(&self, grants: &[Grant]) -> String {
        let mut names: Vec<String> = Vec::new();
        for &grant in grants {
            match self.binding(grant).namespace {
                None => return "every namespace".to_owned(),
                Some(namespace) => insert(&mut names, format!("`{namespace}`")),
            }
        }
        enumerate(&names)
    }

    /// Who has some rights by which binding, as related places.
    #[must_use]
    pub fn bindings_of(&self, holding: &Holding<'_>) -> Vec<Label> {
        let chains = holding.grants.iter().take(NAMED).flat_map(|&grant| self.chain(grant, None));
        let mut labels: Vec<Label> = Vec::new();
        chains.filter(|label| label.at != holding.at).for_each(|label| insert(&mut labels, label));
        labels
    }

    /// Whether it is certain that everybody who has a right is a tenant.
    #[must_use]
    pub fn is_certain(&self, holding: &Holding<'_>) -> bool {
        holding.grants.iter().any(|&grant| self.subject(grant).standing == Standing::Tenant)
    }
}

fn insert<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Words as an enumeration: the first few, and how many there are besides.
#[must_use]
pub fn enumerate(words: &[String]) -> String {
    let more = words.len().saturating_sub(NAMED);
    match (words, more) {
        ([first @ .., last], 0) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        (_, 0) => words.join(", "),
        _ => format!("{} and {more} more", words[..NAMED].join(", ")),
    }
}

/// Kinds as an enumeration.
#[must_use]
pub fn kinds(what: &[&str]) -> String {
    let words: Vec<String> = what.iter().map(|what| format!("`{what}`")).collect();
    enumerate(&words)
}
