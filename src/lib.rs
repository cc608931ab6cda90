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
pub mod repair;
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
use finding::{Confidence, Object, Severity};
use model::{Change, Estate};
use repair::Repaired;
use report::connections::{Filter, Listing};
use resource::Resources;
use rule::Audit;
use source::{Document, Edit, Location, Problem, Replacement, Source, SourceId, Sources, Span, Unparsed, Walk};
use traffic::Traffic;
use triage::{Inputs, Marked, Objects, Repair, Report, Unmodelled};

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

/// Tries the fixes of a report's findings, but for those that may not be made: made are those with which an audit of the
/// edited input confirms that their findings are gone and that nothing new appears.
#[must_use]
pub fn repaired<'r>(walk: &Walk, config: &Config, report: &'r Report, may: impl Fn(&Repair) -> bool) -> Repaired<'r> {
    // Everything counts here, told or not.
    let (min_severity, min_confidence) = (Severity::Info, Confidence::Low);
    let whole = Config { only: Vec::new(), all: true, baseline: None, changed: None, ..config.clone() };
    let config = Config { min_severity, min_confidence, ..whole };
    let audited = |sources: Sources| audit(&Walk { sources, skipped: walk.skipped.clone() }, &config);
    repair::tried(&walk.sources, report, may, audited)
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
    let traffic = filter.to.as_ref().map_or_else(Traffic::all, config::To::traffic);
    let list = |estate: &Estate<'_>, facts: &Facts<'_>, _: &Places<'_>, resources: &Resources<'_>| {
        let again = |changes: &[Change], hosts: &(dyn Fn(&str) -> bool + Sync)| {
            let mut changed = model::lower(resources, config);
            for &change in changes {
                changed.apply(change);
            }
            let facts = analysis::analyze_but_exits(&changed);
            analysis::exits::exits_to(&changed, &facts, &traffic, &|host, _| hosts(host))
        };
        let first = report::paths::first(estate, facts, filter, &again);
        report::paths::Listing { first, ..report::paths::listing(estate, facts, filter) }
    };
    let (listing, inputs) = analyzed(walk, config, list);
    Paths { listing, inputs }
}

/// The estate as a graph, and what was wrong with the input.
#[derive(Debug)]
pub struct Graph {
    pub picture: report::graph::Picture,
    pub inputs: Inputs,
}

/// Draws the estate with its ways out.
#[must_use]
pub fn graph(walk: &Walk, config: &Config, filter: &report::paths::Filter) -> Graph {
    let draw = |estate: &Estate<'_>, facts: &Facts<'_>, places: &Places<'_>, _: &Resources<'_>| {
        report::graph::picture(estate, facts, filter, places)
    };
    let (picture, inputs) = analyzed(walk, config, draw);
    Graph { picture, inputs }
}

/// Takes something from the estate, the facts and what stands where, without asking any rule.
fn analyzed<T>(
    walk: &Walk,
    config: &Config,
    take: impl FnOnce(&Estate<'_>, &Facts<'_>, &Places<'_>, &Resources<'_>) -> T,
) -> (T, Inputs) {
    let parsed = source::parse_all(&walk.sources);
    let embedded = resource::embedded_documents(&parsed.documents);
    let resources = resource::read(&parsed.documents, &embedded);
    let estate = model::lower(&resources, config);
    let facts = analysis::analyze(&estate);
    let taken = take(&estate, &facts, &Places::new(&resources, &parsed.documents, &walk.sources), &resources);
    (taken, inputs(walk, &resources, &estate, parsed.problems, parsed.unparsed))
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

    fn replacement(&self, edit: &Edit) -> Option<Replacement> {
        let (_, document) = holding(&self.documents, edit.at())?;
        // An object as it is written, or a list of such: what others export or plan is not where things are changed.
        let is_manifest = ["apiVersion", "kind"].iter().all(|key| document.root().get(key).is_some());
        document.replacement(edit).filter(|_| is_manifest)
    }
}
