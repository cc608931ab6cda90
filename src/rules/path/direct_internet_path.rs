//! PA01: a workload reaches the internet without the gateway, past every layer.

use crate::analysis::capture::Tier;
use crate::analysis::exits::Exit;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Layer;
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "direct-internet-path",
    topic: "path",
    summary: "a workload can reach the internet directly: mesh, network policy and firewall all let it out",
    severity: Severity::Critical,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::NetworkPolicy, Layer::Scheduling, Layer::Firewall],
    page: include_str!("../../../rules/path/direct-internet-path.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    findings.extend(audit.facts.exits.iter().filter_map(|exit| finding(exit, audit)));
}

fn finding(exit: &Exit, audit: &Audit<'_>) -> Option<Finding> {
    let (&first, others) = exit.workloads.split_first()?;
    let workload = &audit.estate.workloads[first];
    let who = match exit.tier {
        Tier::Application => format!("`{}` can", audit.estate.display(workload)),
        Tier::CodeExecution => format!("whoever runs code in `{}` can", audit.estate.display(workload)),
    };
    let port = exit.sample.port.map(|port| format!(" {port}")).unwrap_or_default();
    let also = match others.len() {
        0 => String::new(),
        1 => ", as can 1 more workload of its namespace".to_owned(),
        more => format!(", as can {more} more workloads of its namespace"),
    };
    let message = format!(
        "{who} reach the internet without the gateway, such as {}{port} to {}{also}",
        exit.sample.protocol, exit.sample.address
    );
    let variant = match exit.tier {
        Tier::Application => "application",
        Tier::CodeExecution => "code-execution",
    };
    let finding = RULE.finding(variant, workload.name.at, message).witness(exit.witness(audit.estate, audit.facts));
    let finding = others.iter().take(5).fold(finding, |finding, &other| {
        let other = &audit.estate.workloads[other];
        finding.see(other.name.at, format!("`{}` has the same way out", audit.estate.display(other)))
    });
    Some(
        finding
            .help("close at least two of the hops: deny egress in the firewall and in a default-deny network policy"),
    )
}
