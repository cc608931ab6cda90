//! Ignores: findings that are known and accepted, in the settings or as a comment at the line that they are about.
//!
//! What is not understood, has no reason or has ended silences nothing: an ignore fails closed.

use super::Date;
use super::words::suggestion;
use crate::finding::Object;
use crate::source::{Location, Source, SourceId, Span, Spanned};

/// A finding that is accepted: of which rule, where, why, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    /// What a finding about the ignore points at: the id of the rule.
    pub at: Location,
    pub rule: Spanned<String>,
    pub scope: Scope,
    pub reason: String,
    /// The last day on which it holds.
    pub until: Option<Spanned<Date>>,
}

/// What an ignore reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Findings whose primary place is in an object of this name, as `namespace/name`, `namespace/Kind/name` or `Kind/name`.
    Objects(Spanned<String>),
    /// Findings whose primary place begins on this line.
    Line(SourceId, usize),
}

impl Ignore {
    /// Whether the ignore is about an object; one at a line is not.
    #[must_use]
    pub fn names(&self, object: &Object) -> bool {
        match &self.scope {
            Scope::Objects(pattern) => pattern_names(pattern, object),
            Scope::Line(..) => false,
        }
    }

    /// Whether it is a comment in a manifest rather than an entry in the settings.
    #[must_use]
    pub fn is_comment(&self) -> bool {
        matches!(self.scope, Scope::Line(..))
    }

    /// Whether the ignore ended before a day.
    #[must_use]
    pub fn has_ended(&self, today: Option<Date>) -> bool {
        self.until.zip(today).is_some_and(|(until, today)| until.value < today)
    }
}

fn pattern_names(pattern: &str, object: &Object) -> bool {
    let Object { kind, name, namespace, .. } = object;
    let fits = |names: &[&str]| {
        let mut parts = pattern.split('/');
        names.iter().all(|name| parts.next().is_some_and(|part| glob(part, name))) && parts.next().is_none()
    };
    match namespace {
        Some(namespace) => fits(&[namespace, name]) || fits(&[namespace, kind, name]),
        None => fits(&[name]) || fits(&[kind, name]),
    }
}

/// Whether a text fits a pattern, in which `*` stands for any characters.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    // The first place that fits leaves the most for the parts after it.
    for part in parts {
        let Some((_, rest)) = text.split_once(part) else { return false };
        text = rest;
    }
    text.ends_with(end)
}

/// What came of an ignore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It silences findings.
    Used,
    /// There is nothing to silence.
    Unused,
    /// No object in the input has the name that it gives.
    NoObject,
    /// Nobody knows: its object is not in the input, which is only a part of what the settings speak of; or the rule had
    /// not what it needs to find something.
    Unjudged,
    /// Its last day has passed.
    Ended,
    /// It is newer than the state that it is held against, and silences nothing.
    New,
}

/// An ignore and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub ignore: Ignore,
    pub outcome: Outcome,
}

/// All ignores of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignores {
    pub judged: Vec<Judged>,
    /// Comments that cannot be followed.
    pub faults: Vec<Fault>,
    /// Other settings that say less than they did in the state that they are held against.
    pub widened: Vec<Fault>,
}

/// What a comment says to palisade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It does not speak to palisade.
    Nothing,
    Ignores(Vec<Ignore>),
    /// It does, but not in a way that can be followed.
    Fault(Fault),
}

/// What is wrong with a comment, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at: Location,
    pub kind: &'static str,
    pub message: String,
}

const HOW: &str = "`# palisade: ignore[rule-id] because …`";

/// Reads a comment. `rules` are the ids of all rules.
#[must_use]
pub fn in_comment(source: &Source, comment: Location, rules: &[&str]) -> Said {
    let text = source.slice(comment.span);
    let body = text.trim_start_matches(['#', '/', ' ', '\t']);
    match body.strip_prefix("palisade:") {
        None => Said::Nothing,
        Some(rest) => match (Comment { source, at: comment, text, rules }).read(rest.trim()) {
            Ok(ignores) => Said::Ignores(ignores),
            Err(fault) => Said::Fault(fault),
        },
    }
}

struct Comment<'s> {
    source: &'s Source,
    at: Location,
    text: &'s str,
    rules: &'s [&'s str],
}

impl<'s> Comment<'s> {
    /// The place of a part of the comment's text.
    fn place(&self, part: &str) -> Location {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let start = self.at.span.start + crate::source::as_offset(offset.min(self.text.len()));
        self.source.location(Span::new(start, start + crate::source::as_offset(part.len())))
    }

    fn fault(&self, part: &str, kind: &'static str, message: String) -> Fault {
        Fault { at: self.place(part), kind, message }
    }

    fn read(&self, said: &'s str) -> Result<Vec<Ignore>, Fault> {
        let unreadable = || self.fault(said, "unreadable", format!("a comment to palisade is not of the form {HOW}"));
        let rest = said.strip_prefix("ignore").ok_or_else(unreadable)?.trim_start();
        let (ids, rest) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(unreadable)?;
        let (reason, until) = self.reason(rest.trim(), ids)?;
        let scope = Scope::Line(self.at.source, self.line());
        ids.split(',')
            .map(|id| {
                let id = id.trim();
                if !self.rules.contains(&id) {
                    let message = format!("there is no rule `{id}` to ignore{}", suggestion(id, self.rules));
                    return Err(self.fault(if id.is_empty() { ids } else { id }, "unknown-rule", message));
                }
                let rule = Spanned::new(id.to_owned(), self.place(id));
                Ok(Ignore { at: rule.at, rule, scope: scope.clone(), reason: reason.to_owned(), until })
            })
            .collect()
    }

    /// The reason and the day of `because … until …`.
    fn reason(&self, rest: &'s str, ids: &'s str) -> Result<(&'s str, Option<Spanned<Date>>), Fault> {
        let none = || self.fault(ids, "no-reason", format!("an ignore of `{}` gives no reason", ids.trim()));
        let rest =
            rest.strip_prefix("because").filter(|rest| rest.starts_with(char::is_whitespace)).ok_or_else(none)?;
        let (reason, until) = match rest.rsplit_once(" until ") {
            // Only what begins like a day is one; else the reason itself says `until`.
            Some((reason, day)) if day.trim().starts_with(|c: char| c.is_ascii_digit()) => (reason, Some(day.trim())),
            _ => (rest, None),
        };
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(none());
        }
        let date = |day: &'s str| {
            let wrong = || self.fault(day, "no-date", format!("`{day}` is no day such as 2027-06-30"));
            Date::parse(day).map(|date| Spanned::new(date, self.place(day))).ok_or_else(wrong)
        };
        Ok((reason, until.map(date).transpose()?))
    }

    /// The line that the comment is about: its own, or where it stands alone, the next one that is no comment.
    fn line(&self) -> usize {
        let own = self.source.line_column(self.at.span.start).line;
        let before = self.source.slice(Span::new(self.source.line_start(own), self.at.span.start));
        if !before.trim_matches(['\u{feff}', ' ', '\t']).is_empty() {
            return own;
        }
        let is_comment = |line: &usize| self.source.line(*line).trim_start().starts_with(['#', '/']);
        (own + 1..=self.source.line_count()).find(|line| !is_comment(line)).unwrap_or(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Sources, from_text};

    const RULES: [&str; 2] = ["public-node", "nat-log-off"];

    fn sources(text: &str) -> Sources {
        from_text("a.yaml", text.to_owned()).sources
    }

    /// Reads the first comment of a text.
    fn read(text: &str) -> Said {
        let sources = sources(text);
        let source = sources.iter().next().expect("there is one");
        let start = text.find('#').expect("there is a comment");
        let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let offset = |index| u32::try_from(index).expect("the text is short");
        in_comment(source, source.location(Span::new(offset(start), offset(end))), &RULES)
    }

    fn fault(text: &str) -> String {
        match read(text) {
            Said::Fault(fault) => format!("{} {}", fault.kind, &text[fault.at.span.range()]),
            other => panic!("{other:?}"),
        }
    }

    fn ignores(text: &str) -> Vec<Ignore> {
        match read(text) {
            Said::Ignores(ignores) => ignores,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_comment_has_rules_a_reason_and_a_day() {
        let text =
            "# palisade: ignore[public-node, nat-log-off] because of a test, until then until 2027-06-30\na: 1\n";
        let ignores = ignores(text);
        assert_eq!(ignores.iter().map(|ignore| &text[ignore.at.span.range()]).collect::<Vec<_>>(), RULES);
        assert_eq!(ignores[1].reason, "of a test, until then");
        assert_eq!(ignores[1].until.map(|until| until.value), Date::parse("2027-06-30"));
        assert!(ignores[0].has_ended(Date::parse("2027-07-01")));
        assert!(!ignores[0].has_ended(Date::parse("2027-06-30")));
        assert!(!ignores[0].has_ended(None));
    }

    #[test]
    fn a_comment_is_about_its_line_or_the_next_that_is_none() {
        let line = |text: &str| match ignores(text)[0].scope {
            Scope::Line(_, line) => line,
            Scope::Objects(_) => panic!("not a line"),
        };
        assert_eq!(line("a: 1 # palisade: ignore[public-node] because x"), 1);
        assert_eq!(line("#palisade:ignore[public-node] because x\n  # another\n  a: 1\n"), 3);
        assert_eq!(line("# palisade: ignore[public-node] because x"), 1);
    }

    #[test]
    fn what_cannot_be_followed_is_said_at_its_place() {
        assert_eq!(read("# about palisade: nothing"), Said::Nothing);
        assert_eq!(fault("# palisade: ingore[public-node] because x"), "unreadable ingore[public-node] because x");
        assert_eq!(fault("# palisade: ignore[public-node]"), "no-reason public-node");
        assert_eq!(fault("# palisade: ignore[public-node] because "), "no-reason public-node");
        assert_eq!(fault("# palisade: ignore[public-nodes] because x"), "unknown-rule public-nodes");
        assert_eq!(fault("# palisade: ignore[public-node] because x until 2027-02-30"), "no-date 2027-02-30");
    }

    #[test]
    fn objects_are_named_by_their_namespace_kind_and_name() {
        let object = |namespace: Option<&str>| Object {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: namespace.map(str::to_owned),
            name: "agent-1".to_owned(),
        };
        let fits = |pattern: &str, namespace| pattern_names(pattern, &object(namespace));
        for pattern in ["kube-system/*", "kube-*/agent-*", "*/Pod/agent-1", "kube-system/Pod/*-1"] {
            assert!(fits(pattern, Some("kube-system")), "{pattern}");
            assert!(!fits(pattern, None), "{pattern}");
        }
        for pattern in
            ["kube-system", "kube-system/Job/agent-1", "Pod/agent-1", "kube-system/Pod/agent-1/x", "kube-system/agent"]
        {
            assert!(!fits(pattern, Some("kube-system")), "{pattern}");
        }
        assert!(fits("agent-*", None) && fits("Pod/*", None));
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text) in [("*", ""), ("a*c", "abc"), ("a*c*e", "abcde"), ("*é", "éé"), ("a**b*", "axbb")] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        assert!(!glob("a*c", "abd") && !glob("", "a") && !glob("ab*b", "ab"));
    }
}
