//! The clauses by which workloads may open connections to the outside (semantics A.8, NP02 and NP09).

use std::collections::BTreeMap;

use super::NetworkPolicies;
use super::outside::traffic;
use crate::analysis::destinations::{external, internet, internet_v6};
use crate::analysis::resolver::{dns, plain_dns};
use crate::model::{ClauseAction, Direction, NamespaceScope, NetworkPolicy, Peer, PolicyClause, Role, Tier};
use crate::source::Location;
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

/// By policy and clause.
type Openings<'a> = BTreeMap<(usize, usize), Opening<'a>>;

impl<'a> NetworkPolicies<'a> {
    /// The clauses that let application workloads out to public addresses for certain, in the order of the policies. They
    /// are judged as written, whether or not the cluster enforces them.
    #[must_use]
    pub fn openings(&self) -> Vec<Opening<'a>> {
        let mut found = self.openings_of(self.estate.tenants().map(|(workload, _)| workload));
        let open = Traffic::all().restrict_addresses(&external(self.estate));
        for policy in self.without_pods() {
            self.add_openings(policy, &open, &[], &mut found);
        }
        found.into_values().collect()
    }

    /// The clauses that let one workload out to public addresses for certain.
    #[must_use]
    pub fn openings_for(&self, workload: usize) -> Vec<Opening<'a>> {
        self.openings_of([workload].into_iter()).into_values().collect()
    }

    fn openings_of(&self, workloads: impl Iterator<Item = usize>) -> Openings<'a> {
        let external = external(self.estate);
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for workload in workloads.filter(|&workload| self.workload(workload).host_network.is_none()) {
            members.entry(self.class_of[workload]).or_default().push(workload);
        }
        let mut found = Openings::new();
        for (class, workloads) in members {
            let class = &self.classes[class];
            let open = class.outside.certain.restrict_addresses(&external);
            if open.is_empty() {
                continue;
            }
            for &(policy, certain) in &class.selection.egress {
                // A baseline is not asked about pods that a policy of their namespace isolates.
                let asked =
                    self.estate.network_policies[policy].tier != Tier::Baseline || class.isolating_egress.is_empty();
                if certain && asked {
                    self.add_openings(policy, &open, &workloads, &mut found);
                }
            }
        }
        found
    }

    /// The clause of a policy, which is not asked about a workload, that denies something which the workload may send to
    /// public addresses; with one packet.
    #[must_use]
    pub fn opened_against<'p>(
        &self,
        policy: &'p NetworkPolicy<'a>,
        workload: usize,
    ) -> Option<(&'p PolicyClause<'a>, String)> {
        let open = self.class(workload).outside.certain.restrict_addresses(&external(self.estate));
        let denies = policy.egress.clauses.iter().filter(|clause| clause.action == ClauseAction::Deny);
        denies
            .map(|clause| (clause, open.intersection(&traffic(clause, &clause.ports.numbered, false))))
            .find_map(|(clause, both)| Some((clause, packet(&both)?)))
    }

    fn add_openings(&self, policy: usize, open: &Traffic, workloads: &[usize], found: &mut Openings<'a>) {
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
    fn without_pods(&self) -> Vec<usize> {
        let estate = self.estate;
        let denies = estate.network_policies.iter().any(|policy| {
            policy.tier == Tier::Admin || policy.egress.clauses.iter().any(|one| one.action == ClauseAction::Deny)
        });
        if denies || self.unread().is_some() {
            return Vec::new();
        }
        let all = 0..estate.network_policies.len();
        all.filter(|&policy| self.is_of_unseen_tenants(policy, Direction::Egress)).collect()
    }

    /// Whether a policy speaks for pods of an application namespace of which the input shows none.
    fn is_of_unseen_tenants(&self, policy: usize, direction: Direction) -> bool {
        let policy = &self.estate.network_policies[policy];
        let NamespaceScope::Only(namespace) = policy.subject.namespaces else { return false };
        self.estate.namespaces[namespace].role == Role::Tenant
            && policy.section(direction).isolates
            && policy.subject.unknown.is_none()
            && !self.inhabited[namespace]
    }

    /// The application workloads that a policy selects and of whose traffic in a direction it speaks; empty where the
    /// input shows no pods of its namespace, and none where it speaks for no application.
    #[must_use]
    pub fn tenants_of(&self, policy: usize, direction: Direction) -> Option<Vec<usize>> {
        let estate = self.estate;
        let is_tenant = |workload: &usize| {
            let workload = &estate.workloads[*workload];
            estate.namespace_of(workload).role == Role::Tenant && !workload.is_gateway
        };
        let mut selected = self.selected_by(policy, direction);
        selected.retain(is_tenant);
        (!selected.is_empty() || self.is_of_unseen_tenants(policy, direction)).then_some(selected)
    }
}

impl Opening<'_> {
    /// The peer that lets pods out, or the clause where it names none.
    #[must_use]
    pub fn at(&self) -> Location {
        let public = self.traffic.addresses();
        let opens = |peer: &&Peer<'_>| peer.outside().is_some_and(|held| !held.intersection(&public).is_empty());
        self.clause.peers.iter().flatten().find(opens).map_or(self.clause.at, |peer| peer.at)
    }

    /// One packet that is let out, as a reader would say it.
    #[must_use]
    pub fn packet(&self) -> Option<String> {
        packet(&self.traffic)
    }

    /// Whether it is for resolvers alone and lets pods ask any in the world: no peers, or the whole internet.
    #[must_use]
    pub fn is_any_resolver(&self) -> bool {
        let is_any = |peer: &Peer<'_>| peer.outside().is_some_and(is_whole_internet);
        let ports = &self.clause.ports;
        let for_names = ports.numbered.is_subset(dns()) && !ports.numbered.intersection(plain_dns()).is_empty();
        for_names && self.clause.peers.as_ref().is_none_or(|peers| peers.iter().any(is_any))
    }
}

fn packet(traffic: &Traffic) -> Option<String> {
    let sample = traffic.first()?;
    let port = sample.port.map_or(String::new(), |port| format!(" {port}"));
    Some(format!("{}{port} to {}", sample.protocol, sample.address))
}

/// Whether a set of addresses reaches from one end of the public addresses to the other, as `0.0.0.0/0` and `::/0` do
/// with whatever exceptions.
#[must_use]
pub fn is_whole_internet(addresses: &AddressSet) -> bool {
    let spans = |all: &AddressSet| {
        let ends = |set: &AddressSet| Some((set.ranges().next()?.0, set.ranges().last()?.1));
        let held = addresses.intersection(all);
        ends(&held).is_some() && ends(&held) == ends(all)
    };
    spans(internet()) || spans(internet_v6())
}
