//! The command line: what was typed, and what it means. Only the binary sees this, and only here is the environment read.

pub mod assumptions;
pub mod connections;
pub mod diff;
pub mod fix;
pub mod git;
pub mod graph;
pub mod install;
pub mod lsp;
pub mod messages;
pub mod outputs;
pub mod paths;
pub mod screen;
pub mod settings;
pub mod show;
pub mod sources;
pub mod waiting;
pub mod written;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Parser, Subcommand, ValueEnum};

use assumptions::Assumptions;
use fix::Mode;
use outputs::Outputs;
use palisade::config::{failing_word, istio_version, suggestion};
use palisade::finding::{Confidence, Level, Severity};
use palisade::rule::Rule;
use palisade::rules::{self, RULES};
use written::Format;

/// Audits the egress control of a Kubernetes estate: mesh, network policy, nodes and VPC firewall.
#[derive(Parser)]
#[command(name = "palisade", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// When to color: auto is on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = OUTPUT)]
    pub color: Color,
}

/// What each exit code means; the same for every format.
const EXIT_CODES: &str = "\
Exit codes:
  0  audited, and nothing at or above --fail-on
  1  audited, with at least one finding at or above --fail-on
  2  could not audit: wrong usage, an unreadable path, nothing to audit, or a document that cannot be parsed";

/// Where shells look for completions.
const COMPLETIONS: &str = "\
Where to put it:
  bash  palisade completions bash > ~/.local/share/bash-completion/completions/palisade
  zsh   palisade completions zsh > _palisade, in a directory of $fpath
  fish  palisade completions fish > ~/.config/fish/completions/palisade.fish";

const INPUT: &str = "Input";
const JUDGEMENT: &str = "Judgement";
const FIXES: &str = "Fixes";
const OUTPUT: &str = "Output";

#[derive(Subcommand)]
pub enum Command {
    /// Audit directories, files or a dump
    #[command(after_help = EXIT_CODES)]
    Check(Box<Check>),
    /// List which workload may open which connection, by network policies alone
    Connections(Box<connections::Connections>),
    /// Say what a change opens and closes, between two folders or git revisions
    Diff(Box<diff::Diff>),
    /// Draw the estate: who is where, what decides, and which ways lead out
    Graph(Box<graph::Graph>),
    /// List every way out of every workload: who can leave, how, and what stops them
    Paths(Box<paths::Paths>),
    /// Show the page of a rule: what it finds, why it matters, what to write instead
    Explain(Explain),
    /// List the rules
    Rules(Rules),
    /// Serve an editor: findings as you type, over standard input and output
    Lsp(lsp::Lsp),
    /// Write what a shell needs to complete the command line
    #[command(after_help = COMPLETIONS)]
    Completions(install::Completions),
    /// Write the manual, in roff
    Man(install::Manual),
}

/// `palisade check`.
#[derive(Args)]
pub struct Check {
    /// Directories and files to audit; `-` is standard input, and the default is the working directory
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Settings [default: the nearest palisade.yaml, from the audited directory upwards]
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    pub assumptions: Assumptions,

    /// The lowest level that fails the audit [default: error]
    #[arg(long, value_name = "LEVEL", value_parser = fail_levels(), help_heading = JUDGEMENT)]
    pub fail_on: Option<Level>,

    /// Report what a finding about a path explains one by one
    #[arg(long, help_heading = JUDGEMENT)]
    pub all: bool,

    /// Report this rule only; may be repeated
    #[arg(long = "rule", value_name = "ID", value_parser = RuleId, hide_possible_values = true, help_heading = JUDGEMENT)]
    pub rules: Vec<&'static Rule>,

    /// Report nothing less severe
    #[arg(long, value_name = "SEVERITY", value_parser = words(&Severity::ALL, Severity::as_str), help_heading = JUDGEMENT)]
    pub min_severity: Option<Severity>,

    /// Report nothing less certain
    #[arg(long, value_name = "CONFIDENCE", value_parser = words(&Confidence::ALL, Confidence::as_str), help_heading = JUDGEMENT)]
    pub min_confidence: Option<Confidence>,

    /// Findings that are known do not count: report what this file does not have
    #[arg(long, value_name = "FILE", help_heading = JUDGEMENT)]
    pub baseline: Option<PathBuf>,

    /// Keep the findings as a baseline, and do not fail for them
    #[arg(long, value_name = "FILE", help_heading = JUDGEMENT)]
    pub write_baseline: Option<PathBuf>,

    /// Audit everything, and report what points at a line that has changed since a git revision
    #[arg(long, value_name = "REVISION", help_heading = JUDGEMENT)]
    pub changed_since: Option<String>,

    /// Accept nothing that a git revision does not: new ignores and lowered settings have no effect and fail the audit
    #[arg(long, value_name = "REVISION", help_heading = JUDGEMENT)]
    pub deny_new_ignores: Option<String>,

    /// Silence nothing: show what ignores hide
    #[arg(long, help_heading = JUDGEMENT)]
    pub no_ignores: bool,

    /// Make the edits of findings that have exactly one right edit, and audit what comes of it; `diff` only shows them
    #[arg(
        long,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "write",
        help_heading = FIXES
    )]
    pub fix: Option<Mode>,

    /// Let `--fix` write files with changes that are not committed
    #[arg(long, requires = "fix", help_heading = FIXES)]
    pub allow_dirty: bool,

    #[command(flatten)]
    pub outputs: Outputs<Format>,

    /// Also write silenced findings to SARIF; GitHub shows them as open alerts
    #[arg(long, help_heading = OUTPUT)]
    pub sarif_suppressed: bool,

    /// Print the settings in force and where each comes from, and audit nothing
    #[arg(long, help_heading = OUTPUT)]
    pub show_config: bool,

    /// Findings only, without the closing lines
    #[arg(short, long, conflicts_with = "verbose", help_heading = OUTPUT)]
    pub quiet: bool,

    /// Everything that was not understood, and the settings in use
    #[arg(short, long, help_heading = OUTPUT)]
    pub verbose: bool,
}

impl Check {
    /// The files that a run like this writes, or has written.
    pub fn own_files(&self) -> Vec<&Path> {
        let outputs = self.outputs.files().into_iter();
        outputs.chain(self.baseline.as_deref()).chain(self.write_baseline.as_deref()).collect()
    }
}

/// `palisade explain`.
#[derive(Args)]
pub struct Explain {
    /// The id of a rule, as findings and `palisade rules` name it
    #[arg(value_name = "RULE", value_parser = RuleId, hide_possible_values = true)]
    pub rule: &'static Rule,
}

/// `palisade rules`.
#[derive(Args)]
pub struct Rules {
    /// How to list them
    #[arg(long, value_name = "FORMAT", default_value = "terminal", help_heading = OUTPUT)]
    pub format: ListFormat,
}

/// When to color the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// How the catalogue is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    Terminal,
    Json,
}

/// A parser for the values of one of the library's enums, by the words that the outputs use.
fn words<T>(values: &'static [T], word: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let find = move |text: String| values.iter().copied().find(|&value| word(value) == text).ok_or("not one of them");
    PossibleValuesParser::new(values.iter().map(move |&value| word(value))).try_map(find)
}

fn fail_levels() -> impl TypedValueParser<Value = Level> {
    words(&Level::ALL, failing_word)
}

fn version(text: &str) -> Result<(u32, u32), &'static str> {
    istio_version(text).ok_or("not a version such as 1.28")
}

/// Reads the id of a rule, and lets shells complete it.
#[derive(Clone)]
struct RuleId;

impl TypedValueParser for RuleId {
    type Value = &'static Rule;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&Arg>, value: &OsStr) -> Result<Self::Value, clap::Error> {
        rule.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(RULES.iter().map(|rule| PossibleValue::new(rule.id).help(rule.summary))))
    }
}

fn rule(id: &str) -> Result<&'static Rule, String> {
    let missing = || format!("there is no such rule{}; `palisade rules` lists all", suggestion(id, &rules::ids()));
    RULES.iter().copied().find(|rule| rule.id == id).ok_or_else(missing)
}
