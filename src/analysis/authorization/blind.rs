//! Rules of policies that decide by identity where there is none to decide by (semantics C.9, 7).

use super::Ruling;
use crate::model::{Action, Clause, Condition, Server, ServerMode};

/// A rule that decides by identity on listeners that do not learn it.
#[derive(Clone, Debug)]
pub struct Blind<'e, 'a> {
    /// The condition by which the rule stands or falls.
    pub test: &'e Condition<'a>,
    /// The listeners.
    pub servers: Vec<&'e Server<'a>>,
    /// Whether that lets through what is meant to be kept out.
    pub fails_open: bool,
}

/// What a rule does on listeners that do not learn who the client is. An ALLOW that works on one of its listeners fails
/// closed on the others, which is nothing to speak of.
#[must_use]
pub fn blind<'e, 'a>(ruling: &Ruling<'e, 'a>) -> Option<Blind<'e, 'a>> {
    let test = identity(ruling.policy.action, ruling.clause)?;
    let servers: Vec<&Server<'_>> = ruling.servers.iter().copied().filter(|server| !identifies(server)).collect();
    let fails_open = ruling.policy.action == Action::Deny || test.negative;
    let is_all = servers.len() == ruling.servers.len();
    (!servers.is_empty() && (fails_open || is_all)).then_some(Blind { test, servers, fails_open })
}

/// The condition on identity by which a clause stands or falls: with ALLOW a negative one lets everybody pass who has none.
fn identity<'c, 'a>(action: Action, clause: &'c Clause<'a>) -> Option<&'c Condition<'a>> {
    let mut tests: Vec<&Condition<'a>> = clause.tests().filter(|test| test.attribute.is_identity()).collect();
    match action {
        Action::Allow => tests.sort_by_key(|test| test.negative),
        Action::Deny => tests.retain(|test| !test.negative),
        _ => tests.clear(),
    }
    tests.first().copied()
}

fn identifies(server: &Server<'_>) -> bool {
    server.identifies_clients() || matches!(server.mode, ServerMode::Mutual | ServerMode::Unknown)
}
