//! What is audited: paths and standard input; and which repository it is in.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use super::{messages, settings::Fault};
use palisade::config::{FILE_NAME, suggestion};
use palisade::progress::{self, Stage};
use palisade::report::Paths;
use palisade::source::{self, Contents, Skipped, Sources, Walk, WalkError};

/// The name of a baseline that is no manifest whether it is asked for or not.
const BASELINE: &str = "palisade-baseline.json";

/// The path that the report shows for standard input.
pub const STDIN: &str = "<stdin>";

/// Reads everything that the command line names, and the settings beside it. `own` are files that palisade itself writes:
/// a baseline or an earlier report in the audited folder is no manifest.
///
/// # Errors
/// A path or standard input cannot be read.
pub fn walk(paths: &[PathBuf], settings: Option<&Path>, own: &[&Path]) -> Result<Walk, Fault> {
    let is_stdin = |path: &&PathBuf| path.as_os_str() == OsStr::new("-");
    let (stdin, paths): (Vec<&PathBuf>, Vec<&PathBuf>) = paths.iter().partition(is_stdin);
    let mut paths: Vec<PathBuf> = paths.into_iter().cloned().collect();
    if stdin.is_empty() && paths.is_empty() {
        paths.push(PathBuf::from("."));
    }
    let typed =
        if stdin.is_empty() { Vec::new() } else { source::from_bytes(STDIN, read_stdin()?).sources.into_contents() };
    together(&paths, typed, settings, own)
}

/// Reads files and folders, and the settings beside them.
///
/// # Errors
/// A path cannot be read.
pub fn walk_files(paths: &[PathBuf], settings: Option<&Path>) -> Result<Walk, Fault> {
    together(paths, Vec::new(), settings, &[])
}

fn together(
    paths: &[PathBuf],
    typed: Vec<(String, Contents)>,
    settings: Option<&Path>,
    own: &[&Path],
) -> Result<Walk, Fault> {
    let walk =
        if paths.is_empty() { Walk::default() } else { source::walk(paths).map_err(|fault| missing(paths, fault))? };
    let (mut files, mut skipped) = without_own(without_settings(walk, settings), own);
    files.extend(typed);
    let Some(settings) = settings else { return Ok(Walk { sources: Sources::from_contents(files), skipped }) };
    for (path, contents) in source::walk(&[settings.to_owned()])?.sources.into_contents() {
        skipped.retain(|skipped| skipped.path != path);
        skipped.push(Skipped { path: path.clone(), reason: "the settings of this audit".to_owned() });
        files.push((path, contents));
    }
    let path = skipped.last().map(|settings| settings.path.clone()).unwrap_or_default();
    Ok(Walk { sources: Sources::from_contents(files).with_settings(&path), skipped })
}

/// Says of a path that is not there what may have been meant.
fn missing(paths: &[PathBuf], fault: WalkError) -> Fault {
    let Some(path) = paths.iter().find(|path| !path.exists() && fs::symlink_metadata(path).is_err()) else {
        return Fault::Walk(fault);
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = fs::read_dir(folder).into_iter().flatten().flatten();
    let names: Vec<String> = beside.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let near = suggestion(&name, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let help = if near.is_empty() { "; name the folders or files that hold the manifests" } else { &near };
    Fault::Asked(format!("{fault}{help}"))
}

/// Leaves out the files that palisade writes.
fn without_own(
    (files, mut skipped): (Vec<(String, Contents)>, Vec<Skipped>),
    own: &[&Path],
) -> (Vec<(String, Contents)>, Vec<Skipped>) {
    let own: Vec<PathBuf> = own.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    let is_own = |path: &Path| {
        path.file_name().is_some_and(|name| name == BASELINE)
            || fs::canonicalize(path).is_ok_and(|path| own.contains(&path))
    };
    let (written, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|(path, _)| is_own(Path::new(path)));
    let reason = "written by palisade";
    skipped.extend(written.into_iter().map(|(path, _)| Skipped { path, reason: reason.to_owned() }));
    (files, skipped)
}

/// Settings are no manifest: each file of that name, and the one that was named.
fn without_settings(walk: Walk, named: Option<&Path>) -> (Vec<(String, Contents)>, Vec<Skipped>) {
    let is_named = |path: &Path| {
        let same_name = |named: &&Path| named.file_name() == path.file_name();
        named.filter(same_name).is_some_and(|named| fs::canonicalize(named).ok() == fs::canonicalize(path).ok())
    };
    let is_settings =
        |path: &str| Path::new(path).file_name() == Some(OsStr::new(FILE_NAME)) || is_named(Path::new(path));
    let files = walk.sources.into_contents().into_iter();
    let (settings, files): (Vec<_>, Vec<_>) = files.partition(|(path, _)| is_settings(path));
    let others = settings.into_iter().filter(|(path, _)| !is_named(Path::new(path)));
    let reason = "settings of palisade, and not those of this audit";
    let others = others.map(|(path, _)| Skipped { path, reason: reason.to_owned() });
    (files, walk.skipped.into_iter().chain(others).collect())
}

fn read_stdin() -> Result<Vec<u8>, Fault> {
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        messages::tell("reading manifests from the terminal; end them with Ctrl-D");
    } else {
        progress::begin(Stage::Reading, 1);
    }
    let mut bytes = Vec::new();
    stdin.read_to_end(&mut bytes).map_err(|error| Fault::Read(PathBuf::from("standard input"), error))?;
    Ok(bytes)
}

/// What paths in reports are relative to: the repository that holds the working directory and what is audited.
pub fn repository(paths: &[PathBuf]) -> Paths {
    let Ok(here) = env::current_dir() else { return Paths::default() };
    let audited = paths.first().and_then(|path| std::path::absolute(path).ok()).unwrap_or_else(|| here.clone());
    let root = root_above(&here).filter(|root| audited.starts_with(root)).or_else(|| root_above(&audited));
    let text = |path: &Path| path.display().to_string();
    Paths { root: text(root.unwrap_or(&here)), directory: text(&here) }
}

fn root_above(path: &Path) -> Option<&Path> {
    path.ancestors().find(|directory| directory.join(".git").exists())
}
