//! A report in the format that an output asks for.

use std::time::Duration;

use clap::ValueEnum;

use super::outputs::Output;
use super::{Check, Color, screen, sources};
use palisade::report::{self, Sarif, Terminal};
use palisade::rules::RULES;
use palisade::source::Walk;
use palisade::triage::Report;

/// A document that `check` can write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Terminal,
    Json,
    Sarif,
    Github,
    Gitlab,
    Junit,
    Markdown,
    Html,
}

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
    pub fn text(&self, output: &Output<Format>) -> String {
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

    fn terminal(&self, output: &Output<Format>) -> Terminal {
        let Check { quiet, verbose, .. } = *self.check;
        let in_file = output.file.is_some();
        let elapsed = (!in_file).then_some(self.elapsed);
        Terminal { quiet, verbose, elapsed, ..screen::drawing(self.color, in_file) }
    }
}
