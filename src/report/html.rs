//! The report as one page that stands alone: no other file, no network, readable without scripts.

mod figure;
mod frame;
pub(super) mod markup;

use super::excerpt::Mark;
use super::{
    Place, apart, by_object, by_topic, counted, level_counts, object_name, rule_of, rule_uri, said, unaudited,
};
use crate::finding::{Hop, Level};
use crate::rule::Rule;
use crate::source::Sources;
use crate::triage::{Inputs, Report, Reported, Verdict};
use markup::{escaped, prose};

use figure::figures;

pub(super) use figure::passage;
pub(super) use frame::document;

const SCRIPT: &str = include_str!("html/script.js");

/// Writes the page. `rules` are all rules; the pages of those that found something are part of it.
#[must_use]
pub fn html(report: &Report, sources: &Sources, rules: &[&'static Rule]) -> String {
    let page = Page { report, sources, rules };
    let body = [
        &page.head(),
        "<main>\n",
        &page.filter(),
        &unread(&report.inputs, sources, report.verdict == Verdict::Incomplete),
        &page.findings(),
        &page.silenced(),
        &page.pages(),
        "</main>\n",
    ];
    document(&format!("palisade: {}", report.verdict.as_str()), "", &body.concat(), SCRIPT)
}

/// The documents that were not understood, which may be an error.
pub(super) fn unread(inputs: &Inputs, sources: &Sources, is_error: bool) -> String {
    let items = unaudited(inputs, sources).map(|(place, reason)| {
        format!("<li><span class=\"place\">{}</span>: {}</li>\n", escaped(&place.position()), prose(&reason))
    });
    let items: String = items.collect();
    if items.is_empty() {
        return items;
    }
    let class = if is_error { "error" } else { "warning" };
    format!("<h2 class=\"{class}\">Not audited</h2>\n<ul>\n{items}</ul>\n")
}

struct Page<'a> {
    report: &'a Report,
    sources: &'a Sources,
    rules: &'a [&'static Rule],
}

impl Page<'_> {
    fn head(&self) -> String {
        let inputs = &self.report.inputs;
        let verdict = self.report.verdict.as_str();
        let read = format!("{}, {}", counted(inputs.files, "file"), counted(inputs.documents, "document"));
        let mut text = format!("<header>\n<h1>palisade: <span class=\"{verdict}\">{verdict}</span></h1>\n");
        text += &format!("<p>{} in {read}.</p>\n", level_counts(self.report));
        text.extend(apart(self.report).map(|estates| format!("<p>{}</p>\n", prose(&estates))));
        if !self.report.findings.is_empty() {
            text += "<table>\n<tr><th>topic</th><th>errors</th><th>warnings</th><th>notes</th></tr>\n";
            for (topic, counts) in by_topic(self.report, self.rules) {
                let cell = |count: usize| if count == 0 { String::new() } else { count.to_string() };
                let cells = counts.map(|count| format!("<td class=\"count\">{}</td>", cell(count)));
                text += &format!("<tr><td>{topic}</td>{}</tr>\n", cells.concat());
            }
            text += "</table>\n";
        }
        text + "</header>\n"
    }

    /// Shown by the script, which alone can answer it.
    fn filter(&self) -> String {
        let levels =
            [Level::Error, Level::Warning, Level::Note].into_iter().filter(|level| self.report.count(*level) > 0);
        let boxes = levels.map(|level| {
            let word = level.as_str();
            let count = self.report.count(level);
            format!("<label class=\"{word}\"><input type=\"checkbox\" name=\"level\" value=\"{word}\" checked> {word} ({count})</label>\n")
        });
        let topics = by_topic(self.report, self.rules).into_keys().map(|topic| format!("<option>{topic}</option>"));
        format!(
            "<form hidden aria-label=\"Filter the findings\">\n{}<label>topic <select name=\"topic\"><option value=\"\">all</option>{}</select></label>\n\
             <label>words <input type=\"search\" name=\"words\" autocomplete=\"off\"></label>\n\
             <span id=\"shown\" class=\"quiet\" role=\"status\"></span>\n</form>\n",
            boxes.collect::<String>(),
            topics.collect::<String>()
        )
    }

    fn findings(&self) -> String {
        let group = |(object, findings): (Option<&_>, Vec<&Reported>)| {
            let title = object.map_or_else(|| "elsewhere".to_owned(), object_name);
            let findings: String = findings.iter().map(|reported| self.finding(reported)).collect();
            format!("<section class=\"object\">\n<h2>{}</h2>\n{findings}</section>\n", escaped(&title))
        };
        let groups: String = by_object(self.report).into_iter().map(group).collect();
        if groups.is_empty() { "<p class=\"pass\">No findings.</p>\n".to_owned() } else { groups }
    }

    fn finding(&self, reported: &Reported) -> String {
        let finding = &reported.finding;
        let level = reported.level.as_str();
        let topic = rule_of(reported, self.rules).map_or("", |rule| rule.topic);
        let rank = format!("{} severity, {} confidence", finding.severity.as_str(), finding.confidence.as_str());
        let mut text = format!("<article class=\"level-{level}\" data-level=\"{level}\" data-topic=\"{topic}\">\n");
        let id = finding.rule;
        let name = format!("<a href=\"#rule-{id}\">{id}</a>/{}", finding.variant);
        text +=
            &format!("<p><strong class=\"{level}\">{level}</strong> {name} <span class=\"quiet\">{rank}</span></p>\n");
        text += &format!("<p class=\"said\">{}</p>\n", prose(&said(reported)));
        text += &self.excerpt(reported);
        text += &self.witness(&finding.witness);
        if !finding.help.is_empty() {
            text += &format!("<p class=\"help\">{}</p>\n", prose(&finding.help));
        }
        text + "</article>\n"
    }

    fn excerpt(&self, reported: &Reported) -> String {
        let primary = Mark { at: reported.finding.at, label: None, primary: true };
        let related = reported.finding.related.iter();
        let related = related.map(|label| Mark { at: label.at, label: Some(&label.message), primary: false });
        figures(&std::iter::once(primary).chain(related).collect::<Vec<_>>(), self.sources)
    }

    fn witness(&self, hops: &[Hop]) -> String {
        if hops.is_empty() {
            return String::new();
        }
        let hop = |hop: &Hop| {
            let place = Place::new(hop.at, self.sources);
            let line = place.source.line(place.start.line).trim();
            let line: String = line.chars().take(160).collect();
            let said =
                format!("<strong>{}</strong>: {}, {}", escaped(&hop.name), hop.decision.as_str(), prose(&hop.reason));
            format!(
                "<li>{said}<br><span class=\"place quiet\">{}</span> <code>{}</code></li>\n",
                escaped(&place.position()),
                escaped(&line)
            )
        };
        format!(
            "<ol class=\"witness\" aria-label=\"The way out, hop by hop\">\n{}</ol>\n",
            hops.iter().map(hop).collect::<String>()
        )
    }

    fn silenced(&self) -> String {
        let item = |reported: &Reported| {
            let place = Place::new(reported.finding.at, self.sources).position();
            let reason = reported.ignore.as_ref().map(|ignore| ignore.reason.as_str()).unwrap_or_default();
            let said = format!(
                "{} <span class=\"quiet\">because</span> {}",
                prose(&reported.finding.message),
                escaped(reason)
            );
            format!("<li><span class=\"place\">{}</span> {}: {said}</li>\n", escaped(&place), reported.finding.rule)
        };
        if self.report.suppressed.is_empty() {
            return String::new();
        }
        let count = counted(self.report.suppressed.len(), "finding");
        let items: String = self.report.suppressed.iter().map(item).collect();
        format!(
            "<details><summary>{count} ignored for a reason that is given</summary>\n<ul>\n{items}</ul>\n</details>\n"
        )
    }

    /// The pages of the rules that found something.
    fn pages(&self) -> String {
        let fired =
            |rule: &&&'static Rule| self.report.findings.iter().any(|reported| reported.finding.rule == rule.id);
        let page = |rule: &&'static Rule| {
            let title = format!(
                "<h3>{}</h3>\n<p>{} (<a href=\"{}\">on the web</a>)</p>\n",
                rule.id,
                escaped(rule.summary),
                rule_uri(rule)
            );
            let body = format!(
                "<details><summary>why it matters, and what to write instead</summary>\n{}</details>\n",
                markup::page(rule.page)
            );
            format!("<section class=\"rule\" id=\"rule-{}\">\n{title}{body}</section>\n", rule.id)
        };
        let pages: String = self.rules.iter().filter(fired).map(page).collect();
        if pages.is_empty() { pages } else { format!("<h2>Rules</h2>\n{pages}") }
    }
}
