//! PA10: a layer cannot be judged, because the input does not hold it or holds what is not evaluated.

use crate::analysis::access::enumerate;
use crate::analysis::capture::Injection;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::access::{Binding, Standing};
use crate::model::{Direction, Estate, Layer, OutboundMode, Unknown};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "incomplete-evidence",
    topic: "path",
    summary: "a layer of control is not in the input, or only in part, so rules about it are silent",
    severity: Severity::Info,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/path/incomplete-evidence.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let unseen = unseen_roles(audit.estate);
    if let Some((_, at)) = unseen.first() {
        let roles = enumerate(&unseen.iter().map(|(role, _)| format!("`{role}`")).collect::<Vec<_>>());
        findings.push(note(Layer::Access, &[format!("what role {roles} allows is not in the input")], *at, audit));
    }
    let Some(at) = anchor(audit.estate) else { return };
    // Rules without clusters are somebody else's half of an estate: what the half itself leaves open is worth a word.
    let is_whole = has_cluster(audit.estate);
    for layer in Layer::ALL.into_iter().filter(|&layer| is_whole || audit.estate.evidence.has(layer)) {
        let gaps = gaps(layer, audit);
        if !gaps.is_empty() {
            let note = note(layer, &gaps, at, audit);
            findings.push(open_places(layer, audit).into_iter().fold(note, |note, (at, what)| note.see(at, what)));
        }
    }
}

/// What cannot be judged without the missing layers: the first application workload, else the first gateway, else the
/// first node pool, else the first firewall rule. An input without any of them leaves nothing open.
fn anchor(estate: &Estate<'_>) -> Option<Location> {
    let workload = estate.tenants().map(|(_, workload)| workload).min_by_key(|workload| estate.order_of(workload));
    let gateways = estate.mesh.gateways.iter().filter(|gateway| gateway.egress);
    let gateway = gateways.min_by_key(|gateway| (gateway.namespace, gateway.name.value, gateway.name.at));
    let pool = estate.pools.iter().min_by_key(|pool| (pool.name.value, pool.name.at));
    let workload = workload.map(|workload| workload.name.at);
    let rule = estate.firewall.iter().min_by_key(|rule| (rule.name.value, rule.name.at));
    let gateway = gateway.map(|gateway| gateway.name.at);
    workload.or(gateway).or_else(|| pool.map(|pool| pool.name.at)).or_else(|| rule.map(|rule| rule.name.at))
}

/// Whether the input holds anything that runs, or that something could run on.
fn has_cluster(estate: &Estate<'_>) -> bool {
    let mut gateways = estate.mesh.gateways.iter().filter(|gateway| gateway.egress);
    estate.tenants().next().is_some() || gateways.next().is_some() || !estate.pools.is_empty()
}

/// What is wanting of a layer, as clauses of a sentence.
fn gaps(layer: Layer, audit: &Audit<'_>) -> Vec<String> {
    let estate = audit.estate;
    if !estate.evidence.has(layer) {
        return vec![format!("nothing of the {} layer is in the input", layer.as_str())];
    }
    let mut gaps: Vec<String> = Vec::new();
    let unread: Vec<String> = estate.evidence.unread(layer).map(|kind| format!("`{kind}`")).collect();
    if !unread.is_empty() {
        gaps.push(format!("{} objects are in the input but not evaluated", unread.join(", ")));
    }
    match layer {
        Layer::Mesh => gaps.extend(mesh_gaps(audit)),
        Layer::Firewall => gaps.extend(firewall_gaps(audit)),
        Layer::Scheduling => gaps.extend(scheduling_gaps(audit)),
        _ => {}
    }
    gaps
}

fn mesh_gaps(audit: &Audit<'_>) -> Vec<String> {
    let estate = audit.estate;
    let mut gaps = Vec::new();
    let is_unset = |(index, _): &(usize, _)| {
        audit.facts.capture[*index].may_have_sidecar() && audit.facts.outbound[*index].mode == OutboundMode::Unknown
    };
    if !estate.mesh.configured && estate.tenants().any(|tenant| is_unset(&tenant)) {
        gaps.push("the mesh configuration is not in the input".to_owned());
    }
    let unknown = |index: usize| matches!(audit.facts.capture[index].injection, Injection::Unknown { .. });
    let mut namespaces: Vec<&str> = estate
        .tenants()
        .filter(|(index, _)| unknown(*index))
        .map(|(_, workload)| estate.namespace_of(workload).name)
        .collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    if !namespaces.is_empty() {
        let named: Vec<String> = namespaces.iter().take(5).map(|name| format!("`{name}`")).collect();
        let more = if namespaces.len() > 5 { format!(" and {} more", namespaces.len() - 5) } else { String::new() };
        gaps.push(format!("the labels of namespace {}{more} are not in the input", named.join(", ")));
    }
    gaps
}

/// The roles that somebody other than the platform is bound to and that the input does not hold, by name.
fn unseen_roles<'a>(estate: &Estate<'a>) -> Vec<(&'a str, Location)> {
    let bindings = estate.access.bindings.iter().filter(|binding| binding.target.is_none());
    let is_open = |binding: &&Binding<'_>| {
        binding.subjects.iter().any(|subject| matches!(subject.standing, Standing::Tenant | Standing::Unknown))
    };
    let mut roles: Vec<_> = bindings.filter(is_open).map(|binding| (binding.role.value, binding.role.at)).collect();
    roles.sort_unstable();
    roles.dedup_by_key(|(role, _)| *role);
    roles
}

/// What the input leaves open of the firewall before each pool; where no pool is in it, of the egress rules themselves.
fn open_firewall<'f>(audit: &'f Audit<'_>) -> impl Iterator<Item = &'f Unknown> {
    let of_pools = audit.facts.firewall.iter().filter_map(|pool| pool.unknown.as_ref());
    let rules = audit.estate.firewall.iter().filter(|_| audit.estate.pools.is_empty());
    let egress = rules.filter(|rule| rule.direction == Direction::Egress);
    of_pools.chain(egress.filter_map(|rule| rule.unknown.as_ref()))
}

fn firewall_gaps(audit: &Audit<'_>) -> Option<String> {
    let mut reasons: Vec<String> = open_firewall(audit).map(|unknown| unknown.reason.clone()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    (!reasons.is_empty()).then(|| format!("the firewall depends on {}", enumerate(&reasons)))
}

/// The pools whose taints the input leaves open.
fn scheduling_gaps(audit: &Audit<'_>) -> Option<String> {
    let open = audit.estate.pools.iter().filter(|pool| pool.taints_unknown.is_some());
    let mut names: Vec<String> = open.map(|pool| format!("`{}`", pool.name)).collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| format!("the taints of {} are left open", enumerate(&names)))
}

/// Where the input leaves something of a layer open, the first few places.
fn open_places(layer: Layer, audit: &Audit<'_>) -> Vec<(Location, String)> {
    let mut places: Vec<(Location, String)> = match layer {
        Layer::Firewall => open_firewall(audit).map(|unknown| (unknown.at, unknown.reason.clone())).collect(),
        Layer::Scheduling => {
            let open = audit.estate.pools.iter().filter_map(|pool| pool.taints_unknown);
            open.map(|at| (at, "taints that the input leaves open".to_owned())).collect()
        }
        _ => Vec::new(),
    };
    places.sort_unstable();
    places.dedup_by_key(|(at, _)| *at);
    places.truncate(5);
    places
}

fn note(layer: Layer, gaps: &[String], at: Location, audit: &Audit<'_>) -> Finding {
    let depend = |rule: &&&'static Rule| rule.needs.contains(&layer);
    let rules: Vec<String> = audit.rules.iter().filter(depend).map(|rule| format!("`{}`", rule.id)).collect();
    let consequence = if rules.is_empty() {
        "what depends on it could not be judged".to_owned()
    } else {
        format!("{} could not be judged to the end", rules.join(", "))
    };
    let message = format!("{}: {consequence}", gaps.join("; "));
    let help = format!(
        "add {} to the input, or pass `--complete {}` if the input holds all there is",
        layer.deciding_input(),
        layer.part().as_str()
    );
    RULE.finding(layer.as_str(), at, message).help(help).estate_wide()
}
