//! What is open in the editor, and the addresses it gives to files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gen_lsp_types::{TextDocumentContentChangeEvent, Uri};

use super::position::Lines;
use palisade::report::file_uri;

/// A text as the editor shows it, saved or not.
pub struct Document {
    /// As the editor wrote it: there are several ways to write the same one.
    pub uri: Uri,
    pub version: i32,
    pub text: String,
}

/// The open documents that are files, by path.
#[derive(Default)]
pub struct Documents(pub BTreeMap<PathBuf, Document>);

impl Documents {
    pub fn open(&mut self, uri: Uri, version: i32, text: String) {
        if let Some(path) = path(&uri) {
            self.0.insert(path, Document { uri, version, text });
        }
    }

    pub fn change(&mut self, uri: &Uri, version: i32, changes: Vec<TextDocumentContentChangeEvent>) {
        if let Some(document) = path(uri).and_then(|path| self.0.get_mut(&path)) {
            document.version = version;
            for change in changes {
                edit(&mut document.text, change);
            }
        }
    }

    pub fn close(&mut self, uri: &Uri) {
        path(uri).and_then(|path| self.0.remove(&path));
    }
}

fn edit(text: &mut String, change: TextDocumentContentChangeEvent) {
    match change {
        TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(whole) => *text = whole.text,
        TextDocumentContentChangeEvent::TextDocumentContentChangePartial(part) => {
            let lines = Lines::new(text);
            let [start, end] = [part.range.start, part.range.end].map(|position| lines.offset(position) as usize);
            text.replace_range(start..end.max(start), &part.text);
        }
    }
}

/// The path of a file's address; none for an address of another kind, such as a text that has no file yet.
pub fn path(uri: &Uri) -> Option<PathBuf> {
    let rest = uri.as_ref().strip_prefix("file://")?;
    let path = &rest[rest.find('/')?..];
    let path = decoded(path.split(['?', '#']).next()?)?;
    let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(&path);
    // `/C:/estate` is `C:/estate`.
    let drive = path
        .strip_prefix('/')
        .filter(|rest| matches!(rest.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic()));
    Some(PathBuf::from(drive.unwrap_or(path)))
}

/// The address of a path, relative ones as seen from the working directory.
pub fn uri(path: &Path) -> Uri {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Uri(file_uri(&absolute.to_string_lossy()))
}

/// A text without its escapes; none where they do not make up text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &after[2..]).1,
            None => (bytes.push(*first), rest = after).1,
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        path(&Uri::from(text)).map(|path| path.display().to_string())
    }

    #[test]
    fn addresses_are_paths() {
        assert_eq!(read("file:///estate/a%20b/%C3%A9.yaml").as_deref(), Some("/estate/a b/é.yaml"));
        assert_eq!(read("file://localhost/estate/").as_deref(), Some("/estate"));
        assert_eq!(read("file:///c%3A/estate/a.yaml").as_deref(), Some("c:/estate/a.yaml"));
        assert_eq!(read("file:///50%/a.yaml").as_deref(), Some("/50%/a.yaml"));
        assert_eq!(read("file:///").as_deref(), Some("/"));
    }

    #[test]
    fn an_address_of_another_kind_is_no_path() {
        for text in ["untitled:Untitled-1", "git:/a.yaml", "file://", "", "file:///%FF.yaml"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn texts_change_in_part_and_as_a_whole() {
        let uri = Uri::from("file:///a.yaml");
        let mut documents = Documents::default();
        documents.open(uri.clone(), 1, "a: 🦀\nb: 2\n".to_owned());
        let changes = r#"[
            {"range": {"start": {"line": 0, "character": 3}, "end": {"line": 0, "character": 5}}, "text": "one"},
            {"range": {"start": {"line": 1, "character": 99}, "end": {"line": 0, "character": 0}}, "text": "!"}
        ]"#;
        documents.change(&uri, 2, serde_json::from_str(changes).expect("changes"));
        let document = &documents.0[Path::new("/a.yaml")];
        assert_eq!((document.version, document.text.as_str()), (2, "a: one\nb: 2!\n"));
        documents.change(&uri, 3, serde_json::from_str(r#"[{"text": "new"}]"#).expect("a change"));
        assert_eq!(documents.0[Path::new("/a.yaml")].text, "new");
        documents.close(&uri);
        assert!(documents.0.is_empty());
    }

    #[test]
    fn paths_are_addresses() {
        assert_eq!(uri(Path::new("/estate/a b.yaml")), Uri::from("file:///estate/a%20b.yaml"));
        assert_eq!(path(&uri(Path::new("/estate/é#1.yaml"))), Some(PathBuf::from("/estate/é#1.yaml")));
    }
}
