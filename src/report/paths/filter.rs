//! Which ways out to list.

use crate::analysis::capture::Tier;
use crate::analysis::exits::{Verdict, Via};
use crate::config::{From, To};

/// What to list of the ways out; everything that is open or unknown where nothing is set.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The only estate, where the input is several.
    pub estate: Option<String>,
    pub from: Option<From>,
    pub to: Option<To>,
    pub tier: Option<Tier>,
    pub via: Option<Via>,
    pub verdict: Option<Verdict>,
    /// List what is closed as well.
    pub closed: bool,
    /// Say what to do first as well, which asks for all ways out once more for each edit that is tried.
    pub first: bool,
}

impl Filter {
    /// Whether ways with a verdict are listed. Whoever asks for what is closed by its verdict gets it.
    #[must_use]
    pub fn lists(&self, verdict: Verdict) -> bool {
        self.verdict.map_or(self.closed || verdict != Verdict::Closed, |wanted| wanted == verdict)
    }
}
