//! SC05: a setting keeps part of a workload's outbound traffic from its proxy.

use ipnet::IpNet;

use crate::analysis::capture::{Exclusion, ExclusionKind};
use crate::analysis::destinations::external;
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
        let own = audit.facts.capture[index].exclusions.iter().filter(|one| !one.mesh_wide);
        findings.extend(own.filter_map(|one| finding(one, index, &name, audit)));
    }
}

fn finding(exclusion: &Exclusion<'_>, workload: usize, name: &str, audit: &Audit<'_>) -> Option<Finding> {
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
        // What hides in the proxy's variables has a rule of its own.
        ExclusionKind::Loopback => return None,
    };
    let confidence = if exclusion.understood { Confidence::High } else { Confidence::Low };
    let help = "remove the setting, and register what the workload needs with a ServiceEntry";
    let finding =
        RULE.finding(variant, exclusion.value.at, format!("`{name}` {what}")).confidence(confidence).help(help);
    Some(if is_contained(exclusion, workload, audit) { finding.severity(Severity::Low) } else { finding })
}

/// Whether what escapes the proxy stays inside: by its addresses, or because it is for ports of the cluster's own services,
/// on which network policies let nothing out.
fn is_contained(exclusion: &Exclusion<'_>, workload: usize, audit: &Audit<'_>) -> bool {
    let harmless: AddressSet = HARMLESS.iter().filter_map(|block| block.parse::<IpNet>().ok()).collect();
    if exclusion.traffic.addresses().is_subset(&harmless) {
        return true;
    }
    let policies = audit.facts.network_policy.egress_outside(workload);
    exclusion.kind == ExclusionKind::Ports
        && exclusion.understood
        && exclusion.value.split(',').all(|port| port.trim().parse().is_ok_and(|port| is_served(port, audit)))
        && exclusion.traffic.restrict_addresses(&external(audit.estate)).intersection(&policies.allowed).is_empty()
}

/// Whether application workloads of the cluster serve a port that is not the web's.
fn is_served(port: i64, audit: &Audit<'_>) -> bool {
    let of_containers = audit.estate.tenants().flat_map(|(_, workload)| &workload.pod.containers);
    let mut ports = of_containers.flat_map(|container| &container.ports).map(|port| port.port.value);
    let mut services = audit.estate.services.iter().flat_map(|service| &service.ports);
    port != 80 && port != 443 && (ports.any(|own| own == port) || services.any(|own| own.port == port))
}
