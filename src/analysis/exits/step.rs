//! The layers on a way, one step each. A step is kept by what it is about, so that workloads that nothing can tell apart
//! share it, and is put into words for one workload when somebody asks.

use std::sync::Arc;

use super::Exit;
use super::judge::holds;
use super::kinds::{Control, Via};
use crate::analysis::Facts;
use crate::analysis::capture::{Injection, Tier};
use crate::analysis::firewall::{Decider, METADATA};
use crate::analysis::pools::node_exit;
use crate::analysis::tenancy::{self, Power};
use crate::finding::{Decision, Hop};
use crate::model::{Estate, Layer, Match, Workload};
use crate::source::Location;
use crate::traffic::Sample;

/// What a layer does with the packet of a way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// The layer.
    pub control: Control,
    /// What it decides.
    pub decision: Decision,
    pub(super) what: What,
}

impl Step {
    /// A step with what is said of it.
    pub(super) fn said(
        control: Control,
        decision: Decision,
        name: String,
        reason: String,
        at: Option<Location>,
    ) -> Self {
        let said = Said { name: Some(name), reason, at };
        Self { control, decision, what: What::Said(Arc::new(said), None) }
    }

    /// A step of the workload itself, whose name the hop has.
    pub(super) fn own(control: Control, decision: Decision, reason: String, at: Option<Location>) -> Self {
        let said = Said { name: None, reason, at };
        Self { control, decision, what: What::Said(Arc::new(said), Some(Holder::Own)) }
    }

    /// A step of a layer of which nothing is in the input.
    pub(super) fn missing(control: Control, layer: Layer) -> Self {
        Self { control, decision: Decision::Unknown, what: What::Missing(layer) }
    }

    /// With who has the traffic then.
    pub(super) fn with(self, holder: Holder) -> Self {
        match self.what {
            What::Said(said, _) => Self { what: What::Said(said, Some(holder)), ..self },
            _ => self,
        }
    }

    /// The layer and what it decides.
    pub(super) fn decided(&self) -> (Control, Decision) {
        (self.control, self.decision)
    }

    /// Who has the traffic when the layer decides; none where it is whoever had it one step before.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        match self.what {
            What::Capture | What::Boundary => Some(Holder::Own),
            What::Landing(pool)
            | What::LandingOfTenants(pool)
            | What::Firewall(pool)
            | What::NodeExit(pool)
            | What::GoogleAccess(pool) => Some(Holder::Pool(pool)),
            What::Said(_, holder) => holder,
            What::Policies | What::RewrittenPolicies | What::NodeNetwork | What::NoPool | What::Missing(_) => None,
        }
    }

    /// Whether it is unknown because nothing of the layer is in the input, so that there is no place to look at.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self.what, What::Missing(_))
    }
}

/// Who has the traffic of a way at a step, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// The workload whose way it is.
    Own,
    /// Another workload, which lets itself be used.
    Workload(usize),
    /// A proxy of an egress gateway.
    Proxy(usize),
    /// A node of a pool.
    Pool(usize),
}

/// What decides at a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// What the proxy sees of it, and what it does with what it sees.
    Capture,
    /// The proxy, which is no boundary to anybody stronger than the application.
    Boundary,
    /// The network policies.
    Policies,
    /// The network policies, of which tenants write some.
    RewrittenPolicies,
    /// The node's own network.
    NodeNetwork,
    /// Whether the pods run on a pool.
    Landing(usize),
    /// Whether tenants can have pods run on a pool.
    LandingOfTenants(usize),
    /// No pool of the input admits the pods.
    NoPool,
    /// The firewall, as it applies to a pool.
    Firewall(usize),
    /// How a pool's nodes get out of the network.
    NodeExit(usize),
    /// How a pool's nodes reach Google's APIs.
    GoogleAccess(usize),
    /// Nothing of the layer is in the input.
    Missing(Layer),
    /// What was worked out with the verdict, and who has the traffic then.
    Said(Arc<Said>, Option<Holder>),
}

/// What is said of a step where that was worked out with the verdict. Ways share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Said {
    /// None where the workload's own is meant.
    name: Option<String>,
    reason: String,
    /// None where it is about the workload itself.
    at: Option<Location>,
}

/// Who asks: the words depend on the workload.
#[derive(Clone, Copy)]
pub(super) struct Teller<'e, 'a> {
    pub exit: &'e Exit,
    pub index: usize,
    pub workload: &'e Workload<'a>,
    pub estate: &'e Estate<'a>,
    pub facts: &'e Facts<'a>,
}

/// A reason and where it stands.
type Reason = (String, Location);

impl Teller<'_, '_> {
    pub(super) fn hop(&self, step: &Step) -> Hop {
        let own = self.workload.name.at;
        let plain = |name: &str, (reason, at): Reason| (name.to_owned(), step.decision, reason, at);
        let (name, decision, reason, at) = match step.what {
            What::Capture => self.capture(step.decision),
            What::Boundary => self.boundary(),
            What::Policies => plain("network policy", self.policies()),
            What::RewrittenPolicies => plain("network policy", self.rewritten(step.decision)),
            What::NodeNetwork => {
                plain("network policy", ("root on the node is not bound by network policies".to_owned(), own))
            }
            What::Landing(pool) => plain(&self.pool_name(pool), self.landing(pool, step.decision)),
            What::LandingOfTenants(pool) => plain(&self.pool_name(pool), self.landing_of_tenants(pool)),
            What::NoPool => plain("node pool", ("no node pool in the input admits it".to_owned(), own)),
            What::Firewall(pool) => self.firewall(pool, step.decision),
            What::NodeExit(pool) => self.node_exit(pool, step.decision),
            What::GoogleAccess(pool) => plain("private google access", self.google_access(pool)),
            What::Said(ref said, _) => {
                let name = said.name.clone().unwrap_or_else(|| self.estate.display(self.workload));
                (name, step.decision, said.reason.clone(), said.at.unwrap_or(own))
            }
            What::Missing(layer) => {
                plain(step.control.as_str(), (format!("nothing of the {} layer is in the input", layer.as_str()), own))
            }
        };
        Hop { name, decision, reason, at }
    }

    fn pool_name(&self, pool: usize) -> String {
        format!("node pool {}", self.estate.pools[pool].name.value)
    }

    /// The escape from the proxy that the attacker of the way takes, the weakest attacker's first.
    fn escape(&self) -> Option<(String, Location)> {
        let mut escapes = self.facts.capture[self.index].escapes.iter();
        let taken =
            escapes.find(|escape| escape.tier <= self.exit.tier && holds(&escape.traffic, &self.exit.sample))?;
        Some((taken.reason.clone().into_owned(), taken.at))
    }

    fn capture(&self, decision: Decision) -> (String, Decision, String, Location) {
        let outbound = self.facts.outbound[self.index];
        let mode_at = outbound.at().unwrap_or(self.workload.name.at);
        let (decision, reason, at) = match decision {
            Decision::Deny => (decision, "its proxy takes TCP and refuses what it does not know".to_owned(), mode_at),
            Decision::Unknown if matches!(self.facts.capture[self.index].injection, Injection::Unknown { .. }) => {
                let namespace = self.estate.namespace_of(self.workload).name;
                let reason = format!("whether it has a proxy depends on the labels of namespace `{namespace}`");
                (decision, reason, self.workload.name.at)
            }
            Decision::Unknown => {
                (decision, "what its proxy does with unknown hosts is not in the input".to_owned(), mode_at)
            }
            _ => match self.escape().filter(|_| self.exit.via != Via::Sidecar) {
                Some((reason, at)) => (Decision::NotCaptured, reason, at),
                None => (Decision::Allow, "its proxy passes on what it does not know".to_owned(), mode_at),
            },
        };
        (self.estate.display(self.workload), decision, reason, at)
    }

    fn boundary(&self) -> (String, Decision, String, Location) {
        let (decision, reason, at) = match (self.escape(), self.exit.tier) {
            (Some((reason, at)), Tier::Application | Tier::CodeExecution) => (Decision::NotCaptured, reason, at),
            (_, Tier::Application | Tier::CodeExecution) => {
                (Decision::Allow, "its proxy is no boundary to code that runs in it".to_owned(), self.workload.name.at)
            }
            (_, Tier::Tenant) => {
                (Decision::Allow, "its proxy is no boundary to its tenant".to_owned(), self.workload.name.at)
            }
            (_, Tier::NodeRoot) => {
                (Decision::Allow, "its proxy is no boundary to root on its node".to_owned(), self.workload.name.at)
            }
        };
        (self.estate.display(self.workload), decision, reason, at)
    }

    fn policies(&self) -> Reason {
        let why = self.facts.network_policy.why(self.index, &self.exit.sample);
        (why.reason, why.at)
    }

    fn rewritten(&self, decision: Decision) -> Reason {
        match tenancy::unbinds_policies(self.estate, self.facts, self.workload.namespace) {
            Power::Yes(reason, at) if decision == Decision::Allow => (reason, at),
            Power::Unknown(reason, at) if decision == Decision::Unknown => (reason, at),
            _ => self.policies(),
        }
    }

    fn landing(&self, pool: usize, decision: Decision) -> Reason {
        let described = &self.estate.pools[pool];
        let landing = self.facts.placement.landings(self.index).iter().find(|landing| landing.pool == pool);
        let toleration = landing.and_then(|landing| landing.toleration);
        match (decision, toleration, described.taints.first()) {
            (Decision::Deny, ..) if self.workload.placement.admits(described) == Match::No => {
                ("its selectors keep it off the pool".to_owned(), self.workload.pod_at())
            }
            (Decision::Deny, _, Some(taint)) => {
                (format!("it does not tolerate its taint `{}`", taint.key.value), taint.key.at)
            }
            (Decision::Unknown, ..) => {
                let by_name = landing.and_then(|landing| landing.node_name);
                let reason = if by_name.is_some() {
                    "it names its node, and which pool that is in is not in the input"
                } else {
                    "whether its pods can run there cannot be decided"
                };
                (reason.to_owned(), by_name.unwrap_or(described.name.at))
            }
            (_, Some(toleration), Some(taint)) => (format!("it tolerates its taint `{}`", taint.key.value), toleration),
            _ => ("no taint and no selector keeps it off the pool".to_owned(), described.name.at),
        }
    }

    fn landing_of_tenants(&self, pool: usize) -> Reason {
        let described = &self.estate.pools[pool];
        match tenancy::lands_on(self.facts, self.workload.namespace, described) {
            Power::Yes(reason, at) | Power::Unknown(reason, at) => (reason, at),
            Power::No => self.landing(pool, Decision::Deny),
        }
    }

    fn firewall(&self, pool: usize, decision: Decision) -> (String, Decision, String, Location) {
        let (name, reason, at) = firewall_words(pool, &self.exit.sample, decision, self.estate, self.facts);
        (name, decision, reason, at)
    }

    fn node_exit(&self, pool: usize, decision: Decision) -> (String, Decision, String, Location) {
        let (name, reason, at) = node_exit_words(pool, decision, self.estate);
        (name, decision, reason, at)
    }

    fn google_access(&self, pool: usize) -> Reason {
        let described = &self.estate.pools[pool];
        let subnet = crate::analysis::pools::subnet_of(described, self.estate);
        let at = subnet.and_then(|subnet| subnet.written.google_access.known()).map(|access| access.at);
        let reason = "Google's APIs can be reached from its nodes' internal addresses";
        (reason.to_owned(), at.unwrap_or(described.name.at))
    }
}

/// What the firewall does with a packet from a pool: who decides, why, and where.
pub(super) fn firewall_words(
    pool: usize,
    sample: &Sample,
    decision: Decision,
    estate: &Estate<'_>,
    facts: &Facts<'_>,
) -> (String, String, Location) {
    let egress = &facts.firewall[pool];
    let described = &estate.pools[pool];
    if decision == Decision::Unknown {
        let (reason, at) = match &egress.unknown {
            Some(unknown) => (format!("it depends on {}", unknown.reason), unknown.at),
            None => ("it lets out only a part of it".to_owned(), described.name.at),
        };
        return ("firewall".to_owned(), reason, at);
    }
    if sample.address == METADATA {
        let reason = "the metadata server answers whatever the rules say".to_owned();
        return ("firewall".to_owned(), reason, described.name.at);
    }
    match egress.decider(sample) {
        Decider::Rule(rule) => {
            let rule = &estate.firewall[rule];
            let reason = match decision {
                Decision::Deny => format!("priority {} denies it, and no rule before it allows it", rule.priority),
                _ => format!("priority {} allows it, and no rule before it denies it", rule.priority),
            };
            (format!("firewall rule {}", rule.name.value), reason, rule.verdict_at)
        }
        Decider::Implied => (
            "implied firewall rule".to_owned(),
            "no egress rule matches, and what no rule matches is allowed".to_owned(),
            described.identity_at.unwrap_or(described.name.at),
        ),
    }
}

/// How the nodes of a pool get out of the network: by what, why, and where.
pub(super) fn node_exit_words(pool: usize, decision: Decision, estate: &Estate<'_>) -> (String, String, Location) {
    let described = &estate.pools[pool];
    let exit = node_exit(described, estate);
    let nat = exit.by.map(|nat| &estate.topology.nats[nat]);
    match (decision, nat) {
        (Decision::Deny, _) => {
            let reason = "its nodes have internal addresses only, and no NAT translates them".to_owned();
            ("nat".to_owned(), reason, described.name.at)
        }
        (_, Some(nat)) if exit.public != Match::Yes => {
            (format!("nat {}", nat.name), "it translates the node's address".to_owned(), nat.name.at)
        }
        _ => {
            let at = described.private.known().map_or(described.config_at, |private| private.at);
            ("node".to_owned(), "it has a public address".to_owned(), at)
        }
    }
}
