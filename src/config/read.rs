//! The settings from their document. Everything in it that is not understood is a problem at its place.

use super::keys::{EXPECT, Form, IGNORE, KEYS, Key, STATEMENT, Shape};
use super::words::{choice, listed, suggestion};
use super::{Config, Date, Expectation, From, Ignore, Part, Scope, Section, To, failing_word, istio_version};
use crate::finding::{Confidence, Level, Severity};
use crate::source::{Document, Entry, Location, Node, Problem, Scalar, Shape as NodeShape, Spanned};

/// Reads a config file. `rules` are the ids of all rules, so that a misspelled one is an error rather than ignored.
///
/// # Errors
/// Everything in the file that is not understood, each at its place.
pub fn read(document: &Document<'_>, rules: &[&str]) -> Result<Config, Vec<Problem>> {
    let mut check = Check { problems: Vec::new(), rules };
    let root = document.root();
    if !root.is_null() {
        check.value(root, &Shape::Keys(KEYS), SETTINGS);
    }
    if !check.problems.is_empty() {
        return Err(check.problems);
    }
    let mut config = Config::default();
    for entry in root.entries() {
        config.written.insert(entry.name().to_owned(), entry.key.at());
        fill(&mut config, entry);
    }
    Ok(config)
}

/// What messages call the file as a whole.
const SETTINGS: &str = "the settings";

/// Compares what was written with what may be written.
struct Check<'r> {
    problems: Vec<Problem>,
    rules: &'r [&'r str],
}

impl Check<'_> {
    fn problem(&mut self, at: Location, message: String) {
        self.problems.push(Problem { at, message });
    }

    /// Checks a value against its shape; `what` names it in messages.
    fn value(&mut self, node: Node<'_>, shape: &Shape, what: &str) {
        match *shape {
            Shape::Text(wanted) => {
                if !is_text(node) {
                    self.problem(node.head(), format!("{what} is not {wanted}"));
                }
            }
            Shape::Form(form) => self.form(node, form, what),
            Shape::Flag => {
                if !matches!(node.scalar(), Some(Scalar::Bool(_))) {
                    self.problem(node.head(), format!("{what} is neither `true` nor `false`"));
                }
            }
            Shape::Word(words) => self.word(node, &words(), what),
            Shape::Rule => self.rule(node),
            Shape::List(item) => {
                if self.is(node, NodeShape::Sequence, what, "a list") {
                    node.items().for_each(|node| self.value(node, item, &format!("this item of {what}")));
                }
            }
            Shape::Keys(keys) => self.keys(node, keys, what),
            Shape::OneOf(keys) => self.one_of(node, keys, what),
            Shape::Levels => {
                if self.is(
                    node,
                    NodeShape::Mapping,
                    what,
                    "a mapping of rule ids to levels, such as `{public-node: warning}`",
                ) {
                    node.entries().for_each(|entry| self.level(entry));
                }
            }
            Shape::Named(shape) => {
                if self.is(
                    node,
                    NodeShape::Mapping,
                    what,
                    "a mapping of names to paths, such as `prod: [clusters/prod]`",
                ) {
                    node.entries().for_each(|entry| self.value(entry.value, shape, &format!("`{}`", entry.name())));
                }
            }
        }
    }

    /// Whether a collection has the shape that it should have; one without a value counts as empty.
    fn is(&mut self, node: Node<'_>, shape: NodeShape, what: &str, wanted: &str) -> bool {
        let fits = node.shape() == shape;
        if !fits && !node.is_null() {
            let word = node.text().filter(|text| shape == NodeShape::Sequence && !text.is_empty());
            let instead = word.map(|word| format!(": write `[{word}]`")).unwrap_or_default();
            self.problem(node.head(), format!("{what} is not {wanted}{instead}"));
        }
        fits
    }

    fn keys(&mut self, node: Node<'_>, keys: &[Key], what: &str) {
        let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
        if node.shape() != NodeShape::Mapping {
            let (is, their) = if what == SETTINGS { ("are", "their") } else { ("is", "its") };
            let message = format!("{what} {is} not a mapping; {their} keys are {}", listed(&names));
            return self.problem(node.head(), message);
        }
        for entry in node.entries() {
            match keys.iter().find(|key| key.name == entry.name()) {
                Some(key) => self.value(entry.value, &key.shape, &format!("`{}`", key.name)),
                None => {
                    let message = format!("unknown key `{}`{}", entry.name(), choice(entry.name(), &names));
                    self.problem(entry.key.at(), message);
                }
            }
        }
        for key in keys.iter().filter(|key| key.required && node.get(key.name).is_none()) {
            let about = key.about.trim_end_matches('.').to_lowercase();
            self.problem(node.head(), format!("{what} has no `{}`: {about}", key.name));
        }
    }

    fn one_of(&mut self, node: Node<'_>, keys: &[Key], what: &str) {
        let before = self.problems.len();
        self.keys(node, keys, what);
        let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
        if self.problems.len() == before && node.entries().count() != 1 {
            self.problem(node.head(), format!("{what} has more or less than one of {}", listed(&names)));
        }
    }

    fn form(&mut self, node: Node<'_>, form: Form, what: &str) {
        // The text as written: read as a number, `1.30` would be 1.3.
        let text = node.text().filter(|_| !node.is_null()).unwrap_or_default();
        if !has_form(text, form) {
            self.problem(node.head(), format!("{what} is not {}", form.example()));
        }
    }

    fn word(&mut self, node: Node<'_>, words: &[&str], what: &str) {
        // The text as written: read as a value, `off` would be false.
        match node.text() {
            Some(word) if words.contains(&word) => {}
            Some(word) => {
                let message = format!("{what} is `{word}`{}", choice(word, words));
                self.problem(node.head(), message);
            }
            None => self.problem(node.head(), format!("{what} is not one of {}", listed(words))),
        }
    }

    fn rule(&mut self, node: Node<'_>) {
        let id = node.text().unwrap_or_default();
        if !self.rules.contains(&id) {
            let message = format!("unknown rule `{id}`{}; `palisade rules` lists all", suggestion(id, self.rules));
            self.problem(node.head(), message);
        }
    }

    fn level(&mut self, entry: Entry<'_>) {
        self.rule(entry.key);
        self.word(entry.value, &Level::ALL.map(Level::as_str), &format!("the level of `{}`", entry.name()));
    }
}

fn is_text(node: Node<'_>) -> bool {
    node.text().is_some_and(|text| !text.trim().is_empty()) && !node.is_null()
}

fn has_form(text: &str, form: Form) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let is_whole = !text.contains(char::is_whitespace) && parts.iter().all(|part| !part.is_empty());
    match form {
        Form::Version => istio_version(text).is_some(),
        Form::Date => Date::parse(text).is_some(),
        Form::Source => text.parse::<From>().is_ok(),
        Form::Target => text.parse::<To>().is_ok(),
        Form::Objects => is_whole && parts.len() <= 3,
    }
}

/// Takes a value that was found to be in order.
fn fill(config: &mut Config, Entry { key, value }: Entry<'_>) {
    let word = value.text().unwrap_or_default();
    match key.text().unwrap_or_default() {
        "istio-version" => config.istio_version = istio_version(word),
        "egress-namespaces" => config.egress_namespaces = words(value).map(|name| name.value).collect(),
        "system-namespaces" => config.system_namespaces = words(value).map(|name| name.value).collect(),
        "admins" => config.admins = words(value).collect(),
        "complete" => {
            config.complete = value.items().filter_map(|item| of_word(&Part::ALL, Part::as_str, item)).collect();
        }
        "rules" => {
            for Entry { key, value } in value.entries() {
                let id = key.text().unwrap_or_default();
                config.written.insert(format!("rules.{id}"), key.at());
                config.levels.extend(of_word(&Level::ALL, Level::as_str, value).map(|level| (id.to_owned(), level)));
            }
        }
        "expect" => config.expectations = value.items().filter_map(expectation).collect(),
        "ignore" => config.ignores = value.items().filter_map(ignore).collect(),
        "estates" => config.sections = value.entries().map(section).collect(),
        "fail-on" => config.fail_on = of_word(&Level::ALL, failing_word, value).unwrap_or(config.fail_on),
        "min-severity" => {
            config.min_severity = of_word(&Severity::ALL, Severity::as_str, value).unwrap_or(Severity::Info);
        }
        "min-confidence" => {
            config.min_confidence = of_word(&Confidence::ALL, Confidence::as_str, value).unwrap_or(Confidence::Low);
        }
        "allow-unparsed" => config.allow_unparsed = matches!(value.scalar(), Some(Scalar::Bool(true))),
        _ => {}
    }
}

fn of_word<T: Copy>(all: &[T], word: fn(T) -> &'static str, node: Node<'_>) -> Option<T> {
    all.iter().copied().find(|&value| Some(word(value)) == node.text())
}

fn words(list: Node<'_>) -> impl Iterator<Item = Spanned<String>> + use<'_> {
    list.items().filter_map(text)
}

fn text(node: Node<'_>) -> Option<Spanned<String>> {
    node.text().map(|text| Spanned::new(text.trim().to_owned(), node.at()))
}

fn expectation(item: Node<'_>) -> Option<Expectation> {
    let entry = item.entries().next()?;
    let get = |name: &str| entry.value.get(name).and_then(text);
    let [from, to, via] = [STATEMENT[0].name, STATEMENT[1].name, STATEMENT[2].name].map(get);
    let (from, to) = (from?, to?);
    let whose = Spanned::new(from.value.parse().ok()?, from.at);
    let target = to.value.parse().ok()?;
    Some(Expectation { at: entry.key.at(), allows: entry.name() == EXPECT[0].name, from: whose, to, target, via })
}

fn ignore(item: Node<'_>) -> Option<Ignore> {
    let get = |index: usize| item.get(IGNORE[index].name).and_then(text);
    let until = get(3).and_then(|until| Some(Spanned::new(Date::parse(&until.value)?, until.at)));
    let rule = get(0)?;
    Some(Ignore { at: rule.at, rule, scope: Scope::Objects(get(1)?), reason: get(2)?.value, until })
}

fn section(Entry { key, value }: Entry<'_>) -> Section {
    let name = Spanned::new(key.text().unwrap_or_default().to_owned(), key.at());
    Section { name, paths: words(value).collect() }
}
