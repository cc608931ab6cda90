//! Which findings ignores silence, and what came of each ignore.
//!
//! Everything is matched before anything is filtered by level or severity, so what a run leaves out is no reason to call an
//! ignore unused. A finding is silenced for its own primary place and object alone: an ignore of what makes a path possible
//! leaves the finding about the path.

use super::{Marked, Objects};
use crate::config::{Config, Fault, Ignore, Ignores, Judged, Outcome, Said, Scope, in_comment};
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
    findings: Vec<Finding>,
    (comments, faults): (Vec<Ignore>, Vec<Fault>),
    objects: &dyn Objects,
    config: &Config,
) -> (Vec<Marked>, Ignores) {
    let ignores: Vec<Ignore> = config.ignores.iter().cloned().chain(comments).collect();
    let mut used = vec![false; ignores.len()];
    let mut marked = Vec::with_capacity(findings.len());
    for finding in findings {
        let mut ignore = None;
        for (index, candidate) in ignores.iter().enumerate().filter(|(_, ignore)| reaches(ignore, &finding, objects)) {
            used[index] = true;
            if ignore.is_none() && !config.no_ignores && !candidate.has_ended(config.today) {
                ignore = Some(candidate.clone());
            }
        }
        marked.push(Marked { finding, ignore });
    }
    let judge = |(ignore, used): (Ignore, bool)| Judged { outcome: outcome(&ignore, used, objects, config), ignore };
    let judged = ignores.into_iter().zip(used).map(judge).collect();
    (marked, Ignores { judged, faults, widened: Vec::new() })
}

fn reaches(ignore: &Ignore, finding: &Finding, objects: &dyn Objects) -> bool {
    ignore.rule.value == finding.rule
        && match ignore.scope {
            Scope::Line(source, line) => source == finding.at.source && line == objects.line(finding.at),
            Scope::Objects(_) => objects.object(finding.at).is_some_and(|object| ignore.names(&object)),
        }
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
