//! The conversation with the editor: what it asks and tells, in order, and what it is told.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gen_lsp_types::json_rpc::{Error, Id, RequestObject, ResponseObject};
use gen_lsp_types::{
    CodeAction, CodeActionParams, CodeActionRequest, DefinitionRequest, DefinitionResponse,
    DidChangeTextDocumentNotification, DidChangeWatchedFilesRegistrationOptions, DidChangeWorkspaceFoldersNotification,
    DidCloseTextDocumentNotification, DidOpenTextDocumentNotification, ErrorCodes, FileSystemWatcher, Hover,
    HoverRequest, InitializeParams, InitializeRequest, LogMessageNotification, LogMessageParams, LspNotificationMethod,
    LspRequestMethod, MarkupContent, MarkupKind, MessageType, Notification, PublishDiagnosticsNotification,
    PublishDiagnosticsParams, Registration, RegistrationParams, RegistrationRequest, Request, ShowMessageNotification,
    ShowMessageParams, ShutdownRequest, TextDocumentPositionParams,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::actions::actions;
use super::capabilities::{self, Client};
use super::diagnostics::{Behind, behind, diagnostics};
use super::documents::{Documents, path};
use super::estate::{Audited, audit};
use super::wire::{self, Incoming};
use crate::cli::messages;

/// How long the editor has to be quiet before what is typed is audited.
const QUIET: Duration = Duration::from_millis(200);

/// The error of a request that its sender has taken back.
const CANCELLED: ErrorCodes = ErrorCodes::Custom(-32800);

/// Where the conversation stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    Down,
}

/// What is known of the editor, and how it is written to.
pub struct Server<W> {
    output: W,
    phase: Phase,
    client: Client,
    /// The folders of the workspace; where it has none, the open documents are the estate.
    folders: Vec<PathBuf>,
    documents: Documents,
    audits: Vec<Audited>,
    /// What was published last, by address.
    published: BTreeMap<String, PublishDiagnosticsParams>,
    /// What was last said to be wrong, so that it is said once.
    said: Option<String>,
    due: Option<Instant>,
}

impl<W: Write> Server<W> {
    pub fn new(output: W) -> Self {
        Self {
            output,
            phase: Phase::New,
            client: Client::default(),
            folders: Vec::new(),
            documents: Documents::default(),
            audits: Vec::new(),
            published: BTreeMap::new(),
            said: None,
            due: None,
        }
    }

    /// When the estate is to be audited again; never where nothing has changed.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The exit code if the input ends here.
    pub fn exit_code(&self) -> u8 {
        u8::from(self.phase != Phase::Down)
    }

    /// Takes one message. Answers with the exit code if it was the last one.
    ///
    /// # Errors
    /// The editor does not read any more.
    pub fn take(&mut self, incoming: Incoming, is_cancelled: impl FnOnce(&Id) -> bool) -> io::Result<Option<u8>> {
        match incoming {
            Incoming::Bad { id, error } => self.refuse(id, error)?,
            Incoming::Response => {}
            Incoming::Notification { method, .. } if method == LspNotificationMethod::Exit.as_str() => {
                return Ok(Some(self.exit_code()));
            }
            Incoming::Notification { method, params } => {
                if self.phase == Phase::Running {
                    self.told(&method, params)?;
                }
            }
            Incoming::Request { id, method, params } => {
                if self.phase == Phase::Running && self.due.is_some() {
                    self.audit()?;
                }
                if is_cancelled(&id) {
                    self.refuse(id, error(CANCELLED, "cancelled"))?;
                } else {
                    self.asked(id, &method, params)?;
                }
            }
        }
        Ok(None)
    }

    fn asked(&mut self, id: Id, method: &str, params: Value) -> io::Result<()> {
        let method = LspRequestMethod::from(method);
        match (self.phase, method) {
            (Phase::New, LspRequestMethod::Initialize) => match read::<InitializeParams>(params) {
                Ok(params) => self.initialize(id, &params),
                Err(error) => self.refuse(id, error),
            },
            (Phase::New, _) => self.refuse(id, error(ErrorCodes::ServerNotInitialized, "not initialized yet")),
            (Phase::Down, _) => self.refuse(id, error(ErrorCodes::InvalidRequest, "shut down")),
            (Phase::Running, LspRequestMethod::Initialize) => {
                self.refuse(id, error(ErrorCodes::InvalidRequest, "initialized already"))
            }
            (Phase::Running, LspRequestMethod::Shutdown) => {
                self.phase = Phase::Down;
                self.due = None;
                self.answer::<ShutdownRequest>(id, ())
            }
            (Phase::Running, LspRequestMethod::TextDocumentHover) => match read(params) {
                Ok(at) => {
                    let hover = self.hover(&at);
                    self.answer::<HoverRequest>(id, hover)
                }
                Err(error) => self.refuse(id, error),
            },
            (Phase::Running, LspRequestMethod::TextDocumentDefinition) => match read(params) {
                Ok(at) => {
                    let places = self.behind(&at).places;
                    let found = (!places.is_empty()).then(|| DefinitionResponse::Definition(places.into()));
                    self.answer::<DefinitionRequest>(id, found)
                }
                Err(error) => self.refuse(id, error),
            },
            (Phase::Running, LspRequestMethod::TextDocumentCodeAction) => match read(params) {
                Ok(asked) => {
                    let actions = self.actions(&asked).into_iter().map(Into::into).collect();
                    self.answer::<CodeActionRequest>(id, Some(actions))
                }
                Err(error) => self.refuse(id, error),
            },
            (Phase::Running, method) => {
                self.refuse(id, error(ErrorCodes::MethodNotFound, &format!("`{method}` is not supported")))
            }
        }
    }

    fn initialize(&mut self, id: Id, params: &InitializeParams) -> io::Result<()> {
        self.phase = Phase::Running;
        self.client = Client::new(&params.capabilities);
        self.folders = capabilities::folders(params);
        self.due = Some(Instant::now());
        self.answer::<InitializeRequest>(id, capabilities::offered())
    }

    fn told(&mut self, method: &str, params: Value) -> io::Result<()> {
        let now = Instant::now();
        match LspNotificationMethod::from(method) {
            LspNotificationMethod::Initialized => return self.watch(),
            LspNotificationMethod::TextDocumentDidOpen => {
                let Some(params) = params_of::<DidOpenTextDocumentNotification>(params) else { return Ok(()) };
                let document = params.text_document;
                self.documents.open(document.uri, document.version, document.text);
                self.due = Some(now);
            }
            LspNotificationMethod::TextDocumentDidChange => {
                let Some(params) = params_of::<DidChangeTextDocumentNotification>(params) else { return Ok(()) };
                let document = params.text_document;
                self.documents.change(&document.text_document_identifier.uri, document.version, params.content_changes);
                self.due = Some(now + QUIET);
            }
            LspNotificationMethod::TextDocumentDidClose => {
                let Some(params) = params_of::<DidCloseTextDocumentNotification>(params) else { return Ok(()) };
                self.documents.close(&params.text_document.uri);
                self.due = Some(now);
            }
            LspNotificationMethod::WorkspaceDidChangeWorkspaceFolders => {
                let Some(params) = params_of::<DidChangeWorkspaceFoldersNotification>(params) else { return Ok(()) };
                let removed: Vec<_> = params.event.removed.iter().filter_map(|folder| path(&folder.uri)).collect();
                self.folders.retain(|folder| !removed.contains(folder));
                self.folders.extend(params.event.added.iter().filter_map(|folder| path(&folder.uri)));
                self.due = Some(now);
            }
            LspNotificationMethod::TextDocumentDidSave | LspNotificationMethod::WorkspaceDidChangeWatchedFiles => {
                self.due = Some(now);
            }
            _ => {}
        }
        Ok(())
    }

    /// Asks to be told when files change that are not open.
    fn watch(&mut self) -> io::Result<()> {
        if !self.client.watches_files {
            return Ok(());
        }
        let pattern = capabilities::WATCHED.to_owned().into();
        let watchers = vec![FileSystemWatcher { glob_pattern: pattern, kind: None }];
        let registration = Registration {
            id: "manifests".to_owned(),
            method: LspNotificationMethod::WorkspaceDidChangeWatchedFiles.to_string(),
            register_options: serde_json::to_value(DidChangeWatchedFilesRegistrationOptions { watchers }).ok(),
        };
        let params = RegistrationParams { registrations: vec![registration] };
        let request = RequestObject::from_request::<RegistrationRequest>(Id::Number(1), params);
        wire::write(&mut self.output, &request)
    }

    /// Audits everything again, and publishes what is different.
    ///
    /// # Errors
    /// The editor does not read any more.
    pub fn audit(&mut self) -> io::Result<()> {
        self.due = None;
        let estates = if self.folders.is_empty() { vec![None] } else { self.folders.iter().map(Some).collect() };
        let (mut audits, mut faults) = (Vec::new(), Vec::new());
        for folder in estates {
            match audit(folder.map(PathBuf::as_path), &self.documents) {
                Ok(audited) => audits.push(audited),
                Err(fault) => faults.push(format!("palisade: {fault}")),
            }
        }
        self.audits = audits;
        let said = Some(faults.join("\n")).filter(|said| !said.is_empty());
        if self.said != said {
            self.said.clone_from(&said);
            if let Some(message) = said {
                self.tell::<ShowMessageNotification>(ShowMessageParams { kind: MessageType::Error, message })?;
            }
        }
        for message in self.verdicts() {
            self.tell::<LogMessageNotification>(LogMessageParams { kind: MessageType::Info, message })?;
        }
        self.publish()
    }

    fn verdicts(&self) -> Vec<String> {
        self.audits.iter().filter_map(|audited| audited.outcome.as_ref().ok()).map(messages::verdict).collect()
    }

    fn publish(&mut self) -> io::Result<()> {
        let mut files: BTreeMap<String, PublishDiagnosticsParams> = BTreeMap::new();
        for (uri, params) in self.audits.iter().flat_map(diagnostics) {
            match files.get_mut(&uri) {
                Some(file) => file.diagnostics.extend(params.diagnostics),
                None => drop(files.insert(uri, params)),
            }
        }
        let published = std::mem::replace(&mut self.published, files);
        let gone =
            published.iter().filter(|(uri, file)| !file.diagnostics.is_empty() && !self.published.contains_key(*uri));
        let gone: Vec<_> = gone.map(|(_, file)| empty(file)).collect();
        let changed = self.published.iter().filter(|(uri, file)| published.get(*uri) != Some(file));
        let changed: Vec<_> = changed.map(|(_, file)| file.clone()).collect();
        for params in gone.into_iter().chain(changed) {
            self.tell::<PublishDiagnosticsNotification>(params)?;
        }
        Ok(())
    }

    fn behind(&self, at: &TextDocumentPositionParams) -> Behind {
        let at = self.audits.iter().map(|audited| behind(audited, &at.text_document.uri, at.position));
        at.reduce(|one, other| if one.range.is_some() { one } else { other }).unwrap_or_default()
    }

    fn actions(&self, asked: &CodeActionParams) -> Vec<CodeAction> {
        if !self.client.takes_actions {
            return Vec::new();
        }
        let of = |audited| actions(audited, asked, self.client.takes_versions);
        self.audits.iter().map(of).find(|found| !found.is_empty()).unwrap_or_default()
    }

    fn hover(&self, at: &TextDocumentPositionParams) -> Option<Hover> {
        let Behind { rules, range, .. } = self.behind(at);
        let pages: Vec<&str> = rules.iter().map(|rule| rule.page.trim_end()).collect();
        let kind = if self.client.reads_markdown { MarkupKind::Markdown } else { MarkupKind::PlainText };
        let contents = MarkupContent { kind, value: pages.join("\n\n---\n\n") };
        (!pages.is_empty()).then(|| Hover { contents: contents.into(), range })
    }

    fn answer<R: Request>(&mut self, id: Id, result: R::Result) -> io::Result<()> {
        wire::write(&mut self.output, &ResponseObject::from_success::<R>(id, result))
    }

    fn refuse(&mut self, id: Id, error: Error) -> io::Result<()> {
        wire::write(&mut self.output, &ResponseObject::from_error(id, error))
    }

    fn tell<N: Notification>(&mut self, params: N::Params) -> io::Result<()> {
        wire::write(&mut self.output, &RequestObject::from_notification::<N>(params))
    }
}

/// A file without anything that was published about it.
fn empty(file: &PublishDiagnosticsParams) -> PublishDiagnosticsParams {
    PublishDiagnosticsParams { uri: file.uri.clone(), version: None, diagnostics: Vec::new() }
}

fn error(code: ErrorCodes, message: &str) -> Error {
    Error { code, message: message.to_owned(), data: None }
}

fn read<P: DeserializeOwned>(params: Value) -> Result<P, Error> {
    serde_json::from_value(params).map_err(|fault| error(ErrorCodes::InvalidParams, &fault.to_string()))
}

/// What a notification says; none where that cannot be read, since there is nobody to answer.
fn params_of<N: Notification>(params: Value) -> Option<N::Params> {
    serde_json::from_value(params).ok()
}
