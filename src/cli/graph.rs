//! `palisade graph`: what was typed, and writing what was asked for.

use clap::{Args, ValueEnum};

use super::outputs::Outputs;
use super::paths::Asked;
use super::settings::Fault;
use palisade::config::{Config, listed};
use palisade::report::{graph, paths::Filter};
use palisade::source::Walk;

/// `palisade graph`.
#[derive(Args)]
pub struct Graph {
    #[command(flatten)]
    pub asked: Asked,

    #[command(flatten)]
    pub outputs: Outputs<FormatName>,
}

/// A format by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// Graphviz
    #[default]
    Dot,
    /// A flowchart, as Markdown holds them
    Mermaid,
    Json,
    /// One page that stands alone
    Html,
}

/// Draws the estate. Answers with the exit code.
///
/// # Errors
/// Something could not be read or written, or is asked for that is not in the input.
pub fn run(command: &Graph) -> Result<u8, Fault> {
    let asked = &command.asked;
    let worked = |walk: &Walk, config: &Config, filter: &Filter| {
        let palisade::Graph { pictures, inputs } = palisade::graph(walk, config, filter);
        (pictures, inputs)
    };
    asked.answer(&command.outputs.files(), worked, |pictures, inputs, sources| {
        asked.known(&pictures.iter().map(|picture| &picture.listing).collect::<Vec<_>>(), inputs)?;
        let [picture] = pictures else {
            let names: Vec<&str> = inputs.estates.iter().map(|(name, _)| name.as_str()).collect();
            let said =
                format!("the input is several estates, and a graph shows one: `--estate` with {}", listed(&names));
            return Err(Fault::Asked(said));
        };
        command.outputs.0.iter().try_for_each(|output| {
            output.write(&match output.format {
                FormatName::Dot => graph::dot(picture, sources),
                FormatName::Mermaid => graph::mermaid(picture, sources),
                FormatName::Json => graph::json(picture, sources),
                FormatName::Html => graph::html(picture, inputs, sources),
            })
        })
    })
}
