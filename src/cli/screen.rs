//! What the terminal can show: color, box characters, width.

use std::env;
use std::io;

use super::Color;
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

/// How something is drawn on standard output, or in a file: there it is colored only where that was asked for by name.
pub fn drawing(when: Color, in_file: bool) -> Terminal {
    let base = Terminal { unicode: unicode(), ..Terminal::default() };
    match in_file {
        true => Terminal { color: when == Color::Always, width: WIDTH, ..base },
        false => Terminal { color: color(when), width: width(), ..base },
    }
}

/// Whether the terminal only adds to what it shows.
pub fn is_dumb() -> bool {
    env::var("TERM").is_ok_and(|term| term == "dumb")
}

/// The width of the terminal that standard error is.
pub fn width_of_errors() -> usize {
    terminal_size::terminal_size_of(io::stderr()).map_or(WIDTH, |(width, _)| usize::from(width.0))
}

fn width() -> usize {
    let asked = || env::var("COLUMNS").ok()?.parse().ok();
    let measured = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    measured.or_else(asked).unwrap_or(WIDTH)
}

/// Whether box characters arrive as such: everywhere but on a dumb terminal or where the locale says otherwise.
fn unicode() -> bool {
    if is_dumb() {
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
