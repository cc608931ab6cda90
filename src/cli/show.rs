//! `check --show-config`: the settings in force as a config file, each with where it comes from.

use super::{Check, messages::position};
use palisade::config::{Config, FILE_NAME, Ignore, Scope, failing_word};
use palisade::finding::{Confidence, Level, Severity};
use palisade::source::{Location, Walk};

/// Where a setting comes from that neither the file nor the command line has.
const DEFAULT: &str = "default";
const COMMAND_LINE: &str = "command line";

/// Lines of the settings, and what is said of each.
struct Listing<'a> {
    config: &'a Config,
    walk: &'a Walk,
    lines: Vec<(String, String)>,
}

/// The settings in force.
pub fn config(config: &Config, check: &Check, walk: &Walk) -> String {
    let typed = &check.assumptions;
    let file = walk
        .sources
        .settings()
        .map_or_else(|| format!("no {FILE_NAME} in force"), |file| format!("settings of {}", file.path()));
    let mut lines = Listing { config, walk, lines: vec![(format!("# {file}"), String::new())] };
    match config.istio_version {
        Some((major, minor)) => {
            lines.add("istio-version", &format!("\"{major}.{minor}\""), typed.istio_version.is_some());
        }
        None => lines
            .lines
            .push(("# istio-version: as the input tells, else the worse reading".to_owned(), DEFAULT.to_owned())),
    }
    lines.add("egress-namespaces", &list(&config.egress_namespaces), false);
    lines.add("system-namespaces", &list(&config.system_namespaces), false);
    lines.add("admins", &list(&config.admins.iter().map(|admin| &admin.value).collect::<Vec<_>>()), false);
    let complete: Vec<&str> = config.complete.iter().map(|part| part.as_str()).collect();
    lines.add("complete", &list(&complete), typed.complete.is_some());
    lines.add("fail-on", failing_word(config.fail_on), check.fail_on.is_some());
    lines.add("min-severity", Severity::as_str(config.min_severity), check.min_severity.is_some());
    lines.add("min-confidence", Confidence::as_str(config.min_confidence), check.min_confidence.is_some());
    lines.add("allow-unparsed", if config.allow_unparsed { "true" } else { "false" }, typed.allow_unparsed);
    lines.nested();
    lines.aligned()
}

impl Listing<'_> {
    fn add(&mut self, key: &str, value: &str, is_typed: bool) {
        let origin = if is_typed { COMMAND_LINE.to_owned() } else { self.origin(key) };
        self.lines.push((format!("{key}: {value}"), origin));
    }

    /// The place of a setting in the file.
    fn origin(&self, key: &str) -> String {
        self.config.written.get(key).map_or_else(|| DEFAULT.to_owned(), |at| self.place(*at))
    }

    fn place(&self, at: Location) -> String {
        let place = position(at, &self.walk.sources);
        place.rsplit_once(':').map_or(place.clone(), |(line, _)| line.to_owned())
    }

    /// The settings that have parts of their own.
    fn nested(&mut self) {
        let config = self.config;
        self.head("rules", config.levels.is_empty(), "{}");
        for (rule, level) in &config.levels {
            self.lines.push((format!("  {rule}: {}", Level::as_str(*level)), self.origin(&format!("rules.{rule}"))));
        }
        self.head("expect", config.expectations.is_empty(), "[]");
        for expectation in &config.expectations {
            let via = expectation.via.as_ref().map(|via| format!(", via: {}", scalar(&via.value))).unwrap_or_default();
            let (from, to) = (scalar(&expectation.from.value.to_string()), scalar(&expectation.to.value));
            let word = if expectation.allows { "allow" } else { "deny" };
            self.lines.push((format!("- {word}: {{from: {from}, to: {to}{via}}}"), self.place(expectation.at)));
        }
        self.head("ignore", config.ignores.is_empty(), "[]");
        for ignore in &config.ignores {
            self.lines.push((shown(ignore), self.place(ignore.at)));
        }
        self.head("estates", config.sections.is_empty(), "{}");
        for section in &config.sections {
            let paths: Vec<&String> = section.paths.iter().map(|path| &path.value).collect();
            self.lines
                .push((format!("  {}: {}", scalar(&section.name.value), list(&paths)), self.place(section.name.at)));
        }
    }

    fn head(&mut self, key: &str, is_empty: bool, empty: &str) {
        if is_empty {
            self.add(key, empty, false);
        } else {
            self.lines.push((format!("{key}:"), String::new()));
        }
    }

    fn aligned(&self) -> String {
        let said = self.lines.iter().filter(|(_, origin)| !origin.is_empty());
        let width = said.map(|(line, _)| line.chars().count()).max().unwrap_or(0).min(60);
        let line = |(line, origin): &(String, String)| match origin.as_str() {
            "" => format!("{line}\n"),
            origin => format!("{line:<width$}  # {origin}\n"),
        };
        self.lines.iter().map(line).collect()
    }
}

fn shown(ignore: &Ignore) -> String {
    let resource = match &ignore.scope {
        Scope::Objects(pattern) => scalar(&pattern.value),
        Scope::Line(..) => String::new(),
    };
    let until = ignore.until.as_ref().map(|until| format!(", until: {}", until.value)).unwrap_or_default();
    format!("- {{rule: {}, resource: {resource}, reason: {}{until}}}", ignore.rule.value, quoted(&ignore.reason))
}

fn list<T: AsRef<str>>(words: &[T]) -> String {
    format!("[{}]", words.iter().map(|word| scalar(word.as_ref())).collect::<Vec<_>>().join(", "))
}

/// A word as YAML takes it back.
fn scalar(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@');
    let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(is_plain);
    if is_word { word.to_owned() } else { quoted(word) }
}

/// A text in double quotes, as YAML and JSON take it.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
