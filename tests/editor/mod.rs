//! An editor as the language server sees it: it writes messages to the binary and reads what comes back.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.
#![allow(dead_code)] // Each test file uses a part of this.
#![allow(clippy::needless_pass_by_value)] // Messages are written where they are sent.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long the server may take for anything before a test fails.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Editor {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Value>,
    /// What was read while something else was waited for.
    seen: VecDeque<Value>,
    last: i64,
}

impl Editor {
    pub fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_palisade"))
            .args(["lsp", "--stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("the output is a pipe"));
        let (sender, receiver) = channel();
        thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { child, input, output: receiver, seen: VecDeque::new(), last: 0 }
    }

    /// An editor with a folder open, after the handshake.
    pub fn with_folder(folder: &Path) -> Self {
        let mut editor = Self::start();
        let folders = json!([{"uri": uri(folder), "name": "estate"}]);
        editor.initialize(json!({"workspaceFolders": folders}));
        editor
    }

    /// Shakes hands. Answers with what the server offers.
    pub fn initialize(&mut self, more: Value) -> Value {
        let mut params = json!({
            "processId": null,
            "rootUri": null,
            "capabilities": {
                "textDocument": {
                    "hover": {"contentFormat": ["markdown", "plaintext"]},
                    "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}},
                },
                "workspace": {
                    "didChangeWatchedFiles": {"dynamicRegistration": true},
                    "workspaceEdit": {"documentChanges": true},
                },
            },
        });
        for (key, value) in more.as_object().cloned().unwrap_or_default() {
            params[key] = value;
        }
        let offered = self.ask("initialize", params);
        self.tell("initialized", json!({}));
        offered["result"].clone()
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(bytes).and_then(|()| input.flush()).expect("the server reads");
    }

    pub fn send(&mut self, message: &Value) {
        self.send_bytes(&framed(&message.to_string()));
    }

    pub fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request. Answers with its id.
    pub fn request(&mut self, method: &str, params: Value) -> i64 {
        self.last += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params}));
        self.last
    }

    /// Sends a request and waits for the answer.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.wait_for(|message| message["id"] == id && message.get("method").is_none())
    }

    /// The first message that is of interest, now or later; others are kept.
    pub fn wait_for(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.seen.iter().position(&is_it) {
            return self.seen.remove(at).expect("there is one");
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(message) if is_it(&message) => return message,
                Ok(message) => self.seen.push_back(message),
                Err(error) => panic!("{error}; what came instead: {:#?}", self.seen),
            }
        }
    }

    /// What is said next about a file.
    pub fn diagnostics(&mut self, uri: &str) -> Vec<Value> {
        let message = self.published(uri);
        message["diagnostics"].as_array().cloned().expect("a list of diagnostics")
    }

    /// What is published next about a file, with its version.
    pub fn published(&mut self, uri: &str) -> Value {
        let is_it =
            |message: &Value| message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri;
        self.wait_for(is_it)["params"].clone()
    }

    pub fn open(&mut self, uri: &str, text: &str) {
        let document = json!({"uri": uri, "languageId": "yaml", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Replaces the text of an open document.
    pub fn change(&mut self, uri: &str, version: i32, text: &str) {
        let document = json!({"uri": uri, "version": version});
        let params = json!({"textDocument": document, "contentChanges": [{"text": text}]});
        self.tell("textDocument/didChange", params);
    }

    /// Asks about a position.
    pub fn at(&mut self, method: &str, uri: &str, position: &Value) -> Value {
        self.ask(method, json!({"textDocument": {"uri": uri}, "position": position}))["result"].clone()
    }

    /// Says goodbye as the protocol wants it, and sees that it was quiet on standard error.
    pub fn leave(mut self) {
        assert_eq!(self.ask("shutdown", Value::Null)["result"], Value::Null);
        self.tell("exit", Value::Null);
        assert_eq!(self.end().code(), Some(0));
    }

    /// Waits for the end. Whatever was said, nothing is on standard error.
    pub fn end(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("the program ends");
        let mut said = String::new();
        let error = self.child.stderr.take().expect("standard error is a pipe");
        BufReader::new(error).read_to_string(&mut said).expect("the output is UTF-8");
        assert_eq!(said, "");
        status
    }

    /// Closes the input without a word.
    pub fn hang_up(&mut self) {
        self.input = None;
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn framed(body: &str) -> Vec<u8> {
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The address of a path without anything that needs an escape.
pub fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        output.read_line(&mut line).ok().filter(|&count| count > 0)?;
        match line.trim().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().expect("a length"),
            Some(_) => panic!("a header that is none: {line}"),
            None => break,
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("the server writes JSON"))
}
