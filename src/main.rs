//! Parse the arguments, audit, render, and answer with the exit code. What the words on the command line mean is in `cli`.

mod cli;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use cli::outputs::print;
use cli::settings::Fault;
use cli::written::Written;
use cli::{
    Check, Cli, Color, Command, ListFormat, connections, diff, install, lsp, messages, paths, screen, settings, show,
    sources,
};
use palisade::report;
use palisade::rules::RULES;

fn main() -> ExitCode {
    let Cli { command, color } = Cli::parse();
    let done = match command {
        Command::Check(command) => check(&command, color),
        Command::Connections(command) => connections::run(&command),
        Command::Diff(command) => diff::run(&command, color),
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

fn check(check: &Check, color: Color) -> Result<u8, Fault> {
    let started = Instant::now();
    let file = settings::find(check.config.as_deref(), &check.paths)?;
    let walk = sources::walk(&check.paths, file.as_deref(), &check.own_files())?;
    let config = settings::settings(check, &walk)?;
    if check.show_config {
        return print(&show::config(&config, check, &walk)).map(|()| 0);
    }
    let report = palisade::audit(&walk, &config);
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
