//! Paths as seen from the root of the repository, as every service wants them that shows findings in a diff.

use super::Place;

/// What makes paths relative to the root of the repository.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// The root of the repository as an absolute path; what lies below it becomes relative to it.
    pub root: String,
    /// The working directory as an absolute path: relative paths are seen from there. Where empty, they stay as they are.
    pub directory: String,
}

/// A path, and whether it could be made relative.
pub(super) enum Seen {
    FromRoot(String),
    Absolute(String),
}

impl Paths {
    /// A path as it was typed or walked, as seen from the root; forward slashes.
    pub(super) fn seen(&self, path: &str) -> Seen {
        let [path, root, directory] = [path, &self.root, &self.directory].map(|path| path.replace('\\', "/"));
        // What stands in angle brackets was read from no file.
        if !(is_absolute(&path) || is_absolute(&directory)) || path.starts_with('<') {
            return Seen::FromRoot(normal(&path));
        }
        let full = if is_absolute(&path) { normal(&path) } else { normal(&format!("{directory}/{path}")) };
        let root = normal(&root);
        match full.strip_prefix(&root).and_then(|rest| rest.strip_prefix('/')).filter(|_| !root.is_empty()) {
            Some(rest) => Seen::FromRoot(rest.to_owned()),
            None => Seen::Absolute(full),
        }
    }

    /// A path as seen from the root, or the whole path where it is not below it.
    pub(super) fn text(&self, path: &str) -> String {
        match self.seen(path) {
            Seen::FromRoot(path) | Seen::Absolute(path) => path,
        }
    }

    /// `path:line:column` as seen from the root.
    pub(super) fn position(&self, place: &Place<'_>) -> String {
        format!("{}:{}:{}", self.text(place.source.path()), place.start.line, place.start.column)
    }
}

fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || matches!(path.as_bytes(), [drive, b':', b'/', ..] if drive.is_ascii_alphabetic())
}

/// A path without `.` and doubled slashes, and without `..` wherever there is a folder to leave.
pub(super) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|&last| last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let slash = if path.starts_with('/') { "/" } else { "" };
    format!("{slash}{}", parts.join("/"))
}
