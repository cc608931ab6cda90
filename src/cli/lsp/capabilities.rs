//! What the editor can do, what it has open, and what it is offered.

use std::path::PathBuf;

use gen_lsp_types::{
    ChangeNotifications, ClientCapabilities, CodeActionKind, CodeActionOptions, InitializeParams, InitializeResult,
    MarkupKind, RootPath, Save, ServerCapabilities, ServerInfo, TextDocumentSyncKind, TextDocumentSyncOptions,
    WorkspaceFolders, WorkspaceFoldersServerCapabilities, WorkspaceOptions,
};

use super::documents::path;

/// The files whose changes matter, as a pattern of the protocol.
pub const WATCHED: &str = "**/*.{yaml,yml,json,jsonl,ndjson,tf,tofu,tfvars,tfstate}";

/// What the editor can do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client {
    pub reads_markdown: bool,
    /// Tells of changed files when asked to.
    pub watches_files: bool,
    /// Takes actions that are more than commands.
    pub takes_actions: bool,
    /// Takes edits that are for a version of a text.
    pub takes_versions: bool,
}

impl Client {
    pub fn new(capabilities: &ClientCapabilities) -> Self {
        let hover = capabilities.text_document.as_ref().and_then(|document| document.hover.as_ref());
        let formats = hover.and_then(|hover| hover.content_format.as_ref());
        let actions = capabilities.text_document.as_ref().and_then(|document| document.code_action.as_ref());
        let edits = capabilities.workspace.as_ref().and_then(|workspace| workspace.workspace_edit.as_ref());
        let files = capabilities.workspace.as_ref().and_then(|workspace| workspace.did_change_watched_files.as_ref());
        Self {
            reads_markdown: formats.is_some_and(|formats| formats.contains(&MarkupKind::Markdown)),
            takes_actions: actions.is_some_and(|actions| actions.code_action_literal_support.is_some()),
            takes_versions: edits.is_some_and(|edits| edits.document_changes == Some(true)),
            watches_files: files.is_some_and(|files| files.dynamic_registration == Some(true)),
        }
    }
}

/// The folders that the editor has open.
pub fn folders(params: &InitializeParams) -> Vec<PathBuf> {
    if let Some(WorkspaceFolders::WorkspaceFolderList(folders)) =
        &params.workspace_folders_initialize_params.workspace_folders
    {
        return folders.iter().filter_map(|folder| path(&folder.uri)).collect();
    }
    // What editors said before there were several folders.
    #[expect(deprecated, reason = "some editors say nothing else")]
    let (uri, plain) = (&params.root_uri, &params.root_path);
    let plain = || match plain {
        Some(RootPath::String(path)) => Some(PathBuf::from(path)),
        _ => None,
    };
    uri.as_ref().and_then(path).or_else(plain).into_iter().collect()
}

/// What the editor is offered.
pub fn offered() -> InitializeResult {
    let sync = TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::Incremental),
        save: Some(Save::Bool(true)),
        ..TextDocumentSyncOptions::default()
    };
    let folders = WorkspaceFoldersServerCapabilities {
        supported: Some(true),
        change_notifications: Some(ChangeNotifications::Bool(true)),
    };
    let fixes =
        CodeActionOptions { code_action_kinds: Some(vec![CodeActionKind::QuickFix]), ..CodeActionOptions::default() };
    let workspace = WorkspaceOptions { workspace_folders: Some(folders), ..WorkspaceOptions::default() };
    InitializeResult {
        capabilities: ServerCapabilities {
            text_document_sync: Some(sync.into()),
            hover_provider: Some(true.into()),
            definition_provider: Some(true.into()),
            code_action_provider: Some(fixes.into()),
            workspace: Some(workspace),
            ..ServerCapabilities::default()
        },
        server_info: Some(ServerInfo {
            name: "palisade".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
    }
}
