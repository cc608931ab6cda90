//! The settings held against an earlier state: what they accept now that they did not accept then.
//!
//! A change must not be able to silence its own findings. So an ignore that was not there silences nothing, and another
//! setting that says less than it did is taken as it was; each is reported at its place.

use std::collections::BTreeMap;

use super::ignores::glob;
use super::{Config, Date, Expectation, Fault, Ignore, Scope, Section, failing_word};
use crate::finding::Level;
use crate::source::{Location, Spanned};

/// What an earlier state accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// The revision, as it was typed.
    pub name: String,
    pub accepted: Vec<Accepted>,
    /// Settings that say less now; they are in force as they were.
    pub widened: Vec<Fault>,
}

/// An ignore of the earlier state, by what it is about rather than by where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub rule: String,
    pub site: Site,
    pub until: Option<Date>,
}

/// What an ignore is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// Objects, by a pattern of their names.
    Objects(String),
    /// A field of an object, in words that moving lines does not change.
    Field(String),
}

impl Before {
    /// Whether an ignore accepts something that the earlier state did not. `field` is what a comment is about.
    #[must_use]
    pub fn lacks(&self, ignore: &Ignore, field: &str) -> bool {
        let until = ignore.until.map(|until| until.value);
        let covers = |accepted: &Accepted| {
            let is_there = match (&accepted.site, &ignore.scope) {
                (Site::Objects(then), Scope::Objects(now)) => glob(then, &now.value),
                (Site::Field(then), Scope::Line(..)) => then == field,
                _ => false,
            };
            let lasts = accepted.until.is_none_or(|then| until.is_some_and(|now| now <= then));
            accepted.rule == ignore.rule.value && is_there && lasts
        };
        !self.accepted.iter().any(covers)
    }
}

impl Config {
    /// Takes back what the settings accept beyond those of an earlier state; `default` is the level that a rule has by
    /// itself, and `gone` the place of statements where the settings hold nothing any more. Answers with what was taken
    /// back.
    pub fn tighten(&mut self, then: &Self, gone: Option<Location>, default: impl Fn(&str) -> Level) -> Vec<Fault> {
        let mut widened = Widened { written: &self.written, faults: Vec::new() };
        for (rule, level) in &self.levels {
            let before = then.levels.get(rule).copied().unwrap_or_else(|| default(rule));
            if *level < before {
                let (word, was) = (level.as_str(), before.as_str());
                widened.say(&format!("rules.{rule}"), "level", format!("`{rule}` is lowered from `{was}` to `{word}`"));
            }
        }
        widened.words("egress-namespaces", &self.egress_namespaces, &then.egress_namespaces);
        widened.words("system-namespaces", &self.system_namespaces, &then.system_namespaces);
        let names = |admins: &[Spanned<String>]| admins.iter().map(|admin| admin.value.clone()).collect::<Vec<_>>();
        widened.words("admins", &names(&self.admins), &names(&then.admins));
        if self.paths() != then.paths() {
            widened.say("estates", "setting", "`estates` splits the input in another way".to_owned());
        }
        let fails = |level: Level| if level == Level::Off { u8::MAX } else { level as u8 };
        if fails(self.fail_on) > fails(then.fail_on) {
            let (now, was) = (failing_word(self.fail_on), failing_word(then.fail_on));
            widened.say("fail-on", "setting", format!("`fail-on` is raised from `{was}` to `{now}`"));
        }
        if self.min_severity > then.min_severity {
            let (now, was) = (self.min_severity.as_str(), then.min_severity.as_str());
            widened.say("min-severity", "setting", format!("`min-severity` is raised from `{was}` to `{now}`"));
        }
        if self.min_confidence > then.min_confidence {
            let (now, was) = (self.min_confidence.as_str(), then.min_confidence.as_str());
            widened.say("min-confidence", "setting", format!("`min-confidence` is raised from `{was}` to `{now}`"));
        }
        if self.allow_unparsed && !then.allow_unparsed {
            widened.say("allow-unparsed", "setting", "documents that cannot be parsed are newly allowed".to_owned());
        }
        let dropped = self.dropped(then, gone);
        for statement in &dropped {
            widened.faults.push(Fault {
                at: statement.at,
                kind: "setting",
                message: format!("`{statement}` is taken out of `expect`"),
            });
        }
        let faults = widened.faults;
        self.expectations.extend(dropped);
        self.restore(then, default);
        faults
    }

    /// The statements of an earlier state that are gone, at the place where they would stand now.
    fn dropped(&self, then: &Self, gone: Option<Location>) -> Vec<Expectation> {
        let place = self.written.get("expect").or_else(|| self.written.values().min());
        let Some(at) = place.copied().or(gone) else { return Vec::new() };
        let is_there = |was: &Expectation| self.expectations.iter().any(|now| now.to_string() == was.to_string());
        let gone = then.expectations.iter().filter(|was| !is_there(was)).cloned();
        let moved = |was: Expectation| Expectation {
            at,
            from: Spanned::new(was.from.value, at),
            to: Spanned::new(was.to.value, at),
            via: was.via.map(|via| Spanned::new(via.value, at)),
            ..was
        };
        gone.map(moved).collect()
    }

    fn paths(&self) -> Vec<(&str, Vec<&str>)> {
        let named = self.sections.iter().map(|section| (section.name.value.as_str(), &section.paths));
        named.map(|(name, paths)| (name, paths.iter().map(|path| path.value.as_str()).collect())).collect()
    }

    /// The sections of an earlier state at the place where the settings of now have theirs; at none that anybody is shown
    /// where they have none.
    fn relocated(&self, then: &[Section]) -> Vec<Section> {
        let written = self.written.get("estates").copied();
        let moved = |text: &Spanned<String>| Spanned::new(text.value.clone(), written.unwrap_or(text.at));
        let section = |section: &Section| Section {
            name: moved(&section.name),
            paths: section.paths.iter().map(moved).collect(),
        };
        then.iter().map(section).collect()
    }

    /// The settings of an earlier state wherever those of now say less.
    fn restore(&mut self, then: &Self, default: impl Fn(&str) -> Level) {
        let level =
            |levels: &BTreeMap<String, Level>, rule: &str| levels.get(rule).copied().unwrap_or_else(|| default(rule));
        let rules: Vec<String> = self.levels.keys().chain(then.levels.keys()).cloned().collect();
        for rule in rules {
            if level(&self.levels, &rule) < level(&then.levels, &rule) {
                match then.levels.get(&rule) {
                    Some(level) => drop(self.levels.insert(rule, *level)),
                    None => drop(self.levels.remove(&rule)),
                }
            }
        }
        self.egress_namespaces.retain(|name| then.egress_namespaces.contains(name));
        self.system_namespaces.retain(|name| then.system_namespaces.contains(name));
        self.admins.retain(|admin| then.admins.contains(admin));
        if self.paths() != then.paths() {
            self.sections = self.relocated(&then.sections);
        }
        let fails = |level: Level| if level == Level::Off { u8::MAX } else { level as u8 };
        if fails(self.fail_on) > fails(then.fail_on) {
            self.fail_on = then.fail_on;
        }
        self.min_severity = self.min_severity.min(then.min_severity);
        self.min_confidence = self.min_confidence.min(then.min_confidence);
        self.allow_unparsed &= then.allow_unparsed;
    }
}

/// Collects what was widened, each at its key.
struct Widened<'a> {
    written: &'a BTreeMap<String, Location>,
    faults: Vec<Fault>,
}

impl Widened<'_> {
    /// A setting that was taken out of the file has no place; it is taken back all the same.
    fn say(&mut self, key: &str, kind: &'static str, message: String) {
        self.faults.extend(self.written.get(key).map(|&at| Fault { at, kind, message }));
    }

    fn words(&mut self, key: &str, now: &[String], then: &[String]) {
        let added: Vec<String> =
            now.iter().filter(|word| !then.contains(word)).map(|word| format!("`{word}`")).collect();
        if !added.is_empty() {
            self.say(key, "setting", format!("{} in `{key}` is new", added.join(", ")));
        }
    }
}
