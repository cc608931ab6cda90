//! What stands on the terminal while a run takes its time, and that nothing of it stays.
#![cfg(unix)]
#![allow(clippy::expect_used)] // A test that cannot go on has failed.

mod common;

use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use common::program::WITH_ERROR;
use pty_process::blocking::{Command, open};

/// Longer than anybody waits without a word.
const SLOW: Duration = Duration::from_millis(900);

/// Standard output, and everything that was sent to the terminal that standard error is, of a run whose input is slow.
fn slow(arguments: &[&str], term: &str) -> (String, String) {
    let (mut terminal, end) = open().expect("there are pseudo-terminals");
    let command = Command::new(env!("CARGO_BIN_EXE_palisade")).args(arguments).env("TERM", term);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn(end).expect("the program can be started");
    let mut input = child.stdin.take().expect("it is piped");
    thread::sleep(SLOW);
    input.write_all(WITH_ERROR.as_bytes()).expect("it is read");
    drop(input);
    let done = child.wait_with_output().expect("it ends");
    let mut shown = Vec::new();
    let mut part = [0; 4096];
    // Where the other end is closed, the system says that there is nothing to read from.
    while let Ok(count @ 1..) = terminal.read(&mut part) {
        shown.extend_from_slice(&part[..count]);
    }
    (String::from_utf8_lossy(&done.stdout).into_owned(), String::from_utf8_lossy(&shown).into_owned())
}

/// What is left on a line of the terminal.
fn left(shown: &str) -> &str {
    shown.rsplit("\r\u{1b}[K").next().unwrap_or_default()
}

#[test]
fn a_long_run_says_where_it_is_and_takes_it_back() {
    for arguments in [
        &["check", "-"][..],
        &["check", "-", "--format", "json"],
        &["paths", "-"],
        &["graph", "-"],
        &["connections", "-"],
    ] {
        let (document, shown) = slow(arguments, "xterm");
        assert!(shown.starts_with("\r\u{1b}[Kpalisade: reading …"), "{arguments:?}: {shown:?}");
        assert!(!left(&shown).contains('…'), "{arguments:?}: {shown:?}");
        assert!(!document.is_empty() && !document.contains('\u{1b}'), "{arguments:?}: {document:?}");
    }
}

#[test]
fn who_wants_quiet_or_cannot_erase_is_shown_nothing() {
    assert_eq!(slow(&["check", "-", "-q"], "xterm").1, "");
    assert_eq!(slow(&["check", "-"], "dumb").1, "");
}
