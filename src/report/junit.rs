//! Findings as test results: what fails the audit is a failed test, what does not is a skipped one that says what it
//! found, and a rule without findings has passed.

use std::fmt::Write as _;

use super::palette::clean;
use super::relative::Paths;
use super::{Place, rule_uri, unaudited};
use crate::rule::Rule;
use crate::source::Sources;
use crate::triage::{Report, Reported};

/// Writes the report as one suite of tests. `rules` are all rules.
#[must_use]
pub fn junit(report: &Report, sources: &Sources, rules: &[&'static Rule], paths: &Paths) -> String {
    let failures = report.findings.iter().filter(|reported| report.fails(reported)).count();
    let skipped = report.findings.len() - failures;
    let passed: Vec<_> =
        rules.iter().filter(|rule| !report.findings.iter().any(|found| found.finding.rule == rule.id)).collect();
    let errors = report.inputs.unread(sources).len();
    let tests = report.findings.len() + passed.len() + errors;
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"");
    let mut text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"palisade\" {counts}>\n");
    let _ = writeln!(text, "  <testsuite name=\"palisade\" {counts}>");
    for (place, reason) in unaudited(&report.inputs, sources) {
        let at = format!("{}:{}", paths.text(place.source.path()), place.start.line);
        let _ = writeln!(text, "    <testcase classname=\"palisade.unparsed\" name=\"{}\">", escaped(&at));
        let _ = writeln!(text, "      <error message=\"{}\"/>\n    </testcase>", escaped(&reason));
    }
    for reported in &report.findings {
        text.push_str(&case(report, reported, sources, rules, paths));
    }
    for rule in passed {
        let _ = writeln!(text, "    <testcase classname=\"palisade.{}\" name=\"{}\"/>", rule.topic, rule.id);
    }
    text + "  </testsuite>\n</testsuites>\n"
}

fn case(report: &Report, reported: &Reported, sources: &Sources, rules: &[&'static Rule], paths: &Paths) -> String {
    let finding = &reported.finding;
    let place = Place::new(finding.at, sources);
    let path = paths.text(place.source.path());
    let rule = super::rule_of(reported, rules);
    let topic = rule.map_or("", |rule| rule.topic);
    let name = format!("{} at {path}:{}", finding.rule, place.start.line);
    let message = format!("{}: {}", reported.level.as_str(), super::said(reported));
    let mut said = format!("{path}:{}:{}: {message}\n", place.start.line, place.start.column);
    for (index, hop) in finding.witness.iter().enumerate() {
        let at = paths.position(&Place::new(hop.at, sources));
        let _ = writeln!(said, "  {}. {}: {}, {} ({at})", index + 1, hop.name, hop.decision.as_str(), hop.reason);
    }
    if !finding.help.is_empty() {
        let _ = writeln!(said, "help: {}", finding.help);
    }
    let _ = write!(said, "{}", rule.map(rule_uri).unwrap_or_default());
    let open = format!(
        "    <testcase classname=\"palisade.{topic}\" name=\"{}\" file=\"{}\" line=\"{}\">\n",
        escaped(&name),
        escaped(&path),
        place.start.line
    );
    let result = if report.fails(reported) {
        format!(
            "      <failure type=\"{}\" message=\"{}\">{}</failure>\n",
            finding.rule,
            escaped(&message),
            escaped(&said)
        )
    } else {
        let skipped = format!("      <skipped message=\"{}\"/>\n", escaped(&message));
        skipped + &format!("      <system-out>{}</system-out>\n", escaped(&said))
    };
    open + &result + "    </testcase>\n"
}

/// Text as XML may hold it, in an attribute too.
fn escaped(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(clean).collect();
    let text = lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // What is no character to XML at all.
    text.replace('"', "&quot;").replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
