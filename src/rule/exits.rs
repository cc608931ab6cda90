//! Ways out as rules tell them: those of a namespace that are alike hop by hop are told once.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::{Audit, NAMED};
use crate::analysis::capture::Tier;
use crate::analysis::exits::{Class, Exit, Group, Verdict, Via};
use crate::finding::Finding;
use crate::source::Location;
use crate::traffic::Sample;

/// Workloads of one namespace whose ways out have the same reasons at every hop.
pub struct Alike<'f> {
    /// By index, in the order of their names.
    pub workloads: Vec<usize>,
    pub exit: &'f Exit,
}

impl<'a> Audit<'a> {
    /// For each workload the first of its ways out that are wanted, by rank; workloads of a namespace with the same reasons
    /// at every hop are one.
    pub fn exits_alike<R: Ord>(&self, wanted: impl Fn(&Exit) -> bool, rank: impl Fn(&Exit) -> R) -> Vec<Alike<'a>> {
        self.exits_alike_of(self.facts.exits.groups.iter(), wanted, rank)
    }

    /// The same for some groups alone.
    pub fn exits_alike_of<R: Ord>(
        &self,
        groups: impl Iterator<Item = &'a Group>,
        wanted: impl Fn(&Exit) -> bool,
        rank: impl Fn(&Exit) -> R,
    ) -> Vec<Alike<'a>> {
        let mut all: Vec<Alike<'a>> = Vec::new();
        let mut known: FxHashMap<(usize, Vec<String>), usize> = FxHashMap::default();
        for group in groups {
            let exits = group.exits.iter().map(|exit| &**exit).filter(|exit| wanted(exit));
            let Some(exit) = exits.min_by_key(|exit| rank(exit)) else { continue };
            let Some(&first) = group.workloads.first() else { continue };
            let reasons = exit.witness(first, self.estate, self.facts).into_iter().map(|hop| hop.reason).collect();
            match known.entry((self.estate.workloads[first].namespace, reasons)) {
                Entry::Occupied(alike) => all[*alike.get()].workloads.extend(&group.workloads),
                Entry::Vacant(vacant) => {
                    vacant.insert(all.len());
                    all.push(Alike { workloads: group.workloads.clone(), exit });
                }
            }
        }
        all
    }

    /// The groups that have no direct way out, for ways that would be detours to those that have.
    pub fn without_direct_exit(&self) -> impl Iterator<Item = &'a Group> {
        let has = |group: &&Group| group.exits.iter().any(|exit| is_direct_exit(exit));
        self.facts.exits.groups.iter().filter(move |group| !has(group))
    }

    /// Who can do something, for the start of a message: the workload itself, or whoever has a part of it.
    #[must_use]
    pub fn attacker(&self, tier: Tier, workload: usize) -> String {
        let name = self.estate.display(&self.estate.workloads[workload]);
        match tier {
            Tier::Application => format!("`{name}` can"),
            Tier::CodeExecution => format!("whoever runs code in `{name}` can"),
            Tier::Tenant => format!("a tenant who may change `{name}` can"),
            Tier::NodeRoot => format!("root on a node of `{name}` can"),
        }
    }

    /// The places that a way out is about: what decides at its hops, the workloads that take it, and their namespace.
    #[must_use]
    pub fn places_of(&self, alike: &Alike<'_>) -> Vec<Location> {
        let workloads = || alike.workloads.iter().map(|&index| &self.estate.workloads[index]);
        let hops = alike.workloads.first().map(|&first| alike.exit.witness(first, self.estate, self.facts));
        let namespace = workloads().next().map(|workload| self.estate.namespace_of(workload).at.at);
        let hops = hops.into_iter().flatten().map(|hop| hop.at);
        hops.chain(workloads().map(|workload| workload.name.at)).chain(namespace).collect()
    }

    /// Adds the first few of the other workloads that share a way out.
    #[must_use]
    pub fn name_others(&self, finding: Finding, alike: &Alike<'_>) -> Finding {
        alike.workloads.iter().skip(1).take(NAMED).fold(finding, |finding, &other| {
            let other = &self.estate.workloads[other];
            finding.see(other.name.at, format!("`{}` has the same way out", self.estate.display(other)))
        })
    }
}

impl Alike<'_> {
    /// How many others there are, for the end of a message.
    #[must_use]
    pub fn others(&self) -> String {
        match self.workloads.len() {
            0 | 1 => String::new(),
            2 => ", as can 1 more workload of its namespace".to_owned(),
            more => format!(", as can {} more workloads of its namespace", more - 1),
        }
    }
}

/// Whether a way out is open to the application or code in its pod, around or through the proxy to all of the internet.
#[must_use]
pub fn is_direct_exit(exit: &Exit) -> bool {
    exit.verdict == Verdict::Open
        && matches!(exit.via, Via::Direct | Via::Sidecar)
        && matches!(exit.class, Class::Internet | Class::InternetV6)
        && exit.tier <= Tier::CodeExecution
        && !exit.approved
}

/// A packet in words: `TCP 443 to 203.0.113.10`.
#[must_use]
pub fn packet(sample: &Sample) -> String {
    let port = sample.port.map(|port| format!(" {port}")).unwrap_or_default();
    format!("{}{port} to {}", sample.protocol, sample.address)
}
