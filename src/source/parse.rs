//! Texts to documents, whatever they are written in. What cannot be read is kept as a problem with its place.

use rayon::prelude::*;

use super::hcl;
use super::json::{self, unescape};
use super::place::{Location, Source, SourceId, Sources, Span, as_offset};
use super::tree::{Built, Document, Fault, Node};
use super::yaml::{self, Origin, Text};
use crate::progress::{self, Stage};

/// Something that was read, but not as its author may think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub at: Location,
    /// One line: what was expected, and what is there.
    pub message: String,
}

/// A document that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unparsed {
    /// Where reading stopped.
    pub at: Location,
    pub reason: String,
}

/// What came out of texts. Documents that hold nothing but comments are left out.
#[derive(Debug, Default)]
pub struct Parsed<'s> {
    pub documents: Vec<Document<'s>>,
    pub unparsed: Vec<Unparsed>,
    pub problems: Vec<Problem>,
}

/// What a reader found in one text.
#[derive(Default)]
pub(super) struct Outcome<'s> {
    pub built: Vec<Built<'s>>,
    pub faults: Vec<Fault>,
}

impl<'s> Outcome<'s> {
    /// Keeps a document; one without a value is none.
    pub fn add(&mut self, built: Option<Built<'s>>) {
        self.built.extend(built.filter(|built| !built.document.root().is_null()));
    }
}

/// Reads all manifests, in parallel; the result is in their order.
#[must_use]
pub fn parse_all<'a>(sources: &'a Sources) -> Parsed<'a> {
    let (terraform, others): (Vec<&Source>, Vec<&Source>) =
        sources.manifests().partition(|source| is_terraform(source));
    progress::begin(Stage::Parsing, terraform.len() + others.len());
    let of_source = |source: &'a Source| {
        let parsed = parse(source);
        progress::step();
        (source.id(), parsed)
    };
    let mut parts: Vec<(SourceId, Parsed<'_>)> = others.into_par_iter().map(of_source).collect();
    // The values of a folder belong to all of its files, so these are read together.
    let outcomes = hcl::read(&terraform);
    parts.extend(terraform.into_iter().zip(outcomes).map(|(source, (id, outcome))| (id, parsed(source, outcome))));
    parts.sort_by_key(|(id, _)| *id);
    let mut all = Parsed::default();
    for (_, part) in parts {
        all.documents.extend(part.documents);
        all.unparsed.extend(part.unparsed);
        all.problems.extend(part.problems);
    }
    all
}

/// Reads one source. What it is written in is decided by what it holds: what starts like JSON is read as JSON, and where
/// that fails as YAML, of which JSON is a part, unless the file's name says JSON.
#[must_use]
pub fn parse(source: &Source) -> Parsed<'_> {
    if let Some(reason) = source.fault() {
        let at = source.location(Span::new(0, 0));
        return Parsed { unparsed: vec![Unparsed { at, reason: reason.to_owned() }], ..Parsed::default() };
    }
    if is_terraform(source) {
        let outcome = hcl::read(&[source]).pop().map(|(_, outcome)| outcome).unwrap_or_default();
        return parsed(source, outcome);
    }
    parsed(source, if looks_like_json(source.text()) { json_or_yaml(source) } else { as_yaml(source) })
}

/// Whether a text is Terraform's language rather than YAML or JSON.
pub(super) fn is_terraform(source: &Source) -> bool {
    source.fault().is_none() && !looks_like_json(source.text()) && hcl::is_terraform(source)
}

fn parsed<'s>(source: &'s Source, mut outcome: Outcome<'s>) -> Parsed<'s> {
    let problems = outcome.built.iter_mut().flat_map(|built| duplicates(source, built)).collect();
    let unparsed = outcome.faults.into_iter().map(|fault| unparsed(source, fault)).collect();
    Parsed { documents: outcome.built.into_iter().map(|built| built.document).collect(), unparsed, problems }
}

fn unparsed(source: &Source, fault: Fault) -> Unparsed {
    Unparsed { at: source.location(fault.span), reason: fault.reason }
}

fn looks_like_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '['])
}

fn as_yaml(source: &Source) -> Outcome<'_> {
    yaml::read(source, &Text { text: source.text(), origin: Origin::Slice(0) })
}

/// A file that is named as JSON is nothing else: YAML would take a comment in it for a key.
fn json_or_yaml(source: &Source) -> Outcome<'_> {
    let json = json::read(source);
    if json.faults.is_empty() {
        return json;
    }
    let is_named_json = source.path().rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("json"));
    if is_named_json { json } else { as_yaml(source) }
}

/// The keys that stand twice in one mapping, each with what that may mean.
fn duplicates(source: &Source, built: &mut Built<'_>) -> Vec<Problem> {
    let top = built.document.root().entries().map(|entry| entry.key.at().span).collect::<Vec<_>>();
    let problem = |span: Span| {
        let key = source.slice(span).trim_matches(['"', '\'']);
        let is_two_objects = matches!(key, "apiVersion" | "kind") && top.contains(&span);
        let hint = if is_two_objects { "; a line `---` may be missing above" } else { "" };
        let message =
            format!("the key `{key}` is written twice: the last one counts, and strict readers refuse it{hint}");
        Problem { at: source.location(span), message }
    };
    std::mem::take(&mut built.duplicate_keys).into_iter().map(problem).collect()
}

/// Reads the YAML that a scalar holds as text, such as the mesh configuration in a ConfigMap. The places of its nodes are
/// those in the file around it.
///
/// # Errors
/// The first thing in it that cannot be read, at its place in the file.
pub fn embedded(scalar: Node<'_>) -> Result<Vec<Document<'_>>, Unparsed> {
    let source = scalar.document().source();
    let outcome = yaml::read(source, &inner(scalar));
    match outcome.faults.into_iter().next() {
        Some(fault) => Err(unparsed(source, fault)),
        None => Ok(outcome.built.into_iter().map(|built| built.document).collect()),
    }
}

/// The text of a scalar with the places of its bytes. A block scalar is read as it stands, since YAML that is indented
/// as a whole is the same YAML; a quoted one is decoded byte by byte.
fn inner(scalar: Node<'_>) -> Text<'_> {
    let source = scalar.document().source();
    let span = scalar.target_at().span;
    let raw = source.slice(span);
    if let Some(body) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        let mut offsets = Vec::with_capacity(body.len() + 1);
        let put = |c: char, bytes: std::ops::Range<usize>| {
            let at = span.start + 1 + as_offset(bytes.start);
            offsets.extend(std::iter::repeat_n(at, c.len_utf8()));
        };
        let decoded = scalar.text().unwrap_or_default();
        // Escapes that only YAML has, and folded lines, leave the places approximate: the whole scalar then.
        let is_plain_json = unescape(body, put).is_ok() && offsets.len() == decoded.len();
        if !is_plain_json {
            offsets = vec![span.start; decoded.len()];
        }
        offsets.push(span.end.saturating_sub(1));
        return Text { text: decoded, origin: Origin::Decoded(offsets) };
    }
    let decoded = scalar.text().unwrap_or_default();
    // Single quotes hide nothing unless one of them is inside.
    if raw.strip_prefix('\'').and_then(|raw| raw.strip_suffix('\'')) == Some(decoded) {
        let start = span.start + 1;
        return Text { text: source.slice(Span::new(start, span.end - 1)), origin: Origin::Slice(start) };
    }
    if raw.starts_with('\'') || !is_indented_alike(raw, decoded) {
        let mut offsets = vec![span.start; decoded.len()];
        offsets.push(span.end);
        return Text { text: decoded, origin: Origin::Decoded(offsets) };
    }
    // From the start of the body's first line: its indentation is part of the structure.
    let start = source.text()[..span.start as usize].rfind('\n').map_or(0, |newline| newline + 1);
    let blank = source.text()[start..span.start as usize].trim().is_empty();
    let start = if blank { as_offset(start) } else { span.start };
    Text { text: source.slice(Span::new(start, span.end)), origin: Origin::Slice(start) }
}

/// Whether the lines of a block scalar are those of its decoded text, each with the same blanks in front.
fn is_indented_alike(raw: &str, decoded: &str) -> bool {
    let lines =
        |text: &str| text.lines().map(|line| line.trim().len()).filter(|&length| length > 0).collect::<Vec<_>>();
    lines(raw) == lines(decoded)
}
