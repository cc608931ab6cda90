//! Parse the arguments, audit, render, and answer with the exit code. What the words on the command line mean is in `cli`.

mod cli;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use mimalloc::MiMalloc;

use cli::outputs::print;
use cli::settings::Fault;
use cli::waiting::Waiting;
use cli::written::Written;
use cli::{
    Check, Cli, Color, Command, ListFormat, connections, diff, fix, graph, install, lsp, messages, paths, screen,
    settings, show, sources,
};
use palisade::config::Config;
use palisade::report;
use palisade::rules::RULES;
use palisade::source::Walk;
use palisade::triage::Report;

/// An audit allocates many small pieces on all cores; with the system's allocator it takes a tenth longer.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let Cli { command, color } = Cli::parse();
    let done = match command {
        Command::Check(command) => check(&command, color),
        Command::Connections(command) => connections::run(&command),
        Command::Diff(command) => diff::run(&command, color),
        Command::Graph(command) => graph::run(&command),
        Command::Paths(command) => paths::run(&command, color),
        Command::Explain(command) => print(&report::page(command.rule, screen::color(color))).map(|()| 0),
        Command::Rules(command) => print(&listed(command.format)).map(|()| 0),
        Command::Lsp(_) => Ok(lsp::run()),
        Command::Completions(command) => print(&install::completions(command.shell)).map(|()| 0),
        Command::Man(command) => install::manual(command.command.as_deref()).and_then(|page| print(&page)).map(|()| 0),
    };
    ExitCode::from(done.unwrap_or_else(|fault| {
        messages::tell(fault);
        2
    }))
}

fn listed(format: ListFormat) -> String {
    match format {
        ListFormat::Terminal => report::catalogue(RULES),
        ListFormat::Json => report::catalogue_json(RULES),
    }
}

/// What is audited, how, and what came of it.
struct Audited {
    file: Option<PathBuf>,
    walk: Walk,
    config: Config,
    report: Report,
}

fn audited(check: &Check) -> Result<Audited, Fault> {
    let _waiting = Waiting::begin(check.quiet);
    let file = settings::find(check.config.as_deref(), &check.paths)?;
    let walk = sources::walk(&check.paths, file.as_deref(), &check.own_files())?;
    let config = settings::settings(check, &walk)?;
    let report = if check.show_config { Report::default() } else { palisade::audit(&walk, &config) };
    Ok(Audited { file, walk, config, report })
}

fn check(check: &Check, color: Color) -> Result<u8, Fault> {
    let started = Instant::now();
    let mut audit = audited(check)?;
    if check.show_config {
        return print(&show::config(&audit.config, check, &audit.walk)).map(|()| 0);
    }
    if let Some(mode) = check.fix
        && fix::run(mode, check, &audit.walk, &audit.config, &audit.report, color)?
    {
        audit = audited(check)?;
    }
    let Audited { file, walk, report, .. } = audit;
    let written = Written { report: &report, walk: &walk, check, color, elapsed: started.elapsed() };
    for output in &check.outputs.0 {
        output.write(&written.text(output))?;
    }
    if let Some(file) = &check.write_baseline {
        std::fs::write(file, report::baseline(&report)).map_err(|error| Fault::Write(file.clone(), error))?;
    }
    if let Some(file) = file.filter(|_| check.verbose) {
        messages::tell(format_args!("settings from {}", file.display()));
    }
    for said in messages::closing(&report, &walk.sources, check) {
        messages::tell(said);
    }
    Ok(report.verdict.exit_code())
}
