//! Static policy linter and auditor for egress control in Kubernetes with an Istio egress gateway on Google Cloud.
//!
//! ```text
//! walk → parse → resource → scope → model → analysis → rules → triage → report
//! ```
//!
//! The library reads no file past [`source::walk`] and never panics on any input. [`audit`] is the whole pipeline.

pub mod analysis;
pub mod config;
pub mod finding;
pub mod model;
mod places;
pub mod progress;
pub mod repair;
pub mod report;
pub mod resource;
pub mod rule;
pub mod rules;
pub mod scope;
pub mod source;
pub mod traffic;
pub mod triage;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

pub use places::Places;

use analysis::Facts;
use analysis::network_policy::Dataplane;
use config::{Before, Config, Ignores};
use finding::{Confidence, Severity};
use model::{Change, Estate};
use progress::Stage;
use repair::Repaired;
use report::connections::{Filter, Listing};
use resource::{Embedded, Resources};
use rule::Audit;
use source::{Document, Problem, Skipped, SourceId, Sources, Span, Unparsed, Walk};
use traffic::Traffic;
use triage::{Inputs, Marked, Repair, Report, Unmodelled};

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
    audit_with(walk, config, |_, _, _| ()).0
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
    let (report, parts) = audit_with(walk, config, report::paths::Snapshot::new);
    (report, parts.into_iter().collect())
}

/// Audits each estate of the input, and takes something else from each while it is there.
fn audit_with<T: Send>(
    walk: &Walk,
    config: &Config,
    take: impl Fn(&Estate<'_>, &Facts<'_>, &str) -> T + Sync,
) -> (Report, Vec<T>) {
    let parsed = source::parse_all(&walk.sources);
    let embedded = resource::embedded_documents(&parsed.documents);
    let read = Read::new(walk, &parsed.documents, &embedded, config);
    let (audited, problems) = read.each(config, |estate, name, _| {
        let facts = facts(estate);
        progress::enter(Stage::Rules);
        let audit = Audit { estate, facts: &facts, rules: rules::RULES, ignores: &Ignores::default() };
        let spoke = rules::RULES.iter().filter(|rule| rule.missing(estate).next().is_none()).map(|rule| rule.id);
        let said = ((name.to_owned(), rules::run(&audit)), spoke.collect::<Vec<_>>(), take(estate, &facts, name));
        free(facts.exits.groups);
        said
    });
    progress::begin(Stage::Judging, 1);
    let mut spoke: BTreeSet<&str> = BTreeSet::new();
    let mut findings = Vec::new();
    let mut taken = Vec::new();
    for (found, by, other) in audited {
        findings.push(found);
        spoke.extend(by);
        taken.push(other);
    }

    let places = Places::new(&read.resources, &parsed.documents, &walk.sources).of_estates(&read.scopes);
    let settings = walk.sources.settings().map(source::parse).unwrap_or_default();
    let documents = parsed.documents.iter().chain(embedded.documents()).chain(&settings.documents);
    let comments = triage::comments(documents, &rules::ids());
    let mut told = triage::together(findings);
    told.retain(|told| told.estates.is_empty() || !rules::counts_in_all_alone(&told.finding));
    let (mut findings, ignores) = triage::silence(told, comments, &places, config, |rule| spoke.contains(rule));
    findings.extend(rules::about_ignores(&ignores).into_iter().map(Marked::from));
    let inputs = read.inputs(walk, [parsed.problems, problems].concat(), parsed.unparsed);
    let report = triage::triage(findings, inputs, &places, config);
    free(read.resources.list);
    (report, taken)
}

/// Drops many things on all cores.
fn free<T: Send>(many: Vec<T>) {
    many.into_par_iter().for_each(drop);
}

/// All facts of an estate.
fn facts<'a>(estate: &'a Estate<'a>) -> Facts<'a> {
    progress::enter(Stage::Analysis);
    analysis::analyze(estate)
}

/// What one estate is made of.
struct Part<'r, 'a> {
    /// Empty where the input is one estate.
    name: &'r str,
    resources: Cow<'r, Resources<'a>>,
}

/// What was read, and which of it is one estate.
struct Read<'a> {
    /// Everything that is in an estate.
    resources: Resources<'a>,
    scopes: Vec<scope::Scope>,
    /// The files that are in none.
    left: BTreeSet<SourceId>,
    problems: Vec<Problem>,
}

impl<'a> Read<'a> {
    fn new(walk: &Walk, documents: &'a [Document<'a>], embedded: &'a Embedded<'a>, config: &Config) -> Self {
        let whole = resource::read(documents, embedded);
        let scope::Scopes { list: scopes, problems } = scope::scopes(&walk.sources, documents, &whole, config);
        let left = scope::left_out(&walk.sources, &scopes);
        let resources = if left.is_empty() { whole } else { whole.part(|id| !left.contains(&id)) };
        Self { resources, scopes, left, problems }
    }

    /// Does something with each estate; also answers with what could not be taken as written in any of them.
    fn each<T: Send>(
        &self,
        config: &Config,
        work: impl Fn(&Estate<'_>, &str, &Resources<'_>) -> T + Sync,
    ) -> (Vec<T>, Vec<Problem>) {
        progress::begin(Stage::Modelling, self.scopes.len());
        let on = |part: &Part<'_, '_>| {
            progress::enter(Stage::Modelling);
            let estate = model::lower(&part.resources, config);
            let worked = work(&estate, part.name, &part.resources);
            progress::step();
            (worked, estate.problems)
        };
        let (all, of_estates): (Vec<T>, Vec<Vec<Problem>>) = self.parts().par_iter().map(on).unzip();
        (all, self.problems(&of_estates))
    }

    /// What each estate is made of.
    fn parts(&self) -> Vec<Part<'_, 'a>> {
        match self.scopes.as_slice() {
            [] => vec![Part { name: "", resources: Cow::Borrowed(&self.resources) }],
            scopes => scopes
                .par_iter()
                .map(|scope| Part {
                    name: &scope.name,
                    resources: Cow::Owned(self.resources.part(|id| scope.sources.contains(&id))),
                })
                .collect(),
        }
    }

    /// What could not be taken as written. Estates that share a file have the same to say of it.
    fn problems<'p>(&self, of_estates: impl IntoIterator<Item = &'p Vec<Problem>>) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        for of_estate in of_estates {
            let new = of_estate.iter().filter(|problem| !problems.contains(problem)).cloned();
            problems.extend(new.collect::<Vec<_>>());
        }
        problems
    }

    fn inputs(&self, walk: &Walk, problems: Vec<Problem>, mut unparsed: Vec<Unparsed>) -> Inputs {
        let Self { resources, left, .. } = self;
        unparsed.retain(|unparsed| !left.contains(&unparsed.at.source));
        let reason = "in none of the `estates` of the settings";
        let left_out =
            left.iter().map(|&id| Skipped { path: walk.sources[id].path().to_owned(), reason: reason.to_owned() });
        Inputs {
            files: walk.sources.manifests().count() - left.len(),
            bytes: walk.sources.bytes(),
            documents: resources.list.len() + resources.unmodelled.len() + unparsed.len(),
            resources: resources.list.len(),
            unmodelled: unmodelled(resources),
            problems: [problems, resources.problems.clone()].concat(),
            charts: triage::charts(&walk.sources, &unparsed),
            unparsed,
            skipped: walk.skipped.iter().cloned().chain(left_out).collect(),
            estates: self.scopes.iter().map(|scope| (scope.name.clone(), scope.sources.len())).collect(),
            placed: resources.placed(),
        }
    }
}

/// Holds the settings of an input against an earlier state of both: what that did not accept is not accepted now.
#[must_use]
pub fn held_against(mut config: Config, now: &Walk, revision: &str, walk: &Walk, then: &Config) -> Config {
    let parsed = source::parse_all(&walk.sources);
    let embedded = resource::embedded_documents(&parsed.documents);
    let resources = resource::read(&parsed.documents, &embedded);
    let places = Places::new(&resources, &parsed.documents, &walk.sources);
    let settings = walk.sources.settings().map(source::parse).unwrap_or_default();
    let documents = parsed.documents.iter().chain(embedded.documents()).chain(&settings.documents);
    let (comments, _) = triage::comments(documents, &rules::ids());
    let accepted = triage::accepted(then.ignores.iter().cloned().chain(comments), &places);
    // What is gone with the file that it stood in is missing where the input begins.
    let begin = now.sources.settings().or_else(|| now.sources.iter().next());
    let gone = begin.map(|source| source.location(Span::new(0, 0)));
    let widened = config.tighten(then, gone, rules::default_level);
    config.before = Some(Before { name: revision.to_owned(), accepted, widened });
    config
}

/// What to list of the connections that network policies allow.
#[derive(Clone, Debug, Default)]
pub struct ConnectionOptions {
    /// The only estate to list, where the input is several.
    pub estate: Option<String>,
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
    /// One for each estate of the input.
    pub listings: Vec<Listing>,
    pub inputs: Inputs,
}

/// Works out which workload may open which connection to which workload or address range, by network policies alone.
#[must_use]
pub fn connections(walk: &Walk, config: &Config, options: &ConnectionOptions) -> Connected {
    let (listings, inputs) = list(walk, config, options.estate.as_deref(), |estate, name, _, _| {
        progress::enter(Stage::Analysis);
        let policies = analysis::network_policy::network_policies(estate);
        let dataplane = options.dataplane.unwrap_or_else(|| Dataplane::of(estate));
        let ends = (options.from.clone(), options.to.clone());
        let mut listing = report::connections::listing(estate, &policies, dataplane, ends, options.explain);
        name.clone_into(&mut listing.estate);
        listing
    });
    Connected { listings, inputs }
}

/// Works out every way out of every application workload: who can leave, how, and what stops them. `tell` does something
/// with the listings, one for each estate of the input, while what they speak of is there; also answers with what was wrong
/// with the input.
pub fn paths<T>(
    walk: &Walk,
    config: &Config,
    filter: &report::paths::Filter,
    tell: impl FnOnce(&[report::paths::Listing<'_>], &Inputs) -> T,
) -> (T, Inputs) {
    let parsed = source::parse_all(&walk.sources);
    let embedded = resource::embedded_documents(&parsed.documents);
    let read = Read::new(walk, &parsed.documents, &embedded, config);
    let parts = read.parts();
    progress::begin(Stage::Modelling, parts.len());
    let estates: Vec<Estate<'_>> = parts.par_iter().map(|part| model::lower(&part.resources, config)).collect();
    let problems = read.problems(estates.iter().map(|estate| &estate.problems));
    let asked = |(part, _): &(&Part<'_, '_>, _)| filter.estate.as_deref().is_none_or(|asked| asked == part.name);
    let asked: Vec<(&Part<'_, '_>, &Estate<'_>)> = parts.iter().zip(&estates).filter(asked).collect();
    let facts: Vec<Facts<'_>> = asked.par_iter().map(|(_, estate)| facts(estate)).collect();
    let traffic = filter.to.as_ref().map_or_else(Traffic::all, config::To::traffic);
    progress::begin(Stage::Advice, asked.len());
    let listings = asked.par_iter().zip(&facts).map(|((part, estate), facts)| {
        let again = |changes: &[Change], hosts: &(dyn Fn(&str) -> bool + Sync)| {
            let mut changed = model::lower(&part.resources, config);
            for &change in changes {
                changed.apply(change);
            }
            let facts = analysis::analyze_but_exits(&changed);
            analysis::exits::exits_left(&changed, &facts, &traffic, &|host, _| hosts(host))
        };
        let mut listing = report::paths::Listing::new(part.name, estate, facts, filter);
        listing.first = report::paths::first(estate, facts, filter, &again);
        listing
    });
    let listings: Vec<report::paths::Listing<'_>> = listings.collect();
    let inputs = read.inputs(walk, [parsed.problems, problems].concat(), parsed.unparsed);
    (tell(&listings, &inputs), inputs)
}

/// Each estate as a graph, and what was wrong with the input.
#[derive(Debug)]
pub struct Graph {
    /// One for each estate of the input.
    pub pictures: Vec<report::graph::Picture>,
    pub inputs: Inputs,
}

/// Draws each estate with its ways out.
#[must_use]
pub fn graph(walk: &Walk, config: &Config, filter: &report::paths::Filter) -> Graph {
    let (pictures, inputs) = list(walk, config, filter.estate.as_deref(), |estate, name, _, places| {
        report::graph::picture(name, estate, &facts(estate), filter, places)
    });
    Graph { pictures, inputs }
}

/// Lists something of each estate of the input, or of the one that is asked for, and says what was read.
fn list<T: Send>(
    walk: &Walk,
    config: &Config,
    asked: Option<&str>,
    of: impl Fn(&Estate<'_>, &str, &Resources<'_>, &Places<'_>) -> T + Sync,
) -> (Vec<T>, Inputs) {
    let parsed = source::parse_all(&walk.sources);
    let embedded = resource::embedded_documents(&parsed.documents);
    let read = Read::new(walk, &parsed.documents, &embedded, config);
    let places = Places::new(&read.resources, &parsed.documents, &walk.sources);
    let is_asked = |name: &str| asked.is_none_or(|asked| asked == name);
    let of_asked = |estate: &Estate<'_>, name: &str, resources: &Resources<'_>| {
        is_asked(name).then(|| of(estate, name, resources, &places))
    };
    let (listings, problems) = read.each(config, of_asked);
    let inputs = read.inputs(walk, [parsed.problems, problems].concat(), parsed.unparsed);
    (listings.into_iter().flatten().collect(), inputs)
}

fn unmodelled(resources: &Resources<'_>) -> Vec<Unmodelled> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    resources.unmodelled.iter().for_each(|(kind, _)| *counts.entry(*kind).or_default() += 1);
    let entry = |((api_version, kind), count): ((&str, &str), usize)| Unmodelled {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        count,
    };
    counts.into_iter().map(entry).collect()
}
