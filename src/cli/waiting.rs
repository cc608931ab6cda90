//! What is shown on the terminal while a run takes its time: one line on standard error, gone before anything else is said.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anstream::AutoStream;

use super::screen;
use palisade::progress::{self, Progress, Stage};

/// What is over sooner shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);
const INTERVAL: Duration = Duration::from_millis(100);

/// Back to the start of the line, and away with what stands on it.
const ERASE: &str = "\r\x1b[K";

/// Whoever sits at the terminal is shown how far the run is, until this is dropped.
pub struct Waiting(Option<(SyncSender<()>, JoinHandle<()>)>);

impl Waiting {
    /// Begins to wait: where standard error is a terminal and not to be quiet.
    pub fn begin(quiet: bool) -> Self {
        if quiet || !io::stderr().is_terminal() || screen::is_dumb() {
            return Self(None);
        }
        let (working, over) = mpsc::sync_channel(0);
        let draw = move || draw(&over, &mut AutoStream::always(io::stderr()), screen::width_of_errors());
        // Where there is no thread to be had, there is nothing to see.
        Self(thread::Builder::new().spawn(draw).ok().map(|drawing| (working, drawing)))
    }
}

impl Drop for Waiting {
    /// Hangs up, and waits until the line is erased.
    fn drop(&mut self) {
        if let Some((working, drawing)) = self.0.take() {
            drop(working);
            drop(drawing.join());
        }
    }
}

/// Keeps the line up to date until the work is over.
fn draw(over: &Receiver<()>, out: &mut impl Write, width: usize) {
    let mut wait = PATIENCE;
    let mut last = String::new();
    while over.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = INTERVAL;
        let line: String =
            progress::now().map(line).unwrap_or_default().chars().take(width.saturating_sub(1)).collect();
        if line != last {
            // Nobody is left to be told that the terminal has gone.
            drop(write!(out, "{ERASE}{line}").and_then(|()| out.flush()));
            last = line;
        }
    }
    if !last.is_empty() {
        drop(write!(out, "{ERASE}").and_then(|()| out.flush()));
    }
}

/// Where the run is, in words.
fn line(progress: Progress) -> String {
    let Progress { stage, parts, done } = progress;
    let (word, unit) = match stage {
        Stage::Reading => ("reading", "files"),
        Stage::Parsing => ("parsing", "files"),
        Stage::Modelling => ("modelling", "estates"),
        Stage::Analysis => ("analysis", "estates"),
        Stage::Rules => ("rules", "estates"),
        Stage::Advice => ("what would change it", "estates"),
        Stage::Judging => ("judging", "estates"),
    };
    match parts {
        0 | 1 => format!("palisade: {word} …"),
        _ => format!("palisade: {word} … {done} of {parts} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_where_there_are_several() {
        let said = |stage, parts| line(Progress { stage, parts, done: 3 });
        assert_eq!(said(Stage::Parsing, 1_200), "palisade: parsing … 3 of 1200 files");
        assert_eq!(said(Stage::Rules, 12), "palisade: rules … 3 of 12 estates");
        assert_eq!(said(Stage::Rules, 1), "palisade: rules …");
    }

    #[test]
    fn what_is_drawn_fits_and_is_erased() {
        progress::begin(Stage::Parsing, 1_200);
        let (working, over) = mpsc::sync_channel::<()>(0);
        let mut out = Vec::new();
        thread::scope(|scope| {
            let out = &mut out;
            scope.spawn(move || draw(&over, out, 20));
            thread::sleep(PATIENCE + INTERVAL);
            drop(working);
        });
        assert_eq!(String::from_utf8_lossy(&out), format!("{ERASE}palisade: parsing …{ERASE}"));
    }

    #[test]
    fn a_short_run_draws_nothing() {
        progress::begin(Stage::Parsing, 1_200);
        let (working, over) = mpsc::sync_channel::<()>(0);
        drop(working);
        let mut out = Vec::new();
        draw(&over, &mut out, 80);
        assert_eq!(out, b"");
    }
}
