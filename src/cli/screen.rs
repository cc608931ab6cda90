//! What the terminal can show: color, box characters, width.

use std::env;
use std::io;

use super::{Check, Color};
use palisade::report::Terminal;

/// The width of a document that is read nobody knows where.
const WIDTH: usize = 100;

/// Whether standard output gets color.
pub fn color(when: Color) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    }
}

/// How other things are drawn, on standard output or in a file.
pub fn plain(when: Color, in_file: bool) -> Terminal {
    let base = Terminal { unicode: unicode(), ..Terminal::default() };
    match in_file {
        true => Terminal { color: when == Color::Always, width: WIDTH, ..base },
        false => Terminal { color: color(when), width: width(), ..base },
    }
}

/// How the report is drawn on standard output.
pub fn terminal(check: &Check, when: Color) -> Terminal {
    drawing(when, check.quiet, check.verbose)
}

/// How the report is drawn in a file: colored only where that was asked for by name.
pub fn file(check: &Check, when: Color) -> Terminal {
    drawing_in_file(when, check.quiet, check.verbose)
}

/// How something is drawn on standard output.
pub fn drawing(when: Color, quiet: bool, verbose: bool) -> Terminal {
    Terminal { color: color(when), unicode: unicode(), width: width(), quiet, verbose, elapsed: None }
}

/// How something is drawn in a file: colored only where that was asked for by name.
pub fn drawing_in_file(when: Color, quiet: bool, verbose: bool) -> Terminal {
    Terminal { color: when == Color::Always, width: WIDTH, ..drawing(when, quiet, verbose) }
}

fn width() -> usize {
    let asked = || env::var("COLUMNS").ok()?.parse().ok();
    let measured = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    measured.or_else(asked).unwrap_or(WIDTH)
}

/// Whether box characters arrive as such: everywhere but on a dumb terminal or where the locale says otherwise.
fn unicode() -> bool {
    if env::var("TERM").is_ok_and(|term| term == "dumb") {
        return false;
    }
    let named = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    // The first that is set decides, as in POSIX; where none is, as in most containers, logs are UTF-8 all the same.
    let locale = named("LC_ALL").or_else(|| named("LC_CTYPE")).or_else(|| named("LANG"));
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
