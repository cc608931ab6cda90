//! The way that is always left: what is asked of the cluster's resolver goes on to whoever answers for the name (semantics
//! B.1 row 23, C.11 path F).

use super::Exit;
use super::kinds::{Class, Control, Verdict, Via};
use super::step::Step;
use super::wanted::Wanted;
use crate::analysis::Facts;
use crate::analysis::capture::Tier;
use crate::analysis::needs::{self, Need, Way};
use crate::finding::Decision;
use crate::model::{Estate, Layer, Match};

/// Who answers for names.
pub(super) struct Names<'a> {
    need: Need<'a>,
}

impl<'a> Names<'a> {
    pub(super) fn new(estate: &'a Estate<'a>) -> Self {
        Self { need: needs::names(estate) }
    }

    /// The way of a workload by names; none where it is not asked for.
    pub(super) fn exit(
        &self,
        workload: usize,
        estate: &Estate<'_>,
        facts: &Facts<'_>,
        wanted: &Wanted,
    ) -> Option<Exit> {
        let traffic = wanted.names.clone();
        let sample = traffic.first()?;
        let steps: Vec<Step> = [
            Step::own(
                Control::Mesh,
                Decision::Allow,
                "code that runs in it may put data into the names that it asks for".to_owned(),
                None,
            ),
            self.by_policies(workload, estate, facts),
        ]
        .into_iter()
        .chain(answers(estate))
        .collect();
        let verdict = Verdict::of(&steps);
        Some(Exit {
            tier: Tier::CodeExecution,
            via: Via::Dns,
            class: Class::Dns,
            host: None,
            verdict,
            // The cluster's own resolver is meant to be asked; that it can be told things by that is a residual.
            approved: verdict == Verdict::Open,
            traffic,
            sample,
            steps,
        })
    }

    fn by_policies(&self, workload: usize, estate: &Estate<'_>, facts: &Facts<'_>) -> Step {
        if !estate.evidence.has(Layer::NetworkPolicy) {
            return Step::missing(Control::NetworkPolicy, Layer::NetworkPolicy);
        }
        let policies = &facts.network_policy;
        let passes = |way: &Way<'_>| {
            let to_all = way.targets.iter().map(|target| {
                let answer = policies.sends_to(workload, target, policies.dataplane());
                let through = |transport: &crate::traffic::Transport| {
                    way.ports.iter().any(|&port| transport.contains(way.protocol, Some(port)))
                };
                match (through(&answer.certain), through(&answer.possible)) {
                    (true, _) => Match::Yes,
                    (false, true) => Match::Unknown,
                    (false, false) => Match::No,
                }
            });
            to_all.fold(Match::Yes, Match::and)
        };
        let ways: Vec<(Match, &Way<'_>)> = self.need.ways.iter().map(|way| (passes(way), way)).collect();
        let best = [Match::Yes, Match::Unknown, Match::No]
            .into_iter()
            .find_map(|wanted| ways.iter().find(|(found, _)| *found == wanted));
        let spoken = best.and_then(|(found, way)| {
            let (target, port) = (way.targets.first()?, *way.ports.first()?);
            let why = policies.why_not(workload, target, (way.protocol, port), policies.dataplane());
            Some((*found, why))
        });
        let Some((found, why)) = spoken else {
            return Step::missing(Control::NetworkPolicy, Layer::NetworkPolicy);
        };
        let decision = match found {
            Match::Yes => Decision::Allow,
            Match::Unknown => Decision::Unknown,
            Match::No => Decision::Deny,
        };
        let reason = format!("{} ({})", why.reason, self.need.what);
        Step::said(Control::NetworkPolicy, decision, "network policy to the resolver".to_owned(), reason, Some(why.at))
    }
}

/// A response policy answers for some names itself: which are left is not evaluated.
fn answers(estate: &Estate<'_>) -> Option<Step> {
    let policy = estate.dns.response_policies.first()?;
    let reason = format!("`{}` answers for some names, and which are left is not evaluated", policy.name);
    Some(Step::said(Control::Firewall, Decision::Unknown, "response policy".to_owned(), reason, Some(policy.name.at)))
}
