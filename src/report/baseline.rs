//! Baselines: the findings of a run, kept so that a later one tells what is new. The key is the fingerprint, never a line.

use serde::{Deserialize, Serialize};

use super::SCHEMA;
use crate::config::{Baseline, Known};
use crate::triage::{Report, Reported};

#[derive(Serialize, Deserialize)]
struct BaselineShape {
    schema: u32,
    /// For who opens the file and wonders.
    #[serde(default)]
    about: String,
    /// The estates of the input; absent where it is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    estates: Vec<String>,
    findings: Vec<KnownShape>,
}

#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct KnownShape {
    rule: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    message: String,
    /// The estates that it is about; absent where it is about all of them, or where the fingerprint tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    estates: Vec<String>,
    fingerprint: String,
    /// The fingerprint in a run in which the input is one estate; absent where it is the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    plain: String,
}

const ABOUT: &str = "findings that palisade knows of: `palisade check --baseline` reports what is not among them";

/// Writes what counts in a report as a baseline: sorted by what the findings are about, so that a later one differs in
/// nothing but what changed.
#[must_use]
pub fn baseline(report: &Report) -> String {
    let known = |reported: &Reported| KnownShape {
        rule: reported.finding.rule.to_owned(),
        resource: reported.object.as_ref().map(super::object_name).unwrap_or_default(),
        message: reported.finding.message.clone(),
        estates: reported.shared_estates().to_vec(),
        fingerprint: reported.fingerprint.clone(),
        plain: if reported.plain == reported.fingerprint { String::new() } else { reported.plain.clone() },
    };
    // What a path explains stays known when the path is closed.
    let all = report.findings.iter().chain(&report.known);
    let mut findings: Vec<KnownShape> = all.flat_map(Reported::with_parts).map(known).collect();
    findings.sort();
    // What several paths explain is told with each of them.
    findings.dedup();
    let estates = report.inputs.estates.iter().map(|(name, _)| name.clone()).collect();
    super::pretty(&BaselineShape { schema: SCHEMA, about: ABOUT.to_owned(), estates, findings })
}

/// Reads a baseline; `name` is what the outputs call it.
///
/// # Errors
/// Why the text is no baseline.
pub fn read_baseline(name: &str, text: &str) -> Result<Baseline, String> {
    let shape: BaselineShape = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if shape.schema != SCHEMA {
        return Err(format!("its schema is {}, and this version reads {SCHEMA}", shape.schema));
    }
    let known = |shape: KnownShape| {
        let KnownShape { rule, resource, message, estates, fingerprint, plain } = shape;
        let plain = if plain.is_empty() { fingerprint.clone() } else { plain };
        Known { rule, resource, message, fingerprint, plain, estates }
    };
    let (is_split, known) = (!shape.estates.is_empty(), shape.findings.into_iter().map(known).collect());
    Ok(Baseline { name: name.to_owned(), is_split, known })
}
