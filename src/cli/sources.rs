//! What is audited: paths and standard input; and which repository it is in.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use super::settings::Fault;
use palisade::report::Sarif;
use palisade::source::{self, Walk};

/// The path that the report shows for standard input.
const STDIN: &str = "<stdin>";

/// Reads everything that the command line names, but for settings.
///
/// # Errors
/// A path or standard input cannot be read.
pub fn walk(paths: &[PathBuf], settings: Option<&Path>) -> Result<Walk, Fault> {
    let is_stdin = |path: &&PathBuf| path.as_os_str() == OsStr::new("-");
    let (stdin, paths): (Vec<&PathBuf>, Vec<&PathBuf>) = paths.iter().partition(is_stdin);
    let mut paths: Vec<PathBuf> = paths.into_iter().cloned().collect();
    if stdin.is_empty() && paths.is_empty() {
        paths.push(PathBuf::from("."));
    }
    let mut walk = if paths.is_empty() { Walk::default() } else { source::walk(&paths)? };
    if let Some(settings) = settings.and_then(|path| fs::canonicalize(path).ok()) {
        // Under another name than the usual one, the walk cannot know that it is no manifest.
        let is_manifest = |path: &str| {
            Path::new(path).file_name() != settings.file_name() || fs::canonicalize(path).ok() != Some(settings.clone())
        };
        if !walk.sources.iter().all(|source| is_manifest(source.path())) {
            walk.sources = walk.sources.filtered(is_manifest);
        }
    }
    if !stdin.is_empty() {
        walk.sources = walk.sources.joined(source::from_text(STDIN, read_stdin()?).sources);
    }
    Ok(walk)
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
