//! SC08: a setting of the whole mesh keeps outbound traffic of every pod from its proxy.

use ipnet::IpNet;

use crate::analysis::capture::{Exclusion, ExclusionKind, Injection, NARROWING, mesh_wide, sets_variables};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Entity, Match, ProxyVariables, Role, Workload};
use crate::rule::{Audit, Rule};
use crate::source::Location;
use crate::traffic::AddressSet;

pub(crate) static RULE: Rule = Rule {
    id: "mesh-wide-capture-gap",
    topic: "capture",
    summary: "a setting of the mesh keeps outbound traffic of every pod from its proxy",
    severity: Severity::High,
    confidence: Confidence::Medium,
    controls: &["pci-dss-4.0:1.2.8"],
    needs: &[],
    page: include_str!("../../../rules/capture/mesh-wide-capture-gap.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let defaults = &audit.estate.mesh.injection.defaults;
    findings.extend(mesh_wide(defaults).iter().filter_map(|exclusion| finding(exclusion, audit)));
    let narrowing = defaults.metadata.iter().find(|(name, _)| NARROWING[..2].contains(&name.value));
    findings.extend(narrowing.map(|(name, value)| {
        let message = format!("the mesh narrows what is redirected to every proxy by `{name}`");
        RULE.finding("proxy-config", value.at, message).help(HELP)
    }));
    findings.extend(audit.estate.mesh.injection.variables.iter().filter_map(|variables| by_object(variables, audit)));
    findings.extend(skipped_namespaces(audit));
    findings.extend(second_family(audit));
}

const HELP: &str =
    "take the setting out, so that everything is redirected, and register what workloads need with ServiceEntries";

/// The metadata server and Google's APIs, which workloads may reach directly.
const EXEMPT: [&str; 3] = ["169.254.0.0/16", "199.36.153.4/30", "199.36.153.8/30"];
const PRIVATE: [&str; 3] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

fn blocks(texts: &[&str]) -> AddressSet {
    texts.iter().filter_map(|block| block.parse::<IpNet>().ok()).collect()
}

fn finding(exclusion: &Exclusion<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let addresses = exclusion.traffic.addresses();
    let exempt = blocks(&EXEMPT);
    if addresses.is_subset(&exempt) {
        return None;
    }
    let value = exclusion.value.value;
    let (variant, what) = match exclusion.kind {
        ExclusionKind::Ports => ("exclude-ports", format!("keeps ports `{value}` of every pod from its proxy")),
        ExclusionKind::Ranges => ("exclude-ranges", format!("keeps addresses `{value}` from every proxy")),
        ExclusionKind::IncludeRanges if value.is_empty() => {
            ("include-ranges", "has nothing redirected to any proxy".to_owned())
        }
        ExclusionKind::IncludeRanges => ("include-ranges", format!("has only `{value}` redirected to proxies")),
        ExclusionKind::ModeNone => ("mode-none", "switches redirection to every proxy off".to_owned()),
        ExclusionKind::Loopback => ("proxy-config", format!("takes `{value}` for the loopback of every pod")),
        ExclusionKind::Template => {
            ("template", format!("injects `{value}` into pods that ask for no template, which redirects nothing"))
        }
        // Nothing sets these for the whole mesh.
        ExclusionKind::Interfaces => return None,
    };
    let severity = if addresses.is_subset(&exempt.union(&blocks(&PRIVATE))) { Severity::Low } else { Severity::High };
    let finding = RULE.finding(variant, exclusion.value.at, format!("the mesh {what}")).severity(severity);
    let takes_part = |&index: &usize| {
        let own = &audit.facts.capture[index].exclusions;
        own.iter().any(|one| one.mesh_wide && one.value.at == exclusion.value.at)
    };
    let affected: Vec<usize> = audit.estate.tenants().map(|(index, _)| index).filter(takes_part).collect();
    Some(audit.name_workloads(finding, &affected, "says nothing else").help(HELP))
}

/// An object that narrows what is redirected to the proxies of applications.
fn by_object(variables: &ProxyVariables<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let (name, value) = variables.list.iter().find(|(name, _)| NARROWING.contains(&name.value))?;
    let whose = match variables.selector {
        _ if variables.namespace == audit.estate.mesh.root_namespace => "of the mesh".to_owned(),
        Some(_) => format!("of some pods of `{}`", variables.namespace),
        None => format!("of `{}`", variables.namespace),
    };
    let takes_part = |(_, workload): &(usize, &Workload<'_>)| sets_variables(variables, workload, audit.estate);
    let affected: Vec<usize> = audit.estate.tenants().filter(takes_part).map(|(index, _)| index).collect();
    let message = format!("`{}` narrows what is redirected to the proxies {whose} by `{name}`", variables.name);
    let finding = RULE.finding("proxy-config", value.at, message);
    Some(audit.name_workloads(finding, &affected, "is one of these").help(HELP))
}

/// Namespaces of applications that the network plugin leaves alone.
fn skipped_namespaces(audit: &Audit<'_>) -> Vec<Finding> {
    let cni = &audit.estate.mesh.injection.cni;
    let is_tenant = |name: &str| audit.estate.namespace(name).is_some_and(|namespace| namespace.role == Role::Tenant);
    let skipped = cni.excluded.iter().filter(|name| cni.installed != Match::No && is_tenant(name.value));
    let finding = |name: &crate::model::Text<'_>| {
        let message = format!("the mesh's network plugin redirects nothing in `{name}`");
        let of_namespace = |&(index, _): &(usize, &Workload<'_>)| {
            audit.estate.namespace_of(&audit.estate.workloads[index]).name == name.value
        };
        let affected: Vec<usize> = audit.estate.tenants().filter(of_namespace).map(|(index, _)| index).collect();
        let finding = RULE.finding("cni-exclude", name.at, message);
        let finding = audit.name_workloads(finding, &affected, "is not redirected");
        finding.help("take the namespace off the list of those that the plugin leaves alone")
    };
    skipped.map(finding).collect()
}

/// Pods with addresses of both families, of which the mesh redirects one.
fn second_family(audit: &Audit<'_>) -> Option<Finding> {
    let settings = &audit.estate.mesh.injection;
    if settings.dual_stack.is_some_and(|dual| dual.value) {
        return None;
    }
    let meshed =
        |&(index, _): &(usize, &Workload<'_>)| matches!(audit.facts.capture[index].injection, Injection::In { .. });
    let mut affected: Vec<usize> = audit.estate.tenants().filter(meshed).map(|(index, _)| index).collect();
    let of_cluster = audit.estate.clusters.iter().find_map(|cluster| {
        let stack = cluster.written.stack_type.known().filter(|stack| stack.value == "IPV4_IPV6")?;
        Some((format!("pods of cluster `{}`", cluster.name), stack.at))
    });
    let (whose, at) = of_cluster.or_else(|| of_service(&mut affected, audit))?;
    let message = format!("{whose} have IPv6 addresses besides, and the mesh redirects one family of addresses alone");
    let finding = RULE.finding("ipv6", at, message).severity(Severity::Medium);
    let finding =
        settings.dual_stack.into_iter().fold(finding, |finding, off| finding.see(off.at, "where it is switched off"));
    let finding = audit.name_workloads(finding, &affected, "is in the mesh");
    (!affected.is_empty()).then(|| finding.help("set `ISTIO_DUAL_STACK` for the control plane and for proxies"))
}

/// The first service with addresses of both families in front of workloads of the mesh, which are all that are known to
/// have both.
fn of_service(affected: &mut Vec<usize>, audit: &Audit<'_>) -> Option<(String, Location)> {
    let relations = &audit.estate.relations;
    let (name, at, behind) = audit.estate.services.iter().enumerate().find_map(|(index, service)| {
        let at = service.dual_stack?;
        let selected = relations.selected(Entity::Service(index));
        let behind: Vec<usize> = selected.filter(|workload| affected.binary_search(workload).is_ok()).collect();
        (!behind.is_empty()).then_some((service.name, at, behind))
    })?;
    *affected = behind;
    Some((format!("pods behind service `{name}`"), at))
}
