//! What the user asked for: levels, scopes, expectations, ignores, and which parts of the input are complete. Filled from
//! the command line and `palisade.yaml`, which is read with its places, so that findings can quote it.

mod before;
mod date;
mod ends;
mod ignores;
mod keys;
mod read;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::RangeInclusive;

pub use before::{Accepted, Before, Site};
pub use date::Date;
pub use ends::{From, InvalidEnd, To};
pub use ignores::{Fault, Ignore, Ignores, Judged, Outcome, Said, Scope, in_comment};
pub use keys::{Form, KEYS, Key, Shape, WAYS};
pub use read::read;
pub use words::{closest, listed, suggestion};

use crate::finding::{Confidence, Level, Severity};
use crate::source::{Location, SourceId, Spanned};

/// The name of the file that `palisade` looks for in the audited directory and above.
pub const FILE_NAME: &str = "palisade.yaml";

/// A part of the estate that `--complete` can vouch for: what is not in the input does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Kubernetes,
    Mesh,
    Cloud,
}

impl Part {
    /// Every part, in the order in which they are documented.
    pub const ALL: [Self; 3] = [Self::Kubernetes, Self::Mesh, Self::Cloud];

    /// The word used on the command line and in the config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Mesh => "mesh",
            Self::Cloud => "cloud",
        }
    }
}

/// A statement about what must, or must not, be able to leave (contract: Config, `expect`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The word `allow` or `deny`.
    pub at: Location,
    pub allows: bool,
    pub from: Spanned<From>,
    /// Where to, as written.
    pub to: Spanned<String>,
    /// Where to.
    pub target: To,
    /// One of [`WAYS`]; any where there is none.
    pub via: Option<Spanned<String>>,
}

impl fmt::Display for Expectation {
    /// The statement on one line, as the settings have it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.allows { "allow" } else { "deny" };
        write!(formatter, "{word}: {{from: {}, to: {}", self.from, self.to)?;
        if let Some(via) = &self.via {
            write!(formatter, ", via: {via}")?;
        }
        formatter.write_str("}")
    }
}

/// A part of the input that is audited apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub name: Spanned<String>,
    /// Files and folders, as seen from the folder of the settings.
    pub paths: Vec<Spanned<String>>,
}

/// The lines that a run reports on; the audit is of everything all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The revision since which they changed, as it was typed.
    pub since: String,
    pub lines: BTreeMap<SourceId, Vec<RangeInclusive<usize>>>,
}

impl Changed {
    /// Whether any of some lines is among them.
    #[must_use]
    pub fn touches(&self, source: SourceId, lines: &RangeInclusive<usize>) -> bool {
        let overlaps =
            |changed: &RangeInclusive<usize>| changed.start() <= lines.end() && lines.start() <= changed.end();
        self.lines.get(&source).is_some_and(|changed| changed.iter().any(overlaps))
    }
}

/// Findings that are known from an earlier run, by their fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// The file, as it was typed.
    pub name: String,
    /// Whether the input was several estates.
    pub is_split: bool,
    pub known: Vec<Known>,
}

impl Baseline {
    /// What it knows, by the names that findings have in a comparison with a run whose input is several estates, or is one.
    #[must_use]
    pub fn by_name(&self, is_split: bool) -> HashMap<&str, &Known> {
        let is_alike = is_split == self.is_split;
        let names = self.known.iter().map(|known| if is_alike { &known.fingerprint } else { &known.plain });
        names.map(String::as_str).zip(&self.known).collect()
    }
}

/// What a baseline says of a finding, for who reads that it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub rule: String,
    pub resource: String,
    pub message: String,
    pub fingerprint: String,
    /// The same as in a run in which the input is one estate.
    pub plain: String,
    /// The estates that it was about, where its name does not say so; all where there are none.
    pub estates: Vec<String>,
}

/// The settings of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Namespaces that hold the egress gateway, besides those that the input shows.
    pub egress_namespaces: Vec<String>,
    /// Namespaces of the platform, besides the built-in list (semantics A, notation).
    pub system_namespaces: Vec<String>,
    /// Who may manage egress, besides the cluster's masters: `user:NAME`, `group:NAME`, `serviceAccount:NAMESPACE/NAME`.
    pub admins: Vec<Spanned<String>>,
    /// Parts of the estate that the input holds completely.
    pub complete: Vec<Part>,
    /// The Istio version, as major and minor; where unknown, the worse reading of what depends on it counts.
    pub istio_version: Option<(u32, u32)>,
    /// The level of a rule where it is not the one of its severity.
    pub levels: BTreeMap<String, Level>,
    pub expectations: Vec<Expectation>,
    pub ignores: Vec<Ignore>,
    /// Parts of the input that are audited apart.
    pub sections: Vec<Section>,
    /// The only rules to run; all where empty.
    pub only: Vec<String>,
    pub min_severity: Severity,
    pub min_confidence: Confidence,
    /// The lowest level that fails the audit; `Off` never fails.
    pub fail_on: Level,
    /// Documents that could not be parsed do not make the audit incomplete.
    pub allow_unparsed: bool,
    /// Findings that are known and do not count.
    pub baseline: Option<Baseline>,
    /// Tell what a finding about a path explains by itself as well.
    pub all: bool,
    /// The only lines to report on; all where there is none.
    pub changed: Option<Changed>,
    /// An earlier state that the ignores are held against: what it does not accept, they do not either.
    pub before: Option<Before>,
    /// Nothing is silenced, so that what ignores hide is seen.
    pub no_ignores: bool,
    /// The input holds everything that the settings speak of; where it is only a part, an ignore without an object is none
    /// of its business.
    pub is_whole: bool,
    /// The day on which an ignore must not have ended; where there is none, no ignore ends.
    pub today: Option<Date>,
    /// Where each setting that the file has was written, by its key; a level by `rules.` and the rule's id.
    pub written: BTreeMap<String, Location>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            egress_namespaces: Vec::new(),
            system_namespaces: Vec::new(),
            admins: Vec::new(),
            complete: Vec::new(),
            istio_version: None,
            levels: BTreeMap::new(),
            expectations: Vec::new(),
            ignores: Vec::new(),
            sections: Vec::new(),
            only: Vec::new(),
            min_severity: Severity::Info,
            min_confidence: Confidence::Low,
            fail_on: Level::Error,
            allow_unparsed: false,
            baseline: None,
            all: false,
            changed: None,
            before: None,
            no_ignores: false,
            is_whole: true,
            today: None,
            written: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Whether every finding is reported, whatever its rule, rank or line.
    #[must_use]
    pub fn reports_all(&self) -> bool {
        let is_ranked = self.min_severity > Severity::Info || self.min_confidence > Confidence::Low;
        self.only.is_empty() && self.changed.is_none() && !is_ranked
    }
}

/// An Istio version as major and minor; a patch version may follow and says nothing about behavior.
#[must_use]
pub fn istio_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v').unwrap_or(text).splitn(3, '.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.split('-').next()?.parse().ok()?;
    Some((major, minor))
}

/// A level as the lowest that fails: `off` is `never`.
#[must_use]
pub fn failing_word(level: Level) -> &'static str {
    if level == Level::Off { "never" } else { level.as_str() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_major_and_minor() {
        assert_eq!(istio_version("1.28"), Some((1, 28)));
        assert_eq!(istio_version("v1.30.2-asm.1"), Some((1, 30)));
        assert_eq!(istio_version("1.30-alpha"), Some((1, 30)));
        assert_eq!(istio_version("1"), None);
        assert_eq!(istio_version("one.two"), None);
    }
}
