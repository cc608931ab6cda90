//! What several test files need: the folders beside the project, audits of folders and texts, findings as lines.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.
#![allow(dead_code)] // Each test file uses a part of this.

pub mod mesh;
pub mod page;
pub mod program;
pub mod repository;

use std::fs;
use std::path::{Path, PathBuf};

use palisade::config::{Before, Config, Date};
use palisade::source::{self, Location, Sources, Walk};
use palisade::triage::{Report, Reported};
use palisade::{analysis, model, resource};

/// A path in the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A folder or file beside the project. Where it is not there, says what is left out; in CI, that is a failure.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = project("../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", path.display());
    println!("left out: what needs {}, which is not there", path.display());
    None
}

/// The entries of a folder, sorted.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.expect("a folder can be listed").path()).collect();
    paths.sort();
    paths
}

/// All files below a folder whose names end so, sorted.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let below = |path: PathBuf| if path.is_dir() { files(&path, ending) } else { vec![path] };
    let all = entries(folder).into_iter().flat_map(below);
    all.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

pub fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What there is exactly one of.
pub fn only<T>(list: Vec<T>) -> T {
    assert_eq!(list.len(), 1);
    list.into_iter().next().expect("there is one")
}

/// The name of a file or folder.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Everything in a folder, as `palisade check` would take it.
pub fn walk(folder: &Path) -> Walk {
    source::walk(&[folder.to_owned()]).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

/// Audits one text with the default settings, on a day on which some of its ignores have ended. What findings about paths
/// explain is told as well.
pub fn audit_text(text: &str) -> (Walk, Report) {
    audit_as(text, Config::default())
}

/// Audits an example of a rule's page. The rule on new ignores speaks only where there is something to hold them against.
/// What stands above `--- # the manifests`, where there is such a line, is the settings.
pub fn audit_example(rule: &str, text: &str) -> (Walk, Report) {
    let before = (rule == "new-ignore").then(Before::default);
    let Some((settings, rest)) = text.split_once(END_OF_SETTINGS) else {
        return audit_as(text, Config { before, ..Config::default() });
    };
    // Both keep the lines that they have in the example.
    let manifests = "\n".repeat(settings.lines().count() + 1) + rest;
    let files = [("input.yaml", manifests), ("palisade.yaml", settings.to_owned())];
    let files = files.map(|(path, text)| (path.to_owned(), text)).to_vec();
    let walk = Walk { sources: Sources::new(files).with_settings("palisade.yaml"), ..Walk::default() };
    let config = palisade::settings(&walk).unwrap_or_else(|problems| panic!("{problems:?}\n{settings}"));
    let report = audit_walk(&walk, Config { before, ..config });
    (walk, report)
}

/// Where the settings end in an example that has some.
const END_OF_SETTINGS: &str = "--- # the manifests\n";

fn audit_as(text: &str, config: Config) -> (Walk, Report) {
    let walk = source::from_text("input.yaml", text.to_owned());
    let report = audit_walk(&walk, config);
    (walk, report)
}

fn audit_walk(walk: &Walk, config: Config) -> Report {
    palisade::audit(walk, &Config { today: Date::parse("2026-12-01"), all: true, ..config })
}

/// What an estate comes down to under some settings, as its model and the facts that follow.
pub fn judged_with<T>(
    text: &str,
    config: &Config,
    judge: impl FnOnce(&model::Estate<'_>, &analysis::Facts<'_>) -> T,
) -> T {
    judged_walk(&source::from_text("estate.yaml", text.to_owned()), config, judge)
}

/// What the files of an estate come down to under some settings, as its model and the facts that follow.
pub fn judged_walk<T>(
    walk: &Walk,
    config: &Config,
    judge: impl FnOnce(&model::Estate<'_>, &analysis::Facts<'_>) -> T,
) -> T {
    let parsed = source::parse_all(&walk.sources);
    assert!(parsed.unparsed.is_empty(), "{:?}", parsed.unparsed);
    let embedded = resource::embedded_documents(&parsed.documents);
    let resources = resource::read(&parsed.documents, &embedded);
    let estate = model::lower(&resources, config);
    judge(&estate, &analysis::analyze(&estate))
}

/// What an estate comes down to, as its model and the facts that follow.
pub fn judged<T>(text: &str, judge: impl FnOnce(&model::Estate<'_>, &analysis::Facts<'_>) -> T) -> T {
    judged_with(text, &Config::default(), judge)
}

/// `line:column-line:column`, the end exclusive.
pub fn range(at: Location, sources: &Sources) -> String {
    let source = &sources[at.source];
    let (start, end) = (source.line_column(at.span.start), source.line_column(at.span.end));
    format!("{}:{}-{}:{}", start.line, start.column, end.line, end.column)
}

/// A finding as one line that is easy to search for: `path:range level rule/variant message`.
pub fn line(reported: &Reported, sources: &Sources, folder: &str) -> String {
    let finding = &reported.finding;
    let path = sources[finding.at.source].path();
    let path = path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/');
    let level = reported.level.as_str();
    let range = range(finding.at, sources);
    format!("{path}:{range} {level} {}/{} {}", finding.rule, finding.variant, finding.message)
}

/// Everything that a finding says, for tests of the wording.
pub fn sayings(reported: &Reported) -> Vec<&str> {
    let finding = &reported.finding;
    let related = finding.related.iter().map(|label| label.message.as_str());
    let hops = finding.witness.iter().map(|hop| hop.reason.as_str());
    std::iter::once(finding.message.as_str()).chain(related).chain(hops).collect()
}

/// Whether a golden file is to be rewritten rather than compared with.
pub fn updates() -> bool {
    std::env::var_os("UPDATE_EXPECTED").is_some()
}

/// Compares two texts line by line, and says what is too much and what is missing.
pub fn difference(expected: &str, got: &str) -> Option<String> {
    if expected == got {
        return None;
    }
    let only = |one: &str, other: &str, sign: char| -> String {
        let other: Vec<&str> = other.lines().collect();
        one.lines().filter(|line| !other.contains(line)).map(|line| format!("  {sign} {line}\n")).collect()
    };
    let both = only(expected, got, '-') + &only(got, expected, '+');
    Some(if both.is_empty() { "  the same lines in another order or number\n".to_owned() } else { both })
}
