//! Ways out as rules tell them: those of a namespace that are alike hop by hop are told once.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::{Audit, NAMED};
use crate::analysis::capture::Tier;
use crate::analysis::exits::Exit;
use crate::finding::Finding;
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
        let mut all: Vec<Alike<'a>> = Vec::new();
        let mut known: FxHashMap<(usize, Vec<String>), usize> = FxHashMap::default();
        for group in &self.facts.exits.groups {
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

/// A packet in words: `TCP 443 to 203.0.113.10`.
#[must_use]
pub fn packet(sample: &Sample) -> String {
    let port = sample.port.map(|port| format!(" {port}")).unwrap_or_default();
    format!("{}{port} to {}", sample.protocol, sample.address)
}
