//! The list of rules, as text for people and as JSON for scripts.

use serde::Serialize;

use super::{SCHEMA, rule_uri};
use crate::rule::Rule;

/// One line a rule.
#[must_use]
pub fn catalogue(rules: &[&'static Rule]) -> String {
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let line = |rule: &&'static Rule| format!("{:<width$}  {:<8}  {}\n", rule.id, rule.severity.as_str(), rule.summary);
    rules.iter().map(line).collect()
}

/// The rules with all that is known of them but their pages.
#[must_use]
pub fn catalogue_json(rules: &[&'static Rule]) -> String {
    super::pretty(&CatalogueShape { schema: SCHEMA, rules: rules.iter().copied().map(rule_shape).collect() })
}

#[derive(Serialize)]
struct CatalogueShape {
    schema: u32,
    rules: Vec<RuleShape>,
}

#[derive(Serialize)]
struct RuleShape {
    id: &'static str,
    topic: &'static str,
    summary: &'static str,
    severity: &'static str,
    confidence: &'static str,
    level: &'static str,
    controls: &'static [&'static str],
    uri: String,
}

fn rule_shape(rule: &'static Rule) -> RuleShape {
    RuleShape {
        id: rule.id,
        topic: rule.topic,
        summary: rule.summary,
        severity: rule.severity.as_str(),
        confidence: rule.confidence.as_str(),
        level: rule.severity.level().as_str(),
        controls: rule.controls,
        uri: rule_uri(rule),
    }
}
