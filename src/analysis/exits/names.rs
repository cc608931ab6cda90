//! The way that is always left: what is asked of the cluster's resolver goes on to whoever answers for the name (semantics
//! B.1 row 23, C.11 path F).

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::Exit;
use super::kinds::{Class, Control, Verdict, Via};
use super::step::Step;
use super::wanted::Wanted;
use crate::analysis::Facts;
use crate::analysis::capture::Tier;
use crate::analysis::needs::{self, Need, Way};
use crate::analysis::network_policy::NetworkPolicies;
use crate::finding::Decision;
use crate::model::{Estate, Layer, Match};
use crate::traffic::Transport;

/// Who answers for names.
pub(super) struct Names<'a> {
    need: Need<'a>,
    /// Whether workloads reach them, and by which way of the need.
    best: FxHashMap<Alike, Option<(Match, usize)>>,
}

impl<'a> Names<'a> {
    /// Asks for the workloads of an estate whether they reach those who answer.
    pub(super) fn new(workloads: &[usize], estate: &'a Estate<'a>, facts: &Facts<'_>) -> Self {
        let need = needs::names(estate);
        let policies = &facts.network_policy;
        let examples: FxHashMap<Alike, usize> =
            workloads.iter().map(|&workload| (alike(workload, estate, policies), workload)).collect();
        let best = examples.into_par_iter().map(|(alike, workload)| (alike, best(workload, &need, policies))).collect();
        Self { need, best }
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
        let best = self.best.get(&alike(workload, estate, policies)).copied().flatten();
        let spoken = best.and_then(|(found, way)| {
            let way = self.need.ways.get(way)?;
            let (target, port) = (way.targets.first()?, *way.ports.first()?);
            let why = policies.why_not(workload, target, (way.protocol, port), policies.dataplane());
            Some((found, why))
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

/// What tells workloads apart in what they may send: the policies that select them, and whether any bind them.
type Alike = (usize, bool);

fn alike(workload: usize, estate: &Estate<'_>, policies: &NetworkPolicies<'_>) -> Alike {
    (policies.class_of(workload), estate.workloads[workload].host_network.is_some())
}

/// Whether a workload reaches any of those who answer, and by which way.
fn best(workload: usize, need: &Need<'_>, policies: &NetworkPolicies<'_>) -> Option<(Match, usize)> {
    let passes = |way: &Way<'_>| {
        let to_all = way.targets.iter().map(|target| {
            let answer = policies.sends_to(workload, target, policies.dataplane());
            let through =
                |transport: &Transport| way.ports.iter().any(|&port| transport.contains(way.protocol, Some(port)));
            match (through(&answer.certain), through(&answer.possible)) {
                (true, _) => Match::Yes,
                (false, true) => Match::Unknown,
                (false, false) => Match::No,
            }
        });
        Match::all(to_all)
    };
    let ways: Vec<Match> = need.ways.iter().map(passes).collect();
    let first = |wanted: Match| ways.iter().position(|found| *found == wanted).map(|way| (wanted, way));
    [Match::Yes, Match::Unknown, Match::No].into_iter().find_map(first)
}

/// A response policy answers for some names itself: which are left is not evaluated.
fn answers(estate: &Estate<'_>) -> Option<Step> {
    let policy = estate.dns.response_policies.first()?;
    let reason = format!("`{}` answers for some names, and which are left is not evaluated", policy.name);
    Some(Step::said(Control::Firewall, Decision::Unknown, "response policy".to_owned(), reason, Some(policy.name.at)))
}
