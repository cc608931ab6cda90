//! What a rule is: a value with an id, a page and a function from facts to findings.

pub mod exits;

use crate::analysis::Facts;
use crate::config::Ignores;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Estate, Layer, Workload};
use crate::source::Location;

/// What a rule sees: what the input means, and what follows from it. Never the resources or documents behind it.
pub struct Audit<'a> {
    pub estate: &'a Estate<'a>,
    pub facts: &'a Facts<'a>,
    /// The rules of this run, for the one rule that speaks of the others.
    pub rules: &'a [&'static Rule],
    /// The ignores and what came of them, for the rules that speak of these; nothing while the others run.
    pub ignores: &'a Ignores,
}

/// A rule. Its page is the documentation, `palisade explain`, the help in SARIF and the test, in one.
pub struct Rule {
    /// Kebab-case, names the bad thing, never reused (catalogue: semantics D).
    pub id: &'static str,
    /// The folder of the rule and its page.
    pub topic: &'static str,
    /// One line, lower case.
    pub summary: &'static str,
    pub severity: Severity,
    pub confidence: Confidence,
    /// Control ids where a mapping is defensible, as `standard:id` (semantics D).
    pub controls: &'static [&'static str],
    /// The layers that must be in evidence before the rule may speak of something missing (contract: Absence).
    pub needs: &'static [Layer],
    /// The rule's page in Markdown.
    pub page: &'static str,
    pub check: fn(&Audit<'_>, &mut Vec<Finding>),
}

impl Rule {
    /// A finding of this rule at a place, with the rule's own severity and confidence.
    #[must_use]
    pub fn finding(&self, variant: &'static str, at: Location, message: impl Into<String>) -> Finding {
        Finding {
            rule: self.id,
            variant,
            severity: self.severity,
            confidence: self.confidence,
            message: message.into(),
            at,
            related: Vec::new(),
            witness: Vec::new(),
            help: String::new(),
            estate_wide: false,
            subject: String::new(),
            parts: None,
            fix: None,
        }
    }

    /// The layers a rule needs that the input does not hold; empty where the rule may speak.
    pub fn missing(&self, estate: &Estate<'_>) -> impl Iterator<Item = Layer> {
        self.needs.iter().copied().filter(|&layer| !estate.evidence.has(layer))
    }
}

/// How many workloads a finding names at most.
const NAMED: usize = 5;

impl Audit<'_> {
    /// The names of workloads for a message: the first few, and how many there are besides.
    #[must_use]
    pub fn list_workloads(&self, workloads: &[usize]) -> String {
        let named = self.sorted(workloads).into_iter().take(NAMED);
        let names: Vec<String> = named.map(|workload| format!("`{}`", self.estate.display(workload))).collect();
        let more = workloads.len().saturating_sub(NAMED);
        if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
    }

    /// Adds the first few workloads to a finding, each with what is said of all of them.
    #[must_use]
    pub fn name_workloads(&self, finding: Finding, workloads: &[usize], said: &str) -> Finding {
        self.sorted(workloads).into_iter().take(NAMED).fold(finding, |finding, workload| {
            finding.see(workload.name.at, format!("`{}` {said}", self.estate.display(workload)))
        })
    }

    /// A finding about a policy; a note where no cluster enforces policies, with the place that says so (semantics D,
    /// roll-up 6).
    #[must_use]
    pub fn if_enforced(&self, finding: Finding) -> Finding {
        let Some((cluster, at)) = self.facts.network_policy.unenforced else { return finding };
        let severity = finding.severity.min(Severity::Low);
        finding.severity(severity).see(at, format!("cluster `{cluster}` does not enforce network policies anyway"))
    }

    /// Workloads in the order of their names.
    #[must_use]
    pub fn sorted(&self, workloads: &[usize]) -> Vec<&Workload<'_>> {
        let mut sorted: Vec<_> = workloads.iter().map(|&index| &self.estate.workloads[index]).collect();
        sorted.sort_by_cached_key(|workload| self.estate.order_of(workload));
        sorted
    }
}
