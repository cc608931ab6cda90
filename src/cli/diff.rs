//! `palisade diff`: two states of the manifests, what a change between them opens and what it closes.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::assumptions::Assumptions;
use super::git::Repository;
use super::outputs::Outputs;
use super::settings::{self, Fault};
use super::waiting::Waiting;
use super::{Color, INPUT, JUDGEMENT, OUTPUT, fail_levels, messages, rule, screen, sources, words};
use palisade::config::Config;
use palisade::finding::{Confidence, Level, Severity};
use palisade::report::difference::{self, Change, Side};
use palisade::report::paths::Snapshot;
use palisade::rule::Rule;
use palisade::rules::RULES;
use palisade::source::Walk;
use palisade::triage::{Report, Verdict};

/// `palisade diff`.
#[derive(Args)]
pub struct Diff {
    /// What was: a folder or file, or a git revision; `main..HEAD` names both states, `main...HEAD` the change since they parted
    #[arg(value_name = "OLD")]
    pub old: String,

    /// What is: a folder or file, or a git revision [default: the working tree]
    #[arg(value_name = "NEW")]
    pub new: Option<String>,

    /// The part of the repository to audit, where revisions are compared [default: the working directory]
    #[arg(long = "path", value_name = "PATH", help_heading = INPUT)]
    pub paths: Vec<PathBuf>,

    /// Settings for both states [default: each state's own palisade.yaml]
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    pub assumptions: Assumptions,

    /// The lowest level that fails when it opens [default: error]
    #[arg(long, value_name = "LEVEL", value_parser = fail_levels(), help_heading = JUDGEMENT)]
    pub fail_on: Option<Level>,

    /// Compare findings of this rule only; may be repeated
    #[arg(long = "rule", value_name = "ID", value_parser = rule, help_heading = JUDGEMENT)]
    pub rules: Vec<&'static Rule>,

    /// Compare nothing less severe
    #[arg(long, value_name = "SEVERITY", value_parser = words(&Severity::ALL, Severity::as_str), help_heading = JUDGEMENT)]
    pub min_severity: Option<Severity>,

    /// Compare nothing less certain
    #[arg(long, value_name = "CONFIDENCE", value_parser = words(&Confidence::ALL, Confidence::as_str), help_heading = JUDGEMENT)]
    pub min_confidence: Option<Confidence>,

    #[command(flatten)]
    pub outputs: Outputs<DiffFormat>,

    /// Say nothing but what was asked for
    #[arg(short, long, help_heading = OUTPUT)]
    pub quiet: bool,
}

/// How a comparison is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    #[default]
    Terminal,
    Markdown,
    Json,
}

/// A state, audited.
struct Audited {
    name: String,
    walk: Walk,
    report: Report,
    ways: Snapshot,
}

impl Audited {
    fn side(&self) -> Side<'_> {
        Side { name: &self.name, report: &self.report, ways: &self.ways, sources: &self.walk.sources }
    }
}

/// What a side of the comparison is.
enum State {
    Files(PathBuf),
    Revision(String),
    /// The paths as they are now.
    WorkingTree,
}

/// Audits both states, writes what differs, and answers with the exit code.
///
/// # Errors
/// A state cannot be read, or nothing can be written.
pub fn run(diff: &Diff, color: Color) -> Result<u8, Fault> {
    let (old, new) = states(diff)?;
    let waiting = Waiting::begin(diff.quiet);
    let (old, new) = (audited(&old, diff)?, audited(&new, diff)?);
    drop(waiting);
    let change = Change::new(old.side(), new.side());
    for output in &diff.outputs.0 {
        output.write(&match output.format {
            DiffFormat::Terminal => difference::text(&change, &screen::drawing(color, output.file.is_some())),
            DiffFormat::Markdown => difference::comment(&change, RULES, &sources::repository(&diff.paths)),
            DiffFormat::Json => difference::json(&change),
        })?;
    }
    for side in [&old, &new].into_iter().filter(|_| !diff.quiet) {
        messages::unparsed(&side.report.inputs, &side.walk.sources).for_each(messages::tell);
    }
    // A state with nothing in it is one that a change can start from or lead to; two are a mistyped path.
    let is_empty = |side: &Audited| side.report.inputs.is_empty();
    if is_empty(&old) && is_empty(&new) {
        return Err(Fault::Nothing(old.name, new.name));
    }
    let is_unread = new.report.verdict == Verdict::Incomplete && !is_empty(&new);
    Ok(if is_unread { 2 } else { u8::from(change.fails()) })
}

fn states(diff: &Diff) -> Result<(State, State), Fault> {
    let state = |text: &str| match Path::new(text).exists() {
        true => State::Files(PathBuf::from(text)),
        false => State::Revision(text.to_owned()),
    };
    let revision = |text: &str| if text.is_empty() { "HEAD".to_owned() } else { text.to_owned() };
    if let Some(new) = &diff.new {
        return Ok((state(&diff.old), state(new)));
    }
    if Path::new(&diff.old).exists() {
        return Err(Fault::Half(diff.old.clone()));
    }
    Ok(match (diff.old.split_once("..."), diff.old.split_once("..")) {
        (Some((old, new)), _) => {
            let (old, new) = (revision(old), revision(new));
            (State::Revision(repository(diff)?.merge_base(&old, &new)?), State::Revision(new))
        }
        (None, Some((old, new))) => (State::Revision(revision(old)), State::Revision(revision(new))),
        (None, None) => (State::Revision(diff.old.clone()), State::WorkingTree),
    })
}

fn repository(diff: &Diff) -> Result<Repository, Fault> {
    Repository::holding(diff.paths.first().map_or(Path::new("."), PathBuf::as_path))
}

fn audited(state: &State, diff: &Diff) -> Result<Audited, Fault> {
    let (name, walk) = match state {
        State::Files(path) => {
            let paths = [path.clone()];
            let file = settings::find(diff.config.as_deref(), &paths)?;
            (path.display().to_string(), sources::walk(&paths, file.as_deref(), &diff.outputs.files())?)
        }
        State::WorkingTree => {
            let file = settings::find(diff.config.as_deref(), &diff.paths)?;
            ("the working tree".to_owned(), sources::walk(&diff.paths, file.as_deref(), &diff.outputs.files())?)
        }
        State::Revision(name) => {
            let revision = repository(diff)?.at(name)?;
            let here = [PathBuf::from(".")];
            let paths = if diff.paths.is_empty() { &here } else { diff.paths.as_slice() };
            (short(name), revision.walk(paths, diff.config.as_deref())?)
        }
    };
    let config = diff.assumptions.over(settings::read_settings(&walk)?);
    let config = Config {
        only: diff.rules.iter().map(|rule| rule.id.to_owned()).collect(),
        min_severity: diff.min_severity.unwrap_or(config.min_severity),
        min_confidence: diff.min_confidence.unwrap_or(config.min_confidence),
        fail_on: diff.fail_on.unwrap_or(config.fail_on),
        ..config
    };
    let (report, ways) = palisade::audit_and_ways(&walk, &config);
    Ok(Audited { name, walk, report, ways })
}

/// A full name of a commit in the length that people use.
fn short(name: &str) -> String {
    let is_commit = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit { name.chars().take(10).collect() } else { name.to_owned() }
}
