//! `palisade connections`: what was typed, and writing what was asked for.

use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::outputs::Outputs;
use super::paths::known_estate;
use super::settings::{self, Fault};
use super::waiting::Waiting;
use super::{INPUT, OUTPUT, messages, sources};
use palisade::ConnectionOptions;
use palisade::analysis::network_policy::Dataplane;
use palisade::report::connections::{self, Filter};

/// `palisade connections`.
#[derive(Args)]
pub struct Connections {
    /// Directories and files to read; `-` is standard input, and the default is the working directory
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Settings [default: the nearest palisade.yaml, from the given directory upwards]
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    pub config: Option<PathBuf>,

    /// How an ipBlock that holds the addresses of pods is taken [default: as the input's clusters do]
    #[arg(long, value_name = "DATAPLANE", help_heading = INPUT)]
    pub dataplane: Option<DataplaneName>,

    /// Documents that cannot be parsed are no failure
    #[arg(long, help_heading = INPUT)]
    pub allow_unparsed: bool,

    /// Of which estate, where the input is several
    #[arg(long, value_name = "NAME", help_heading = OUTPUT)]
    pub estate: Option<String>,

    /// Sources to list: a namespace, namespace/Kind/name, an address or an address block
    #[arg(long, value_name = "END", help_heading = OUTPUT)]
    pub from: Option<Filter>,

    /// Targets to list, written as sources are
    #[arg(long, value_name = "END", help_heading = OUTPUT)]
    pub to: Option<Filter>,

    /// Say which clauses allow or deny, with their places
    #[arg(long, help_heading = OUTPUT)]
    pub explain: bool,

    #[command(flatten)]
    pub outputs: Outputs<FormatName>,

    /// Say nothing on standard error
    #[arg(short, long, conflicts_with = "verbose", help_heading = OUTPUT)]
    pub quiet: bool,

    /// Also list which workloads no policy can tell apart
    #[arg(short, long, help_heading = OUTPUT)]
    pub verbose: bool,
}

/// A dataplane by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DataplaneName {
    /// GKE Dataplane V2: a block never means pods
    Dpv2,
    /// Calico: a block means pods too
    Calico,
    /// Either: what depends on it is listed as unknown
    Unknown,
}

/// A format by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    #[default]
    Text,
    Json,
    Csv,
    Dot,
}

impl From<FormatName> for connections::Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Text => Self::Text,
            FormatName::Json => Self::Json,
            FormatName::Csv => Self::Csv,
            FormatName::Dot => Self::Dot,
        }
    }
}

/// Works out the connections and writes them. Answers with the exit code.
///
/// # Errors
/// Something could not be read or written.
pub fn run(command: &Connections) -> Result<u8, Fault> {
    let options = ConnectionOptions {
        dataplane: command.dataplane.map(|name| match name {
            DataplaneName::Dpv2 => Dataplane::Dpv2,
            DataplaneName::Calico => Dataplane::Calico,
            DataplaneName::Unknown => Dataplane::Unknown,
        }),
        estate: command.estate.clone(),
        from: command.from.clone(),
        to: command.to.clone(),
        explain: command.explain,
    };
    let file = settings::find(command.config.as_deref(), &command.paths)?;
    let waiting = Waiting::begin(command.quiet);
    let walk = sources::walk(&command.paths, file.as_deref(), &command.outputs.files())?;
    let config = settings::read_settings(&walk)?;
    let connected = palisade::connections(&walk, &config, &options);
    drop(waiting);
    known_estate(command.estate.as_deref(), &connected.inputs)?;
    for output in &command.outputs.0 {
        let format = output.format.into();
        output.stream(|out| connections::write(&connected.listings, &walk.sources, format, command.verbose, out))?;
    }
    // A table and a graph have no place for what is not a connection.
    let is_bare = [FormatName::Csv, FormatName::Dot].iter().any(|format| command.outputs.has(format));
    if is_bare && !command.quiet {
        connections::notes(&connected.listings).into_iter().for_each(messages::tell);
        if command.verbose {
            let written = connections::write_groups(&connected.listings, &mut io::stderr().lock());
            written.map_err(|error| Fault::Write(PathBuf::from("standard error"), error))?;
        }
    }
    let unmatched = connections::unmatched(&connected.listings);
    for filter in &unmatched {
        messages::tell(format_args!("`{filter}` is neither a namespace nor a workload of the input"));
    }
    let is_empty = connected.inputs.is_empty();
    if is_empty {
        messages::tell(messages::nothing(&connected.inputs, &command.paths));
    }
    if !command.quiet {
        for line in messages::unparsed(&connected.inputs, &walk.sources) {
            messages::tell(line);
        }
    }
    let allow_unparsed = command.allow_unparsed || config.allow_unparsed;
    let is_whole = !is_empty && unmatched.is_empty() && (allow_unparsed || connected.inputs.unparsed.is_empty());
    Ok(if is_whole { 0 } else { 2 })
}
