//! What packagers install beside the binary: completions and manual pages. Both are made from the definition that parses the
//! command line, so neither can differ from it.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use super::{Cli, settings::Fault};
use palisade::config::suggestion;

/// `palisade completions`.
#[derive(Args)]
pub struct Completions {
    /// The shell that is to read it
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// `palisade man`.
#[derive(Args)]
pub struct Manual {
    /// The page of one command instead of the page about all
    #[arg(value_name = "COMMAND", value_parser = subcommand)]
    pub command: Option<String>,
}

/// The script that completes the command line in a shell.
pub fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), NAME, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// A manual page in roff: of one command, or of the program.
///
/// # Errors
/// The page cannot be written.
pub fn manual(command: Option<&str>) -> Result<String, Fault> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let one = command.and_then(|name| program.find_subcommand(name)).cloned();
    let mut page = Vec::new();
    let written = Man::new(one.unwrap_or(program)).render(&mut page);
    written.map_err(|error| Fault::Write(PathBuf::from("the manual page"), error))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

const NAME: &str = "palisade";

fn subcommand(name: &str) -> Result<String, String> {
    let program = Cli::command();
    let names: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
    let missing = || format!("there is no such command{}", suggestion(name, &names));
    names.contains(&name).then(|| name.to_owned()).ok_or_else(missing)
}
