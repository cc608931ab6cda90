//! CL01: nodes have public addresses, so they reach the internet without any NAT.
use crate::analysis::pools::reaches_internet;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Cluster, Setting};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "public-node",
    topic: "cluster",
    summary: "nodes have public addresses, or pods have none of their own in the network",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &[
        "cis-gke:5.6.5",
        "cis-gke:5.6.2",
        "pci-dss-4.0:1.4.2",
        "pci-dss-4.0:1.4.5",
        "nsa-cisa:network-separation",
    ],
    needs: &[],
    page: include_str!("../../../rules/cluster/public-node.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    for (index, cluster) in audit.estate.clusters.iter().enumerate() {
        findings.extend(of_cluster(index, cluster, audit));
        findings.extend(provisioned(cluster));
        if let Setting::Known(mode) = cluster.written.networking_mode
            && mode.value == "ROUTES"
        {
            let message =
                format!("pods of cluster `{}` are reached by routes, not by addresses of the subnet", cluster.name);
            findings.push(
                RULE.finding("vpc-native", mode.at, message)
                    .severity(Severity::Low)
                    .help("make the cluster VPC-native, so that firewall and NAT know the addresses of pods"),
            );
        }
    }
    for (index, pool) in audit.estate.pools.iter().enumerate().filter(|(_, pool)| pool.described && !pool.provisioned) {
        let own = pool.private.known().filter(|private| !private.value);
        let of_cluster = pool.cluster.and_then(|cluster| audit.estate.clusters[cluster].written.private_nodes.known());
        // What the cluster says is said once, there.
        if let Some(own) = own.filter(|own| of_cluster.is_none_or(|of| of.at != own.at)) {
            let message = format!("nodes of pool `{}` have public addresses", pool.name);
            findings.push(finding("pool", own.at, message, &[index], audit));
        }
    }
}

const HELP: &str = "set `enablePrivateNodes: true` for the cluster and for each of its pools, and recreate the pools";

/// The place where the cluster makes its nodes public, or leaves them so.
fn public_at(cluster: &Cluster<'_>) -> Option<(Location, String)> {
    match cluster.written.private_nodes {
        Setting::Known(private) if private.value => None,
        Setting::Known(private) => {
            Some((private.at, format!("nodes of cluster `{}` have public addresses", cluster.name)))
        }
        Setting::Unknown(_) => None,
        // Google runs the nodes of an Autopilot cluster; whether an organization's policy keeps them private is not seen.
        Setting::Absent if cluster.autopilot => None,
        Setting::Absent => {
            let block = cluster.written.private_block.known();
            let left_out = if block.is_some() { "`privateClusterConfig`" } else { "it" };
            let message = format!(
                "nodes of cluster `{}` have public addresses, since {left_out} leaves out `enablePrivateNodes`",
                cluster.name
            );
            Some((block.map_or(cluster.name.at, |block| block.at), message))
        }
    }
}

fn of_cluster(index: usize, cluster: &Cluster<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let (at, message) = public_at(cluster)?;
    let pools = &audit.estate.pools;
    let own = |&pool: &usize| pools[pool].cluster == Some(index) && !pools[pool].provisioned;
    let all: Vec<usize> = (0..pools.len()).filter(own).collect();
    let says = |&pool: &usize| {
        pools[pool].private.known().is_some_and(|private| private.at != at) || pools[pool].private.unknown().is_some()
    };
    let affected: Vec<usize> = all.iter().copied().filter(|pool| !says(pool)).collect();
    // Every pool in the input has a word of its own.
    if !all.is_empty() && affected.is_empty() {
        return None;
    }
    Some(finding("pool", at, message, &affected, audit))
}

fn provisioned(cluster: &Cluster<'_>) -> Option<Finding> {
    let provisioning = cluster.provisioning.as_ref().filter(|provisioning| provisioning.certain)?;
    let (at, _) = public_at(cluster)?;
    let enabled = cluster.written.provisioning.enabled.known().map_or(provisioning.at, |enabled| enabled.at);
    let message = format!("nodes that auto-provisioning adds to cluster `{}` have public addresses", cluster.name);
    Some(RULE.finding("nap", enabled, message).see(at, "the cluster's default for its nodes").help(HELP))
}

fn finding(variant: &'static str, at: Location, message: String, pools: &[usize], audit: &Audit<'_>) -> Finding {
    let estate = audit.estate;
    let is_open = |&pool: &usize| {
        audit.facts.pools.of(pool).applications && reaches_internet(&audit.facts.firewall[pool].falls_through())
    };
    let open = estate.evidence.has(crate::model::Layer::Firewall) && pools.iter().any(is_open);
    let severity = if open { Severity::Critical } else { Severity::High };
    let mut finding = RULE.finding(variant, at, message).severity(severity);
    for &pool in pools.iter().take(5).filter(|&&pool| estate.pools[pool].name.at != at) {
        finding = finding.see(estate.pools[pool].name.at, format!("pool `{}` has them", estate.pools[pool].name));
    }
    let mut affected: Vec<usize> =
        pools.iter().flat_map(|&pool| audit.facts.placement.tenants_on(pool, estate)).collect();
    affected.sort_unstable();
    affected.dedup();
    audit.name_workloads(finding, &affected, "can run there, past any NAT").help(HELP)
}
