//! The clauses by which workloads may open connections to the outside (semantics A.8, NP02 and NP09).

use std::collections::BTreeMap;

use super::NetworkPolicies;
use super::outside::traffic;
use crate::analysis::destinations::external;
use crate::model::{ClauseAction, Direction, NamespaceScope, PolicyClause, Role, Tier};
use crate::traffic::{AddressSet, Traffic};

/// A clause by which traffic leaves the cluster, past every other policy.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    /// The index of the policy in the estate.
    pub policy: usize,
    pub clause: &'a PolicyClause<'a>,
    /// The application workloads that it opens, by index; empty where the input shows none of the policy's namespace.
    pub workloads: Vec<usize>,
    /// What it lets out to public addresses.
    pub traffic: Traffic,
}

impl<'a> NetworkPolicies<'a> {
    /// The clauses that let application workloads out to public addresses for certain, in the order of the policies. They
    /// are judged as written, whether or not the cluster enforces them.
    #[must_use]
    pub fn openings(&self) -> Vec<Opening<'a>> {
        let external = external(self.estate);
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (workload, own) in self.estate.tenants() {
            if own.host_network.is_none() {
                members.entry(self.class_of[workload]).or_default().push(workload);
            }
        }
        let mut found: BTreeMap<(usize, usize), Opening<'a>> = BTreeMap::new();
        for (class, workloads) in members {
            let class = &self.classes[class];
            let open = class.outside.certain.restrict_addresses(&external);
            if open.is_empty() {
                continue;
            }
            for &(policy, certain) in &class.selection.egress {
                if certain {
                    self.add_openings(policy, &open, &workloads, &mut found);
                }
            }
        }
        for policy in self.without_pods() {
            let open = Traffic::all().restrict_addresses(&external);
            self.add_openings(policy, &open, &[], &mut found);
        }
        found.into_values().collect()
    }

    fn add_openings(
        &self,
        policy: usize,
        open: &Traffic,
        workloads: &[usize],
        found: &mut BTreeMap<(usize, usize), Opening<'a>>,
    ) {
        let clauses = self.estate.network_policies[policy].egress.clauses.iter().enumerate();
        for (index, clause) in clauses.filter(|(_, clause)| clause.action == ClauseAction::Allow) {
            let passes = open.intersection(&traffic(clause, &clause.ports.numbered, false));
            if passes.is_empty() {
                continue;
            }
            let new = || Opening { policy, clause, workloads: Vec::new(), traffic: Traffic::none() };
            let opening = found.entry((policy, index)).or_insert_with(new);
            opening.workloads.extend(workloads);
            opening.traffic = opening.traffic.union(&passes);
        }
    }

    /// Policies of application namespaces of which the input shows no pods: what they open is open to any pod that they
    /// select, unless a policy denies it.
    fn without_pods(&self) -> impl Iterator<Item = usize> {
        let estate = self.estate;
        let denies = estate.network_policies.iter().any(|policy| {
            policy.tier == Tier::Admin || policy.egress.clauses.iter().any(|one| one.action == ClauseAction::Deny)
        });
        let mut inhabited = vec![false; estate.namespaces.len()];
        estate.workloads.iter().for_each(|workload| inhabited[workload.namespace] = true);
        let judged = !denies && self.unread().is_none();
        let policies = estate.network_policies.iter().enumerate().filter(move |_| judged);
        let is_empty =
            move |namespace: usize| !inhabited[namespace] && estate.namespaces[namespace].role == Role::Tenant;
        let wanted = policies.filter(move |(_, policy)| match policy.subject.namespaces {
            NamespaceScope::Only(namespace) => {
                policy.section(Direction::Egress).isolates && policy.subject.unknown.is_none() && is_empty(namespace)
            }
            NamespaceScope::Matching(_) => false,
        });
        wanted.map(|(index, _)| index)
    }
}

/// Whether a set of addresses reaches from one end of the public addresses to the other, as `0.0.0.0/0` and `::/0` do
/// with whatever exceptions.
#[must_use]
pub fn is_whole_internet(addresses: &AddressSet) -> bool {
    use crate::analysis::destinations::{internet, internet_v6};
    let spans = |all: &AddressSet| {
        let ends = |set: &AddressSet| Some((set.ranges().next()?.0, set.ranges().last()?.1));
        let held = addresses.intersection(all);
        ends(&held).is_some() && ends(&held) == ends(all)
    };
    spans(internet()) || spans(internet_v6())
}
