//! What of the input is one estate. A repository may hold several that never meet: overlays of one base, a folder for each
//! cluster, or whatever the settings say. Taken together, a policy of one would seem to hold in the other; so each is
//! audited apart, with all that they share.

mod contradiction;
mod kustomize;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::resource::Resources;
use crate::source::{Document, Problem, Source, SourceId, Sources};

/// A part of the input that is audited by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub name: String,
    pub sources: BTreeSet<SourceId>,
}

/// Folders whose own folders are clusters, by a custom that tools for deployment share.
const CLUSTERS: [&str; 3] = ["clusters", "environments", "envs"];

/// Folders beside clusters that are none themselves.
const COMMON: [&str; 6] = ["base", "common", "default", "global", "modules", "shared"];

/// More parts than these are rather examples than estates, and are audited as one.
const MOST: usize = 24;

/// The parts of an input; nothing where it is one estate.
#[must_use]
pub fn scopes(sources: &Sources, documents: &[Document<'_>], resources: &Resources<'_>, config: &Config) -> Vec<Scope> {
    let all: BTreeSet<SourceId> = sources.manifests().map(Source::id).collect();
    if !config.sections.is_empty() {
        return of_settings(sources, config);
    }
    let kustomizations = kustomize::Kustomizations::new(sources, documents);
    let objects = contradiction::Objects::new(sources, resources, &kustomizations.patches);
    let mut parts = kustomizations.variants();
    if parts.is_empty() {
        parts = clusters(sources, documents);
    }
    if !parts.is_empty() {
        // What contradicts a part cannot belong to it, nor to all of them.
        let own: BTreeSet<SourceId> = parts.values().flatten().copied().collect();
        let outsiders = objects.against(&own, &all, sources);
        parts.extend(outsiders);
    }
    let own: BTreeSet<SourceId> = parts.values().flatten().copied().collect();
    let shared = &all - &own;
    let scope = |(name, files): (String, BTreeSet<SourceId>)| Scope { name, sources: &files | &shared };
    let mut scopes: Vec<Scope> = parts.into_iter().map(scope).collect();
    if scopes.is_empty() {
        scopes.push(Scope { name: String::new(), sources: all });
    }
    let split: Vec<Scope> = scopes.iter().flat_map(|scope| objects.split(scope, sources)).collect();
    let scopes = if split.len() > MOST { scopes } else { split };
    if scopes.len() < 2 || scopes.len() > MOST { Vec::new() } else { scopes }
}

/// The parts that the settings name.
fn of_settings(sources: &Sources, config: &Config) -> Vec<Scope> {
    let part = |section: &crate::config::Section| {
        let below: Vec<String> = section.paths.iter().map(|path| from_settings(sources, &path.value)).collect();
        let is_part = |path: &str| below.iter().any(|folder| holds(folder, path));
        let own = sources.manifests().filter(|source| is_part(source.path())).map(Source::id);
        Scope { name: section.name.value.clone(), sources: own.collect() }
    };
    config.sections.iter().map(part).collect()
}

/// The files that are in no part, where the settings say what the parts are.
#[must_use]
pub fn left_out(sources: &Sources, scopes: &[Scope]) -> BTreeSet<SourceId> {
    let all = sources.manifests().map(Source::id);
    let is_in = |id: &SourceId| scopes.iter().any(|scope| scope.sources.contains(id));
    if scopes.is_empty() { BTreeSet::new() } else { all.filter(|id| !is_in(id)).collect() }
}

/// The places in the settings that name nothing of the input.
#[must_use]
pub fn empty_sections(sources: &Sources, config: &Config) -> Vec<Problem> {
    let paths = config.sections.iter().flat_map(|section| &section.paths);
    let is_empty = |path: &str| {
        let folder = from_settings(sources, path);
        !sources.manifests().any(|source| holds(&folder, source.path()))
    };
    let empty = paths.filter(|path| config.is_whole && is_empty(&path.value));
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

/// The folder of a path.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path as seen from a folder, without the steps back that it takes.
fn joined(folder: &str, path: &str) -> String {
    let is_absolute = folder.starts_with('/') && !path.starts_with('/');
    let whole = format!("{folder}/{path}");
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|&last| last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let slash = if is_absolute || path.starts_with('/') { "/" } else { "" };
    format!("{slash}{}", parts.join("/"))
}

/// The files of each cluster that has a folder. Those of one name are one cluster, wherever they are.
fn clusters(sources: &Sources, documents: &[Document<'_>]) -> BTreeMap<String, BTreeSet<SourceId>> {
    let mut found: BTreeMap<&str, BTreeMap<&str, BTreeSet<SourceId>>> = BTreeMap::new();
    for id in documents.iter().map(|document| document.source().id()) {
        let Some((above, cluster)) = cluster(sources[id].path()) else { continue };
        if !COMMON.contains(&cluster) {
            found.entry(above).or_default().entry(cluster).or_default().insert(id);
        }
    }
    let mut parts: BTreeMap<String, BTreeSet<SourceId>> = BTreeMap::new();
    for (name, files) in found.into_values().filter(|clusters| clusters.len() > 1).flatten() {
        parts.entry(name.to_owned()).or_default().extend(files);
    }
    parts
}

/// The folder of clusters that a path is below, and the name of its cluster.
fn cluster(path: &str) -> Option<(&str, &str)> {
    let mut start = 0;
    let mut above = None;
    for part in path.split('/') {
        let end = start + part.len();
        if let Some(above) = above {
            // A file among the folders is none of them.
            return (end < path.len()).then_some((above, part));
        }
        above = CLUSTERS.contains(&part).then(|| &path[..end]);
        start = end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_a_folder_below_one_of_clusters() {
        assert_eq!(cluster("deploy/clusters/prod/a.yaml"), Some(("deploy/clusters", "prod")));
        assert_eq!(cluster("envs/prod/x/a.yaml"), Some(("envs", "prod")));
        assert_eq!((cluster("clusters/a.yaml"), cluster("my-clusters/prod/a.yaml")), (None, None));
    }

    #[test]
    fn paths_are_seen_from_their_folder() {
        assert_eq!(joined("a/b", "../c/./d.yaml"), "a/c/d.yaml");
        assert_eq!(joined("", "../c"), "../c");
        assert_eq!(joined("/x", "y"), "/x/y");
        assert_eq!(joined("a", "."), "a");
        assert!(holds("a/b", "a/b/c") && holds("a/b", "a/b") && holds("", "x") && !holds("a/b", "a/bc"));
    }
}
