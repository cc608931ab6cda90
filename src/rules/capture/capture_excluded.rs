//! SC05: a setting keeps part of a workload's outbound traffic from its proxy.

use ipnet::IpNet;

use crate::analysis::capture::{Exclusion, ExclusionKind};
use crate::finding::{Confidence, Finding, Severity};
use crate::rule::{Audit, Rule};
use crate::traffic::AddressSet;

pub(crate) static RULE: Rule = Rule {
    id: "capture-excluded",
    topic: "capture",
    summary: "an annotation or template keeps outbound traffic from the proxy",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.2.8"],
    needs: &[],
    page: include_str!("../../../rules/capture/capture-excluded.md"),
    check,
};

/// Destinations that the seed itself lets workloads reach directly, and private ranges.
const HARMLESS: [&str; 6] =
    ["169.254.0.0/16", "199.36.153.4/30", "199.36.153.8/30", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for (index, workload) in audit.estate.tenants() {
        let name = audit.estate.display(workload);
        // A setting of the whole mesh is not the workload's fault.
        let own = audit.facts.capture[index].exclusions.iter();
        findings
            .extend(own.filter(|one| one.value.at.source == workload.name.at.source).map(|one| finding(one, &name)));
    }
}

fn finding(exclusion: &Exclusion<'_>, name: &str) -> Finding {
    let value = exclusion.value.value;
    let (variant, what) = match exclusion.kind {
        ExclusionKind::Ports => ("ports", format!("keeps ports `{value}` from its proxy")),
        ExclusionKind::Ranges => ("ranges", format!("keeps addresses `{value}` from its proxy")),
        ExclusionKind::IncludeRanges if value.is_empty() => {
            ("include-ranges", "has nothing redirected to its proxy".to_owned())
        }
        ExclusionKind::IncludeRanges => ("include-ranges", format!("has only `{value}` redirected to its proxy")),
        ExclusionKind::Interfaces => ("interfaces", format!("keeps interfaces `{value}` from its proxy")),
        ExclusionKind::Template => ("template", format!("is injected with `{value}`, which redirects nothing")),
        ExclusionKind::ModeNone => ("mode-none", "switches redirection to its proxy off".to_owned()),
    };
    let harmless: AddressSet = HARMLESS.iter().filter_map(|block| block.parse::<IpNet>().ok()).collect();
    let severity = if exclusion.traffic.addresses().is_subset(&harmless) { Severity::Low } else { Severity::High };
    let confidence = if exclusion.understood { Confidence::High } else { Confidence::Low };
    let help = "remove the setting, and register what the workload needs with a ServiceEntry";
    RULE.finding(variant, exclusion.value.at, format!("`{name}` {what}"))
        .severity(severity)
        .confidence(confidence)
        .help(help)
}
