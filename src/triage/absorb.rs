//! A finding about a path explains those about its parts: they are attached to it and not told a second time (semantics D,
//! roll-ups). What is more severe than the path stands by itself, and the path is attached to it: nothing loses its level.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::estates::is_within;
use super::{Objects, Reported};
use crate::finding::{Object, Parts};

/// Attaches findings to those that explain them. The order of what is left does not change.
#[must_use]
pub(super) fn absorb(findings: Vec<Reported>, objects: &dyn Objects) -> Vec<Reported> {
    let edges = edges(&findings, objects);
    if edges.is_empty() {
        return findings;
    }
    let above = above(&findings, &edges);
    let mut attached: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); findings.len()];
    for index in 0..findings.len() {
        let root = root(index, &above);
        if root != index {
            attached[root].insert(index);
        }
    }
    // Whoever is a part of several paths is named at each of them.
    for &(path, part) in &edges {
        let root = root(path, &above);
        let sums_up = findings[path].finding.parts.as_ref().is_some_and(|parts| parts.yields);
        if above[part].is_some() && root != part && !sums_up {
            attached[root].insert(part);
        }
    }
    let bare = |parts: &BTreeSet<usize>| parts.iter().map(|&part| findings[part].clone()).collect();
    let absorbed: Vec<Vec<Reported>> = attached.iter().map(bare).collect();
    let stands = above.iter().map(Option::is_none);
    let kept = findings.into_iter().zip(absorbed).zip(stands).filter(|(_, stands)| *stands);
    kept.map(|((reported, absorbed), _)| Reported { absorbed, ..reported }).collect()
}

/// Pairs of a finding that explains and one that it explains.
fn edges(findings: &[Reported], objects: &dyn Objects) -> Vec<(usize, usize)> {
    let mut by_rule: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
    let mut by_object: FxHashMap<(&str, &Object), Vec<usize>> = FxHashMap::default();
    for (index, reported) in findings.iter().enumerate() {
        by_rule.entry(reported.finding.rule).or_default().push(index);
        if let Some(object) = &reported.object {
            by_object.entry((reported.finding.rule, object)).or_default().push(index);
        }
    }
    let mut edges = Vec::new();
    for (path, reported) in findings.iter().enumerate() {
        let Some(parts) = &reported.finding.parts else { continue };
        let about: BTreeSet<Object> = parts.about.iter().filter_map(|&at| objects.object(at)).collect();
        for name in parts.rules {
            let (rule, variant) = name.split_once('/').map_or((*name, None), |(rule, variant)| (rule, Some(variant)));
            let near = about.iter().filter_map(|object| by_object.get(&(rule, object))).flatten();
            let anywhere = by_rule.get(rule).filter(|_| about.is_empty()).into_iter().flatten();
            for &part in near.chain(anywhere) {
                let is_meant = variant.is_none_or(|variant| findings[part].finding.variant == variant);
                if part != path && is_meant && told_together(reported, &findings[part]) {
                    edges.push((path, part));
                }
            }
        }
    }
    edges
}

/// Whether a path and a part of it can be told at one of them: in each estate where the other is true, so is that one.
fn told_together(path: &Reported, part: &Reported) -> bool {
    let is_stronger = part.level >= path.level;
    is_within(&part.estates, &path.estates) && (!is_stronger || is_within(&path.estates, &part.estates))
}

/// For each finding the one that it is attached to.
fn above(findings: &[Reported], edges: &[(usize, usize)]) -> Vec<Option<usize>> {
    let mut above: Vec<Option<usize>> = vec![None; findings.len()];
    let yields = |path: usize| findings[path].finding.parts.as_ref().is_some_and(|parts: &Parts| parts.yields);
    // The edges of one path stand together.
    let of_path = edges.chunk_by(|(path, _), (next, _)| path == next);
    let mut paths: Vec<(usize, &[(usize, usize)])> = of_path.map(|edges| (edges[0].0, edges)).collect();
    // The severest first, and those that yield once all others have what is theirs.
    paths.sort_by_key(|&(path, _)| (yields(path), std::cmp::Reverse(findings[path].level), path));
    for (path, edges) in paths {
        if above[path].is_some() {
            continue;
        }
        let parts = || edges.iter().map(|(_, part)| *part);
        let stronger = |part: &usize| match yields(path) {
            true => findings[*part].level >= findings[path].level,
            false => findings[*part].level > findings[path].level,
        };
        // What is told with another path is about that one, and no reason to be silent about this one.
        let is_free = |part: &usize| !yields(path) || above[*part].is_none();
        let strongest = parts()
            .filter(stronger)
            .filter(is_free)
            .min_by_key(|&part| (std::cmp::Reverse(findings[part].level), part));
        if let Some(part) = strongest.filter(|&part| root(part, &above) != path) {
            above[path] = Some(part);
            continue;
        }
        for part in parts().filter(|&part| !yields(path) || findings[part].level < findings[path].level) {
            if above[part].is_none() && root(path, &above) != part {
                above[part] = Some(path);
            }
        }
    }
    above
}

fn root(mut index: usize, above: &[Option<usize>]) -> usize {
    while let Some(next) = above[index] {
        index = next;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::super::{Inputs, triage};
    use crate::config::{Config, Ignore};
    use crate::finding::{Confidence, Finding, Parts, Severity};
    use crate::source::{Edit, Location, Replacement, SourceId, Sources, Span};

    /// Every ten bytes are an object.
    struct Tens;

    impl super::Objects for Tens {
        fn object(&self, at: Location) -> Option<super::Object> {
            let name = format!("object-{}", at.span.start / 10);
            Some(super::Object { api_version: "v1".to_owned(), kind: "Thing".to_owned(), namespace: None, name })
        }

        fn field(&self, at: Location) -> String {
            at.span.start.to_string()
        }

        fn lines(&self, _: Location) -> std::ops::RangeInclusive<usize> {
            1..=1
        }

        fn site(&self, _: SourceId, _: usize) -> String {
            String::new()
        }

        fn names(&self, _: &Ignore) -> bool {
            false
        }

        fn estate(&self, _: SourceId) -> Option<&str> {
            None
        }

        fn replacement(&self, _: &Edit) -> Option<Replacement> {
            None
        }
    }

    fn at(start: u32) -> Location {
        let sources = Sources::new(vec![("a.yaml".to_owned(), "a: 1\n".repeat(40))]);
        sources.iter().next().expect("one source was given").location(Span::new(start, start + 1))
    }

    fn finding(rule: &'static str, severity: Severity, start: u32, parts: Option<Parts>) -> Finding {
        Finding {
            rule,
            variant: "only",
            severity,
            confidence: Confidence::High,
            message: rule.to_owned(),
            at: at(start),
            related: Vec::new(),
            witness: Vec::new(),
            help: String::new(),
            estate_wide: false,
            subject: String::new(),
            parts,
            fix: None,
        }
    }

    fn told(findings: Vec<Finding>) -> Vec<String> {
        let inputs = Inputs { resources: 1, documents: 1, ..Inputs::default() };
        let findings = findings.into_iter().map(super::super::Marked::from).collect();
        let report = triage(findings, inputs, &Tens, &Config::default());
        let line = |reported: &super::Reported| {
            let parts: Vec<&str> = reported.absorbed.iter().map(|part| part.finding.rule).collect();
            format!("{} [{}]", reported.finding.rule, parts.join(" "))
        };
        report.findings.iter().map(line).collect()
    }

    fn path(rules: &'static [&'static str], yields: bool) -> Parts {
        Parts { rules, about: vec![at(10), at(20)], yields }
    }

    #[test]
    fn a_path_takes_its_parts_and_leaves_the_others() {
        let findings = vec![
            finding("path", Severity::Critical, 5, Some(path(&["part", "other/odd"], false))),
            finding("part", Severity::High, 12, None),
            finding("part", Severity::High, 33, None),
            finding("other", Severity::Low, 22, None),
        ];
        assert_eq!(told(findings), ["path [part]", "other []", "part []"]);
    }

    #[test]
    fn what_is_worse_than_the_path_keeps_its_level() {
        let findings = vec![
            finding("path", Severity::Medium, 5, Some(path(&["part"], false))),
            finding("part", Severity::High, 12, None),
        ];
        assert_eq!(told(findings), ["part [path]"]);
    }

    #[test]
    fn a_summary_yields_to_what_names_its_reason() {
        let findings = vec![
            finding("summary", Severity::Medium, 5, Some(path(&["part"], true))),
            finding("part", Severity::Medium, 12, None),
        ];
        assert_eq!(told(findings), ["part [summary]"]);
    }

    #[test]
    fn a_summary_stands_where_its_reason_is_told_with_another_path() {
        let findings = vec![
            finding("summary", Severity::Medium, 5, Some(path(&["part"], true))),
            finding("part", Severity::Medium, 12, None),
            finding("path", Severity::Critical, 8, Some(path(&["part"], false))),
        ];
        assert_eq!(told(findings), ["summary []", "path [part]"]);
    }

    #[test]
    fn paths_that_explain_each_other_are_told() {
        let findings = vec![
            finding("one", Severity::High, 12, Some(path(&["two"], false))),
            finding("two", Severity::High, 22, Some(path(&["one"], false))),
        ];
        assert_eq!(told(findings), ["one [two]"]);
    }
}
