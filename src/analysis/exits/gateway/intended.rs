//! Ways that policies mean to be open and that are not: a clause names the workload and the host, and something on the way
//! stops what the application sends (semantics C.11, PA09).

use std::collections::BTreeMap;

use super::Gateways;
use super::consent::Intent;
use super::meeting::Meeting;
use crate::analysis::capture::Tier;
use crate::analysis::exits::Exit;
use crate::analysis::exits::kinds::{Control, Verdict};
use crate::finding::Decision;
use crate::source::Location;

/// A way that a policy means to be open and that is closed.
#[derive(Clone, Debug)]
pub struct Broken {
    /// A workload that does not get there, by index.
    pub workload: usize,
    pub host: String,
    /// The policy that lets it through, and the place of its clause.
    pub policy: String,
    pub policy_at: Location,
    /// The way that comes closest.
    pub exit: Exit,
}

impl Broken {
    /// The first layer that stops it.
    #[must_use]
    pub fn breaks_at(&self) -> Control {
        let first = self.exit.steps.iter().find(|step| step.decision == Decision::Deny);
        first.map_or(Control::Mesh, |step| step.control)
    }
}

impl<'a> Gateways<'_, 'a> {
    /// The hosts that policies mean a caller to reach, and that what he sends does not.
    pub(super) fn broken(&self, meeting: &mut Meeting<'_, '_, 'a>) -> Vec<Broken> {
        let caller = meeting.caller;
        let mut intents: BTreeMap<String, Intent> = BTreeMap::new();
        for policies in &self.policies {
            for host in policies.named_hosts(caller.asker) {
                if !intents.contains_key(&host)
                    && let Some(intent) = policies.intends(&host, caller.asker)
                {
                    intents.insert(host, intent);
                }
            }
        }
        let broken = |(host, intent)| self.broken_to(host, intent, meeting);
        intents.into_iter().filter_map(broken).collect()
    }

    fn broken_to(&self, host: String, intent: Intent, meeting: &mut Meeting<'_, '_, 'a>) -> Option<Broken> {
        let caller = meeting.caller;
        let exits = self.called.get(&host)?.iter().map(|&number| {
            let met = meeting.at(number, self.led(&self.doors[number], caller));
            self.exit(number, caller, Tier::Application, &met)
        });
        // Without any route there is no way yet: that policies run ahead of routes is told elsewhere.
        let exit = exits.min_by_key(|exit| (exit.verdict, exit.cut().count()))?;
        let is_closed = exit.verdict == Verdict::Closed;
        is_closed.then_some(Broken {
            workload: caller.workload(),
            host,
            policy: intent.name,
            policy_at: intent.at,
            exit,
        })
    }
}
