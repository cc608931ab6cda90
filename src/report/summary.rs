//! The closing lines: what was found, what was read, and what was not understood. Silence about the last would be a lie.

use std::fmt::Write as _;

use super::palette::{Palette, clean};
use super::terminal::Terminal;
use super::{Place, counted};
use crate::finding::Level;
use crate::source::{Location, Sources};
use crate::triage::{Inputs, Report, Reported, Unmodelled, Verdict};

/// How many entries a list has unless all are asked for.
const BRIEF: usize = 5;

/// Rows of a name and what there is to say about it, aligned.
struct Rows {
    palette: Palette,
    text: String,
}

impl Rows {
    const NAME_WIDTH: usize = 12;

    fn row(&mut self, name: &str, said: &str) {
        let name = self.palette.dim(&format!("{name:<width$}", width = Self::NAME_WIDTH));
        let _ = writeln!(self.text, "  {name}{said}");
    }

    fn item(&mut self, said: &str) {
        let _ = writeln!(self.text, "  {:width$}{said}", "", width = Self::NAME_WIDTH);
    }

    /// A list in brief: the first entries, then how many there are besides.
    fn items(&mut self, all: &[String], limit: usize) {
        let more = all.len().saturating_sub(limit);
        all.iter().take(limit).for_each(|said| self.item(said));
        if more > 0 {
            self.item(&self.palette.dim(&format!("and {more} more (-v lists them)")));
        }
    }
}

/// The closing lines of a report.
pub(super) fn summary(report: &Report, sources: &Sources, options: &Terminal) -> String {
    let mut rows = Rows { palette: Palette::new(options.color), text: String::new() };
    let limit = if options.verbose { usize::MAX } else { BRIEF };
    rows.row(&format!("{}:", report.verdict.as_str()), &found(report, rows.palette));
    rows.row("read:", &read(&report.inputs, options));
    if !report.inputs.estates.is_empty() {
        let names: Vec<String> = report
            .inputs
            .estates
            .iter()
            .map(|(name, files)| format!("{} ({})", clean(name), counted(*files, "file")))
            .collect();
        rows.row("apart:", &format!("{}, each audited by itself", counted(names.len(), "estate")));
        rows.items(&names, limit);
    }
    compared(&mut rows, report, limit);
    ignored(&mut rows, report, sources, options);
    let fixable = report.findings.iter().flat_map(Reported::with_parts).filter(|one| one.repair.is_some()).count();
    if fixable > 0 {
        let has = if fixable == 1 { "has" } else { "have" };
        let said = format!("{} {has} exactly one right edit (--fix=diff shows it)", counted(fixable, "finding"));
        rows.row("fixable:", &said);
    }
    if let Some((count, since)) = report.untouched.as_ref().filter(|(count, _)| *count > 0) {
        let said = format!("{} on lines that have not changed since {}", counted(*count, "finding"), clean(since));
        rows.row("not shown:", &said);
    }
    not_understood(&mut rows, &report.inputs, sources, limit);
    rows.text
}

fn found(report: &Report, palette: Palette) -> String {
    let levels = [Level::Error, Level::Warning, Level::Note];
    let counts = levels.into_iter().filter_map(|level| {
        let count = report.count(level);
        (count > 0).then(|| palette.level(level, &counted(count, level.as_str())))
    });
    let counts = counts.collect::<Vec<_>>().join(", ");
    match (report.verdict, counts.is_empty()) {
        (Verdict::Pass, true) if report.baseline.is_some() => palette.green("no new findings"),
        (Verdict::Pass, true) => palette.green("no findings"),
        (Verdict::Incomplete, true) => palette.red("no findings in what could be read"),
        (_, true) => "no findings".to_owned(),
        (_, false) => counts,
    }
}

fn read(inputs: &Inputs, options: &Terminal) -> String {
    let elapsed = options.elapsed.map(|elapsed| format!(" in {} ms", elapsed.as_millis())).unwrap_or_default();
    format!(
        "{}, {}, {} ({}){elapsed}",
        counted(inputs.files, "file"),
        counted(inputs.documents, "document"),
        counted(inputs.resources, "resource"),
        size(inputs.bytes)
    )
}

/// What came of the comparison with a baseline.
fn compared(rows: &mut Rows, report: &Report, limit: usize) {
    let Some(baseline) = &report.baseline else { return };
    let known = counted(report.known.len(), "finding");
    rows.row("known:", &clean(&format!("{known} that {} has already", baseline.name)));
    if !baseline.gone.is_empty() {
        let gone = counted(baseline.gone.len(), "finding");
        rows.row("gone:", &format!("{gone} of the baseline; --write-baseline renews it"));
        let said = baseline.gone.iter().map(|gone| clean(&format!("{}: {}", gone.rule, gone.message)).into_owned());
        rows.items(&said.collect::<Vec<_>>(), limit);
    }
}

/// What ignores silence: how many, and in full where all is asked for.
fn ignored(rows: &mut Rows, report: &Report, sources: &Sources, options: &Terminal) {
    if report.suppressed.is_empty() {
        return;
    }
    let count = counted(report.suppressed.len(), "finding");
    rows.row("ignored:", &format!("{count} for a reason that is given (--no-ignores shows them)"));
    if options.verbose {
        for reported in &report.suppressed {
            let place = Place::new(reported.finding.at, sources).position();
            let reason = reported.ignore.as_ref().map(|ignore| ignore.reason.as_str()).unwrap_or_default();
            rows.item(&clean(&format!("{place}: {} because {reason}", reported.finding.rule)));
        }
    }
}

fn not_understood(rows: &mut Rows, inputs: &Inputs, sources: &Sources, limit: usize) {
    let said =
        |at: Location, said: &str| clean(&format!("{}: {said}", Place::new(at, sources).position())).into_owned();
    if !inputs.unparsed.is_empty() {
        let count = counted(inputs.unparsed.len(), "document");
        rows.row("unparsed:", &rows.palette.red(&format!("{count} could not be read and went unaudited")));
        // Every one is listed: an unread document may hold the way out.
        inputs.unread(sources).iter().for_each(|unread| rows.item(&said(unread.at, &unread.reason)));
    }
    if !inputs.problems.is_empty() {
        rows.row("problems:", &format!("{} in what was read", counted(inputs.problems.len(), "place")));
        let problems = inputs.problems.iter().map(|problem| said(problem.at, &problem.message));
        rows.items(&problems.collect::<Vec<_>>(), limit);
    }
    if !inputs.unmodelled.is_empty() {
        let documents = inputs.unmodelled.iter().map(|unmodelled| unmodelled.count).sum();
        let (documents, kinds) = (counted(documents, "document"), counted(inputs.unmodelled.len(), "kind"));
        rows.row("unmodelled:", &format!("{documents} of {kinds} that no rule looks at"));
        rows.items(&most_frequent(&inputs.unmodelled), limit);
    }
    if inputs.placed > 0 {
        let objects = counted(inputs.placed, "object");
        rows.row("placed:", &format!("{objects} without a namespace, in `default` or the kustomization's"));
    }
    if !inputs.skipped.is_empty() {
        rows.row("skipped:", &counted(inputs.skipped.len(), "file"));
        if limit == usize::MAX {
            let skipped = inputs.skipped.iter().map(|skipped| format!("{}: {}", skipped.path, skipped.reason));
            rows.items(&skipped.map(|said| clean(&said).into_owned()).collect::<Vec<_>>(), limit);
        }
    }
}

fn most_frequent(unmodelled: &[Unmodelled]) -> Vec<String> {
    let mut sorted: Vec<&Unmodelled> = unmodelled.iter().collect();
    sorted.sort_by_key(|unmodelled| std::cmp::Reverse(unmodelled.count));
    let name = |entry: &Unmodelled| match entry.kind.as_str() {
        "" => "without a kind".to_owned(),
        kind => format!("{} {kind}", entry.api_version),
    };
    let said = |entry: &&Unmodelled| clean(&format!("{}: {}", name(entry), entry.count)).into_owned();
    sorted.iter().map(said).collect()
}

/// A size in bytes as people say it.
fn size(bytes: usize) -> String {
    let tenths = |unit: usize| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1024 => counted(bytes, "byte"),
        1024..1_048_576 => format!("{} KiB", tenths(1024)),
        _ => format!("{} MiB", tenths(1_048_576)),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_one_digit_after_the_point() {
        assert_eq!([size(1), size(900), size(1536), size(25_480_396)], ["1 byte", "900 bytes", "1.5 KiB", "24.2 MiB"]);
    }
}
