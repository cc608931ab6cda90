//! PA06: workloads that cannot leave by themselves can use another one that leaves directly.

use std::collections::BTreeMap;

use crate::analysis::exits::{Exit, Verdict, Via};
use crate::finding::{Confidence, Finding, Hop, Parts, Severity};
use crate::model::Layer;
use crate::rule::exits::packet;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "pivot-path",
    topic: "path",
    summary: "workloads that cannot leave by themselves may use another one that leaves directly",
    severity: Severity::High,
    confidence: Confidence::Low,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::NetworkPolicy, Layer::Scheduling, Layer::Firewall],
    page: include_str!("../../../rules/path/pivot-path.md"),
    check,
};

const PARTS: &[&str] = &["host-network-workload", "workload-outside-mesh", "missing-egress-isolation"];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    // One finding for each workload that lets itself be used, with all who can use it.
    let mut used: BTreeMap<crate::source::Location, (Vec<usize>, &Exit, Vec<Hop>)> = BTreeMap::new();
    for group in &audit.facts.exits.groups {
        let Some(&first) = group.workloads.first() else { continue };
        for exit in group.exits.iter().filter(|exit| exit.via == Via::Pivot && exit.verdict == Verdict::Open) {
            let witness = exit.witness(first, audit.estate, audit.facts);
            let Some(at) = witness.get(2).map(|hop| hop.at) else { continue };
            let known = used.entry(at).or_insert_with(|| (Vec::new(), exit, witness));
            known.0.extend(&group.workloads);
        }
    }
    for (at, (workloads, exit, witness)) in used {
        let Some(by) = witness.get(2).cloned() else { continue };
        let who = audit.list_workloads(&workloads);
        let message =
            format!("{who} can leave by way of `{}`, for {}, such as {}", by.name, by.reason, packet(&exit.sample));
        let about = witness.iter().map(|hop| hop.at).collect();
        let finding = RULE.finding("reachable", at, message).witness(witness);
        let finding = audit.name_workloads(finding, &workloads, "can use it");
        let parts = Parts { rules: PARTS, about, yields: false };
        findings.push(
            finding
                .made_of(parts)
                .help("let network policies open it to those alone who need it, and close its own way out"),
        );
    }
}
