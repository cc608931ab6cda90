//! The settings of a run: the config file, then the command line, which wins.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Check;
use super::git::Repository;
use palisade::config::{Baseline, Changed, Config, Date, FILE_NAME};
use palisade::finding::Level;
use palisade::report::read_baseline;
use palisade::source::{Location, Sources, Walk, WalkError, reason};

/// Why there was no audit. All of them end in exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error("cannot read {}: {}", .0.display(), reason(.1))]
    Read(PathBuf, io::Error),
    #[error("cannot write {}: {}", .0.display(), unwritten(.0, .1))]
    Write(PathBuf, io::Error),
    #[error("{} is no baseline: {}; `--write-baseline {}` writes one", .0.display(), .1, free(.0).display())]
    Baseline(PathBuf, String),
    #[error(
        "{0} is there, and what to compare it with is missing: `palisade diff {0} NEW`; for a git revision of that name, write it in full, such as refs/heads/{0}"
    )]
    Half(String),
    #[error("there is nothing to audit in {0} or in {1}: no YAML, JSON or Terraform document")]
    Nothing(String, String),
    /// Git was asked and could not answer.
    #[error("{0}")]
    Git(String),
    /// What is wrong in a config file, one `path:line:column: problem` a line.
    #[error("the settings cannot be used\n{}", .0.join("\n"))]
    Config(Vec<String>),
    #[error("the paths have different settings, {} and {}; name one with --config, or audit them apart", .0.display(), .1.display())]
    Ambiguous(PathBuf, PathBuf),
    /// What was asked for is not in the input.
    #[error("{0}")]
    Asked(String),
}

/// Where a baseline can be written without writing over what is no baseline.
fn free(path: &Path) -> &Path {
    if path.exists() { Path::new("palisade-baseline.json") } else { path }
}

/// Why something cannot be written: where the folder is missing, that.
fn unwritten(path: &Path, error: &io::Error) -> String {
    let folder = path.parent().filter(|folder| error.kind() == io::ErrorKind::NotFound && !folder.exists());
    folder.map_or_else(|| reason(error), |folder| format!("there is no folder {}; make it first", folder.display()))
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
    let config = check.assumptions.over(against(read_settings(walk)?, check, walk)?);
    let changed = check.changed_since.as_deref().map(|since| changed(since, &check.paths, walk)).transpose()?;
    Ok(Config {
        changed,
        only: check.rules.iter().map(|rule| rule.id.to_owned()).collect(),
        baseline: check.baseline.as_deref().map(baseline).transpose()?,
        min_severity: check.min_severity.unwrap_or(config.min_severity),
        min_confidence: check.min_confidence.unwrap_or(config.min_confidence),
        // What goes into a baseline is accepted by that.
        fail_on: match check.write_baseline {
            Some(_) => Level::Off,
            None => check.fail_on.unwrap_or(config.fail_on),
        },
        all: check.all,
        no_ignores: check.no_ignores,
        is_whole: is_whole(&check.paths, walk),
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
pub fn nearest(path: &Path) -> Option<PathBuf> {
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

fn baseline(path: &Path) -> Result<Baseline, Fault> {
    let text = fs::read_to_string(path).map_err(|error| reason(&error));
    let read = |text: String| read_baseline(&path.display().to_string(), &text);
    text.and_then(read).map_err(|reason| Fault::Baseline(path.to_owned(), reason))
}

/// The repository that holds the first of the paths, or the working directory where there is none.
fn repository(paths: &[PathBuf]) -> Result<Repository, Fault> {
    if paths.iter().any(|path| path.as_os_str() == "-") {
        return Err(Fault::Git("standard input has no history; name the files that git follows".to_owned()));
    }
    Repository::holding(paths.first().map_or(Path::new("."), PathBuf::as_path))
}

/// Holds the settings against those of a revision, where that is asked for.
fn against(config: Config, check: &Check, walk: &Walk) -> Result<Config, Fault> {
    let Some(revision) = check.deny_new_ignores.as_deref() else { return Ok(config) };
    let then = repository(&check.paths)?.at(revision)?;
    let here = [PathBuf::from(".")];
    let paths = if check.paths.is_empty() { &here } else { check.paths.as_slice() };
    // The settings of the revision: the file that is in force now, or the one that was before that.
    let settings = walk.sources.settings().and_then(|settings| then.path(Path::new(settings.path())));
    let walked = then.walk(paths, settings.filter(|file| file.is_file()).as_deref())?;
    let earlier = palisade::settings(&walked).unwrap_or_default();
    Ok(palisade::held_against(config, walk, revision, &walked, &earlier))
}

/// The lines of what was read that have changed since a revision.
fn changed(since: &str, paths: &[PathBuf], walk: &Walk) -> Result<Changed, Fault> {
    let changes = repository(paths)?.changed_since(since)?;
    let lines = walk.sources.iter().filter_map(|source| {
        let path = fs::canonicalize(source.path()).ok()?;
        Some((source.id(), changes.of(&path)?.to_vec()))
    });
    Ok(Changed { since: since.to_owned(), lines: lines.collect() })
}

/// Whether the paths hold everything that the settings may speak of: all that is below their folder.
fn is_whole(paths: &[PathBuf], walk: &Walk) -> bool {
    let Some(settings) = walk.sources.settings() else { return true };
    let Ok(file) = fs::canonicalize(settings.path()) else { return false };
    let holds = |path: &Path| {
        fs::canonicalize(path).is_ok_and(|path| file.parent().is_some_and(|folder| folder.starts_with(path)))
    };
    if paths.is_empty() { holds(Path::new(".")) } else { paths.iter().any(|path| holds(path)) }
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
