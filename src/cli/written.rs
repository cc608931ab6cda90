//! A report in the format that an output asks for.

use std::time::Duration;

use super::outputs::{Format, Output};
use super::{Check, Color, screen, sources};
use palisade::report::{self, Sarif, Terminal};
use palisade::rules::RULES;
use palisade::source::Walk;
use palisade::triage::Report;

/// What is to be written, and what it depends on besides.
pub struct Written<'a> {
    pub report: &'a Report,
    pub walk: &'a Walk,
    pub check: &'a Check,
    pub color: Color,
    pub elapsed: Duration,
}

impl Written<'_> {
    /// The document for an output.
    pub fn text(&self, output: &Output) -> String {
        let Self { report, check, .. } = *self;
        let sources = &self.walk.sources;
        let paths = || sources::repository(&check.paths);
        match output.format {
            Format::Terminal => report::terminal(report, sources, &self.terminal(output)),
            Format::Json => report::json(report, sources),
            Format::Sarif => {
                let options = Sarif { suppressed: check.sarif_suppressed, paths: paths() };
                report::sarif(report, sources, RULES, &options)
            }
            Format::Github => report::github(report, sources, &paths()),
            Format::Gitlab => report::gitlab(report, sources, &paths()),
            Format::Junit => report::junit(report, sources, RULES, &paths()),
            Format::Markdown => report::markdown(report, sources, RULES, &paths()),
            Format::Html => report::html(report, sources, RULES),
        }
    }

    fn terminal(&self, output: &Output) -> Terminal {
        match output.file {
            None => Terminal { elapsed: Some(self.elapsed), ..screen::terminal(self.check, self.color) },
            Some(_) => screen::file(self.check, self.color),
        }
    }
}
