//! Whether a pattern of hosts is too wide for anybody to answer for all that it stands for (semantics A.17, A.15).

use super::exempt::is_google;
use crate::traffic::HostPattern;

/// How wide a pattern is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// One name, or names of one owner.
    Narrow,
    /// Every name.
    Everything,
    /// The names below a public suffix, such as `*.com`, `*.co.uk` or `*.appspot.com`: anybody can have one.
    PublicSuffix,
    /// Names that merely end alike, such as `*example.com`, which another owner's name can too.
    NoDot,
}

/// Endings that the public name system does not have (RFC 6762, ICANN's reserved name for private use, common practice).
const PRIVATE: [&str; 6] = ["local", "internal", "corp", "lan", "home", "arpa"];

/// How wide a pattern of hosts is.
#[must_use]
pub fn breadth(pattern: &str) -> Breadth {
    let Some(suffix) = HostPattern::new(pattern).suffix() else { return Breadth::Narrow };
    if suffix.is_empty() || suffix == "." {
        return Breadth::Everything;
    }
    let Some(name) = suffix.strip_prefix('.') else { return Breadth::NoDot };
    let name = name.to_ascii_lowercase();
    let is_private = PRIVATE.iter().any(|private| name == *private || name.ends_with(&format!(".{private}")));
    let is_private = is_private || is_google(pattern);
    if !is_private && psl::domain(name.as_bytes()).is_none() { Breadth::PublicSuffix } else { Breadth::Narrow }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_can_have_a_name_below_is_public() {
        for wide in ["*.com", "*.co.uk", "*.appspot.com", "*.github.io", "*.example", "*.COM"] {
            assert_eq!(breadth(wide), Breadth::PublicSuffix, "{wide}");
        }
        for narrow in
            ["example.com", "*.example.com", "*.googleapis.com", "*.internal", "*.corp", "*.svc.cluster.local"]
        {
            assert_eq!(breadth(narrow), Breadth::Narrow, "{narrow}");
        }
        assert_eq!(breadth("*"), Breadth::Everything);
        assert_eq!(breadth("*example.com"), Breadth::NoDot);
    }
}
