//! Findings for people: each with the lines that make it so. The one file that names miette.

use std::fmt::{self, Write as _};
use std::time::Duration;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use super::excerpt::{Excerpt, Mark};
use super::hops::hops;
use super::palette::{Palette, clean, wrapped};
use super::summary::summary;
use super::{Place, object_name};
use crate::finding::{Confidence, Level};
use crate::source::{Location, Sources};
use crate::triage::{Report, Reported};

/// How the report is drawn. What it depends on is passed in: a renderer asks neither the terminal nor the clock.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    pub color: bool,
    /// Draw with box characters; with ASCII where the terminal has no others.
    pub unicode: bool,
    pub width: usize,
    /// Only the findings, without the closing lines.
    pub quiet: bool,
    /// The closing lines in full.
    pub verbose: bool,
    /// How long the audit took.
    pub elapsed: Option<Duration>,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { color: false, unicode: true, width: 100, quiet: false, verbose: false, elapsed: None }
    }
}

/// Draws the findings, then what was read and what was not.
#[must_use]
pub fn terminal(report: &Report, sources: &Sources, options: &Terminal) -> String {
    let options = Terminal { width: options.width.clamp(40, 160), ..*options };
    let mut text = String::new();
    for reported in &report.findings {
        text.push_str(&drawn(reported, sources, &options));
        text.push('\n');
    }
    if !options.quiet {
        text.push_str(&summary(report, sources, &options));
    }
    text
}

/// One finding with its lines.
pub(super) fn drawn(reported: &Reported, sources: &Sources, options: &Terminal) -> String {
    let palette = Palette::new(options.color);
    let finding = &reported.finding;
    let primary = Mark { at: finding.at, label: None, primary: true };
    let labels: Vec<(Location, String)> =
        finding.related.iter().map(|label| (label.at, worded(&label.message, options))).collect();
    let related = labels.iter().map(|(at, label)| Mark { at: *at, label: Some(label), primary: false });
    let marks: Vec<Mark<'_>> = std::iter::once(primary).chain(related).collect();
    let picture =
        Picture { header: header(reported, options), level: reported.level, excerpt: Excerpt::new(&marks, sources) };

    let mut text = String::new();
    // Writing to a string cannot fail, and every label lies within its window.
    if handler(&picture, options).render_report(&mut text, &picture).is_err() {
        text = format!("  {} {}\n", reported.level.as_str(), picture.header);
    }
    if !finding.witness.is_empty() {
        text.push_str(&format!("  {}\n", palette.cyan("hop by hop:")));
        text.push_str(&hops(&finding.witness, sources, options));
    }
    text.push_str(&explained(&reported.absorbed, sources, options));
    if !finding.help.is_empty() {
        let lines = wrapped(&worded(&finding.help, options), options.width - 8);
        let _ = writeln!(text, "  {} {}", palette.cyan("help:"), lines.join("\n        "));
    }
    text
}

/// What a path finding explains, one line each.
fn explained(parts: &[Reported], sources: &Sources, options: &Terminal) -> String {
    if parts.is_empty() {
        return String::new();
    }
    let palette = Palette::new(options.color);
    let mut text = format!("  {} (--all tells them one by one)\n", palette.cyan("explains:"));
    for part in parts {
        let finding = &part.finding;
        let name = format!("{}/{}:", finding.rule, finding.variant);
        let said = wrapped(&format!("{name} {}", worded(&finding.message, options)), options.width.saturating_sub(6));
        let _ = writeln!(text, "    {}", said.join("\n      "));
        let _ = writeln!(text, "      {}", palette.dim(&clean(&Place::new(finding.at, sources).position())));
    }
    text
}

/// What a rule says, as the terminal can show it.
pub(super) fn worded(said: &str, options: &Terminal) -> String {
    let said = clean(said);
    if options.unicode { said.into_owned() } else { said.replace('…', "...").replace('–', "-") }
}

fn handler(picture: &Picture, options: &Terminal) -> GraphicalReportHandler {
    let mut theme = match (options.unicode, options.color) {
        (true, true) => GraphicalTheme::unicode(),
        (true, false) => GraphicalTheme::unicode_nocolor(),
        (false, true) => GraphicalTheme::ascii(),
        (false, false) => GraphicalTheme::none(),
    };
    // Words rather than signs: they can be searched for, and read without color.
    theme.characters.error = Level::Error.as_str().into();
    theme.characters.warning = Level::Warning.as_str().into();
    theme.characters.advice = Level::Note.as_str().into();
    theme.styles.error = theme.styles.error.bold();
    theme.styles.warning = theme.styles.warning.bold();
    theme.styles.advice = theme.styles.advice.bold();
    // The place that is wrong has the color of its level, the others one that is calmer.
    let level = match picture.level {
        Level::Error => theme.styles.error,
        Level::Warning => theme.styles.warning,
        Level::Note | Level::Off => theme.styles.advice,
    };
    let labels = picture.excerpt.labels.iter();
    theme.styles.highlights = labels.map(|label| if label.primary { level } else { theme.styles.help }).collect();
    if !options.color {
        theme.styles = miette::ThemeStyles::none();
    }
    // Lines are broken before miette sees them, where they may be: never inside a name or a path.
    GraphicalReportHandler::new_themed(theme)
        .with_width(options.width)
        .with_wrap_lines(false)
        .with_urls(false)
        .tab_width(2)
        .without_cause_chain()
        .without_syntax_highlighting()
}

/// The rule and what it says; below it, whose fault it is and how sure that is.
fn header(reported: &Reported, options: &Terminal) -> String {
    let palette = Palette::new(options.color);
    let finding = &reported.finding;
    let name = format!("{}/{}:", finding.rule, finding.variant);
    let indent = reported.level.as_str().len() + 3;
    let mut lines =
        wrapped(&format!("{name} {}", worded(&finding.message, options)), options.width.saturating_sub(indent));
    if let Some(first) = lines.first_mut()
        && let Some(rest) = first.strip_prefix(&name)
    {
        *first = format!("{}{rest}", palette.bold(&name));
    }
    let asides = wrapped(&aside(reported), options.width.saturating_sub(4));
    lines.extend(asides.iter().map(|aside| palette.dim(aside)));
    lines.join("\n")
}

fn aside(reported: &Reported) -> String {
    let object =
        reported.object.as_ref().map(|object| format!("{}, ", clean(&object_name(object)))).unwrap_or_default();
    let confidence = match reported.finding.confidence {
        Confidence::High => String::new(),
        lower => format!(", {} confidence", lower.as_str()),
    };
    let estates = match reported.estates.as_slice() {
        [] => String::new(),
        estates => format!(", in {}", clean(&estates.join(", "))),
    };
    format!("{object}{} severity{confidence}{estates}", reported.finding.severity.as_str())
}

/// A finding as miette takes it.
#[derive(Debug)]
struct Picture {
    header: String,
    level: Level,
    excerpt: Excerpt,
}

impl fmt::Display for Picture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.header)
    }
}

impl std::error::Error for Picture {}

impl Diagnostic for Picture {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.level {
            Level::Error => miette::Severity::Error,
            Level::Warning => miette::Severity::Warning,
            Level::Note | Level::Off => miette::Severity::Advice,
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.excerpt.labels.iter().map(|label| {
            let (offset, length) = (label.range.start, label.range.len());
            if label.primary {
                LabeledSpan::new_primary_with_span(label.text.clone(), (offset, length))
            } else {
                LabeledSpan::new(label.text.clone(), offset, length)
            }
        })))
    }
}

/// Answers with a whole window whatever the context asked for, so labels of one window are drawn together. A span across
/// windows is refused, which is how miette is told that they are not one.
impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let range = span.offset()..span.offset() + span.len();
        let window = self.window(&range).ok_or(MietteError::OutOfBounds)?;
        let position = self.position(span.offset()).filter(|_| before + after == 0);
        let (range, line, column) = match position {
            Some(position) => (range, position.line, position.column),
            None => (window.range.clone(), window.first_line, 1),
        };
        let data = self.text.get(range.clone()).ok_or(MietteError::OutOfBounds)?.as_bytes();
        let span = SourceSpan::from((range.start, range.len()));
        let (line, column) = (line - 1, column - 1);
        Ok(Box::new(MietteSpanContents::new_named(window.path.clone(), data, span, line, column, window.line_count)))
    }
}
