//! The one place that reads files: which ones there are, and what they hold.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};
use rayon::prelude::*;

use super::place::{Contents, Sources};
use super::recognise::{is_read, says_nothing, starts_like_objects};
use crate::progress::{self, Stage};

/// The largest file that is read, in bytes: offsets are kept in 32 bits.
const MAX_BYTES: u64 = 1 << 31;

/// A file that was seen and not read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub path: String,
    pub reason: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Walk {
    pub sources: Sources,
    pub skipped: Vec<Skipped>,
}

/// Why nothing could be read at all.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    #[error("cannot read `{path}`: {reason}")]
    Unreadable { path: String, reason: String },
}

/// Reads directories and files. A directory is read with all that is below it that looks like input, except what git ignores
/// and what is hidden;
/// a file that is named is read whatever it is called. Links are followed as long as they stay inside the directory.
///
/// # Errors
/// A path that does not exist or cannot be opened.
pub fn walk(paths: &[PathBuf]) -> Result<Walk, WalkError> {
    progress::begin(Stage::Reading, 1);
    let mut seen = Seen::default();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, &reason(&error)))?;
        if metadata.is_dir() {
            seen.add_below(path)?;
        } else {
            let identity = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            seen.files.entry(identity).or_insert_with(|| shown(path));
        }
    }
    progress::begin(Stage::Reading, seen.files.len());
    let contents_of = |(path, shown): (PathBuf, String)| {
        let contents = read(&path);
        progress::step();
        (shown, contents)
    };
    let mut contents: Vec<(String, Contents)> = seen.files.into_par_iter().map(contents_of).collect();
    contents.extend(seen.closed.into_iter().map(|(path, reason)| (path, Err(reason))));
    Ok(Walk { sources: Sources::from_contents(contents), skipped: seen.skipped })
}

/// What a walk has come by.
#[derive(Default)]
struct Seen {
    /// The files to read, by their real paths, so that none comes twice.
    files: BTreeMap<PathBuf, String>,
    skipped: Vec<Skipped>,
    /// What cannot be looked into, and why: nobody knows what is in it, so it counts as a document that cannot be read.
    closed: BTreeMap<String, String>,
}

/// A text that is already there.
#[must_use]
pub fn from_text(path: &str, text: String) -> Walk {
    Walk { sources: Sources::new(vec![(path.to_owned(), text)]), skipped: Vec::new() }
}

/// The bytes of something that is no file, such as standard input, taken as those of a file.
#[must_use]
pub fn from_bytes(path: &str, bytes: Vec<u8>) -> Walk {
    Walk { sources: Sources::from_contents(vec![(path.to_owned(), text(bytes))]), skipped: Vec::new() }
}

/// Why something cannot be read or written, without the number that the system has for it.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        _ => {
            // What walks through folders wraps what the system said, and the path with it.
            let mut cause: &dyn Error = error;
            while let Some(next) = cause.source() {
                cause = next;
            }
            cause.to_string().split(" (os error").next().unwrap_or_default().to_lowercase()
        }
    }
}

fn unreadable(path: &Path, reason: &str) -> WalkError {
    WalkError::Unreadable { path: shown(path), reason: reason.to_owned() }
}

impl Seen {
    /// Adds the files below a directory.
    fn add_below(&mut self, root: &Path) -> Result<(), WalkError> {
        let inside = fs::canonicalize(root).map_err(|error| unreadable(root, &reason(&error)))?;
        fs::read_dir(root).map_err(|error| unreadable(root, &reason(&error)))?;
        let entries = WalkBuilder::new(root).require_git(false).follow_links(true).sort_by_file_path(Path::cmp).build();
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.add_fault(root, &error);
                    continue;
                }
            };
            let placed = match entry.file_type() {
                Some(kind) if kind.is_dir() => continue,
                Some(kind) if kind.is_file() => place(&entry, &inside),
                _ => Err("neither a file nor a folder"),
            };
            match placed {
                Ok(real) => drop(self.files.entry(real).or_insert_with(|| shown(entry.path()))),
                Err(reason) => self.skipped.push(Skipped { path: shown(entry.path()), reason: reason.to_owned() }),
            }
        }
        Ok(())
    }

    /// A dangling link and a link to a folder above lead to nothing that is not read; what may not be opened does.
    fn add_fault(&mut self, root: &Path, error: &ignore::Error) {
        let about = path_of(error).unwrap_or(root);
        let path = shown(about);
        match error.io_error() {
            Some(io) if leads_nowhere(about, io) => {
                self.skipped.push(Skipped { path, reason: "a link to something that is not there".to_owned() });
            }
            Some(io) => drop(self.closed.insert(path, format!("cannot be opened: {}", reason(io)))),
            None => self.skipped.push(Skipped { path, reason: error.to_string() }),
        }
    }
}

/// Whether something is a link that leads to nothing or to itself, or has gone since it was listed.
fn leads_nowhere(path: &Path, error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::NotFound => true,
        io::ErrorKind::PermissionDenied => false,
        _ => fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()),
    }
}

/// What an error of the walk is about.
fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::Loop { child, .. } => Some(child),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => None,
    }
}

/// The real path of a file that is to be read, or why it is not.
fn place(entry: &DirEntry, inside: &Path) -> Result<PathBuf, &'static str> {
    let path = entry.path();
    let holds_objects = || says_nothing(path) && head(path).is_some_and(|head| starts_like_objects(&head));
    if !is_read(path) && !holds_objects() {
        return Err("not YAML, JSON or Terraform");
    }
    let real = fs::canonicalize(path).map_err(|_| "cannot be opened")?;
    if real.starts_with(inside) { Ok(real) } else { Err("a link that leaves the audited directory") }
}

/// The text at the start of a file, where it is text.
fn head(path: &Path) -> Option<String> {
    const BYTES: u64 = 4096;
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(BYTES).read_to_end(&mut bytes).ok()?;
    // The last character may be cut off.
    (0..4).find_map(|cut| decoded(bytes.get(..bytes.len().checked_sub(cut)?)?))
}

fn read(path: &Path) -> Contents {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| reason(&error))?;
    let size = file.metadata().map_err(|error| reason(&error))?.len();
    if size > MAX_BYTES {
        return Err(too_large());
    }
    // What is no file has no size, and may have no end.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    text(bytes)
}

fn too_large() -> String {
    format!("more than the {MAX_BYTES} bytes that an audit reads; split the file")
}

fn text(bytes: Vec<u8>) -> Contents {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large());
    }
    match mark(&bytes) {
        Some((rest, unit)) => utf_16(rest, unit).ok_or_else(|| "marked as UTF-16, and not encoded as such".to_owned()),
        None => String::from_utf8(bytes).map_err(|error| not_text(error.as_bytes()).to_owned()),
    }
}

/// The text of bytes, where they are text.
fn decoded(bytes: &[u8]) -> Option<String> {
    match mark(bytes) {
        Some((rest, unit)) => utf_16(rest, unit),
        None => std::str::from_utf8(bytes).ok().map(str::to_owned),
    }
}

/// How the two bytes of a unit of UTF-16 are put together.
type Unit = fn([u8; 2]) -> u16;

/// What follows a mark that tells bytes to be UTF-16, and how its units are put together.
fn mark(bytes: &[u8]) -> Option<(&[u8], Unit)> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => Some((rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Some((rest, u16::from_be_bytes)),
        _ => None,
    }
}

/// The text of bytes that a mark tells to be UTF-16, as PowerShell writes what a command prints; places then count in the
/// text as UTF-8.
fn utf_16(bytes: &[u8], unit: Unit) -> Option<String> {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok().filter(|_| bytes.len().is_multiple_of(2))
}

fn not_text(bytes: &[u8]) -> &'static str {
    match bytes {
        _ if bytes.contains(&0) => "not text",
        _ => "not encoded as UTF-8",
    }
}

/// A path as a person would type it: forward slashes, and no `./` in front.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").filter(|rest| !rest.is_empty()).map_or(text.clone(), str::to_owned)
}
