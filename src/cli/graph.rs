//! `palisade graph`: what was typed, and writing what was asked for.

use clap::{Args, ValueEnum};

use super::outputs::Outputs;
use super::paths::Asked;
use super::settings::Fault;
use palisade::config::listed;
use palisade::report::graph;

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
    asked.answer(&command.outputs.files(), |walk, config, filter, waiting| {
        let palisade::Graph { pictures, inputs } = palisade::graph(walk, config, filter);
        drop(waiting);
        asked.known(|| pictures.iter().flat_map(|picture| picture.names.iter().cloned()).collect(), &inputs)?;
        let [picture] = pictures.as_slice() else {
            let names: Vec<&str> = inputs.estates.iter().map(|(name, _)| name.as_str()).collect();
            let said =
                format!("the input is several estates, and a graph shows one: `--estate` with {}", listed(&names));
            return Err(Fault::Asked(said));
        };
        for output in &command.outputs.0 {
            output.write(&match output.format {
                FormatName::Dot => graph::dot(picture, &walk.sources),
                FormatName::Mermaid => graph::mermaid(picture, &walk.sources),
                FormatName::Json => graph::json(picture, &walk.sources),
                FormatName::Html => graph::html(picture, &inputs, &walk.sources),
            })?;
        }
        Ok(inputs)
    })
}
