//! The fixes of findings as actions that the editor offers, each confirmed by an audit before.

use std::collections::HashMap;

use gen_lsp_types::{
    CodeAction, CodeActionKind, CodeActionParams, DocumentChange, Edit, OptionalVersionedTextDocumentIdentifier,
    TextDocumentEdit, TextDocumentIdentifier, TextEdit, WorkspaceEdit,
};

use super::diagnostics::{Places, finding};
use super::estate::Audited;
use super::position::Lines;
use palisade::source::{Location, Source};
use palisade::triage::{Repair, Reported};

/// The actions at a range of an open document: one for each finding there that has a fix which holds. `versioned` says
/// whether the editor takes edits for a version of a text.
pub fn actions(audited: &Audited, asked: &CodeActionParams, versioned: bool) -> Vec<CodeAction> {
    let Some(source) = audited.source(&asked.text_document.uri).filter(|_| wants_fixes(asked)) else {
        return Vec::new();
    };
    let lines = Lines::new(source.text());
    let (start, end) = (lines.offset(asked.range.start), lines.offset(asked.range.end));
    let is_there = |at: Location| at.source == source.id() && at.span.start <= end && start <= at.span.end;
    let findings = audited.outcome.iter().flat_map(|report| &report.findings);
    let fixable = findings.filter_map(|reported| Some((reported, reported.repair.as_ref()?)));
    let here = fixable.filter(|(reported, repair)| is_there(reported.finding.at) && audited.confirms(reported, repair));
    let mut places = Places::new(audited);
    here.map(|(reported, repair)| action(audited, &mut places, reported, repair, versioned)).collect()
}

/// Whether the editor asks for kinds of actions that fixes are of.
fn wants_fixes(asked: &CodeActionParams) -> bool {
    let is_fix = |kind: &CodeActionKind| matches!(kind, CodeActionKind::Empty | CodeActionKind::QuickFix);
    asked.context.only.as_ref().is_none_or(|kinds| kinds.iter().any(is_fix))
}

fn action(
    audited: &Audited,
    places: &mut Places<'_>,
    reported: &Reported,
    repair: &Repair,
    versioned: bool,
) -> CodeAction {
    // In the order of their places, so that those of a file follow each other.
    let files = repair.replacements.chunk_by(|one, other| one.at.source == other.at.source);
    let files = files.map(|edits| {
        let edit = |edit: &palisade::source::Replacement| TextEdit {
            range: places.range(edit.at),
            new_text: edit.text.clone(),
        };
        (&audited.walk.sources[edits[0].at.source], edits.iter().map(edit).collect::<Vec<_>>())
    });
    let files: Vec<(&Source, Vec<TextEdit>)> = files.collect();
    CodeAction {
        title: repair.title.clone(),
        kind: Some(CodeActionKind::QuickFix),
        diagnostics: Some(vec![finding(reported, places)]),
        is_preferred: Some(true),
        disabled: None,
        edit: Some(workspace_edit(audited, files, versioned)),
        command: None,
        data: None,
        tags: None,
    }
}

fn workspace_edit(audited: &Audited, files: Vec<(&Source, Vec<TextEdit>)>, versioned: bool) -> WorkspaceEdit {
    let none = WorkspaceEdit { changes: None, document_changes: None, change_annotations: None };
    if !versioned {
        let changes: HashMap<_, _> = files.into_iter().map(|(source, edits)| (audited.uri(source), edits)).collect();
        return WorkspaceEdit { changes: Some(changes), ..none };
    }
    let change = |(source, edits): (&Source, Vec<TextEdit>)| {
        let text_document_identifier = TextDocumentIdentifier { uri: audited.uri(source) };
        let version = audited.open.get(source.path()).map(|(_, version)| *version);
        let text_document = OptionalVersionedTextDocumentIdentifier { version, text_document_identifier };
        DocumentChange::from(TextDocumentEdit { text_document, edits: edits.into_iter().map(Edit::from).collect() })
    };
    WorkspaceEdit { document_changes: Some(files.into_iter().map(change).collect()), ..none }
}
