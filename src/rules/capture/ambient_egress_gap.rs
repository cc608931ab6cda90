//! SC09: in ambient mode nothing keeps pods from unknown destinations, and pods can leave it.

use std::collections::BTreeMap;

use crate::analysis::capture::{Injection, Outside};
use crate::analysis::destinations::external;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{AuthorizationPolicy, Layer, OutboundMode, ServiceEntry, TargetRef, Text, Workload};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "ambient-egress-gap",
    topic: "capture",
    summary: "ambient mode lets pods out to unknown destinations, or is left by a pod",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.3.2"],
    needs: &[],
    page: include_str!("../../../rules/capture/ambient-egress-gap.md"),
    check,
};

const WAYPOINT: &str = "istio.io/use-waypoint";
const WAYPOINT_NAMESPACE: &str = "istio.io/use-waypoint-namespace";
const INBOUND_BYPASS: &str = "ambient.istio.io/bypass-inbound-capture";
const DNS_CAPTURE: &str = "ambient.istio.io/dns-capture";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let mut ambient: BTreeMap<(usize, Location), Vec<usize>> = BTreeMap::new();
    for (index, workload) in audit.estate.tenants() {
        let name = audit.estate.display(workload);
        match audit.facts.capture[index].injection {
            Injection::Ambient { at } => {
                ambient.entry((workload.namespace, at)).or_default().push(index);
                findings.extend(opt_outs(workload, &name));
            }
            Injection::Outside { why: Outside::LeavesAmbient, at } => {
                let message =
                    format!("`{name}` leaves the ambient mode of its namespace, so no proxy sees its traffic");
                findings.push(RULE.finding("opt-out", at, message).help("take the label out"));
            }
            _ => {}
        }
    }
    let is_ambient = !ambient.is_empty();
    findings
        .extend(ambient.into_iter().map(|((namespace, at), workloads)| passthrough(namespace, at, &workloads, audit)));
    if is_ambient {
        let through = waypoints(audit);
        findings.extend(through.iter().map(|(at, led)| around(*at, led)));
        findings.extend(through.iter().filter_map(|(at, led)| open(*at, led, audit)));
        findings.extend(audit.estate.mesh.authorization_policies.iter().filter_map(|policy| {
            let led = through.values().find(|led| led.is_meant_by(policy))?;
            unbound(policy, led, audit)
        }));
    }
}

/// The hosts outside that a label sends through a waypoint.
struct Led<'a> {
    waypoint: Text<'a>,
    /// Where the waypoint is.
    namespace: &'a str,
    entries: Vec<&'a ServiceEntry<'a>>,
}

impl Led<'_> {
    /// The names of the entries, in words.
    fn names(&self) -> String {
        let first = self.entries.first().map_or("", |entry| entry.name.value);
        match self.entries.len() {
            1 => format!("`{first}` is"),
            many => format!("`{first}` and {} more are", many - 1),
        }
    }

    /// Whether a policy stands where one for the waypoint would.
    fn is_meant_by(&self, policy: &AuthorizationPolicy<'_>) -> bool {
        policy.namespace == self.namespace || self.entries.iter().any(|entry| entry.namespace == policy.namespace)
    }

    /// Whether a policy names the waypoint, its class, or an entry that is sent through it.
    fn is_named_by(&self, policy: &AuthorizationPolicy<'_>, root: &str) -> bool {
        let names = |target: &TargetRef<'_>| match target.kind.value {
            "Gateway" => policy.namespace == self.namespace && target.name.value == self.waypoint.value,
            "GatewayClass" => policy.namespace == root && target.name.value == "istio-waypoint",
            "ServiceEntry" => self
                .entries
                .iter()
                .any(|entry| entry.namespace == policy.namespace && entry.name.value == target.name.value),
            _ => false,
        };
        policy.targets.is_some_and(|targets| targets.value.iter().any(names))
    }
}

/// The labels of entries, or of their namespaces, that send hosts outside through a waypoint.
fn waypoints<'a>(audit: &Audit<'a>) -> BTreeMap<Location, Led<'a>> {
    let mut found: BTreeMap<Location, Led<'_>> = BTreeMap::new();
    for entry in audit.estate.mesh.service_entries.iter().filter(|entry| entry.external) {
        let around = audit.estate.namespace(entry.namespace).map(|namespace| &namespace.labels);
        let labels = Some(entry.labels).filter(|own| own.get(WAYPOINT).is_some()).or(around);
        let Some(waypoint) = labels.and_then(|labels| labels.get(WAYPOINT)).filter(|label| label.value != "none")
        else {
            continue;
        };
        let elsewhere = labels.and_then(|labels| labels.get(WAYPOINT_NAMESPACE));
        let namespace = elsewhere.map_or(entry.namespace, |name| name.value);
        let led = found.entry(waypoint.at).or_insert(Led { waypoint, namespace, entries: Vec::new() });
        led.entries.push(entry);
    }
    found
}

/// A waypoint is a way and no barrier.
fn around(at: Location, led: &Led<'_>) -> Finding {
    let message = format!(
        "{} sent through waypoint `{}` by clients that ask by name, and nothing keeps others from the addresses",
        led.names(),
        led.waypoint
    );
    let finding = RULE.finding("waypoint", at, message).severity(Severity::Low);
    finding.help("let network policies and the firewall close everything but the waypoint")
}

/// A waypoint that no policy names, so that it lets everybody through.
fn open(at: Location, led: &Led<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let mesh = &audit.estate.mesh;
    let is_named = mesh.authorization_policies.iter().any(|policy| led.is_named_by(policy, mesh.root_namespace));
    if is_named || !audit.estate.evidence.has(Layer::Authorization) {
        return None;
    }
    let message = format!(
        "no authorization policy names waypoint `{}` or what it leads to, so it lets everybody through",
        led.waypoint
    );
    let help = "write a policy with `targetRefs` that allows the clients, and another that allows nothing";
    Some(RULE.finding("waypoint-open", at, message).help(help))
}

/// A policy without targets beside a waypoint, which looks at no others.
fn unbound(policy: &AuthorizationPolicy<'_>, led: &Led<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let estate = audit.estate;
    let picks = |workload: &Workload<'_>| {
        estate.namespace_of(workload).name == policy.namespace
            && policy.selector.is_none_or(|own| own.is_subset(workload.labels))
    };
    // One that picks pods is for those.
    if policy.targets.is_some() || policy.namespace == estate.mesh.root_namespace || estate.workloads.iter().any(picks)
    {
        return None;
    }
    let at = policy.selector.and_then(|labels| labels.iter().next()).map_or(policy.name.at, |(_, value)| value.at);
    let message = format!(
        "`{}` names no targets, and waypoint `{}` looks at no policy that does not name it or what it leads to",
        policy.name, led.waypoint
    );
    let finding = RULE.finding("unbound-policy", at, message).see(led.waypoint.at, "what is sent through the waypoint");
    Some(finding.help("name the ServiceEntry or the waypoint's Gateway in `targetRefs`"))
}

/// The node's proxy passes on what it does not know, whatever the mesh's mode: one finding a place that asks for it.
fn passthrough(namespace: usize, at: Location, workloads: &[usize], audit: &Audit<'_>) -> Finding {
    let name = audit.estate.namespaces[namespace].name;
    let public = external(audit.estate);
    let is_open = |&&index: &&usize| {
        !audit.facts.network_policy.egress_outside(index).allowed.restrict_addresses(&public).is_empty()
    };
    let open: Vec<usize> = workloads.iter().filter(is_open).copied().collect();
    let registers = audit.estate.mesh.service_entries.iter().any(|entry| entry.external);
    let strict = audit.estate.mesh.outbound.filter(|policy| policy.mode == OutboundMode::RegistryOnly);
    let severity = match (open.is_empty(), registers || strict.is_some()) {
        (true, _) => Severity::Low,
        (false, true) => Severity::High,
        (false, false) => Severity::Medium,
    };
    let whatever =
        if strict.is_some() { "although the mesh's mode is REGISTRY_ONLY" } else { "whatever the mesh's mode" };
    let message = format!("ambient mode passes on what pods of `{name}` send to unknown destinations, {whatever}");
    let finding = RULE.finding("passthrough", at, message).severity(severity);
    let finding = strict
        .into_iter()
        .fold(finding, |finding, policy| finding.see(policy.at, "the mode, which only sidecars obey"));
    let listed = if open.is_empty() { workloads } else { &open };
    audit
        .name_workloads(finding, listed, "is in ambient mode")
        .help("let network policies and the firewall close the namespace's egress but for a waypoint or gateway")
}

/// Settings by which a pod in ambient mode gets around parts of it.
fn opt_outs(workload: &Workload<'_>, name: &str) -> Vec<Finding> {
    let either = |key: &str| workload.labels.get(key).or_else(|| workload.annotation(key));
    let waypoint = either(WAYPOINT).filter(|value| value.value == "none");
    let names = either(DNS_CAPTURE).filter(|value| value.value == "false");
    let finding = |variant, value: Text<'_>, what: &str| {
        RULE.finding(variant, value.at, format!("`{name}` {what}"))
            .severity(Severity::Medium)
            .help("take the setting out")
    };
    let inbound = either(INBOUND_BYPASS).filter(|value| value.value == "true");
    let found = [
        inbound.map(|value| {
            finding(
                "inbound-bypass",
                value,
                "takes connections past the node's proxy, so no policy holds for what reaches it",
            )
        }),
        waypoint.map(|value| finding("no-waypoint", value, "uses no waypoint, so no policy on requests holds for it")),
        names.map(|value| {
            finding(
                "dns-capture",
                value,
                "resolves names past the mesh, so it reaches registered hosts at their own addresses",
            )
        }),
    ];
    found.into_iter().flatten().collect()
}
