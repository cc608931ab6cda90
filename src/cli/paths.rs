//! `palisade paths`: what was typed, and writing what was asked for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::assumptions::Assumptions;
use super::outputs::Outputs;
use super::settings::{self, Fault};
use super::waiting::Waiting;
use super::{Color, INPUT, OUTPUT, messages, screen, sources, words};
use palisade::analysis::capture::Tier;
use palisade::analysis::exits::{Verdict, Via};
use palisade::config::{Config, From, To, listed, suggestion};
use palisade::report::Terminal;
use palisade::report::paths::{self, Filter, Listing};
use palisade::source::Walk;
use palisade::triage::Inputs;

/// `palisade paths`.
#[derive(Args)]
pub struct Paths {
    #[command(flatten)]
    pub asked: Asked,

    #[command(flatten)]
    pub outputs: Outputs<FormatName>,
}

/// What to read, and which ways out of it are asked for.
#[derive(Args)]
pub struct Asked {
    /// Directories and files to read; `-` is standard input, and the default is the working directory
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Settings [default: the nearest palisade.yaml, from the given directory upwards]
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    pub assumptions: Assumptions,

    /// Of which estate, where the input is several
    #[arg(long, value_name = "NAME", help_heading = FILTER)]
    pub estate: Option<String>,

    /// Whose ways out: a namespace, or namespace/Kind/name
    #[arg(long, value_name = "WORKLOAD", help_heading = FILTER)]
    pub from: Option<From>,

    /// Where to: an address, an address block or a host, with a port after a colon if one is meant
    #[arg(long, value_name = "END", help_heading = FILTER)]
    pub to: Option<To>,

    /// The weakest attacker who succeeds
    #[arg(long, value_name = "TIER", value_parser = words(&Tier::ALL, Tier::as_str), help_heading = FILTER)]
    pub tier: Option<Tier>,

    /// The way that is taken
    #[arg(long, value_name = "WAY", value_parser = words(&Via::ALL, Via::as_str), help_heading = FILTER)]
    pub via: Option<Via>,

    /// What is said of it
    #[arg(long, value_name = "VERDICT", value_parser = words(&Verdict::ALL, Verdict::as_str), help_heading = FILTER)]
    pub verdict: Option<Verdict>,

    /// Also list what is closed, with what closes it
    #[arg(long, help_heading = FILTER)]
    pub closed: bool,

    /// Say nothing but what was asked for
    #[arg(short, long, conflicts_with = "verbose", help_heading = OUTPUT)]
    pub quiet: bool,

    /// Say which settings are in use
    #[arg(short, long, help_heading = OUTPUT)]
    pub verbose: bool,
}

const FILTER: &str = "What to list";

/// A format by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    #[default]
    Terminal,
    Json,
}

/// Works out the ways out and writes them. Answers with the exit code.
///
/// # Errors
/// Something could not be read or written, or is asked for that is not in the input.
pub fn run(command: &Paths, color: Color) -> Result<u8, Fault> {
    let asked = &command.asked;
    let Asked { quiet, verbose, .. } = *asked;
    asked.answer(&command.outputs.files(), |walk, config, filter, waiting| {
        let first = !quiet || command.outputs.has(&FormatName::Json);
        let filter = Filter { first, ..filter.clone() };
        let (told, inputs) = palisade::paths(walk, config, &filter, |listings, inputs| {
            drop(waiting);
            asked.known(|| listings.iter().flat_map(Listing::names).collect(), inputs)?;
            command.outputs.0.iter().try_for_each(|output| {
                let options = Terminal { quiet, verbose, ..screen::drawing(color, output.file.is_some()) };
                output.stream(|out| match output.format {
                    FormatName::Terminal => paths::terminal(listings, &walk.sources, &options, out),
                    FormatName::Json => paths::json(listings, &walk.sources, out),
                })
            })
        });
        told.map(|()| inputs)
    })
}

impl Asked {
    /// Reads all but palisade's `own` files, has `write` work out and write what is asked for, and says what was wrong with
    /// the input. `write` ends the waiting before it writes. Answers with the exit code.
    ///
    /// # Errors
    /// Something could not be read, or what `write` reports.
    pub fn answer(
        &self,
        own: &[&Path],
        write: impl FnOnce(&Walk, &Config, &Filter, Waiting) -> Result<Inputs, Fault>,
    ) -> Result<u8, Fault> {
        let waiting = Waiting::begin(self.quiet);
        let file = settings::find(self.config.as_deref(), &self.paths)?;
        let walk = sources::walk(&self.paths, file.as_deref(), own)?;
        let config = self.assumptions.over(settings::read_settings(&walk)?);
        let inputs = write(&walk, &config, &self.filter(), waiting)?;
        let is_empty = inputs.is_empty();
        if is_empty {
            messages::tell(messages::nothing(&inputs, &self.paths));
        }
        if !self.quiet {
            for line in messages::unparsed(&inputs, &walk.sources) {
                messages::tell(line);
            }
        }
        if let Some(file) = file.filter(|_| self.verbose) {
            messages::tell(format_args!("settings from {}", file.display()));
        }
        let is_whole = !is_empty && (config.allow_unparsed || inputs.unparsed.is_empty());
        Ok(if is_whole { 0 } else { 2 })
    }

    fn filter(&self) -> Filter {
        Filter {
            estate: self.estate.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            tier: self.tier,
            via: self.via,
            verdict: self.verdict,
            closed: self.closed,
            first: false,
        }
    }

    /// Checks that the estate and whoever is asked for by name are there; `names` are those that can be asked for.
    ///
    /// # Errors
    /// Nothing of that name is in the input.
    pub fn known(&self, names: impl FnOnce() -> BTreeSet<String>, inputs: &Inputs) -> Result<(), Fault> {
        known_estate(self.estate.as_deref(), inputs)?;
        self.from.as_ref().filter(|_| inputs.documents > 0).map_or(Ok(()), |from| known(from, &names()))
    }
}

/// Whether the estate that is asked for is one of the input.
///
/// # Errors
/// It is not.
pub fn known_estate(asked: Option<&str>, inputs: &Inputs) -> Result<(), Fault> {
    let names: Vec<&str> = inputs.estates.iter().map(|(name, _)| name.as_str()).collect();
    match asked {
        Some(asked) if names.is_empty() => {
            Err(Fault::Asked(format!("the input is one estate, and has none called `{asked}`: leave `--estate` out")))
        }
        Some(asked) if !names.contains(&asked) => {
            let listed = listed(&names);
            Err(Fault::Asked(format!(
                "there is no estate `{asked}` in the input, only {listed}{}",
                suggestion(asked, &names)
            )))
        }
        _ => Ok(()),
    }
}

/// Whoever asks for a workload that is not there has mistyped, and must not read an empty list as good news.
fn known(from: &From, names: &BTreeSet<String>) -> Result<(), Fault> {
    let asked = from.to_string();
    if names.contains(&asked) {
        return Ok(());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let what = if asked.contains('/') { "application workload" } else { "namespace with application workloads" };
    Err(Fault::Asked(format!("there is no {what} `{asked}` in the input{}", suggestion(&asked, &names))))
}
