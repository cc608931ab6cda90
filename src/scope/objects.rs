//! The objects of the input by what the API server knows them by: one cluster holds each of them once, so that files which
//! hold the same ones are of different estates.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::resource::{Kind, Resource, Resources};
use crate::source::{Problem, SourceId, Sources};

/// Group, kind, namespace and name.
type Identity<'a> = (&'a str, &'a str, &'a str, &'a str);

/// An object by the number of its identity, with the file where this is all that tells it from others of its name.
type Number = usize;

type Numbers<'a> = FxHashMap<(Identity<'a>, Option<SourceId>), Number>;

/// What some files hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    namespaces: BTreeSet<Number>,
    workloads: BTreeSet<Number>,
    /// Everything else that is there once.
    others: BTreeSet<Number>,
}

impl Content {
    /// Where objects of a kind stand.
    fn of(&mut self, kind: &Kind<'_>) -> &mut BTreeSet<Number> {
        match kind {
            Kind::Namespace => &mut self.namespaces,
            Kind::Workload(_) => &mut self.workloads,
            _ => &mut self.others,
        }
    }

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

fn shares_half(one: &BTreeSet<Number>, other: &BTreeSet<Number>) -> bool {
    let common = one.intersection(other).count();
    common > 0 && common * 2 >= one.len().min(other.len())
}

/// The objects of an input, by file.
pub(super) struct Objects<'a> {
    by_name: BTreeMap<SourceId, Content>,
    /// The files with objects that leave their namespace open; all others hold for certain what they hold by name.
    open: BTreeMap<SourceId, Content>,
    /// The objects that leave nothing open, by their number, in the order of the input.
    certain: Vec<(Number, &'a Resource<'a>)>,
    /// One more than the largest number.
    numbers: usize,
}

impl<'a> Objects<'a> {
    /// Reads the objects of all files but those that hold patches, which change objects of others. Those of one file follow
    /// each other in the list.
    pub fn new(resources: &'a Resources<'a>, patches: &BTreeSet<SourceId>) -> Self {
        let mut objects = Self { by_name: BTreeMap::new(), open: BTreeMap::new(), certain: Vec::new(), numbers: 0 };
        let mut numbers = Numbers::with_capacity_and_hasher(resources.list.len(), FxBuildHasher);
        let source = |resource: &Resource<'_>| resource.meta.at.source;
        for of_file in resources.list.chunk_by(|one, next| source(one) == source(next)) {
            let file = source(&of_file[0]);
            if !patches.contains(&file) {
                objects.add(file, of_file, &mut numbers);
            }
        }
        objects.numbers = numbers.len();
        objects
    }

    fn add(&mut self, file: SourceId, resources: &'a [Resource<'a>], numbers: &mut Numbers<'a>) {
        let known = resources.iter().filter_map(|resource| Some((resource, identity(resource)?)));
        let mut number = |identity: Identity<'a>, file: Option<SourceId>| {
            let next = numbers.len();
            *numbers.entry((identity, file)).or_insert(next)
        };
        let named: Vec<_> = known.map(|(resource, identity)| (resource, identity, number(identity, None))).collect();
        let by_name = self.by_name.entry(file).or_default();
        for (resource, _, number) in &named {
            by_name.of(&resource.kind).insert(*number);
        }
        if named.iter().any(|(resource, ..)| is_open(resource)) {
            let of_file = self.open.entry(file).or_default();
            for (resource, identity, by_name) in &named {
                let certain = if is_open(resource) { number(*identity, Some(file)) } else { *by_name };
                of_file.of(&resource.kind).insert(certain);
            }
        }
        let certain = named.into_iter().filter(|(resource, ..)| !is_open(resource));
        self.certain.extend(certain.map(|(resource, _, number)| (number, resource)));
    }

    /// What some files hold. Objects that leave their namespace open are the same where all else is.
    pub fn named<'f>(&self, files: impl IntoIterator<Item = &'f SourceId>) -> Content {
        together(files, |file| self.by_name.get(file))
    }

    /// What some files hold. Objects that leave their namespace open are the same where they are of one file: where they go,
    /// whoever applies them says.
    pub fn certain<'f>(&self, files: impl IntoIterator<Item = &'f SourceId>) -> Content {
        together(files, |file| self.open.get(file).or_else(|| self.by_name.get(file)))
    }

    /// Objects that some files hold twice, and not alike: each version is audited, and the cluster has only the one that is
    /// applied last.
    pub fn doubled(&self, sources: &Sources, is_part: impl Fn(SourceId) -> bool) -> Vec<Problem> {
        let mut first: Vec<Option<&Resource<'_>>> = vec![None; self.numbers];
        let mut problems = Vec::new();
        for &(number, resource) in self.certain.iter().filter(|(_, resource)| is_part(resource.meta.at.source)) {
            let known = *first[number].get_or_insert(resource);
            let text =
                |resource: &Resource<'_>| sources[resource.meta.at.source].slice(resource.meta.at.span).trim_end();
            if !std::ptr::eq(known, resource) && text(known) != text(resource) {
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
}

fn together<'f, 'c>(
    files: impl IntoIterator<Item = &'f SourceId>,
    content_of: impl Fn(&SourceId) -> Option<&'c Content>,
) -> Content {
    let mut content = Content::default();
    files.into_iter().filter_map(content_of).for_each(|of_file| content.add(of_file));
    content
}

/// Whether whoever applies an object says where it goes.
fn is_open(resource: &Resource<'_>) -> bool {
    resource.namespace.is_some() && resource.namespace_at().is_none()
}

/// What an object is known by; nothing where it has no name yet or may be in a cluster's files any number of times.
fn identity<'a>(resource: &'a Resource<'a>) -> Option<Identity<'a>> {
    let meta = &resource.meta;
    // What Terraform and the cloud's own interfaces hold is known by a project and a path.
    let is_elsewhere = matches!(resource.kind, Kind::Cloud(_)) && !meta.api_version.contains(".cnrm.");
    let is_unlikely = matches!(resource.kind, Kind::ServiceAccount | Kind::Node(_) | Kind::ConfigMap | Kind::Partial);
    if is_elsewhere || is_unlikely || meta.name.value.is_empty() || !meta.placeholders.is_empty() {
        return None;
    }
    let group = meta.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let namespace = resource.namespace.map_or("", |namespace| namespace.value);
    Some((group, meta.kind, namespace, meta.name.value))
}
