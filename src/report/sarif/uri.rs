//! Paths as URIs: relative to the root of the repository where they can be, forward slashes, percent-encoded.

use std::fmt::Write as _;

use crate::report::relative::{Paths, Seen, normal};

/// The URI of a path as it was typed or walked.
pub(super) fn uri(path: &str, paths: &Paths) -> String {
    match paths.seen(path) {
        Seen::FromRoot(path) => encoded(&path),
        Seen::Absolute(path) => file_uri(&path),
    }
}

/// The URI of an absolute path.
#[must_use]
pub fn file_uri(path: &str) -> String {
    let path = normal(&path.replace('\\', "/"));
    // The colon of a drive letter is meant as one; so is that of a name, where it cannot be mistaken for another.
    format!("file:///{}", encoded(path.trim_start_matches('/')).replace("%3A", ":"))
}

/// Escapes what a path may hold and a URI may not (RFC 3986). A colon is escaped too: before the first slash it would be
/// read as a scheme.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(char::from(byte)),
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(root: &str, directory: &str, path: &str) -> String {
        uri(path, &Paths { root: root.to_owned(), directory: directory.to_owned() })
    }

    #[test]
    fn paths_are_relative_to_the_root() {
        assert_eq!(at("/repo", "/repo/deploy/prod", "../base/a.yaml"), "deploy/base/a.yaml");
        assert_eq!(at("/repo/", "/repo/deploy", "/repo/x/a.yaml"), "x/a.yaml");
        assert_eq!(at("/x/repo", "/x/other", "../repo/./a.yaml"), "a.yaml");
        assert_eq!(at(r"C:\repo", r"C:\repo\deploy", r"mesh\dr.yaml"), "deploy/mesh/dr.yaml");
    }

    #[test]
    fn paths_seen_from_nowhere_stay_relative() {
        assert_eq!(at("", "", "./mesh/dr.yaml"), "mesh/dr.yaml");
        assert_eq!(at("", "", "../a.yaml"), "../a.yaml");
        assert_eq!(at("", "", r"mesh\dr.yaml"), "mesh/dr.yaml");
        assert_eq!(at("/repo", "/repo/deploy", "<stdin>"), "%3Cstdin%3E");
    }

    #[test]
    fn paths_elsewhere_stay_absolute() {
        assert_eq!(at("/repo", "", "/repository/a.yaml"), "file:///repository/a.yaml");
        assert_eq!(at("/repo", "/repo", "../a.yaml"), "file:///a.yaml");
        assert_eq!(at("", "", r"C:\x\a.yaml"), "file:///C:/x/a.yaml");
    }

    #[test]
    fn what_a_uri_cannot_hold_is_encoded() {
        assert_eq!(at("", "", "a b/é#1?.yaml"), "a%20b/%C3%A9%231%3F.yaml");
        assert_eq!(at("", "", "x:y.yaml"), "x%3Ay.yaml");
    }
}
