//! Folders that hold an estate each: those of clusters and environments.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{Content, Objects};
use crate::source::{SourceId, Sources};

/// Folders whose own folders are clusters, by a custom that tools for deployment share.
const CLUSTERS: [&str; 3] = ["clusters", "environments", "envs"];

/// Folders beside clusters that are none themselves.
const COMMON: [&str; 6] = ["base", "common", "default", "global", "modules", "shared"];

/// What environments are called, as a word of a folder's name.
const ENVIRONMENTS: [&str; 16] = [
    "canary",
    "dev",
    "development",
    "live",
    "nonprod",
    "nonproduction",
    "preprod",
    "preproduction",
    "prod",
    "production",
    "qa",
    "sandbox",
    "stage",
    "staging",
    "test",
    "uat",
];

/// The files below each folder of a folder.
type Children<'p> = BTreeMap<&'p str, BTreeSet<SourceId>>;

/// The folders of an input that hold others, the outer ones first.
pub(super) struct Folders<'p> {
    by_path: BTreeMap<(usize, &'p str), Children<'p>>,
}

impl<'p> Folders<'p> {
    pub fn new(sources: &'p Sources, all: &BTreeSet<SourceId>) -> Self {
        let mut by_path: BTreeMap<(usize, &str), Children<'_>> = BTreeMap::new();
        for &id in all {
            for (depth, above, child) in steps(sources[id].path()) {
                by_path.entry((depth, above)).or_default().entry(child).or_default().insert(id);
            }
        }
        by_path.retain(|_, children| children.len() > 1);
        Self { by_path }
    }

    /// The files of each estate that has a folder, by the strongest sign there is. Those of one name are one estate, wherever
    /// they are.
    pub fn estates(&self, objects: &Objects) -> BTreeMap<String, BTreeSet<SourceId>> {
        let signs = [clusters, environments, full_clusters];
        let found = signs.into_iter().map(|sign| self.apart(objects, sign));
        found.into_iter().find(|estates| estates.len() > 1).unwrap_or_default()
    }

    /// The files of the folders for which a sign speaks, the outermost where they stand in one another.
    fn apart(&self, objects: &Objects, sign: Sign) -> BTreeMap<String, BTreeSet<SourceId>> {
        let mut taken: BTreeSet<SourceId> = BTreeSet::new();
        let mut found: BTreeMap<String, BTreeSet<SourceId>> = BTreeMap::new();
        for ((_, above), children) in &self.by_path {
            for name in sign(above, children, objects) {
                let files: Vec<SourceId> = children[name].difference(&taken).copied().collect();
                if !files.is_empty() {
                    found.entry(name.to_owned()).or_default().extend(&files);
                }
                taken.extend(files);
            }
        }
        found
    }

    /// The files below folders that are called like estates, wherever two of these stand side by side.
    pub fn called(&self, names: &BTreeSet<&str>) -> BTreeMap<&'p str, BTreeSet<SourceId>> {
        let mut found: BTreeMap<&str, BTreeSet<SourceId>> = BTreeMap::new();
        for children in self.by_path.values() {
            let own: Vec<_> = children.iter().filter(|(name, _)| names.contains(**name)).collect();
            for (name, files) in own.iter().filter(|_| own.len() > 1) {
                found.entry(name).or_default().extend(files.iter());
            }
        }
        found
    }
}

/// Which folders of a folder are estates.
type Sign = for<'c, 'p> fn(&str, &'c Children<'p>, &Objects) -> Vec<&'p str>;

/// The folders of one that is called for clusters, as soon as two of them hold the same.
fn clusters<'p>(above: &str, children: &Children<'p>, objects: &Objects) -> Vec<&'p str> {
    let is_custom = CLUSTERS.contains(&above.rsplit('/').next().unwrap_or(above));
    let own = || children.iter().filter(|(name, _)| !COMMON.contains(name));
    let contents: Vec<(&str, Content)> =
        if is_custom { own().map(|(&name, files)| (name, objects.named(files))).collect() } else { Vec::new() };
    if alike(&contents, Content::overlaps).is_empty() { Vec::new() } else { own().map(|(&name, _)| name).collect() }
}

/// The folders that are called like environments and run the same.
fn environments<'p>(_: &str, children: &Children<'p>, objects: &Objects) -> Vec<&'p str> {
    let own = children.iter().filter(|(name, _)| is_environment(name));
    let contents: Vec<(&str, Content)> = own.map(|(&name, files)| (name, objects.named(files))).collect();
    alike(&contents, Content::is_rival)
}

/// The folders, whatever they are called, that hold a cluster each and run the same.
fn full_clusters<'p>(_: &str, children: &Children<'p>, objects: &Objects) -> Vec<&'p str> {
    let contents: Vec<(&str, Content)> = children.iter().map(|(&name, files)| (name, objects.certain(files))).collect();
    alike(&contents, |one, other| one.are_clusters(other) && one.is_rival(other))
}

/// Those that are like one of the others.
fn alike<'p>(contents: &[(&'p str, Content)], is_like: impl Fn(&Content, &Content) -> bool) -> Vec<&'p str> {
    let has_like = |index: usize| {
        let mut others = contents.iter().enumerate().filter(|(other, _)| *other != index);
        others.any(|(_, (_, other))| is_like(&contents[index].1, other))
    };
    (0..contents.len()).filter(|&index| has_like(index)).map(|index| contents[index].0).collect()
}

pub(super) fn is_environment(name: &str) -> bool {
    name.split(['-', '_', '.']).any(|word| ENVIRONMENTS.contains(&word.to_lowercase().as_str()))
}

/// The folders that a path goes through, each with its depth and the next step, but for the last, which is the file.
fn steps(path: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let start = usize::from(path.starts_with('/'));
    let ends = path.match_indices('/').map(|(at, _)| at).filter(move |&at| at >= start);
    let mut from = start;
    ends.enumerate().map(move |(depth, end)| {
        let step = (depth, path[..from].trim_end_matches('/'), &path[from..end]);
        from = end + 1;
        step
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_through_folders() {
        let all = |path| steps(path).collect::<Vec<_>>();
        assert_eq!(all("a/b/c.yaml"), [(0, "", "a"), (1, "a", "b")]);
        assert_eq!(all("/a/b/c.yaml"), [(0, "", "a"), (1, "/a", "b")]);
        assert_eq!(all("c.yaml"), []);
    }

    #[test]
    fn environments_are_words_of_names() {
        assert!(is_environment("prod") && is_environment("gke-Prod-eu") && is_environment("shop_staging"));
        assert!(!is_environment("products") && !is_environment("base"));
    }
}
