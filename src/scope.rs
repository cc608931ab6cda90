//! What of the input is one estate. A repository may hold several that never meet: overlays of one base, a folder for each
//! cluster, or whatever the settings say. Taken together, a policy of one would seem to hold in the other; so each is
//! audited apart, with all that they share.

mod folders;
mod kustomize;
mod objects;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::resource::Resources;
use crate::source::{Document, Location, Problem, Source, SourceId, Sources, Span, folder, joined};

/// A part of the input that is audited by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub name: String,
    pub sources: BTreeSet<SourceId>,
}

/// More estates than these are not audited apart: each costs an audit of its own, with all that it shares.
const MOST: usize = 100;

/// The estates of an input, and what is wrong with how they are told apart.
#[derive(Debug, Default)]
pub struct Scopes {
    /// None where the input is one estate.
    pub list: Vec<Scope>,
    pub problems: Vec<Problem>,
}

/// Tells the estates of an input apart, where something says for certain that it holds several: the settings, kustomizations
/// that cannot be applied to one cluster, or folders that hold a cluster each. What nothing tells apart is one: to split an
/// estate would lose what its layers do to each other.
#[must_use]
pub fn scopes(sources: &Sources, documents: &[Document<'_>], resources: &Resources<'_>, config: &Config) -> Scopes {
    if !config.sections.is_empty() {
        return Scopes { list: of_settings(sources, config), problems: empty_sections(sources, config) };
    }
    let all: BTreeSet<SourceId> = sources.manifests().map(Source::id).collect();
    let kustomizations = kustomize::Kustomizations::new(sources, documents);
    let objects = objects::Objects::new(resources, &kustomizations.patches);
    let folders = folders::Folders::new(sources, &all);
    let mut estates = kustomizations.estates(&objects);
    if estates.is_empty() {
        estates = folders.estates(&objects);
    }
    if estates.len() > MOST {
        let first = estates.values().flatten().next().map(|&id| sources[id].location(Span::new(0, 0)));
        let message = format!(
            "this looks like one of {} estates, more than are audited apart, so all are taken for one: audit each by itself",
            estates.len()
        );
        return Scopes { list: Vec::new(), problems: first.map(|at| Problem { at, message }).into_iter().collect() };
    }
    adopt(&mut estates, &folders, &kustomizations, sources);
    let own: BTreeSet<SourceId> = estates.values().flatten().copied().collect();
    let shared: BTreeSet<SourceId> = all.difference(&own).copied().collect();
    let scope = |(name, files): (String, BTreeSet<SourceId>)| Scope { name, sources: &files | &shared };
    let list: Vec<Scope> = estates.into_iter().map(scope).collect();
    let whole = Scope { name: String::new(), sources: all };
    let mut problems = kustomizations.problems(documents);
    let mut told: BTreeSet<Location> = BTreeSet::new();
    for scope in if list.is_empty() { std::slice::from_ref(&whole) } else { list.as_slice() } {
        let is_part = |id: SourceId| scope.sources.contains(&id) && !kustomizations.patches.contains(&id);
        // Estates that share both objects have the same to say of them.
        problems.extend(objects.doubled(sources, is_part).into_iter().filter(|one| told.insert(one.at)));
    }
    Scopes { list, problems }
}

/// Gives the estates what is in none of them yet and stands in a folder of their name, beside such a folder of another.
fn adopt(
    estates: &mut BTreeMap<String, BTreeSet<SourceId>>,
    folders: &folders::Folders<'_>,
    kustomizations: &kustomize::Kustomizations,
    sources: &Sources,
) {
    let own: BTreeSet<SourceId> = estates.values().flatten().copied().collect();
    let names: BTreeSet<&str> = estates.keys().map(String::as_str).collect();
    for (name, files) in folders.called(&names).into_iter().map(|(name, files)| (name.to_owned(), files)) {
        let files = files.difference(&own).copied();
        let adopted = files.flat_map(|id| kustomizations.taken_in(sources[id].path()).into_iter().chain([id]));
        estates.entry(name).or_default().extend(adopted);
    }
}

/// The parts that the settings name.
fn of_settings(sources: &Sources, config: &Config) -> Vec<Scope> {
    let part = |section: &crate::config::Section| {
        let below: Vec<String> = section.paths.iter().map(|path| from_settings(sources, &path.value)).collect();
        let is_part = |path: &str| below.iter().any(|folder| holds(folder, path));
        let own = sources.manifests().filter(|source| is_part(source.path())).map(Source::id);
        Scope { name: section.name.value.clone(), sources: own.collect() }
    };
    let scopes: Vec<Scope> = config.sections.iter().map(part).collect();
    // Of a part of the repository, the estates that have something in it. Where none has, nothing is to be audited.
    let is_there = |scope: &&Scope| !scope.sources.is_empty();
    if scopes.iter().any(|scope| is_there(&scope)) { scopes.iter().filter(is_there).cloned().collect() } else { scopes }
}

/// The files that are in no part, where the settings say what the parts are.
#[must_use]
pub fn left_out(sources: &Sources, scopes: &[Scope]) -> BTreeSet<SourceId> {
    let all = sources.manifests().map(Source::id);
    let is_in = |id: &SourceId| scopes.iter().any(|scope| scope.sources.contains(id));
    if scopes.is_empty() { BTreeSet::new() } else { all.filter(|id| !is_in(id)).collect() }
}

/// The places in the settings that name nothing of the input.
fn empty_sections(sources: &Sources, config: &Config) -> Vec<Problem> {
    let paths = config.sections.iter().flat_map(|section| &section.paths);
    let is_empty = |path: &str| {
        let folder = from_settings(sources, path);
        !sources.manifests().any(|source| holds(&folder, source.path()))
    };
    // Sections of an earlier state that the settings of now leave out have no place to be shown at.
    let is_shown = config.is_whole && config.written.contains_key("estates");
    let empty = paths.filter(|path| is_shown && is_empty(&path.value));
    let problem = |path: &crate::source::Spanned<String>| Problem {
        at: path.at,
        message: format!("nothing in the input is `{}` or below it", path.value),
    };
    empty.map(problem).collect()
}

/// A path of the settings as the walk would call it.
fn from_settings(sources: &Sources, path: &str) -> String {
    let folder = sources.settings().map_or("", |settings| folder(settings.path()));
    joined(folder, path)
}

fn holds(folder: &str, path: &str) -> bool {
    folder.is_empty() || path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_their_folder() {
        assert_eq!(joined("a/b", "../c/./d.yaml"), "a/c/d.yaml");
        assert_eq!(joined("", "../c"), "../c");
        assert_eq!(joined("/x", "y"), "/x/y");
        assert_eq!(joined("a", "."), "a");
        assert!(holds("a/b", "a/b/c") && holds("a/b", "a/b") && holds("", "x") && !holds("a/b", "a/bc"));
    }
}
