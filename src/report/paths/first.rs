//! What to do first, in words.

use crate::analysis::Facts;
use crate::analysis::advice::{Advice, Again, Smallest, Suggestion, advise};
use crate::analysis::capture::Tier;
use crate::analysis::exits::Exit;
use crate::model::{Change, Estate};
use crate::source::Location;

use super::filter::Filter;
use super::listing::asked;
use crate::report::palette::{Palette, clean, wrapped};
use crate::report::{Terminal, counted};

/// The edits that close the most of what is listed.
#[derive(Clone, Debug, Default)]
pub struct First {
    /// How many ways are open that are not meant to be.
    pub open: usize,
    /// How many direct ways to the internet one control alone stops.
    pub single: usize,
    /// The most effective first.
    pub suggestions: Vec<Suggested>,
    /// The fewest that do together what all of them do.
    pub smallest: Smallest,
    /// How many more edits were not tried.
    pub untried: usize,
}

/// An edit in words, and what comes of it.
#[derive(Clone, Debug)]
pub struct Suggested {
    /// The kind of edit, as JSON names it.
    pub kind: &'static str,
    /// Such as ``a default-deny egress policy in `team-y` ``.
    pub what: String,
    /// What it is about by its name: a namespace, a network, a binding, a workload, a Sidecar.
    pub object: String,
    /// What is edited, or the object that makes it necessary.
    pub at: Option<Location>,
    pub closes: usize,
    /// How many of those stay open to stronger attackers, and the weakest of these.
    pub left: usize,
    pub left_to: Option<Tier>,
    pub seconds: usize,
    /// How many approved ways it has to let through; none where there are too many to ask.
    pub stops: Option<usize>,
}

/// Tries edits on what a filter asks about, and words those that help.
#[must_use]
pub fn first(estate: &Estate<'_>, facts: &Facts<'_>, filter: &Filter, again: &Again<'_>) -> First {
    if !filter.first {
        return First::default();
    }
    let exits = asked(estate, facts, filter);
    let is_wanted = |workload: usize, exit: &Exit| {
        let name = || estate.display(&estate.workloads[workload]);
        filter.tier.is_none_or(|tier| exit.tier == tier)
            && filter.via.is_none_or(|via| exit.via == via)
            && filter.from.as_ref().is_none_or(|from| from.holds(&name()))
    };
    let Advice { open, single, suggestions, smallest, untried } = advise((estate, facts), &exits, &is_wanted, again);
    let suggestions = suggestions.into_iter().map(|suggestion| {
        let (kind, what, object, at) = words(suggestion.edit, estate);
        let Suggestion { closes, left, left_to, seconds, stops, .. } = suggestion;
        Suggested { kind, what, object, at, closes, left, left_to, seconds, stops }
    });
    First { open, single, suggestions: suggestions.collect(), smallest, untried }
}

fn words(edit: Change, estate: &Estate<'_>) -> (&'static str, String, String, Option<Location>) {
    match edit {
        Change::IsolateEgress { namespace } => {
            let own = &estate.namespaces[namespace];
            let what = format!("a default-deny egress policy in `{}`", own.name);
            ("default-deny-egress", what, own.name.to_owned(), Some(own.at.at))
        }
        Change::DenyEgress { pool } => {
            let pool = &estate.pools[pool];
            let rules = "a firewall rule of priority 65535 that denies all egress";
            let (what, network) = match pool.network.filter(|network| network.name.is_some()) {
                Some(network) => (format!("{rules} in network `{}`", network.shown()), network.shown().to_owned()),
                None => (format!("{rules} in the network of pool `{}`", pool.name), String::new()),
            };
            ("firewall-deny-egress", what, network, Some(pool.name.at))
        }
        Change::Unbind { binding } => {
            let binding = &estate.access.bindings[binding];
            let within = binding.namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
            let object = format!("{within}{}", binding.name);
            let what = format!("no tenant in the subjects of {} `{object}`", binding.kind);
            ("unbind", what, object, Some(binding.name.at))
        }
        Change::Untolerate { workload, toleration } => {
            let own = &estate.workloads[workload];
            let toleration = &own.placement.tolerations[toleration];
            let key = toleration.key.map_or_else(|| "every taint".to_owned(), |key| format!("`{key}`"));
            let object = estate.display(own);
            ("untolerate", format!("no toleration of {key} in `{object}`"), object, Some(toleration.at))
        }
        Change::RefuseUnknown { sidecar } => {
            let mode = "`outboundTrafficPolicy` with mode `REGISTRY_ONLY`";
            match sidecar.map(|sidecar| &estate.mesh.sidecars[sidecar]) {
                Some(sidecar) => {
                    let object = format!("{}/{}", sidecar.namespace, sidecar.name);
                    let at = sidecar.outbound.map_or(sidecar.spec_at, |policy| policy.at);
                    ("registry-only", format!("{mode} in Sidecar `{object}`"), object, Some(at))
                }
                None => {
                    let at = estate.mesh.outbound.map(|policy| policy.at);
                    ("registry-only", format!("{mode} in the mesh configuration"), String::new(), at)
                }
            }
        }
    }
}

/// How many suggestions people are shown.
const SHOWN: usize = 5;

/// The section for people: one line each, and which of them are enough.
pub(super) fn drawn(first: &First, options: &Terminal) -> String {
    if first.suggestions.is_empty() {
        return String::new();
    }
    let palette = Palette::new(options.color);
    let mut text = format!("{}\n", palette.bold("what to do first"));
    let mut add = |line: &str, indent: &str| {
        for (number, part) in wrapped(line, options.width - 5).into_iter().enumerate() {
            text.push_str(&format!("  {}{part}\n", if number == 0 { indent } else { "   " }));
        }
    };
    for (number, suggested) in first.suggestions.iter().take(SHOWN).enumerate() {
        add(&clean(&line(suggested, first)), &format!("{}. ", number + 1));
    }
    if let Some(last) = closing(first) {
        add(&last, "");
    }
    text + "\n"
}

/// Such as ``a default-deny egress policy in `team-y` closes 14 of 17``.
fn line(suggested: &Suggested, first: &First) -> String {
    let mut does = Vec::new();
    if suggested.closes > 0 {
        let who = match suggested.left_to {
            Some(Tier::NodeRoot) | None => "root on a node",
            Some(Tier::Tenant) => "a tenant",
            Some(Tier::CodeExecution | Tier::Application) => "code in the pod",
        };
        let left = match suggested.left {
            0 => String::new(),
            all if all == suggested.closes => format!(" to all but {who}"),
            some => format!(", {some} of them to all but {who}"),
        };
        does.push(format!("closes {} of {}{left}", suggested.closes, counted(first.open, "open way")));
    }
    if suggested.seconds > 0 {
        does.push(format!("gives a second control to {} of {} that one alone stops", suggested.seconds, first.single));
    }
    let stops = match suggested.stops {
        None | Some(0) => String::new(),
        Some(1) => "; 1 approved way has to be let through".to_owned(),
        Some(more) => format!("; {more} approved ways have to be let through"),
    };
    format!("{} {}{stops}", suggested.what, does.join(" and "))
}

/// Which of them are enough, where more than one is needed or is there, and what was left out.
fn closing(first: &First) -> Option<String> {
    let smallest = &first.smallest;
    let mut said = Vec::new();
    if first.suggestions.len() > 1 {
        let numbers: Vec<String> = smallest.suggestions.iter().map(|number| (number + 1).to_string()).collect();
        let enough = match numbers.as_slice() {
            [] => return None,
            [only] => format!("{only} alone is as good as all of them"),
            [others @ .., last] => {
                let mut does = Vec::new();
                if smallest.closes > 0 {
                    does.push(format!("close {} of {}", smallest.closes, counted(first.open, "open way")));
                }
                if smallest.seconds > 0 {
                    does.push(format!("give a second control to {} of {}", smallest.seconds, first.single));
                }
                format!("{} and {last} together {}", others.join(", "), does.join(" and "))
            }
        };
        said.push(enough);
    }
    if let more @ 1.. = first.suggestions.len().saturating_sub(SHOWN) {
        said.push(format!("{more} more in `--format json`"));
    }
    if first.untried > 0 {
        said.push(format!("{} that bear on fewer ways not tried", counted(first.untried, "edit")));
    }
    (!said.is_empty()).then(|| said.join("; "))
}
