//! Hosts that may be called without the gateway: Google's APIs and the metadata server (semantics A.13, MR09).

use crate::traffic::HostPattern;

const GOOGLE: [&str; 7] =
    ["*.googleapis.com", "metadata.google.internal", "*.gcr.io", "gcr.io", "*.pkg.dev", "metadata", "169.254.169.254"];

/// Whether a host is one of Google's APIs or registries, or the metadata server: Private Google Access, Workload Identity
/// and IAM guard these.
#[must_use]
pub fn is_google(host: &str) -> bool {
    GOOGLE.iter().any(|known| HostPattern::new(host).subset_of(&HostPattern::new(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_exempt_where_all_that_it_stands_for_is() {
        assert!(is_google("storage.googleapis.com") && is_google("*.googleapis.com") && is_google("eu.gcr.io"));
        assert!(!is_google("*.com") && !is_google("googleapis.com.evil.example") && !is_google("*"));
    }
}
