//! MR01: proxies pass on traffic to destinations that the mesh does not know.

use std::collections::BTreeMap;

use crate::analysis::outbound::Origin;
use crate::finding::{Confidence, Finding, Fix, Severity};
use crate::model::{Layer, OutboundMode, OutboundPolicy};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "outbound-allow-any",
    topic: "routing",
    summary: "proxies pass on what the mesh does not know, instead of REGISTRY_ONLY",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[Layer::Mesh],
    page: include_str!("../../../rules/routing/outbound-allow-any.md"),
    check,
};

const HELP: &str = "set `outboundTrafficPolicy.mode: REGISTRY_ONLY` in the namespace's default Sidecar";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    // By deciding place: the mode that is written, or the namespace that leaves it to the mesh's default.
    let mut places: BTreeMap<Location, Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.tenants() {
        let outbound = audit.facts.outbound[index];
        if outbound.is_open() {
            let at = outbound.at().unwrap_or(audit.estate.namespace_of(workload).at.at);
            places.entry(at).or_default().push(index);
        }
    }
    findings.extend(places.into_iter().filter_map(|(at, workloads)| open(at, &workloads, audit)));
    for sidecar in &audit.estate.mesh.sidecars {
        let empty = sidecar.outbound.filter(|policy| policy.empty);
        let message = "`outboundTrafficPolicy` without a mode means REGISTRY_ONLY in a Sidecar, and ALLOW_ANY in the mesh configuration";
        findings.extend(empty.map(|policy| {
            let finding = RULE.finding("ambiguous-empty", policy.at, message).severity(Severity::Info);
            let fix = Fix::insert_under(policy.at, &["mode"], "REGISTRY_ONLY");
            finding
                .help("write the mode out")
                .fix(fix.titled("write out `mode: REGISTRY_ONLY`, which is what it means"))
        }));
    }
}

fn open(at: Location, workloads: &[usize], audit: &Audit<'_>) -> Option<Finding> {
    let first = *workloads.first()?;
    let namespace = audit.estate.namespace_of(&audit.estate.workloads[first]).name;
    let outbound = audit.facts.outbound[first];
    let count = workloads.len();
    let of = format!("{count} workload{}", if count == 1 { "" } else { "s" });
    let mode = if outbound.mode == OutboundMode::AllowAny { "ALLOW_ANY" } else { "ALLOW_ANY_DYNAMIC_DNS" };
    let says =
        |policy: OutboundPolicy| if policy.empty { "leaves the mode to the default ALLOW_ANY" } else { "sets it" };
    let (variant, message) = match outbound.origin {
        Origin::None => return None,
        _ if outbound.mode == OutboundMode::AllowAnyDynamicDns => {
            ("dynamic-dns", format!("`{mode}` lets {of} resolve and reach any host"))
        }
        Origin::Default => (
            "mesh-default",
            format!("nothing sets an outbound mode for namespace `{namespace}`, so its {of} may reach any host"),
        ),
        Origin::Mesh(policy) => (
            "mesh",
            format!("the mesh configuration {}, so {of} without a mode of their own may reach any host", says(policy)),
        ),
        Origin::Sidecar(sidecar, _) if sidecar.selector.is_some() => (
            "workload-shadow",
            format!("`{}` replaces the namespace's for {of}, which may reach any host", sidecar.name),
        ),
        Origin::Sidecar(..) => ("namespace", format!("`{mode}` lets {of} of namespace `{namespace}` reach any host")),
    };
    let finding =
        audit.name_workloads(RULE.finding(variant, at, message), workloads, "passes on what it does not know");
    // What an empty block in the mesh configuration means rests on how it is merged (semantics C.0).
    let is_guess = matches!(outbound.origin, Origin::Mesh(policy) if policy.empty);
    let finding = if is_guess { finding.confidence(Confidence::Medium) } else { finding };
    Some(finding.help(HELP))
}
