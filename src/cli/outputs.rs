//! `--format` and `--output`: which documents are asked for, and where each goes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anstream::AutoStream;
use clap::builder::EnumValueParser;
use clap::error::ErrorKind as UsageError;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, ValueEnum, value_parser};

use super::{OUTPUT, settings::Fault};

/// The formats of a command; written is the default one where none is asked for.
pub trait Format: ValueEnum + Copy + Default + Send + Sync + 'static {}

impl<F: ValueEnum + Copy + Default + Send + Sync + 'static> Format for F {}

/// One document and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output<F> {
    pub format: F,
    /// Standard output where none.
    pub file: Option<PathBuf>,
}

impl<F> Output<F> {
    /// Writes a document where it belongs.
    ///
    /// # Errors
    /// The file cannot be written. A reader who has gone away is no error.
    pub fn write(&self, text: &str) -> Result<(), Fault> {
        self.stream(|out| out.write_all(text.as_bytes()))
    }

    /// Has a document written where it belongs, piece by piece.
    ///
    /// # Errors
    /// As for `write`.
    pub fn stream(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Fault> {
        match &self.file {
            Some(path) => File::create(path)
                .and_then(|file| buffered(file, write))
                .map_err(|error| Fault::Write(path.clone(), error)),
            None => to_stdout(write),
        }
    }
}

/// Writes to standard output.
///
/// # Errors
/// Standard output cannot be written. A reader who has gone away is no error.
pub fn print(text: &str) -> Result<(), Fault> {
    to_stdout(|out| out.write_all(text.as_bytes()))
}

fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Fault> {
    match buffered(AutoStream::always(io::stdout().lock()), write) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Fault::Write(PathBuf::from("standard output"), error))
        }
        _ => Ok(()),
    }
}

fn buffered(out: impl Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    write(&mut out)?;
    out.flush()
}

/// The documents asked for; the default format on standard output where none is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs<F>(pub Vec<Output<F>>);

impl<F> Outputs<F> {
    /// The files that are written.
    pub fn files(&self) -> Vec<&Path> {
        self.0.iter().filter_map(|output| output.file.as_deref()).collect()
    }
}

impl<F: PartialEq> Outputs<F> {
    /// The format of the document on standard output.
    pub fn on_stdout(&self) -> Option<&F> {
        self.0.iter().find(|output| output.file.is_none()).map(|output| &output.format)
    }

    /// Whether a format is asked for.
    pub fn has(&self, format: &F) -> bool {
        self.0.iter().any(|output| output.format == *format)
    }
}

/// Derived arguments lose the order of two options, and here the order says which file belongs to which format.
impl<F: Format> Args for Outputs<F> {
    fn augment_args(command: Command) -> Command {
        let format = Arg::new("format")
            .long("format")
            .value_name("FORMAT")
            .value_parser(EnumValueParser::<F>::new())
            .action(ArgAction::Append)
            .help(format!("What to write; may be repeated, each with its --output [default: {}]", name(&F::default())));
        let output = Arg::new("output")
            .long("output")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .action(ArgAction::Append)
            .help("Where to write it [default: standard output]");
        command.args([format, output].map(|arg| arg.help_heading(OUTPUT)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<F: Format> FromArgMatches for Outputs<F> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let formats: Vec<(usize, F)> = numbered(matches, "format");
        let files: Vec<(usize, PathBuf)> = numbered(matches, "output");
        paired(&formats, files).map(Self).map_err(|fault| Error::raw(UsageError::ArgumentConflict, fault))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A format as it is typed.
fn name(format: &impl ValueEnum) -> String {
    format.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The values of an option with their positions on the command line.
fn numbered<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Vec<(usize, T)> {
    let indices = matches.indices_of(name).into_iter().flatten();
    indices.zip(matches.get_many::<T>(name).into_iter().flatten().cloned()).collect()
}

/// Gives each file its format: in order where there are as many of both, else to the format right before it.
fn paired<F: Format>(formats: &[(usize, F)], files: Vec<(usize, PathBuf)>) -> Result<Vec<Output<F>>, &'static str> {
    let default = [(0, F::default())];
    let formats = if formats.is_empty() { &default } else { formats };
    let mut outputs: Vec<Output<F>> = formats.iter().map(|&(_, format)| Output { format, file: None }).collect();
    let same_count = formats.len() == files.len();
    for (order, (position, file)) in files.into_iter().enumerate() {
        let index = if same_count { Some(order) } else { format_before(formats, position) };
        let Some(output) = index.map(|index| &mut outputs[index]).filter(|output| output.file.is_none()) else {
            return Err("each --output needs a --format of its own, right before it");
        };
        output.file = Some(file);
    }
    for output in &mut outputs {
        output.file.take_if(|file| file.as_os_str() == OsStr::new("-"));
    }
    if outputs.iter().filter(|output| output.file.is_none()).count() > 1 {
        return Err("only one --format can go to standard output; give the others an --output");
    }
    let mut files: Vec<&PathBuf> = outputs.iter().filter_map(|output| output.file.as_ref()).collect();
    files.sort();
    if files.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("two documents cannot share a file; give each --format an --output of its own");
    }
    Ok(outputs)
}

fn format_before<F>(formats: &[(usize, F)], position: usize) -> Option<usize> {
    formats.iter().rposition(|&(format, _)| format < position)
}

#[cfg(test)]
mod tests {
    use super::super::written::Format;
    use super::*;

    fn pairs(
        formats: &[(usize, Format)],
        files: &[(usize, &str)],
    ) -> Result<Vec<(Format, Option<String>)>, &'static str> {
        let files = files.iter().map(|&(position, file)| (position, PathBuf::from(file))).collect();
        let plain = |output: Output<Format>| (output.format, output.file.map(|file| file.display().to_string()));
        paired(formats, files).map(|outputs| outputs.into_iter().map(plain).collect())
    }

    fn to(format: Format, file: &str) -> (Format, Option<String>) {
        (format, Some(file.to_owned()))
    }

    #[test]
    fn the_terminal_is_the_default() {
        assert_eq!(pairs(&[], &[]), Ok(vec![(Format::Terminal, None)]));
        assert_eq!(pairs(&[], &[(1, "a")]), Ok(vec![to(Format::Terminal, "a")]));
    }

    #[test]
    fn as_many_files_as_formats_are_paired_in_order() {
        let wanted = Ok(vec![to(Format::Json, "j"), to(Format::Sarif, "s")]);
        assert_eq!(pairs(&[(1, Format::Json), (3, Format::Sarif)], &[(2, "j"), (4, "s")]), wanted);
        assert_eq!(pairs(&[(1, Format::Json), (2, Format::Sarif)], &[(3, "j"), (4, "s")]), wanted);
        assert_eq!(pairs(&[(2, Format::Json), (4, Format::Sarif)], &[(1, "j"), (3, "s")]), wanted);
    }

    #[test]
    fn fewer_files_belong_to_the_format_before_them() {
        let wanted = Ok(vec![(Format::Terminal, None), to(Format::Sarif, "s")]);
        assert_eq!(pairs(&[(1, Format::Terminal), (2, Format::Sarif)], &[(3, "s")]), wanted);
        assert!(pairs(&[(2, Format::Terminal), (3, Format::Sarif)], &[(1, "s")]).is_err());
    }

    #[test]
    fn no_two_documents_share_a_place() {
        assert!(pairs(&[(1, Format::Terminal), (2, Format::Json)], &[]).is_err());
        assert!(pairs(&[(1, Format::Json)], &[(2, "a"), (3, "b")]).is_err());
        assert!(pairs(&[(1, Format::Json), (2, Format::Sarif)], &[(3, "a"), (4, "a")]).is_err());
        assert!(pairs(&[(1, Format::Terminal), (2, Format::Json)], &[(3, "-")]).is_err());
    }

    #[test]
    fn a_dash_is_standard_output() {
        assert_eq!(pairs(&[(1, Format::Json)], &[(2, "-")]), Ok(vec![(Format::Json, None)]));
    }
}
