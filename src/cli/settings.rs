//! The settings of a run: the config file, then the command line, which wins.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Check;
use palisade::config::{Config, FILE_NAME, read};
use palisade::rules::RULES;
use palisade::source::{self, Location, Sources, WalkError};

/// Why there was no audit. All of them end in exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error("cannot read {}: {}", .0.display(), .1)]
    Read(PathBuf, io::Error),
    #[error("cannot write {}: {}", .0.display(), .1)]
    Write(PathBuf, io::Error),
    /// What is wrong in a config file, one `path:line:column: problem` a line.
    #[error("the settings cannot be used\n{}", .0.join("\n"))]
    Config(Vec<String>),
    #[error("the paths have different settings, {} and {}; name one with --config, or audit them apart", .0.display(), .1.display())]
    Ambiguous(PathBuf, PathBuf),
}

/// The settings, and the file that they come from.
pub struct Settings {
    pub config: Config,
    pub file: Option<PathBuf>,
}

/// Finds and reads the config file, and puts the command line on top.
///
/// # Errors
/// The file cannot be read or understood, or the paths have several.
pub fn settings(check: &Check) -> Result<Settings, Fault> {
    let Settings { config, file } = read_settings(check.config.as_deref(), &check.paths)?;
    Ok(Settings { config: with_options(config, check), file })
}

/// Finds and reads the config file: the one that is named, else the nearest above the paths.
///
/// # Errors
/// The file cannot be read or understood, or the paths have several.
pub fn read_settings(named: Option<&Path>, paths: &[PathBuf]) -> Result<Settings, Fault> {
    let file = match named {
        Some(file) => Some(file.to_owned()),
        None => found(paths)?,
    };
    let config = file.as_deref().map_or_else(|| Ok(Config::default()), from_file)?;
    Ok(Settings { config, file })
}

fn with_options(config: Config, check: &Check) -> Config {
    Config {
        complete: check.complete.clone().unwrap_or(config.complete),
        istio_version: check.istio_version.or(config.istio_version),
        only: check.rules.iter().map(|rule| rule.id.to_owned()).collect(),
        min_severity: check.min_severity.unwrap_or(config.min_severity),
        min_confidence: check.min_confidence.unwrap_or(config.min_confidence),
        fail_on: check.fail_on.unwrap_or(config.fail_on),
        allow_unparsed: check.allow_unparsed || config.allow_unparsed,
        ..config
    }
}

/// The nearest config file above the paths: one for all of them.
fn found(paths: &[PathBuf]) -> Result<Option<PathBuf>, Fault> {
    let here = [PathBuf::from(".")];
    let paths = if paths.is_empty() { &here } else { paths };
    let mut files = paths.iter().filter_map(|path| nearest(path));
    let Some(first) = files.next() else { return Ok(None) };
    match files.find(|file| *file != first) {
        Some(other) => Err(Fault::Ambiguous(shown(first), shown(other))),
        None => Ok(Some(shown(first))),
    }
}

/// Looks in the directory of a path and in those above it, and not beyond the repository: what lies there is not the team's.
fn nearest(path: &Path) -> Option<PathBuf> {
    let path = if path.as_os_str() == "-" { Path::new(".") } else { path };
    // A path that does not exist is the walk's to report.
    let path = fs::canonicalize(path).ok()?;
    let directory = if path.is_dir() { path.as_path() } else { path.parent()? };
    for directory in directory.ancestors() {
        let file = directory.join(FILE_NAME);
        if file.is_file() {
            return Some(file);
        }
        if directory.join(".git").exists() {
            return None;
        }
    }
    None
}

/// A path as it is shortest to type.
fn shown(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().and_then(fs::canonicalize);
    here.ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned)).unwrap_or(path)
}

fn from_file(path: &Path) -> Result<Config, Fault> {
    let text = fs::read_to_string(path).map_err(|error| Fault::Read(path.to_owned(), error))?;
    let walk = source::from_text(&path.display().to_string(), text);
    let parsed = source::parse_all(&walk.sources);
    let unparsed = parsed.unparsed.iter().map(|unparsed| (unparsed.at, unparsed.reason.as_str()));
    let problems = parsed.problems.iter().map(|problem| (problem.at, problem.message.as_str()));
    let mut faults: Vec<String> = unparsed.chain(problems).map(|(at, said)| line(at, said, &walk.sources)).collect();
    if let Some(second) = parsed.documents.get(1) {
        faults.push(line(second.root().head(), "a second document; the settings are one", &walk.sources));
    }
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    let config = parsed.documents.first().map_or_else(|| Ok(Config::default()), |document| read(document, &ids));
    match config {
        Ok(config) if faults.is_empty() => return Ok(config),
        Ok(_) => {}
        Err(problems) => {
            faults.extend(problems.iter().map(|problem| line(problem.at, &problem.message, &walk.sources)));
        }
    }
    Err(Fault::Config(faults))
}

fn line(at: Location, said: &str, sources: &Sources) -> String {
    format!("{}: {said}", super::messages::position(at, sources))
}
