//! The findings of several estates as one list: each told once, with the estates that it is about. No names stand for all.

use std::collections::HashMap;

use rayon::prelude::*;

use super::order;
use crate::finding::Finding;
use crate::source::Location;

/// A finding, and the estates that it is about; all where there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub finding: Finding,
    pub estates: Vec<String>,
    /// The places that it points at in the estates whose words are not told.
    pub elsewhere: Vec<Location>,
}

/// The findings of all estates of an input, each with the estates that have it. Two estates may word it differently, where
/// one has more workloads than the other; it is told once, in the words of the first, unless it is more severe or more certain
/// in one. What is said of an estate as a whole is said once, wherever each of them has the place for it.
#[must_use]
pub fn together(mut estates: Vec<(String, Vec<Finding>)>) -> Vec<Told> {
    estates.par_iter_mut().for_each(|(_, findings)| findings.sort_by(order));
    let count = estates.len();
    if let [(_, only)] = estates.as_mut_slice() {
        let told = |finding| Told { finding, estates: Vec::new(), elsewhere: Vec::new() };
        return std::mem::take(only).into_iter().map(told).collect();
    }
    let mut known: HashMap<_, Vec<usize>> = HashMap::new();
    let mut told: Vec<Told> = Vec::new();
    for (name, findings) in estates {
        for finding in findings {
            let at = (!finding.estate_wide).then_some(finding.at);
            let rank = (finding.severity, finding.confidence);
            let same = known.entry((finding.rule, finding.variant, rank, at)).or_default();
            let is_same = |index: &&usize| {
                let other: &Told = &told[**index];
                let is_worded_alike = other.finding.message == finding.message || !finding.estate_wide;
                is_worded_alike && !other.estates.contains(&name)
            };
            match same.iter().find(is_same) {
                Some(&index) => {
                    let other = &mut told[index];
                    other.estates.push(name.clone());
                    other.elsewhere.extend(finding.places());
                    // An edit that is right for one estate alone is not the one right edit.
                    other.finding.fix.take_if(|fix| Some(&*fix) != finding.fix.as_ref());
                }
                None => {
                    same.push(told.len());
                    told.push(Told { finding, estates: vec![name.clone()], elsewhere: Vec::new() });
                }
            }
        }
    }
    // What all have is about none in particular.
    told.iter_mut().filter(|told| told.estates.len() == count).for_each(|told| told.estates.clear());
    told
}

/// Whether what is true in some estates is true in some others too.
pub(super) fn is_within(one: &[String], other: &[String]) -> bool {
    other.is_empty() || !one.is_empty() && one.iter().all(|name| other.contains(name))
}

/// Whether a finding about some estates was there already when it was about those of an earlier run: what all estates had
/// then, an estate that is new has with them; what some had, no other one had. `all` are the estates of this run.
pub(super) fn was_there(now: &[String], all: &[&str], then: &[String]) -> bool {
    let named: Vec<&str> = if now.is_empty() { all.to_vec() } else { now.iter().map(String::as_str).collect() };
    then.is_empty() || !named.is_empty() && named.iter().all(|name| then.iter().any(|known| known == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn no_names_stand_for_all() {
        let within = |one: &str, other: &str| is_within(&names(one), &names(other));
        assert!(within("a", "a b") && within("a", "") && within("", ""));
        assert!(!within("a b", "a") && !within("", "a"));
    }

    #[test]
    fn what_was_in_some_estates_is_new_in_others() {
        let known = |now: &str, all: &[&str], then: &str| was_there(&names(now), all, &names(then));
        assert!(known("a", &["a", "b"], "a b") && known("", &["a", "b"], "") && known("c", &["a", "c"], ""));
        assert!(known("", &["a", "b"], "a b c"));
        assert!(!known("a b", &["a", "b", "c"], "a") && !known("", &["a", "b"], "a") && !known("", &[], "a"));
    }
}
