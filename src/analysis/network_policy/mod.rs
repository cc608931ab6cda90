//! What network policies allow (semantics C.1, C.2). Workloads that the same policies select share one answer.

mod anybody;
mod chain;
mod connections;
mod engine;
mod explain;
mod flows;
mod openings;
mod outside;
mod packet;
mod pods;
mod refused;
mod scopes;
mod select;
mod sides;

pub use connections::{Answer, Connections, OutsideAnswer, connections};
pub use explain::{Because, End, connections_of};
pub use flows::{Target, UnseenPods};
pub use openings::{Opening, is_whole_internet};
pub use outside::Outside;
pub use pods::Dataplane;
pub use refused::Refused;

use crate::finding::Decision;
use crate::model::{Direction, Enforcement, Estate, NetworkPolicy, PolicyKind, Text, Unknown, Workload};
use crate::source::Location;
use crate::traffic::Sample;
use select::Selection;

/// What network policies allow each workload.
#[derive(Debug)]
pub struct NetworkPolicies<'a> {
    estate: &'a Estate<'a>,
    /// The class of each workload, by index.
    class_of: Vec<usize>,
    classes: Vec<Class>,
    /// The workloads of each class, ascending.
    members: Vec<Vec<usize>>,
    /// The classes that each policy selects for certain, egress and ingress apart.
    selected: Vec<[Vec<usize>; 2]>,
    /// Whether the input shows pods of each namespace.
    inhabited: Vec<bool>,
    /// What is allowed to a workload that no policy binds: one on its node's network, or any where no policy is enforced.
    unbound: Outside,
    /// How the clusters of the input take blocks that hold the addresses of pods.
    dataplane: Dataplane,
    /// A cluster and the place that says that it enforces no policies, where that is so of all clusters in the input.
    pub unenforced: Option<(Text<'a>, Location)>,
}

/// Workloads that are selected by the same policies.
#[derive(Debug)]
struct Class {
    selection: Selection,
    outside: Outside,
    /// What is left once the policies of the namespace are whatever its tenants want; none where that is everything.
    rewritten: Option<Outside>,
    /// The policies that isolate for certain, ascending.
    isolating_egress: Vec<usize>,
    isolating_ingress: Vec<usize>,
}

/// Whether policies close a direction of a workload but for what their clauses allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Isolation<'f> {
    /// The policies that isolate it, by their index in the estate, ascending.
    By(&'f [usize]),
    /// No policy isolates it: everything is allowed.
    None,
    Unknown(Unknown),
}

/// What decides about one packet, for a hop of a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    pub decision: Decision,
    /// Says what is, as a clause of a sentence.
    pub reason: String,
    /// The clause that allows, the first policy that isolates, or the workload's own place where there is neither.
    pub at: Location,
}

/// Works out which policies select each workload, and what they let out.
#[must_use]
pub fn network_policies<'a>(estate: &'a Estate<'a>) -> NetworkPolicies<'a> {
    let (class_of, selections) = select::classes(estate);
    let class = |(first, selection): (usize, Selection)| {
        let outside = outside::egress(estate, &selection, estate.workloads[first].name.at);
        let rewritten = outside::egress_if_rewritten(estate, &selection, estate.workloads[first].name.at);
        let isolating = |direction| selection.isolating(direction, true, estate);
        let (isolating_egress, isolating_ingress) = (isolating(Direction::Egress), isolating(Direction::Ingress));
        Class { selection, outside, rewritten, isolating_egress, isolating_ingress }
    };
    let mut members = vec![Vec::new(); selections.len()];
    class_of.iter().enumerate().for_each(|(workload, class)| members[*class].push(workload));
    let mut selected = vec![[Vec::new(), Vec::new()]; estate.network_policies.len()];
    for (class, (_, selection)) in selections.iter().enumerate() {
        for (side, direction) in [Direction::Egress, Direction::Ingress].into_iter().enumerate() {
            let certain = selection.of(direction).iter().filter(|(_, certain)| *certain);
            certain.for_each(|(policy, _)| selected[*policy][side].push(class));
        }
    }
    let mut inhabited = vec![false; estate.namespaces.len()];
    estate.workloads.iter().for_each(|workload| inhabited[workload.namespace] = true);
    NetworkPolicies {
        estate,
        class_of,
        members,
        selected,
        inhabited,
        classes: selections.into_iter().map(class).collect(),
        unbound: Outside::unbound(),
        dataplane: Dataplane::of(estate),
        unenforced: unenforced(estate),
    }
}

/// The first cluster, where none of them enforces policies.
fn unenforced<'a>(estate: &Estate<'a>) -> Option<(Text<'a>, Location)> {
    if has_own_plugin(estate) {
        return None;
    }
    let mut silent = estate.clusters.iter().map(|cluster| match cluster.enforcement {
        Enforcement::Nothing(at) => Some((cluster.name, at)),
        _ => None,
    });
    let first = silent.next()??;
    silent.all(|other| other.is_some()).then_some(first)
}

/// Whether a network plugin of the user's own, which its policies give away, may enforce policies where the cloud does not.
#[must_use]
pub fn has_own_plugin(estate: &Estate<'_>) -> bool {
    let of_plugin = |policy: &NetworkPolicy<'_>| {
        matches!(
            policy.kind,
            PolicyKind::Cilium
                | PolicyKind::CiliumClusterwide
                | PolicyKind::Cluster
                | PolicyKind::Admin
                | PolicyKind::BaselineAdmin
        )
    };
    estate.network_policies.iter().any(of_plugin) || outside::unread(estate).is_some()
}

impl<'a> NetworkPolicies<'a> {
    fn class(&self, workload: usize) -> &Class {
        &self.classes[self.class_of[workload]]
    }

    fn workload(&self, workload: usize) -> &'a Workload<'a> {
        &self.estate.workloads[workload]
    }

    /// Which policies isolate a direction of a workload. Unknown for a workload on its node's network, whose treatment
    /// the network plugin decides, and where kinds that could isolate are in the input but not evaluated.
    #[must_use]
    pub fn isolation(&self, workload: usize, direction: Direction) -> Isolation<'_> {
        let own = self.workload(workload);
        if let Some(host) = own.host_network {
            let reason = "the network plugin decides whether policies bind pods on the node's network".to_owned();
            return Isolation::Unknown(Unknown { at: host.at, reason });
        }
        let class = self.class(workload);
        let isolating = match direction {
            Direction::Egress => &class.isolating_egress,
            Direction::Ingress => &class.isolating_ingress,
        };
        if !isolating.is_empty() {
            return Isolation::By(isolating);
        }
        if let Some(&policy) = class.selection.isolating(direction, false, self.estate).first() {
            let policy = &self.estate.network_policies[policy];
            let reason = format!("whether `{}` selects it cannot be decided", policy.name);
            return Isolation::Unknown(Unknown { at: policy.name.at, reason });
        }
        match self.unread() {
            Some(reason) => Isolation::Unknown(Unknown { at: own.name.at, reason }),
            None => Isolation::None,
        }
    }

    /// The workloads that a policy selects for certain and of whose traffic in a direction it speaks, ascending.
    #[must_use]
    pub fn selected_by(&self, policy: usize, direction: Direction) -> Vec<usize> {
        let [egress, ingress] = &self.selected[policy];
        let classes = if direction == Direction::Egress { egress } else { ingress };
        let mut workloads: Vec<usize> = classes.iter().flat_map(|&class| self.members[class].iter().copied()).collect();
        workloads.sort_unstable();
        workloads
    }

    /// Why policies cannot be evaluated to the end, where kinds that decide are in the input but not modelled.
    #[must_use]
    pub fn unread(&self) -> Option<String> {
        outside::unread(self.estate)
    }

    /// What a workload may send to addresses outside of the cluster. Worked out once for all workloads that the same
    /// policies select.
    #[must_use]
    pub fn egress_outside(&self, workload: usize) -> &Outside {
        if self.workload(workload).host_network.is_some() || self.unenforced.is_some() {
            return &self.unbound;
        }
        &self.class(workload).outside
    }

    /// What a workload may send to addresses outside of the cluster once its namespace's policies say what its tenants
    /// want: only what administrators deny stays denied (semantics C.11, attacker choice).
    #[must_use]
    pub fn egress_if_rewritten(&self, workload: usize) -> &Outside {
        if self.workload(workload).host_network.is_some() || self.unenforced.is_some() {
            return &self.unbound;
        }
        self.class(workload).rewritten.as_ref().unwrap_or(&self.unbound)
    }

    /// The number of the class of a workload: the same policies select all workloads of a class.
    #[must_use]
    pub fn class_of(&self, workload: usize) -> usize {
        self.class_of[workload]
    }

    /// How the clusters of the input take blocks that hold the addresses of pods.
    #[must_use]
    pub fn dataplane(&self) -> Dataplane {
        self.dataplane
    }

    /// Whether some IPv4 traffic leaves a workload of which no policy speaks, so that it passes by default.
    #[must_use]
    pub fn leaves_unruled(&self, workload: usize) -> bool {
        self.class(workload).outside.unruled
    }

    /// Why no network policy binds a workload, where that is so.
    fn unbound_by(&self, workload: usize) -> Option<Why> {
        let allowed = |reason, at| Some(Why { decision: Decision::Allow, reason, at });
        if let Some(host) = self.workload(workload).host_network {
            return allowed("network policies do not bind pods on the node's network".to_owned(), host.at);
        }
        let (cluster, at) = self.unenforced?;
        allowed(format!("cluster `{cluster}` does not enforce network policies"), at)
    }

    /// What decides about one packet from a workload to an address outside of the cluster.
    #[must_use]
    pub fn why(&self, workload: usize, sample: &Sample) -> Why {
        if let Some(why) = self.unbound_by(workload) {
            return why;
        }
        let own = self.workload(workload);
        if let Some(reason) = self.unread() {
            return Why { decision: Decision::Unknown, reason, at: own.name.at };
        }
        outside::why(self.estate, &self.class(workload).selection, own, sample)
    }
}
