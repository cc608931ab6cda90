//! The objects of the input by what the API server knows them by: one cluster holds each of them once, so that files which
//! hold the same ones are of different estates.

use std::collections::{BTreeMap, BTreeSet};

use crate::resource::{Kind, Resource, Resources};
use crate::source::{Problem, SourceId, Sources};

/// Group, kind, namespace and name; with the file where this is all that tells an object from others of its name.
type Identity<'a> = (&'a str, &'a str, &'a str, &'a str, Option<SourceId>);

/// What some files hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Content<'a> {
    namespaces: BTreeSet<&'a str>,
    workloads: BTreeSet<Identity<'a>>,
    /// Everything else that is there once.
    others: BTreeSet<Identity<'a>>,
}

impl Content<'_> {
    fn add(&mut self, other: &Self) {
        self.namespaces.extend(&other.namespaces);
        self.workloads.extend(&other.workloads);
        self.others.extend(&other.others);
    }

    /// Whether both cannot be in one cluster: half of what runs in the smaller one runs in the other; of what holds no
    /// workloads, half of all objects. A few that both have are a mistake, or a layer that changes another one.
    pub fn is_rival(&self, other: &Self) -> bool {
        match (self.workloads.is_empty(), other.workloads.is_empty()) {
            (false, false) => shares_half(&self.workloads, &other.workloads),
            (true, true) => shares_half(&self.others, &other.others),
            _ => false,
        }
    }

    /// Whether anything is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        !self.namespaces.is_disjoint(&other.namespaces)
            || !self.workloads.is_disjoint(&other.workloads)
            || !self.others.is_disjoint(&other.others)
    }

    /// Whether two hold a cluster each: namespaces, some of them the same, and what runs in them.
    pub fn are_clusters(&self, other: &Self) -> bool {
        let runs = !self.workloads.is_empty() && !other.workloads.is_empty();
        runs && !self.namespaces.is_disjoint(&other.namespaces)
    }
}

fn shares_half(one: &BTreeSet<Identity<'_>>, other: &BTreeSet<Identity<'_>>) -> bool {
    let common = one.intersection(other).count();
    common > 0 && common * 2 >= one.len().min(other.len())
}

/// The objects of an input, by file.
pub(super) struct Objects<'a> {
    by_name: BTreeMap<SourceId, Content<'a>>,
    certain: BTreeMap<SourceId, Content<'a>>,
}

impl<'a> Objects<'a> {
    /// Reads the objects of all files but those that hold patches, which change objects of others.
    pub fn new(resources: &'a Resources<'a>, patches: &BTreeSet<SourceId>) -> Self {
        let mut objects = Self { by_name: BTreeMap::new(), certain: BTreeMap::new() };
        for resource in resources.list.iter().filter(|resource| !patches.contains(&resource.meta.at.source)) {
            let source = resource.meta.at.source;
            let is_open = resource.namespace.is_some() && resource.namespace_at().is_none();
            note(resource, None, objects.by_name.entry(source).or_default());
            note(resource, is_open.then_some(source), objects.certain.entry(source).or_default());
        }
        objects
    }

    /// What some files hold. Objects that leave their namespace open are the same where all else is.
    pub fn named<'f>(&self, files: impl IntoIterator<Item = &'f SourceId>) -> Content<'a> {
        together(&self.by_name, files)
    }

    /// What some files hold. Objects that leave their namespace open are the same where they are of one file: where they go,
    /// whoever applies them says.
    pub fn certain<'f>(&self, files: impl IntoIterator<Item = &'f SourceId>) -> Content<'a> {
        together(&self.certain, files)
    }
}

fn together<'a, 'f>(
    contents: &BTreeMap<SourceId, Content<'a>>,
    files: impl IntoIterator<Item = &'f SourceId>,
) -> Content<'a> {
    let mut content = Content::default();
    files.into_iter().filter_map(|file| contents.get(file)).for_each(|of_file| content.add(of_file));
    content
}

/// Notes an object, unless it has no name yet or may be in a cluster's files any number of times.
fn note<'a>(resource: &'a Resource<'a>, file: Option<SourceId>, content: &mut Content<'a>) {
    let Some(identity) = identity(resource, file) else { return };
    match resource.kind {
        Kind::Namespace => drop(content.namespaces.insert(resource.meta.name.value)),
        Kind::Workload(_) => drop(content.workloads.insert(identity)),
        _ => drop(content.others.insert(identity)),
    }
}

fn identity<'a>(resource: &Resource<'a>, file: Option<SourceId>) -> Option<Identity<'a>> {
    let meta = &resource.meta;
    // What Terraform and the cloud's own interfaces hold is known by a project and a path.
    let is_elsewhere = matches!(resource.kind, Kind::Cloud(_)) && !meta.api_version.contains(".cnrm.");
    let is_unlikely = matches!(resource.kind, Kind::ServiceAccount | Kind::Node(_) | Kind::ConfigMap | Kind::Partial);
    if is_elsewhere || is_unlikely || meta.name.value.is_empty() || !meta.placeholders.is_empty() {
        return None;
    }
    let group = meta.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let namespace = resource.namespace.map_or("", |namespace| namespace.value);
    Some((group, meta.kind, namespace, meta.name.value, file))
}

/// Objects that some files hold twice, and not alike: each version is audited, and the cluster has only the one that is
/// applied last.
pub(super) fn doubled<'a>(
    resources: &'a Resources<'a>,
    sources: &Sources,
    is_part: impl Fn(SourceId) -> bool,
) -> Vec<Problem> {
    let mut first: BTreeMap<Identity<'a>, &Resource<'a>> = BTreeMap::new();
    let mut problems = Vec::new();
    for resource in resources.list.iter().filter(|resource| is_part(resource.meta.at.source)) {
        let is_open = resource.namespace.is_some() && resource.namespace_at().is_none();
        let Some(identity) = identity(resource, None).filter(|_| !is_open) else { continue };
        let known = *first.entry(identity).or_insert(resource);
        let text = |resource: &Resource<'_>| sources[resource.meta.at.source].slice(resource.meta.at.span).trim_end();
        if text(known) != text(resource) {
            let (name, other) = (resource.meta.name, sources[known.meta.at.source].path());
            let message = format!(
                "`{name}` differs from the {} of that name in `{other}`: both are audited, and the one that is applied last counts",
                resource.meta.kind
            );
            problems.push(Problem { at: name.at, message });
        }
    }
    problems
}
