//! Kustomizations: which files each of them takes in, and which of them are variants of one another.

use std::collections::{BTreeMap, BTreeSet};

use super::{folder, joined};
use crate::source::{Document, Node, SourceId, Sources};

const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The kustomizations of an input, by their folders.
pub(super) struct Kustomizations {
    by_folder: BTreeMap<String, Kustomization>,
    /// The files that change objects of others rather than hold some of their own.
    pub patches: BTreeSet<SourceId>,
}

struct Kustomization {
    /// Its own file, and those that it names.
    files: BTreeSet<SourceId>,
    /// The folders of the kustomizations that it takes in.
    takes_in: Vec<String>,
    is_component: bool,
}

impl Kustomizations {
    pub fn new(sources: &Sources, documents: &[Document<'_>]) -> Self {
        let ids: BTreeMap<&str, SourceId> = sources.iter().map(|source| (source.path(), source.id())).collect();
        let mut found = Self { by_folder: BTreeMap::new(), patches: BTreeSet::new() };
        for document in documents {
            let path = document.source().path();
            if !FILES.contains(&path.rsplit('/').next().unwrap_or(path)) {
                continue;
            }
            let home = folder(path);
            let root = document.root();
            let at = |path: &str| joined(home, path);
            let named: Vec<String> = ["resources", "bases", "components", "crds"]
                .into_iter()
                .filter_map(|key| root.get(key))
                .flat_map(Node::items)
                .filter_map(|item| item.text().filter(|text| !is_remote(text)).map(at))
                .collect();
            let patches: Vec<SourceId> = patches(root).filter_map(|path| ids.get(at(path).as_str()).copied()).collect();
            found.patches.extend(&patches);
            let own = named.iter().filter_map(|path| ids.get(path.as_str()).copied());
            let files = own.chain(patches).chain([document.source().id()]).collect();
            let is_component = root.get("kind").and_then(Node::text) == Some("Component");
            found.by_folder.insert(home.to_owned(), Kustomization { files, takes_in: named, is_component });
        }
        found
    }

    /// All files that a kustomization takes in, by itself or through others; with or without those of components, which
    /// many may share that have nothing else in common.
    fn closure(&self, start: &str, with_components: bool) -> BTreeSet<SourceId> {
        let mut files = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![start.to_owned()];
        while let Some(home) = open.pop() {
            let Some(kustomization) = self.by_folder.get(&home) else { continue };
            if (with_components || !kustomization.is_component) && seen.insert(home) {
                files.extend(&kustomization.files);
                open.extend(kustomization.takes_in.iter().cloned());
            }
        }
        files
    }

    /// The variants of something: kustomizations that nobody takes in and that take in the same, with their files. Those
    /// that are called alike and have nothing in common, as the overlays of several services for one stage, are one part.
    pub fn variants(&self) -> BTreeMap<String, BTreeSet<SourceId>> {
        let taken: BTreeSet<&str> = self
            .by_folder
            .values()
            .flat_map(|kustomization| kustomization.takes_in.iter().map(String::as_str))
            .collect();
        let is_root = |(home, kustomization): &(&String, &Kustomization)| {
            !kustomization.is_component && !taken.contains(home.as_str())
        };
        let roots = self.by_folder.iter().filter(is_root).map(|(home, _)| (home.as_str(), self.closure(home, false)));
        let roots: Vec<(&str, BTreeSet<SourceId>)> = roots.collect();
        let is_variant = |index: &usize| {
            let others = roots.iter().enumerate().filter(|(other, _)| other != index);
            others.into_iter().any(|(_, (_, files))| !files.is_disjoint(&roots[*index].1))
        };
        let variants: Vec<usize> = (0..roots.len()).filter(is_variant).collect();
        let mut known: BTreeMap<&str, BTreeSet<SourceId>> = BTreeMap::new();
        let mut parts: BTreeMap<String, BTreeSet<SourceId>> = BTreeMap::new();
        for &(home, ref files) in variants.iter().map(|&index| &roots[index]) {
            let name = home.rsplit('/').next().unwrap_or(home);
            let is_free = known.get(name).is_none_or(|known| known.is_disjoint(files));
            let name = if is_free { name } else { home };
            known.entry(name).or_default().extend(files);
            let name = if name.is_empty() { "." } else { name };
            parts.entry(name.to_owned()).or_default().extend(self.closure(home, true));
        }
        if parts.len() < 2 { BTreeMap::new() } else { parts }
    }
}

/// The files of patches that a kustomization names.
fn patches(root: Node<'_>) -> impl Iterator<Item = &str> {
    let lists =
        ["patches", "patchesStrategicMerge", "patchesJson6902"].into_iter().filter_map(move |key| root.get(key));
    lists.flat_map(Node::items).filter_map(|item| item.get("path").unwrap_or(item).text())
}

/// Whether something is fetched from elsewhere, which an audit does not.
fn is_remote(text: &str) -> bool {
    text.contains("://") || text.contains("?ref=") || text.starts_with("git@") || text.starts_with("github.com/")
}
