//! `check --fix`: shows the edits that an audit has confirmed, and writes those that it may.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tempfile::NamedTempFile;

use super::outputs::print;
use super::settings::Fault;
use super::written::Format;
use super::{Check, Color, git, messages, screen, sources};
use palisade::config::Config;
use palisade::repair::{Left, Repaired, fixable};
use palisade::report::{counted, patch};
use palisade::source::{Source, SourceId, Walk, reason};
use palisade::triage::{Repair, Report};

/// What happens to the edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Show them and write them
    Write,
    /// Only show them
    Diff,
}

/// Shows the edits for the findings of a report, and writes them where that is asked for. Answers whether anything was
/// written, so that what was read is no longer what is there.
///
/// # Errors
/// A file cannot be written.
pub fn run(
    mode: Mode,
    check: &Check,
    walk: &Walk,
    config: &Config,
    report: &Report,
    color: Color,
) -> Result<bool, Fault> {
    let wanted = sources_of(report);
    let refused = if mode == Mode::Write { refused(&wanted, check, walk) } else { BTreeMap::new() };
    for (id, reason) in &refused {
        messages::tell(format_args!("{}: not written: {reason}", walk.sources[*id].path()));
    }
    let may = |repair: &Repair| repair.replacements.iter().all(|edit| !refused.contains_key(&edit.at.source));
    let repaired = palisade::repaired(walk, config, report, may);
    for (reported, left) in &repaired.left {
        let position = messages::position(reported.finding.at, &walk.sources);
        let why = match left {
            Left::Meets => "another fix changes the same text; run again for this one".to_owned(),
            Left::Stays => "an audit of the result still finds it".to_owned(),
            Left::Brings(rule) => format!("the edit would bring a finding of `{rule}`"),
            Left::Unread => "the result could not be read".to_owned(),
        };
        messages::tell(format_args!("{position}: not fixed: {why} [{}]", reported.finding.rule));
    }
    show(&repaired, walk, check, color)?;
    let written = mode == Mode::Write && !repaired.made.is_empty();
    if written {
        write(&repaired, walk)?;
    }
    let files = changed(&repaired, walk).count();
    let (findings, files) = (counted(repaired.made.len(), "finding"), counted(files, "file"));
    messages::tell(match (mode, repaired.made.len()) {
        (_, 0) if wanted.is_empty() => "nothing to fix: no finding has exactly one right edit".to_owned(),
        (_, 0) => "nothing fixed".to_owned(),
        (Mode::Write, _) => format!("fixed: {findings} in {files}"),
        (Mode::Diff, _) => format!("`--fix` repairs {findings} in {files}; nothing is written"),
    });
    Ok(written)
}

/// The sources that fixes of a report would change.
fn sources_of(report: &Report) -> BTreeSet<SourceId> {
    fixable(report).flat_map(|(_, repair)| &repair.replacements).map(|edit| edit.at.source).collect()
}

/// The sources whose text is another one, before and after.
fn changed<'w>(repaired: &'w Repaired<'_>, walk: &'w Walk) -> impl Iterator<Item = (&'w Source, &'w Source)> {
    walk.sources.iter().zip(&repaired.sources).filter(|(before, after)| before.text() != after.text())
}

/// Prints the edits as a diff: before the report where that is for people, else beside the document.
fn show(repaired: &Repaired<'_>, walk: &Walk, check: &Check, color: Color) -> Result<(), Fault> {
    let holds_document = check.outputs.on_stdout().is_some_and(|format| *format != Format::Terminal);
    let color = !holds_document && screen::color(color);
    let diff = patch(&walk.sources, &repaired.sources, color);
    if holds_document {
        eprint!("{diff}");
        return Ok(());
    }
    print(&diff)
}

/// The sources that must not be written, and why not.
fn refused(wanted: &BTreeSet<SourceId>, check: &Check, walk: &Walk) -> BTreeMap<SourceId, String> {
    let roots = roots(&check.paths);
    let mut refused = BTreeMap::new();
    let mut files = BTreeMap::new();
    for &id in wanted {
        match writable(&walk.sources[id], &roots) {
            Ok(file) => drop(files.insert(file, id)),
            Err(reason) => drop(refused.insert(id, reason)),
        }
    }
    if !check.allow_dirty {
        let paths: Vec<PathBuf> = files.keys().cloned().collect();
        let advice = "commit or stash it, or say --allow-dirty";
        let dirty = git::uncommitted(&paths).into_iter();
        refused.extend(dirty.filter_map(|(file, reason)| Some((*files.get(&file)?, format!("{reason}; {advice}")))));
    }
    refused
}

/// What is audited, without links.
fn roots(paths: &[PathBuf]) -> Vec<PathBuf> {
    let here = [PathBuf::from(".")];
    let paths = if paths.is_empty() { &here } else { paths };
    paths.iter().filter_map(|path| fs::canonicalize(path).ok()).collect()
}

/// The file that a source was read from, where it may be written.
fn writable(source: &Source, roots: &[PathBuf]) -> Result<PathBuf, String> {
    if source.path() == sources::STDIN {
        return Err("it came from standard input".to_owned());
    }
    let real = fs::canonicalize(source.path()).map_err(|error| reason(&error))?;
    let metadata = fs::metadata(&real).map_err(|error| reason(&error))?;
    match () {
        () if !metadata.is_file() => Err("it is no regular file".to_owned()),
        () if !roots.iter().any(|root| real.starts_with(root)) => Err("it is outside of what is audited".to_owned()),
        () if metadata.permissions().readonly() => Err("it is read-only".to_owned()),
        () => unchanged(source, &real).map(|()| real),
    }
}

/// Makes sure that a file still holds what was audited, byte for byte.
fn unchanged(source: &Source, file: &Path) -> Result<(), String> {
    let bytes = fs::read(file).map_err(|error| reason(&error))?;
    if bytes == source.text().as_bytes() {
        return Ok(());
    }
    Err(match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is encoded as UTF-16".to_owned(),
        _ => "it has changed since it was read".to_owned(),
    })
}

/// Writes what has changed, each file as a whole or not at all.
fn write(repaired: &Repaired<'_>, walk: &Walk) -> Result<(), Fault> {
    for (before, after) in changed(repaired, walk) {
        let failed = |error| Fault::Write(PathBuf::from(before.path()), error);
        let file = fs::canonicalize(before.path()).map_err(failed)?;
        let mut beside = NamedTempFile::new_in(file.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        beside.write_all(after.text().as_bytes()).map_err(failed)?;
        beside.as_file().set_permissions(fs::metadata(&file).map_err(failed)?.permissions()).map_err(failed)?;
        beside.as_file().sync_all().map_err(failed)?;
        unchanged(before, &file).map_err(|reason| Fault::Asked(format!("{}: not written: {reason}", before.path())))?;
        beside.persist(&file).map_err(|error| failed(error.error))?;
    }
    Ok(())
}
