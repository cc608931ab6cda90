//! The binary, run in folders that are made for it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// One error: nothing isolates the egress of `team-y`, though there are network policies.
pub const WITH_ERROR: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: client
  namespace: team-y
spec:
  template:
    metadata:
      labels:
        app: client
    spec:
      containers:
      - name: client
        image: example.com/client
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default-deny
  namespace: team-x
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
";

pub const CLEAN: &str = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: team-x\n";

pub const BROKEN: &str = "apiVersion: v1\nkind: [unclosed\n";

/// A folder with files in it.
pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder can be made");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }
    folder
}

/// The binary in a folder, with nothing of the tester's own terminal.
pub fn palisade(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM", "LC_ALL", "LC_CTYPE", "LANG", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

/// What came of a run.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

pub fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the output is UTF-8");
    let code = output.status.code().expect("the program ends by itself");
    Ran { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

pub fn run(folder: &Path, arguments: &[&str]) -> Ran {
    ran(&palisade(folder, arguments).output().expect("the program starts"))
}

pub fn run_with_stdin(folder: &Path, arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
    let mut child = palisade(folder, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("the input is a pipe").write_all(input.as_ref()).expect("the input is read");
    ran(&child.wait_with_output().expect("the program ends"))
}

pub fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
