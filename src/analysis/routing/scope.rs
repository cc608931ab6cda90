//! Which Sidecar applies to a workload (semantics C.6).

use rustc_hash::FxHashMap;

use crate::model::{Estate, Labels, Sidecar};

/// The Sidecars of an estate by their namespace.
#[derive(Debug)]
pub struct Sidecars<'a> {
    by_namespace: FxHashMap<&'a str, Vec<&'a Sidecar<'a>>>,
    root: &'a str,
}

impl<'a> Sidecars<'a> {
    /// Collects the Sidecars of an estate.
    #[must_use]
    pub fn new(estate: &'a Estate<'a>) -> Self {
        let mut by_namespace: FxHashMap<&str, Vec<&Sidecar<'_>>> = FxHashMap::default();
        for sidecar in &estate.mesh.sidecars {
            by_namespace.entry(sidecar.namespace).or_default().push(sidecar);
        }
        Self { by_namespace, root: estate.mesh.root_namespace }
    }

    /// The Sidecars of which one applies to a workload: all that select it, else the namespace's default, else the root
    /// namespace's. Of several the oldest counts, and manifests do not tell ages.
    #[must_use]
    pub fn of(&self, namespace: &str, labels: Option<&Labels<'_>>) -> Vec<&'a Sidecar<'a>> {
        let own = self.all_of(namespace);
        let selects = |sidecar: &&&Sidecar<'_>| {
            labels.is_some_and(|labels| sidecar.selector.is_some_and(|selector| selector.is_subset(labels)))
        };
        let selecting: Vec<&Sidecar<'_>> = own.iter().filter(selects).copied().collect();
        if !selecting.is_empty() {
            return selecting;
        }
        let defaults = |list: &[&'a Sidecar<'a>]| {
            list.iter().filter(|sidecar| sidecar.selector.is_none()).copied().collect::<Vec<_>>()
        };
        let own = defaults(own);
        if own.is_empty() { defaults(self.all_of(self.root)) } else { own }
    }

    /// The Sidecars that stand in a namespace.
    #[must_use]
    pub fn all_of(&self, namespace: &str) -> &[&'a Sidecar<'a>] {
        self.by_namespace.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }
}
