//! What the user asked for: levels, scopes and which layers are complete. Filled from the command line and `palisade.yaml`.

use std::collections::BTreeMap;

use crate::finding::{Confidence, Level, Severity};
use crate::source::{Document, Entry, Node, Problem, Shape};

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

/// The settings of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Namespaces that hold the egress gateway, besides those that the input shows.
    pub egress_namespaces: Vec<String>,
    /// Namespaces of the platform, besides the built-in list (semantics A, notation).
    pub system_namespaces: Vec<String>,
    /// Who may manage egress, besides the cluster's masters: `user:NAME`, `group:NAME`, `serviceAccount:NAMESPACE/NAME`.
    pub admins: Vec<String>,
    /// Parts of the estate that the input holds completely.
    pub complete: Vec<Part>,
    /// The Istio version, as major and minor; the newest where unknown.
    pub istio_version: Option<(u32, u32)>,
    /// The level of a rule where it is not the one of its severity.
    pub levels: BTreeMap<String, Level>,
    /// The only rules to run; all where empty.
    pub only: Vec<String>,
    pub min_severity: Severity,
    pub min_confidence: Confidence,
    /// The lowest level that fails the audit; `Off` never fails.
    pub fail_on: Level,
    /// Documents that could not be parsed do not make the audit incomplete.
    pub allow_unparsed: bool,
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
            only: Vec::new(),
            min_severity: Severity::Info,
            min_confidence: Confidence::Low,
            fail_on: Level::Error,
            allow_unparsed: false,
        }
    }
}

/// Reads a config file. `rules` are the ids of all rules, so that a misspelled one is an error rather than ignored.
///
/// # Errors
/// Everything in the file that is not understood, each at its place.
pub fn read(document: &Document<'_>, rules: &[&str]) -> Result<Config, Vec<Problem>> {
    let mut reader = Reader { config: Config::default(), problems: Vec::new(), rules };
    let root = document.root();
    match root.shape() {
        Shape::Mapping => root.entries().for_each(|entry| reader.key(entry)),
        _ if root.is_null() => {}
        _ => reader.problem(root, "the config is not a mapping of settings".to_owned()),
    }
    if reader.problems.is_empty() { Ok(reader.config) } else { Err(reader.problems) }
}

/// An Istio version as major and minor; a patch version may follow and says nothing about behavior.
#[must_use]
pub fn istio_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v').unwrap_or(text).splitn(3, '.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some((major, minor))
}

/// The known word that a misspelled one most likely stands for.
#[must_use]
pub fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let allowed = (word.chars().count() / 3).max(1);
    let near = known.iter().map(|&candidate| (distance(word, candidate), candidate));
    near.filter(|&(distance, _)| distance <= allowed).min_by_key(|&(distance, _)| distance).map(|(_, word)| word)
}

/// `; did you mean ...?` where some known word is close, nothing otherwise.
#[must_use]
pub fn suggestion(word: &str, known: &[&str]) -> String {
    closest(word, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default()
}

const KEYS: [&str; 6] = ["istio-version", "egress-namespaces", "system-namespaces", "admins", "complete", "rules"];
const LEVELS: [Level; 4] = [Level::Off, Level::Note, Level::Warning, Level::Error];

struct Reader<'r> {
    config: Config,
    problems: Vec<Problem>,
    rules: &'r [&'r str],
}

impl Reader<'_> {
    fn problem(&mut self, node: Node<'_>, message: String) {
        self.problems.push(Problem { at: node.at(), message });
    }

    fn key(&mut self, entry: Entry<'_>) {
        let value = entry.value;
        match entry.name() {
            "istio-version" => self.version(value),
            "egress-namespaces" => self.config.egress_namespaces = self.words(value, "namespaces"),
            "system-namespaces" => self.config.system_namespaces = self.words(value, "namespaces"),
            "admins" => self.config.admins = self.words(value, "subjects"),
            "complete" => self.parts(value),
            "rules" => self.levels(value),
            name @ ("expect" | "ignore") => {
                self.problem(entry.key, format!("`{name}` is not supported by this version of palisade; remove it"));
            }
            name => self.problem(entry.key, format!("unknown key `{name}`{}", suggestion(name, &KEYS))),
        }
    }

    fn version(&mut self, value: Node<'_>) {
        // The text as written: read as a number, `1.30` would be 1.3.
        match value.text().and_then(istio_version) {
            Some(version) => self.config.istio_version = Some(version),
            None => self.problem(value, "`istio-version` is not a version such as `\"1.28\"`".to_owned()),
        }
    }

    fn words(&mut self, value: Node<'_>, what: &str) -> Vec<String> {
        let mut words = Vec::new();
        if value.shape() != Shape::Sequence && !value.is_null() {
            self.problem(value, format!("not a list of {what}"));
        }
        for item in value.items() {
            match item.text() {
                Some(word) if !word.is_empty() && !item.is_null() => words.push(word.to_owned()),
                _ => self.problem(item, format!("this item of a list of {what} is not a name")),
            }
        }
        words
    }

    fn parts(&mut self, value: Node<'_>) {
        let words = Part::ALL.map(Part::as_str);
        if value.shape() != Shape::Sequence && !value.is_null() {
            self.problem(value, format!("not a list of {}", words.join(", ")));
        }
        for item in value.items() {
            let word = item.text().unwrap_or_default();
            match Part::ALL.into_iter().find(|part| part.as_str() == word) {
                Some(part) => self.config.complete.push(part),
                None => {
                    let message = format!("`{word}` is none of {}{}", words.join(", "), suggestion(word, &words));
                    self.problem(item, message);
                }
            }
        }
    }

    fn levels(&mut self, value: Node<'_>) {
        if value.shape() != Shape::Mapping && !value.is_null() {
            self.problem(value, "`rules` is not a mapping of rule ids to levels".to_owned());
        }
        for entry in value.entries() {
            self.level(entry);
        }
    }

    fn level(&mut self, entry: Entry<'_>) {
        let rule = entry.name();
        if !self.rules.contains(&rule) {
            self.problem(entry.key, format!("unknown rule `{rule}`{}", suggestion(rule, self.rules)));
        }
        // The text as written: read as a value, `off` would be false.
        let word = entry.value.text().unwrap_or_default();
        match LEVELS.into_iter().find(|level| level.as_str() == word) {
            Some(level) => drop(self.config.levels.insert(rule.to_owned(), level)),
            None => {
                let words = LEVELS.map(Level::as_str);
                let message = format!("`{word}` is none of {}{}", words.join(", "), suggestion(word, &words));
                self.problem(entry.value, message);
            }
        }
    }
}

/// How many letters have to be added, dropped, replaced or swapped with their neighbor to turn one word into another.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_word_finds_the_one_that_was_meant() {
        let known = ["host-network-workload", "gateway-not-scaled"];
        assert_eq!(closest("host-netwrok-workload", &known), Some("host-network-workload"));
        assert_eq!(closest("gateway", &known), None);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn a_version_is_major_and_minor() {
        assert_eq!(istio_version("1.28"), Some((1, 28)));
        assert_eq!(istio_version("v1.30.2-asm.1"), Some((1, 30)));
        assert_eq!(istio_version("1"), None);
        assert_eq!(istio_version("one.two"), None);
    }
}
