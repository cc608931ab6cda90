//! What is audited: paths and standard input; and which repository it is in.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use super::settings::Fault;
use palisade::report::Sarif;
use palisade::source::{self, Sources, Walk};

/// The path that the report shows for standard input.
const STDIN: &str = "<stdin>";

/// Reads everything that the command line names.
///
/// # Errors
/// A path or standard input cannot be read.
pub fn walk(paths: &[PathBuf]) -> Result<Walk, Fault> {
    let (stdin, paths): (Vec<&PathBuf>, Vec<&PathBuf>) =
        paths.iter().partition(|path| path.as_os_str() == OsStr::new("-"));
    let paths: Vec<PathBuf> = paths.into_iter().cloned().collect();
    if stdin.is_empty() {
        let here = vec![PathBuf::from(".")];
        return Ok(source::walk(if paths.is_empty() { &here } else { &paths })?);
    }
    let typed = source::from_text(STDIN, read_stdin()?);
    if paths.is_empty() {
        return Ok(typed);
    }
    let walked = source::walk(&paths)?;
    let pairs = walked.sources.iter().chain(&typed.sources);
    let sources = Sources::new(pairs.map(|source| (source.path().to_owned(), source.text().to_owned())).collect());
    Ok(Walk { sources, skipped: [walked.skipped, typed.skipped].concat() })
}

fn read_stdin() -> Result<String, Fault> {
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        eprintln!("palisade: reading manifests from the terminal; end them with Ctrl-D");
    }
    let mut text = String::new();
    stdin.read_to_string(&mut text).map_err(|error| Fault::Read(PathBuf::from("standard input"), error))?;
    Ok(text)
}

/// What SARIF's paths are relative to: the repository that holds the working directory and what is audited.
pub fn repository(paths: &[PathBuf]) -> Sarif {
    let Ok(here) = env::current_dir() else { return Sarif::default() };
    let audited = paths.first().and_then(|path| std::path::absolute(path).ok()).unwrap_or_else(|| here.clone());
    let root = root_above(&here).filter(|root| audited.starts_with(root)).or_else(|| root_above(&audited));
    let text = |path: &Path| path.display().to_string();
    Sarif { root: text(root.unwrap_or(&here)), directory: text(&here) }
}

fn root_above(path: &Path) -> Option<&Path> {
    path.ancestors().find(|directory| directory.join(".git").exists())
}
