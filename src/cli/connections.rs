//! `palisade connections`: what was typed, and writing what was asked for.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::paths::known_estate;
use super::settings::{self, Fault};
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

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = OUTPUT)]
    pub format: FormatName,

    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub output: Option<PathBuf>,

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    Text,
    Json,
    Csv,
    Dot,
}

/// Works out the connections and writes them. Answers with the exit code.
///
/// # Errors
/// Something could not be read or written.
pub fn run(command: &Connections) -> Result<u8, Fault> {
    let file = settings::find(command.config.as_deref(), &command.paths)?;
    let walk = sources::walk(&command.paths, file.as_deref(), &[])?;
    let config = settings::read_settings(&walk)?;
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
    let connected = palisade::connections(&walk, &config, &options);
    known_estate(command.estate.as_deref(), &connected.inputs)?;
    let format = match command.format {
        FormatName::Text => connections::Format::Text,
        FormatName::Json => connections::Format::Json,
        FormatName::Csv => connections::Format::Csv,
        FormatName::Dot => connections::Format::Dot,
    };
    let write = |out: &mut dyn Write| {
        let mut out = BufWriter::new(out);
        connections::write(&connected.listings, &walk.sources, format, command.verbose, &mut out)?;
        out.flush()
    };
    match &command.output {
        Some(path) => File::create(path)
            .and_then(|mut file| write(&mut file))
            .map_err(|error| Fault::Write(path.clone(), error))?,
        None => match write(&mut io::stdout().lock()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                return Err(Fault::Write(PathBuf::from("standard output"), error));
            }
            _ => {}
        },
    }
    // A table and a graph have no place for what is not a connection.
    if matches!(command.format, FormatName::Csv | FormatName::Dot) && !command.quiet {
        for note in connections::notes(&connected.listings) {
            eprintln!("palisade: {note}");
        }
        if command.verbose {
            let written = connections::write_groups(&connected.listings, &mut io::stderr().lock());
            written.map_err(|error| Fault::Write(PathBuf::from("standard error"), error))?;
        }
    }
    let unmatched = connections::unmatched(&connected.listings);
    for filter in &unmatched {
        eprintln!("palisade: `{filter}` is neither a namespace nor a workload of the input");
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
