//! Names of hosts with a leading wildcard.

use std::fmt;

/// A set of host names as meshes write it: one name, or `*` and what the names must end in (`*`, `*.example.com`,
/// `*example.com`). A star anywhere but in front is an ordinary character. Case counts: whoever compares names of
/// different origin lowers them first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPattern<'a> {
    text: &'a str,
}

impl<'a> HostPattern<'a> {
    /// The pattern of a text; every text is one.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// The pattern as written.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether the pattern starts with a wildcard.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.suffix().is_some()
    }

    /// What the names must end in, if the pattern starts with a wildcard.
    #[must_use]
    pub fn suffix(&self) -> Option<&'a str> {
        self.text.strip_prefix('*')
    }

    /// Whether there is a name that both patterns stand for.
    #[must_use]
    pub fn matches(&self, other: &HostPattern<'_>) -> bool {
        match (self.suffix(), other.suffix()) {
            // A name can end in both only if one ending is the end of the other.
            (Some(own), Some(others)) => own.ends_with(others) || others.ends_with(own),
            (Some(own), None) => other.text.ends_with(own),
            (None, Some(others)) => self.text.ends_with(others),
            (None, None) => self.text == other.text,
        }
    }

    /// Whether the other pattern stands for every name that this one stands for.
    #[must_use]
    pub fn subset_of(&self, other: &HostPattern<'_>) -> bool {
        match (self.suffix(), other.suffix()) {
            (Some(own), Some(others)) => own.ends_with(others),
            // Endlessly many names are not one name.
            (Some(_), None) => false,
            (None, Some(others)) => self.text.ends_with(others),
            (None, None) => self.text == other.text,
        }
    }
}

impl fmt::Display for HostPattern<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inclusion_implies_intersection() {
        let patterns =
            ["", "*", "*.org", "*org", "*.a.org", "a.org", "b.a.org", "b.*.org", "a.ORG"].map(HostPattern::new);
        for one in patterns {
            assert!(one.subset_of(&one));
            for other in patterns {
                assert_eq!(one.matches(&other), other.matches(&one));
                assert!(!one.subset_of(&other) || one.matches(&other), "{one} {other}");
                assert!(!(one.subset_of(&other) && other.subset_of(&one)) || one == other);
            }
        }
    }

    #[test]
    fn a_star_inside_is_no_wildcard() {
        assert!(!HostPattern::new("b.*.org").matches(&HostPattern::new("b.a.org")));
        assert!(!HostPattern::new("b.*.org").is_wildcard());
        assert_eq!(HostPattern::new("*.org").suffix(), Some(".org"));
    }
}
