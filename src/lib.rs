//! Static policy linter and auditor for egress control in Kubernetes with an Istio egress gateway on Google Cloud.
//!
//! ```text
//! walk → parse → resource → model → analysis → rules → triage → report
//! ```
//!
//! The library reads no file past [`source::walk`] and never panics on any input. [`audit`] is the whole pipeline.

pub mod analysis;
pub mod config;
pub mod finding;
pub mod model;
pub mod report;
pub mod resource;
pub mod rule;
pub mod rules;
pub mod source;
pub mod traffic;
pub mod triage;

use std::ops::RangeInclusive;

use analysis::Facts;
use analysis::network_policy::Dataplane;
use config::{Before, Config, Ignore, Ignores};
use finding::Object;
use model::{Edit, Estate};
use report::connections::{Filter, Listing};
use resource::Resources;
use rule::Audit;
use source::{Document, Location, Problem, Source, SourceId, Sources, Span, Unparsed, Walk};
use traffic::Traffic;
use triage::{Inputs, Marked, Objects, Report, Unmodelled};

/// Reads the settings that stand among the sources of a walk; the defaults where there are none.
///
/// # Errors
/// Everything in the file that is not understood, each at its place.
pub fn settings(walk: &Walk) -> Result<Config, Vec<Problem>> {
    let Some(source) = walk.sources.settings() else { return Ok(Config::default()) };
    let parsed = source::parse(source);
    let unparsed = parsed.unparsed.into_iter().map(|unparsed| Problem { at: unparsed.at, message: unparsed.reason });
    let mut problems: Vec<Problem> = unparsed.chain(parsed.problems).collect();
    problems.extend(parsed.documents.get(1).map(|second| Problem {
        at: second.root().head(),
        message: "a second document; the settings are one".to_owned(),
    }));
    let read =
        parsed.documents.first().map_or_else(|| Ok(Config::default()), |first| config::read(first, &rules::ids()));
    match read {
        Ok(config) if problems.is_empty() => Ok(config),
        read => Err(problems.into_iter().chain(read.err().into_iter().flatten()).collect()),
    }
}

/// Audits everything that a walk has found: parses, models, analyzes, runs the rules and judges.
#[must_use]
pub fn audit(walk: &Walk, config: &Config) -> Report {
    audit_with(walk, config, |_, _| ()).0
}

/// Audits, and keeps the ways out for a comparison with those of another state.
#[must_use]
pub fn audit_and_ways(walk: &Walk, config: &Config) -> (Report, report::paths::Snapshot) {
    audit_with(walk, config, report::paths::Snapshot::new)
}

/// Audits, and takes something else from the estate and the facts while they are there.
fn audit_with<T>(walk: &Walk, config: &Config, take: impl FnOnce(&Estate<'_>, &Facts<'_>) -> T) -> (Report, T) {
    let parsed = source::parse_all(&walk.sources);
    let embedded = resource::embedded_documents(&parsed.documents);
    let resources = resource::read(&parsed.documents, &embedded);
    let estate = model::lower(&resources, config);
    let facts = analysis::analyze(&estate);
    let audit = Audit { estate: &estate, facts: &facts, rules: rules::RULES, ignores: &Ignores::default() };
    let findings = rules::run(&audit);
    let places = Places::new(&resources, &parsed.documents, &walk.sources);
    let settings = walk.sources.settings().map(source::parse).unwrap_or_default();
    let documents = parsed.documents.iter().chain(embedded.documents()).chain(&settings.documents);
    let comments = triage::comments(documents, &rules::ids());
    let (mut findings, ignores) = triage::silence(findings, comments, &places, config);
    findings.extend(rules::about_ignores(&Audit { ignores: &ignores, ..audit }).into_iter().map(Marked::from));
    let inputs = inputs(walk, &resources, &estate, parsed.problems, parsed.unparsed);
    (triage::triage(findings, inputs, &places, config), take(&estate, &facts))
}

/// Holds settings against an earlier state of the input and its settings: what that did not accept is not accepted now.
#[must_use]
pub fn held_against(mut config: Config, revision: &str, walk: &Walk, then: &Config) -> Config {
    let parsed = source::parse_all(&walk.sources);
    let embedded = resource::embedded_documents(&parsed.documents);
    let resources = resource::read(&parsed.documents, &embedded);
    let places = Places::new(&resources, &parsed.documents, &walk.sources);
    let settings = walk.sources.settings().map(source::parse).unwrap_or_default();
    let documents = parsed.documents.iter().chain(embedded.documents()).chain(&settings.documents);
    let (comments, _) = triage::comments(documents, &rules::ids());
    let accepted = triage::accepted(then.ignores.iter().cloned().chain(comments), &places);
    let widened = config.tighten(then, rules::default_level);
    config.before = Some(Before { name: revision.to_owned(), accepted, widened });
    config
}

/// What to list of the connections that network policies allow.
#[derive(Clone, Debug, Default)]
pub struct ConnectionOptions {
    /// How the dataplane takes a block of addresses that holds pods'; what the input's cluster says where none is given.
    pub dataplane: Option<Dataplane>,
    /// The only sources to list; all where there is none.
    pub from: Option<Filter>,
    /// The only targets to list; all where there is none.
    pub to: Option<Filter>,
    /// Say which clauses decide.
    pub explain: bool,
}

/// What may open which connection by network policies alone, and what was wrong with the input.
#[derive(Debug)]
pub struct Connected {
    pub listing: Listing,
    pub inputs: Inputs,
}

/// Works out which workload may open which connection to which workload or address range, by network policies alone.
#[must_use]
pub fn connections(walk: &Walk, config: &Config, options: &ConnectionOptions) -> Connected {
    let parsed = source::parse_all(&walk.sources);
    let embedded = resource::embedded_documents(&parsed.documents);
    let resources = resource::read(&parsed.documents, &embedded);
    let estate = model::lower(&resources, config);
    let policies = analysis::network_policy::network_policies(&estate);
    let dataplane = options.dataplane.unwrap_or_else(|| Dataplane::of(&estate));
    let ends = (options.from.clone(), options.to.clone());
    let listing = report::connections::listing(&estate, &policies, dataplane, ends, options.explain);
    Connected { listing, inputs: inputs(walk, &resources, &estate, parsed.problems, parsed.unparsed) }
}

/// The ways out of an estate, and what was wrong with the input.
#[derive(Debug)]
pub struct Paths {
    pub listing: report::paths::Listing,
    pub inputs: Inputs,
}

/// Works out every way out of every application workload: who can leave, how, and what stops them.
#[must_use]
pub fn paths(walk: &Walk, config: &Config, filter: &report::paths::Filter) -> Paths {
    let parsed = source::parse_all(&walk.sources);
    let embedded = resource::embedded_documents(&parsed.documents);
    let resources = resource::read(&parsed.documents, &embedded);
    let estate = model::lower(&resources, config);
    let facts = analysis::analyze(&estate);
    let traffic = filter.to.as_ref().map_or_else(Traffic::all, config::To::traffic);
    let again = |edits: &[Edit], hosts: &dyn Fn(&str) -> bool| {
        let mut changed = model::lower(&resources, config);
        for &edit in edits {
            changed.apply(edit);
        }
        let facts = analysis::analyze_but_exits(&changed);
        analysis::exits::exits_to(&changed, &facts, &traffic, &|host, _| hosts(host))
    };
    let listing = report::paths::listing(&estate, &facts, filter, &again);
    Paths { listing, inputs: inputs(walk, &resources, &estate, parsed.problems, parsed.unparsed) }
}

/// What was read.
fn inputs(
    walk: &Walk,
    resources: &Resources<'_>,
    estate: &Estate<'_>,
    problems: Vec<Problem>,
    unparsed: Vec<Unparsed>,
) -> Inputs {
    Inputs {
        files: walk.sources.manifests().count(),
        bytes: walk.sources.bytes(),
        documents: resources.list.len() + resources.unmodelled.values().sum::<usize>() + unparsed.len(),
        resources: resources.list.len(),
        unmodelled: unmodelled(resources),
        problems: [problems, resources.problems.clone(), estate.problems.clone()].concat(),
        charts: triage::charts(&walk.sources, &unparsed),
        unparsed,
        skipped: walk.skipped.clone(),
        placed: resources.placed,
    }
}

fn unmodelled(resources: &Resources<'_>) -> Vec<Unmodelled> {
    let entry = |(&(api_version, kind), &count): (&(&str, &str), &usize)| Unmodelled {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        count,
    };
    resources.unmodelled.iter().map(entry).collect()
}

/// What stands where: finds the object and the field of a place by binary search.
pub struct Places<'a> {
    /// Each object with its whole extent, sorted.
    objects: Vec<(Location, &'a resource::Resource<'a>)>,
    documents: Vec<(Location, &'a Document<'a>)>,
    settings: Option<&'a Source>,
}

impl<'a> Places<'a> {
    /// Sorts the objects and documents of an audit by their extent.
    #[must_use]
    pub fn new(resources: &'a Resources<'a>, documents: &'a [Document<'a>], sources: &'a Sources) -> Self {
        let mut objects: Vec<_> = resources.list.iter().map(|resource| (resource.meta.at, resource)).collect();
        let mut documents: Vec<_> = documents.iter().map(|document| (document.root().at(), document)).collect();
        objects.sort_by_key(|(at, _)| *at);
        documents.sort_by_key(|(at, _)| *at);
        Self { objects, documents, settings: sources.settings() }
    }
}

impl<'a> Places<'a> {
    /// A source that holds documents, or the settings.
    fn source(&self, id: SourceId) -> Option<&'a Source> {
        let index = self.documents.partition_point(|(extent, _)| extent.source < id);
        let of_document = self.documents.get(index).map(|(_, document)| document.source());
        of_document.filter(|source| source.id() == id).or(self.settings.filter(|source| source.id() == id))
    }
}

/// The innermost entry of a list sorted by extent that holds a place: objects may stand in objects, as pools do in clusters.
fn holding<T: Copy>(list: &[(Location, T)], at: Location) -> Option<(Location, T)> {
    let starts_before = |(extent, _): &(Location, T)| (extent.source, extent.span.start) <= (at.source, at.span.start);
    let before = &list[..list.partition_point(starts_before)];
    let of_source = before.iter().rev().take_while(|(extent, _)| extent.source == at.source);
    of_source.into_iter().find(|(extent, _)| at.span.end <= extent.span.end).copied()
}

fn object(resource: &resource::Resource<'_>) -> Object {
    Object {
        api_version: resource.meta.api_version.to_owned(),
        kind: resource.meta.kind.to_owned(),
        namespace: resource.namespace.map(|namespace| namespace.value.to_owned()),
        name: resource.meta.name.value.to_owned(),
    }
}

impl Objects for Places<'_> {
    fn object(&self, at: Location) -> Option<Object> {
        holding(&self.objects, at).map(|(_, resource)| object(resource))
    }

    fn field(&self, at: Location) -> String {
        let Some((_, document)) = holding(&self.documents, at) else { return String::new() };
        let path = document.path_at(at);
        // As seen from the object, so that it stays the same wherever the object stands in its file.
        let own = holding(&self.objects, at).map(|(extent, _)| document.path_at(extent)).unwrap_or_default();
        path.strip_prefix(own.as_str()).map_or(path.clone(), |rest| rest.trim_start_matches('.').to_owned())
    }
    fn lines(&self, at: Location) -> RangeInclusive<usize> {
        let Some(source) = self.source(at.source) else { return 0..=0 };
        let line = |offset: u32| source.line_column(offset).line;
        line(at.span.start)..=line(at.span.end.max(at.span.start + 1) - 1)
    }

    fn site(&self, id: SourceId, line: usize) -> String {
        let Some(source) = self.source(id) else { return String::new() };
        let text = source.line(line);
        let indent = text.len() - text.trim_start_matches([' ', '\t', '-']).len();
        let start = source.line_start(line) + source::as_offset(indent);
        let at = source.location(Span::new(start, start));
        let Some(object) = self.object(at) else { return format!("{}: {}", source.path(), text.trim()) };
        let namespace = object.namespace.unwrap_or_default();
        format!("{} {namespace}/{} {}", object.kind, object.name, self.field(at))
    }

    fn names(&self, ignore: &Ignore) -> bool {
        self.objects.iter().any(|(_, resource)| ignore.names(&object(resource)))
    }
}
