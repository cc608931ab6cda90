//! The settings of a run: the config file, then the command line, which wins.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Check;
use palisade::config::{Config, Date, FILE_NAME};
use palisade::source::{Location, Sources, Walk, WalkError};

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

/// The config file that holds for the paths: the one that is named, else the nearest above them.
///
/// # Errors
/// The paths have several.
pub fn find(named: Option<&Path>, paths: &[PathBuf]) -> Result<Option<PathBuf>, Fault> {
    named.map_or_else(|| found(paths), |file| Ok(Some(file.to_owned())))
}

/// Reads the settings that stand among the sources, and puts the command line on top.
///
/// # Errors
/// The file cannot be understood.
pub fn settings(check: &Check, walk: &Walk) -> Result<Config, Fault> {
    let config = read_settings(walk)?;
    Ok(Config {
        complete: check.complete.clone().unwrap_or(config.complete),
        istio_version: check.istio_version.or(config.istio_version),
        only: check.rules.iter().map(|rule| rule.id.to_owned()).collect(),
        min_severity: check.min_severity.unwrap_or(config.min_severity),
        min_confidence: check.min_confidence.unwrap_or(config.min_confidence),
        fail_on: check.fail_on.unwrap_or(config.fail_on),
        allow_unparsed: check.allow_unparsed || config.allow_unparsed,
        ..config
    })
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

/// Reads the settings that stand among the sources; the defaults where there are none.
///
/// # Errors
/// The file cannot be understood.
pub fn read_settings(walk: &Walk) -> Result<Config, Fault> {
    let config = palisade::settings(walk).map_err(|problems| {
        Fault::Config(problems.iter().map(|problem| line(problem.at, &problem.message, &walk.sources)).collect())
    })?;
    Ok(Config { today: Some(today()), ..config })
}

/// The day, by Greenwich.
pub fn today() -> Date {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    Date::from_days(i64::try_from(seconds / 86_400).unwrap_or(0))
}

fn line(at: Location, said: &str, sources: &Sources) -> String {
    format!("{}: {said}", super::messages::position(at, sources))
}
