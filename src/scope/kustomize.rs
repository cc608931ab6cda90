//! Kustomizations: which files each of them takes in, and which of them cannot be applied to one cluster.

use std::collections::{BTreeMap, BTreeSet};

use super::folders::is_environment;
use super::objects::{Content, Objects};
use crate::resource::{is_kustomization_file, taken_in};
use crate::source::{Document, Location, Node, Problem, Shape, SourceId, Sources, folder, joined};

/// The kustomizations of an input, by their folders.
pub(super) struct Kustomizations {
    by_folder: BTreeMap<String, Kustomization>,
    /// The files that change objects of others rather than hold some of their own.
    pub patches: BTreeSet<SourceId>,
    /// The files that some kustomization names, for whatever purpose.
    named: BTreeSet<SourceId>,
}

struct Kustomization {
    /// Its own file, and those that it names.
    files: BTreeSet<SourceId>,
    /// The folders of the kustomizations that it takes in.
    takes_in: Vec<String>,
    /// The namespace, prefix and suffix that it gives to what it takes in.
    gives: [Option<String>; 3],
    is_component: bool,
}

/// A kustomization that nobody takes in.
struct Root<'k> {
    home: &'k str,
    gives: &'k [Option<String>; 3],
    content: Content,
}

impl Kustomizations {
    pub fn new(sources: &Sources, documents: &[Document<'_>]) -> Self {
        let ids: BTreeMap<&str, SourceId> = sources.iter().map(|source| (source.path(), source.id())).collect();
        let mut found = Self { by_folder: BTreeMap::new(), patches: BTreeSet::new(), named: BTreeSet::new() };
        for document in documents {
            let path = document.source().path();
            if !is_kustomization_file(path) {
                continue;
            }
            let home = folder(path);
            let root = document.root();
            let at = |path: &str| joined(home, path);
            let named: Vec<String> = taken_in(root, home).collect();
            let patches: Vec<SourceId> = patches(root).filter_map(|path| ids.get(at(path).as_str()).copied()).collect();
            found.patches.extend(&patches);
            texts(root, &mut |text| found.named.extend(ids.get(at(text).as_str())));
            let own = named.iter().filter_map(|path| ids.get(path.as_str()).copied());
            let files = own.chain(patches).chain([document.source().id()]).collect();
            let is_component = root.get("kind").and_then(Node::text) == Some("Component");
            let gives = ["namespace", "namePrefix", "nameSuffix"].map(|key| root.get(key)?.text().map(str::to_owned));
            found.by_folder.insert(home.to_owned(), Kustomization { files, takes_in: named, gives, is_component });
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

    fn roots<'k>(&'k self, objects: &Objects) -> Vec<Root<'k>> {
        let taken: BTreeSet<&str> = self
            .by_folder
            .values()
            .flat_map(|kustomization| kustomization.takes_in.iter().map(String::as_str))
            .collect();
        let is_root = |(home, kustomization): &(&String, &Kustomization)| {
            !kustomization.is_component && !taken.contains(home.as_str())
        };
        let root = |(home, kustomization): (&'k String, &'k Kustomization)| Root {
            home,
            gives: &kustomization.gives,
            content: objects.certain(&self.closure(home, false)),
        };
        self.by_folder.iter().filter(is_root).map(root).collect()
    }

    /// The estates that kustomizations make, by name, with their files. Roots that cannot be applied to one cluster are of
    /// different estates; those of several services that are called alike, as their overlays for one stage, are of one. An
    /// estate has an overlay of most services: what only a few have, such as a job that runs once, is no estate of its own.
    pub fn estates(&self, objects: &Objects) -> BTreeMap<String, BTreeSet<SourceId>> {
        let roots = self.roots(objects);
        let rivals = rivals(&roots);
        let services = services(&rivals);
        let count = services.iter().collect::<BTreeSet<_>>().len() - usize::from(services.contains(&None));
        let mut homes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for index in (0..roots.len()).filter(|&index| !rivals[index].is_empty()) {
            homes.entry(name(&roots, index, &rivals[index])).or_default().push(index);
        }
        let covers = |indices: &[usize]| indices.iter().map(|&index| services[index]).collect::<BTreeSet<_>>().len();
        homes.retain(|_, indices| covers(indices) * 2 > count);
        let files =
            |indices: Vec<usize>| indices.iter().flat_map(|&index| self.closure(roots[index].home, true)).collect();
        let estates: BTreeMap<_, _> = homes.into_iter().map(|(name, indices)| (name, files(indices))).collect();
        if estates.len() < 2 { BTreeMap::new() } else { estates }
    }

    /// What kustomize makes of the files that an audit of the files does not see.
    pub fn problems(&self, documents: &[Document<'_>]) -> Vec<Problem> {
        let is_kustomization = |document: &&Document<'_>| is_kustomization_file(document.source().path());
        let changes = documents.iter().filter(is_kustomization).filter_map(|document| changes(document.root()));
        let unseen = changes.min_by_key(|(at, _)| (at.source, at.span.start)).map(|(at, key)| {
            let message = format!(
                "`{key}` here, or the like, changes objects after they are read: audit what `kustomize build` prints as well"
            );
            Problem { at, message }
        });
        let mut problems = self.forgotten(documents);
        problems.extend(unseen);
        problems
    }

    /// Where objects stand beside a kustomization, and none names their file: kustomize leaves them out.
    fn forgotten(&self, documents: &[Document<'_>]) -> Vec<Problem> {
        let is_object = |root: Node<'_>| root.get("apiVersion").is_some() && root.get("kind").is_some();
        let is_forgotten = |document: &&Document<'_>| {
            let source = document.source();
            let is_beside = self.by_folder.contains_key(folder(source.path())) && !is_kustomization_file(source.path());
            is_beside && !self.named.contains(&source.id()) && is_object(document.root())
        };
        let mut first: BTreeMap<SourceId, Problem> = BTreeMap::new();
        for document in documents.iter().filter(is_forgotten) {
            let message = "no kustomization names this file, so kustomize leaves out what is audited here".to_owned();
            first.entry(document.source().id()).or_insert(Problem { at: document.root().head(), message });
        }
        first.into_values().collect()
    }

    /// All files that a file takes in, where it is a kustomization.
    pub fn taken_in(&self, path: &str) -> BTreeSet<SourceId> {
        if is_kustomization_file(path) { self.closure(folder(path), true) } else { BTreeSet::new() }
    }
}

/// Which roots each root has as rivals. Where they give other namespaces or names to what they take in, one cluster can hold
/// both, as the tenants made from one base; unless they are called like environments.
fn rivals(roots: &[Root<'_>]) -> Vec<Vec<usize>> {
    let of = |index: usize| {
        let root = &roots[index];
        let is_rival = |other: &Root<'_>| {
            let is_apart = root.gives == other.gives || are_environments(root.home, other.home);
            is_apart && root.content.is_rival(&other.content)
        };
        (0..roots.len()).filter(|&other| other != index && is_rival(&roots[other])).collect()
    };
    (0..roots.len()).map(of).collect()
}

/// Whether two folders part at steps that are called like environments.
fn are_environments(one: &str, other: &str) -> bool {
    let parting = one.split('/').zip(other.split('/')).find(|(one, other)| one != other);
    parting.is_some_and(|(one, other)| is_environment(one) && is_environment(other))
}

/// Which service each root is of, by the first of its roots: all that are rivals, whether directly or through others, vary
/// one service. None for what has no rival.
fn services(rivals: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut services = vec![None; rivals.len()];
    for first in (0..rivals.len()).filter(|&index| !rivals[index].is_empty()) {
        let mut open = vec![first];
        while let Some(index) = open.pop() {
            if services[index].is_none() {
                services[index] = Some(first);
                open.extend(&rivals[index]);
            }
        }
    }
    services
}

/// What a root is called among its rivals: the steps of its path at which it parts from any of them.
fn name(roots: &[Root<'_>], index: usize, rivals: &[usize]) -> String {
    let steps = |index: usize| roots[index].home.split('/').collect::<Vec<_>>();
    let own = steps(index);
    let parting = |rival: &usize| own.iter().zip(steps(*rival)).take_while(|(one, other)| **one == *other).count();
    let partings: BTreeSet<usize> = rivals.iter().map(parting).collect();
    let named: Vec<&str> =
        partings.iter().filter_map(|&at| own.get(at).copied()).filter(|step| !step.is_empty()).collect();
    // A root that holds all of its rivals parts from them nowhere.
    let last = own.last().copied().filter(|step| !step.is_empty()).unwrap_or(".");
    if named.is_empty() { last.to_owned() } else { named.join("/") }
}

/// The first thing in a kustomization that changes objects and that no file of objects shows, with its key.
fn changes(root: Node<'_>) -> Option<(Location, &str)> {
    let is_inline =
        |patch: Node<'_>| patch.get("patch").is_some() || patch.text().is_some_and(|text| text.contains('\n'));
    let reaches_pods = |labels: Node<'_>| {
        let is_set = |key: &&str| labels.get(key).and_then(Node::text) == Some("true");
        ["includeSelectors", "includeTemplates"].iter().any(is_set)
    };
    let change = root.entries().find(|entry| match entry.name() {
        "patches" | "patchesStrategicMerge" | "patchesJson6902" => entry.value.items().any(is_inline),
        "labels" => entry.value.items().any(reaches_pods),
        "commonLabels" | "replacements" | "transformers" | "helmCharts" | "vars" => !entry.value.is_null(),
        _ => false,
    })?;
    Some((change.key.at(), change.name()))
}

/// Calls for every text that is a value somewhere in a node.
fn texts<'a>(node: Node<'a>, see: &mut impl FnMut(&'a str)) {
    match node.shape() {
        Shape::Scalar => node.text().into_iter().for_each(see),
        Shape::Sequence => node.items().for_each(|item| texts(item, see)),
        Shape::Mapping => node.entries().for_each(|entry| texts(entry.value, see)),
    }
}

/// The files of patches that a kustomization names.
fn patches(root: Node<'_>) -> impl Iterator<Item = &str> {
    let lists =
        ["patches", "patchesStrategicMerge", "patchesJson6902"].into_iter().filter_map(move |key| root.get(key));
    lists.flat_map(Node::items).filter_map(|item| item.get("path").unwrap_or(item).text())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(homes: &[&'static str]) -> Vec<String> {
        let roots: Vec<_> =
            homes.iter().map(|home| Root { home, gives: &[None, None, None], content: Content::default() }).collect();
        let others = |index: usize| (0..homes.len()).filter(|&other| other != index).collect::<Vec<_>>();
        (0..homes.len()).map(|index| name(&roots, index, &others(index))).collect()
    }

    #[test]
    fn a_root_is_called_by_where_it_parts_from_its_rivals() {
        assert_eq!(names(&["cart/overlays/prod", "cart/overlays/dev"]), ["prod", "dev"]);
        assert_eq!(names(&["overlays/prod/cart", "overlays/dev/cart"]), ["prod", "dev"]);
        assert_eq!(names(&["eu/prod", "eu/dev", "us/prod"]), ["eu/prod", "eu/dev", "us"]);
        assert_eq!(names(&["", "dev"]), [".", "dev"]);
        assert_eq!(names(&["shop", "shop/tests/a", "shop/tests/b"]), ["shop", "tests/a", "tests/b"]);
    }

    #[test]
    fn roots_that_are_rivals_through_others_vary_one_service() {
        assert_eq!(services(&[vec![2], vec![], vec![0, 3], vec![2]]), [Some(0), None, Some(0), Some(0)]);
    }
}
