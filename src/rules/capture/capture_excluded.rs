//! SC05: a setting keeps part of a workload's outbound traffic from its proxy.

use std::cell::LazyCell;

use ipnet::IpNet;
use rustc_hash::FxHashSet;

use crate::analysis::capture::{Exclusion, ExclusionKind};
use crate::analysis::destinations::external;
use crate::analysis::network_policy::Outside;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Estate;
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
    let inside = LazyCell::new(|| Inside::of(audit.estate));
    for (index, workload) in audit.estate.tenants() {
        // A setting of the whole mesh is not the workload's fault.
        for own in audit.facts.capture[index].exclusions.iter().filter(|one| !one.mesh_wide) {
            let found = finding(own, &audit.estate.display(workload));
            let is_contained = || inside.holds(own, audit.facts.network_policy.egress_outside(index));
            findings.extend(found.map(|found| if is_contained() { found.severity(Severity::Low) } else { found }));
        }
    }
}

fn finding(exclusion: &Exclusion<'_>, name: &str) -> Option<Finding> {
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
    Some(RULE.finding(variant, exclusion.value.at, format!("`{name}` {what}")).confidence(confidence).help(help))
}

/// What is known to stay inside.
struct Inside {
    harmless: AddressSet,
    /// Public addresses, which are not.
    external: AddressSet,
    /// The ports that application workloads of the cluster serve, but for the web's.
    served: FxHashSet<i64>,
}

impl Inside {
    fn of(estate: &Estate<'_>) -> Self {
        let of_containers = estate.tenants().flat_map(|(_, workload)| &workload.pod.containers);
        let ports = of_containers.flat_map(|container| &container.ports).map(|port| port.port.value);
        let services = estate.services.iter().flat_map(|service| &service.ports).map(|port| port.port);
        Self {
            harmless: HARMLESS.iter().filter_map(|block| block.parse::<IpNet>().ok()).collect(),
            external: external(estate),
            served: ports.chain(services).filter(|port| ![80, 443].contains(port)).collect(),
        }
    }

    /// Whether what escapes the proxy stays inside: by its addresses, or because it is for ports of the cluster's own
    /// services, on which network policies let nothing out.
    fn holds(&self, exclusion: &Exclusion<'_>, policies: &Outside) -> bool {
        let is_served = |port: &str| port.trim().parse().is_ok_and(|port: i64| self.served.contains(&port));
        let escapes = || exclusion.traffic.restrict_addresses(&self.external).intersection(&policies.allowed);
        exclusion.traffic.addresses().is_subset(&self.harmless)
            || exclusion.kind == ExclusionKind::Ports
                && exclusion.understood
                && exclusion.value.split(',').all(is_served)
                && escapes().is_empty()
    }
}
