//! Which findings ignores silence, and what came of each ignore.
//!
//! Everything is matched before anything is filtered by level or severity, so what a run leaves out is no reason to call an
//! ignore unused. A finding is silenced for its own primary place and object alone: an ignore of what makes a path possible
//! leaves the finding about the path.

use super::{Marked, Objects, Told};
use crate::config::{Accepted, Config, Fault, Ignore, Ignores, Judged, Outcome, Said, Scope, Site, in_comment};
use crate::finding::Finding;
use crate::source::Document;

/// The ignores in the comments of documents, and the comments that cannot be followed.
pub fn comments<'d, 's: 'd>(
    documents: impl Iterator<Item = &'d Document<'s>>,
    rules: &[&str],
) -> (Vec<Ignore>, Vec<Fault>) {
    let (mut ignores, mut faults) = (Vec::new(), Vec::new());
    for document in documents {
        for comment in document.comments() {
            match in_comment(document.source(), comment, rules) {
                Said::Nothing => {}
                Said::Ignores(said) => ignores.extend(said),
                Said::Fault(fault) => faults.push(fault),
            }
        }
    }
    (ignores, faults)
}

/// Marks the findings that the settings and comments silence, and says of each ignore what came of it.
#[must_use]
pub fn silence(
    findings: Vec<Told>,
    (comments, faults): (Vec<Ignore>, Vec<Fault>),
    objects: &dyn Objects,
    config: &Config,
    could_speak: impl Fn(&str) -> bool,
) -> (Vec<Marked>, Ignores) {
    let ignores: Vec<Ignore> = config.ignores.iter().cloned().chain(comments).collect();
    let is_new: Vec<bool> = ignores.iter().map(|ignore| is_new(ignore, objects, config)).collect();
    let mut used = vec![false; ignores.len()];
    let mut marked = Vec::with_capacity(findings.len());
    for Told { finding, estates, elsewhere } in findings {
        let mut ignore = None;
        for (index, candidate) in ignores.iter().enumerate().filter(|(_, ignore)| reaches(ignore, &finding, objects)) {
            used[index] = true;
            let holds = !(config.no_ignores || is_new[index] || candidate.has_ended(config.today));
            if ignore.is_none() && holds {
                ignore = Some(candidate.clone());
            }
        }
        marked.push(Marked { finding, ignore, estates, elsewhere });
    }
    let judge = |((ignore, used), is_new): ((Ignore, bool), bool)| {
        let outcome = match outcome(&ignore, used, objects, config) {
            _ if is_new => Outcome::New,
            Outcome::Unused | Outcome::NoObject if !could_speak(&ignore.rule.value) => Outcome::Unjudged,
            outcome => outcome,
        };
        Judged { ignore, outcome }
    };
    let judged = ignores.into_iter().zip(used).zip(is_new).map(judge).collect();
    let widened = config.before.as_ref().map(|before| before.widened.clone()).unwrap_or_default();
    (marked, Ignores { judged, faults, widened })
}

fn reaches(ignore: &Ignore, finding: &Finding, objects: &dyn Objects) -> bool {
    ignore.rule.value == finding.rule
        && match ignore.scope {
            Scope::Line(source, line) => source == finding.at.source && line == *objects.lines(finding.at).start(),
            Scope::Objects(_) => objects.object(finding.at).is_some_and(|object| ignore.names(&object)),
        }
}

/// Whether an earlier state, where there is one to be held against, does not have the ignore.
fn is_new(ignore: &Ignore, objects: &dyn Objects, config: &Config) -> bool {
    config.before.as_ref().is_some_and(|before| before.lacks(ignore, &field(ignore, objects)))
}

/// What a comment is about, in words that moving lines does not change.
fn field(ignore: &Ignore, objects: &dyn Objects) -> String {
    match ignore.scope {
        Scope::Line(source, line) => objects.site(source, line),
        Scope::Objects(_) => String::new(),
    }
}

/// What a state accepts, for a later one to be held against.
#[must_use]
pub fn accepted(ignores: impl Iterator<Item = Ignore>, objects: &dyn Objects) -> Vec<Accepted> {
    let accepted = |ignore: Ignore| {
        let site = match &ignore.scope {
            Scope::Objects(pattern) => Site::Objects(pattern.value.clone()),
            Scope::Line(..) => Site::Field(field(&ignore, objects)),
        };
        Accepted { rule: ignore.rule.value, site, until: ignore.until.map(|until| until.value) }
    };
    ignores.map(accepted).collect()
}

fn outcome(ignore: &Ignore, used: bool, objects: &dyn Objects, config: &Config) -> Outcome {
    let is_about_an_object = || ignore.is_comment() || objects.names(ignore);
    match used {
        _ if ignore.has_ended(config.today) => Outcome::Ended,
        true => Outcome::Used,
        false if is_about_an_object() => Outcome::Unused,
        // Of a part of the estate nothing can be said about the rest.
        false if config.is_whole => Outcome::NoObject,
        false => Outcome::Unjudged,
    }
}
