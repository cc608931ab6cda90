//! RB05: nothing at admission keeps application pods from tolerating the gateway nodes' taint, or from naming their node.

use crate::analysis::access::{Freedom, Restriction, enumerate};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Effect, Layer, NodePool, Taint};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "unrestricted-tolerations",
    topic: "access",
    summary: "nothing at admission keeps application pods from tolerating the gateway nodes' taint",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.2.8", "nsa-cisa:pod-security"],
    // Without admission in the input the rule still speaks where the input holds both the taint and the namespaces of teams.
    needs: &[],
    page: include_str!("../../../rules/access/unrestricted-tolerations.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let Some(reserved) = reserved(audit) else { return };
    let open = unrestricted(Freedom::Tolerations, audit);
    let unplaced = if reserved.evicts { Vec::new() } else { unrestricted(Freedom::NodeName, audit) };
    if !open.is_empty() {
        let both = if unplaced == open { ", and from naming their node" } else { "" };
        let message = format!(
            "nothing at admission keeps pods of {} from tolerating `{}`{both}",
            names(&open, audit),
            reserved.taint
        );
        findings.push(finding("tolerations", &reserved, message, audit));
    }
    if !unplaced.is_empty() && unplaced != open {
        let message = format!(
            "nothing at admission keeps pods of {} from naming their node, which `{}` does not stop",
            names(&unplaced, audit),
            reserved.taint
        );
        findings.push(finding("node-name", &reserved, message, audit));
    }
}

/// The taint that keeps the gateway's nodes apart.
struct Reserved {
    at: Location,
    taint: String,
    /// Whether every pool of the gateway also evicts what does not tolerate it, so that no node name helps.
    evicts: bool,
}

fn reserved(audit: &Audit<'_>) -> Option<Reserved> {
    let pools = audit.facts.placement.gateway_pools().iter().map(|kept| &audit.estate.pools[kept.pool]);
    let mut pools: Vec<&NodePool<'_>> = pools.collect();
    pools.sort_by_key(|pool| (pool.name.value, pool.name.at));
    let own =
        |pool: &&NodePool<'_>| pool.taints.iter().any(|taint| !taint.automatic && taint.effect == Effect::NoExecute);
    let evicts = pools.iter().all(own);
    if let Some(taint) = pools.iter().flat_map(|pool| &pool.taints).find(|taint| !taint.automatic) {
        return Some(Reserved { at: taint.key.at, taint: words(taint), evicts });
    }
    // Without pools in the input, the gateway's own toleration says how its nodes are told apart.
    let gateways = audit.facts.egress.workloads.iter().filter(|_| audit.estate.pools.is_empty());
    let tolerations = gateways.flat_map(|&gateway| &audit.estate.workloads[gateway].placement.tolerations);
    let of_gateway = |key: &&str| !key.starts_with("node.kubernetes.io/");
    let mut keys = tolerations.filter_map(|toleration| Some((toleration.at, toleration.key.filter(of_gateway)?)));
    keys.next().map(|(at, key)| Reserved { at, taint: key.to_owned(), evicts: true })
}

fn words(taint: &Taint<'_>) -> String {
    if taint.value.is_empty() { taint.key.value.to_owned() } else { format!("{}={}", taint.key.value, taint.value) }
}

/// The namespaces of teams where nothing restricts a freedom. Where the input holds nothing of admission, only those whose
/// objects are in it: nobody has shown what else there is.
fn unrestricted(freedom: Freedom, audit: &Audit<'_>) -> Vec<usize> {
    let is_shown = audit.estate.evidence.has(Layer::Admission);
    let is_open = |index: &usize| match audit.facts.access.restriction(freedom, *index) {
        Restriction::Open => true,
        Restriction::Unknown(_) => !is_shown && audit.estate.namespaces[*index].declared,
        Restriction::Refused(..) | Restriction::Weak(_) => false,
    };
    audit.estate.tenant_namespaces().into_iter().filter(is_open).collect()
}

fn names(namespaces: &[usize], audit: &Audit<'_>) -> String {
    let name = |&index: &usize| format!("`{}`", audit.estate.namespaces[index].name);
    enumerate(&namespaces.iter().map(name).collect::<Vec<_>>())
}

/// How many policies a finding lists as looked at.
const LISTED: usize = 3;

fn finding(variant: &'static str, reserved: &Reserved, message: String, audit: &Audit<'_>) -> Finding {
    let finding = RULE.finding(variant, reserved.at, message).help(
        "refuse the gateway's toleration, tolerations of every key and `nodeName` outside of the egress namespace, by a \
         `ValidatingAdmissionPolicy` or a constraint of Policy Controller",
    );
    let guards = audit.estate.admission.guards.iter().take(LISTED);
    let finding = guards.fold(finding, |finding, guard| {
        finding.see(guard.name.at, format!("looked at: `{}` ({}) does not restrict it there", guard.name, guard.kind))
    });
    let finding = match variant {
        "node-name" => finding.severity(Severity::Medium),
        _ => finding,
    };
    if audit.estate.evidence.has(Layer::Admission) {
        return finding;
    }
    finding.severity(Severity::Medium).confidence(Confidence::Low)
}
