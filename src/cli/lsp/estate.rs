//! What is audited for the editor: a folder as `check` takes it, with the texts that are open in place of the files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gen_lsp_types::Uri;

use super::documents::{Document, Documents, uri};
use crate::cli::settings::{self, Fault};
use crate::cli::sources;
use palisade::config::Config;
use palisade::source::{Problem, Source, Sources, Walk, is_read};
use palisade::triage::{Repair, Report, Reported};

/// An audit, and how the editor addresses what was audited.
pub struct Audited {
    pub walk: Walk,
    config: Config,
    /// What was found; or what is wrong in the settings, so that nothing was audited.
    pub outcome: Result<Report, Vec<Problem>>,
    /// The open documents among the sources, by the paths of the sources: their addresses and versions.
    pub open: BTreeMap<String, (Uri, i32)>,
    /// Whether the fixes of findings hold, by the findings' ranks, as far as that was asked for.
    confirmed: RefCell<BTreeMap<usize, bool>>,
}

impl Audited {
    /// The address of a source: the editor's own where it is open.
    pub fn uri(&self, source: &Source) -> Uri {
        self.open.get(source.path()).map_or_else(|| uri(Path::new(source.path())), |(uri, _)| uri.clone())
    }

    /// The open document at an address.
    pub fn source(&self, uri: &Uri) -> Option<&Source> {
        let path = self.open.iter().find(|(_, (open, _))| open == uri).map(|(path, _)| path)?;
        self.walk.sources.iter().find(|source| source.path() == path)
    }

    /// Whether an audit of the texts with a finding's fix confirms that it holds.
    pub fn confirms(&self, reported: &Reported, repair: &Repair) -> bool {
        let Ok(report) = &self.outcome else { return false };
        let known = self.confirmed.borrow().get(&reported.order).copied();
        known.unwrap_or_else(|| {
            let holds = !palisade::repaired(&self.walk, &self.config, report, |one| one == repair).made.is_empty();
            self.confirmed.borrow_mut().insert(reported.order, holds);
            holds
        })
    }
}

/// Audits a folder; where the editor has none, the open documents.
///
/// # Errors
/// There is nothing that could be audited, not even in part.
pub fn audit(folder: Option<&Path>, documents: &Documents) -> Result<Audited, Fault> {
    let paths: Vec<PathBuf> = match folder {
        Some(folder) => vec![folder.to_owned()],
        None => documents.0.keys().filter(|path| path.is_file()).cloned().collect(),
    };
    let file = match paths.as_slice() {
        [] => None,
        paths => settings::find(None, paths)?.and_then(|file| std::path::absolute(file).ok()),
    };
    let walk = if paths.is_empty() { Walk::default() } else { sources::walk(&paths, file.as_deref(), &[])? };
    let (sources, open) = with_open(walk.sources, folder, documents);
    let walk = Walk { sources, skipped: walk.skipped };
    let (config, outcome) = match palisade::settings(&walk) {
        Ok(config) => {
            let config = Config { today: Some(settings::today()), ..config };
            let report = palisade::audit(&walk, &config);
            (config, Ok(report))
        }
        Err(problems) => (Config::default(), Err(problems)),
    };
    Ok(Audited { walk, config, outcome, open, confirmed: RefCell::default() })
}

/// The sources, with the texts of the open documents in place of what the files hold. A document that has no file yet
/// is audited where a file of its name would be.
fn with_open(
    sources: Sources,
    folder: Option<&Path>,
    documents: &Documents,
) -> (Sources, BTreeMap<String, (Uri, i32)>) {
    let settings = sources.settings().map(|source| source.path().to_owned());
    let mut files = sources.into_contents();
    let mut open = BTreeMap::new();
    for (path, document) in &documents.0 {
        let Document { uri, version, text } = document;
        let names = names(path, folder);
        if let Some((name, contents)) = files.iter_mut().find(|(name, _)| names.contains(name)) {
            *contents = Ok(text.clone());
            open.insert(name.clone(), (uri.clone(), *version));
        } else if !path.exists() && is_read(path) && folder.is_none_or(|folder| path.starts_with(folder)) {
            files.push((slashed(path), Ok(text.clone())));
            open.insert(slashed(path), (uri.clone(), *version));
        }
    }
    let sources = Sources::from_contents(files);
    (if let Some(settings) = settings { sources.with_settings(&settings) } else { sources }, open)
}

/// What a source may be called that is the file at a path: the folder may be reached through links.
fn names(path: &Path, folder: Option<&Path>) -> Vec<String> {
    let mut names = vec![slashed(path)];
    if let Ok(real) = fs::canonicalize(path) {
        let below =
            folder.and_then(|folder| Some(folder.join(real.strip_prefix(fs::canonicalize(folder).ok()?).ok()?)));
        names.extend(below.as_deref().map(slashed));
        names.push(slashed(&real));
    }
    names
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
