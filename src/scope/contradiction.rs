//! Objects that are written twice, in different words and in different folders: one cluster holds only one of them, so the
//! folders are of different estates, such as the stages of a tutorial or a release beside what it was made from.

use std::collections::{BTreeMap, BTreeSet};

use super::{Scope, folder};
use crate::resource::{Kind, Resource, Resources};
use crate::source::{SourceId, Sources};

/// An object by what the API server knows it by.
type Identity<'a> = (&'a str, &'a str, &'a str, &'a str);

/// The objects that are written more than once, with the files and the words.
pub(super) struct Objects<'a> {
    twice: Vec<BTreeMap<SourceId, &'a str>>,
}

impl<'a> Objects<'a> {
    pub fn new(sources: &'a Sources, resources: &'a Resources<'a>, patches: &BTreeSet<SourceId>) -> Self {
        let mut written: BTreeMap<Identity<'a>, BTreeMap<SourceId, &'a str>> = BTreeMap::new();
        for resource in resources.list.iter().filter(|resource| !patches.contains(&resource.meta.at.source)) {
            if let Some(identity) = identity(resource) {
                let at = resource.meta.at;
                written
                    .entry(identity)
                    .or_default()
                    .entry(at.source)
                    .or_insert_with(|| sources[at.source].slice(at.span));
            }
        }
        Self { twice: written.into_values().filter(|files| files.len() > 1).collect() }
    }

    /// The folders, by name, whose files contradict some of those given; with all of their files that are not given.
    pub fn against(
        &self,
        given: &BTreeSet<SourceId>,
        all: &BTreeSet<SourceId>,
        sources: &Sources,
    ) -> BTreeMap<String, BTreeSet<SourceId>> {
        let mut folders: BTreeSet<String> = BTreeSet::new();
        for files in &self.twice {
            let (inside, outside): (Vec<_>, Vec<_>) = files.iter().partition(|(id, _)| given.contains(id));
            for (other, words) in outside {
                let path = sources[*other].path();
                for (one, _) in inside.iter().filter(|(_, others)| *others != words) {
                    let above = common(folder(sources[**one].path()), folder(path));
                    let name = child(above, path).unwrap_or_default();
                    folders.insert(if above.is_empty() { name } else { format!("{above}/{name}") });
                }
            }
        }
        let files = |folder: &String| -> BTreeSet<SourceId> {
            let is_outside = |id: &&SourceId| !given.contains(id) && super::holds(folder, sources[**id].path());
            all.iter().filter(is_outside).copied().collect()
        };
        folders.iter().map(|folder| (folder.rsplit('/').next().unwrap_or(folder).to_owned(), files(folder))).collect()
    }

    /// Splits a part at the outermost folder whose own folders contradict each other; what contradicts nothing is shared.
    pub fn split(&self, scope: &Scope, sources: &Sources) -> Vec<Scope> {
        let Some((above, children)) = self.outermost(scope, sources) else { return vec![scope.clone()] };
        let child_of = |id: &SourceId| child(&above, sources[*id].path()).filter(|child| children.contains(child));
        let (own, shared): (BTreeSet<SourceId>, BTreeSet<SourceId>) =
            scope.sources.iter().copied().partition(|id| child_of(id).is_some());
        let part = |name: &String| {
            let files = own.iter().filter(|id| child_of(id).as_ref() == Some(name)).copied();
            let name = if scope.name.is_empty() || scope.name == *name {
                name.clone()
            } else {
                format!("{} {name}", scope.name)
            };
            Scope { name, sources: files.chain(shared.iter().copied()).collect() }
        };
        let parts = children.iter().map(part);
        // Within a part, the same may be true of folders further down.
        parts.flat_map(|part| self.split(&part, sources)).collect()
    }

    /// The folder nearest to the root in which files of a part contradict each other, and the names of those that do.
    fn outermost(&self, scope: &Scope, sources: &Sources) -> Option<(String, BTreeSet<String>)> {
        let mut found: BTreeMap<(usize, String), BTreeSet<String>> = BTreeMap::new();
        for files in &self.twice {
            let here: Vec<(&str, &str)> = files
                .iter()
                .filter(|(id, _)| scope.sources.contains(id))
                .map(|(id, words)| (sources[*id].path(), *words))
                .collect();
            for (index, (one, words)) in here.iter().enumerate() {
                for (other, _) in here.iter().skip(index + 1).filter(|(_, others)| others != words) {
                    let above = common(folder(one), folder(other)).to_owned();
                    let (Some(one), Some(other)) = (child(&above, one), child(&above, other)) else { continue };
                    // Two files of one folder are no two estates; which of them holds, nobody can tell.
                    if is_file(&above, &one, sources) && is_file(&above, &other, sources) {
                        continue;
                    }
                    let depth = if above.is_empty() { 0 } else { above.split('/').count() };
                    found.entry((depth, above)).or_default().extend([one, other]);
                }
            }
        }
        found.into_iter().next().map(|((_, above), children)| (above, children))
    }
}

/// What an object is known by; nothing for one that may be there twice, or is no object of a cluster.
fn identity<'a>(resource: &'a Resource<'a>) -> Option<Identity<'a>> {
    let meta = &resource.meta;
    let is_unlikely = matches!(
        resource.kind,
        Kind::Namespace | Kind::ServiceAccount | Kind::Cloud(_) | Kind::Node(_) | Kind::Partial
    );
    if is_unlikely || meta.name.value.is_empty() || !meta.placeholders.is_empty() {
        return None;
    }
    let group = meta.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let namespace = resource.namespace.map_or("", |namespace| namespace.value);
    Some((group, meta.kind, namespace, meta.name.value))
}

/// What stands in a folder and holds a path: a folder or the file itself.
fn child(above: &str, path: &str) -> Option<String> {
    let rest = if above.is_empty() { path } else { path.strip_prefix(above)?.strip_prefix('/')? };
    rest.split('/').next().filter(|name| !name.is_empty()).map(str::to_owned)
}

fn is_file(above: &str, name: &str, sources: &Sources) -> bool {
    let path = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
    sources.iter().any(|source| source.path() == path)
}

/// The deepest folder that holds both of two.
fn common<'p>(one: &'p str, other: &str) -> &'p str {
    let mut end = 0;
    for at in one.match_indices('/').map(|(at, _)| at).chain([one.len()]) {
        let is_common = other.strip_prefix(&one[..at]).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if !is_common {
            break;
        }
        end = at;
    }
    &one[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_folders_have_the_deepest_common_one() {
        assert_eq!(common("a/b/c", "a/b/d"), "a/b");
        assert_eq!(common("a/b", "a/b"), "a/b");
        assert_eq!(common("a", "b"), "");
        assert_eq!(common("/x/y", "/x/z"), "/x");
        assert_eq!(common("ab/c", "abc/c"), "");
    }

    #[test]
    fn a_child_is_the_next_step() {
        assert_eq!(child("a", "a/b/c.yaml").as_deref(), Some("b"));
        assert_eq!(child("", "a/b").as_deref(), Some("a"));
        assert_eq!(child("a", "ab/c"), None);
    }
}
