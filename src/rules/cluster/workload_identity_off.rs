//! CL05: pods can fetch the node's token from the metadata server.
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Cluster, Mount, NodePool, Role, Setting, Workload};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "workload-identity-off",
    topic: "cluster",
    summary: "pods can take the node's identity from the metadata server",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &[
        "cis-gke:5.2.2",
        "pci-dss-4.0:7.2.5",
        "pci-dss-4.0:8.6.2",
        "nsa-cisa:network-separation",
        "nsa-cisa:authentication",
    ],
    needs: &[],
    page: include_str!("../../../rules/cluster/workload-identity-off.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    findings.extend(audit.estate.clusters.iter().filter_map(off));
    for pool in audit.estate.pools.iter().filter(|pool| pool.described && !pool.provisioned) {
        let cluster = pool.cluster.map(|index| &audit.estate.clusters[index]);
        findings.extend(exposed(pool, cluster));
    }
    let own = |workload: &&Workload<'_>| audit.estate.namespace_of(workload).role != Role::System;
    for workload in audit.estate.workloads.iter().filter(own) {
        findings.extend(key_file(workload, &audit.estate.display(workload)));
    }
}

const HELP: &str = "set a workload pool for the cluster and `GKE_METADATA` for its pools";

fn off(cluster: &Cluster<'_>) -> Option<Finding> {
    let is_off = matches!(cluster.written.workload_pool, Setting::Absent) && !cluster.autopilot;
    let message =
        format!("cluster `{}` has no workload pool, so its pods share the identity of their nodes", cluster.name);
    is_off.then(|| RULE.finding("cluster", cluster.name.at, message).help(HELP))
}

/// A key of a Google service account that a pod carries about in a secret.
fn key_file(workload: &Workload<'_>, name: &str) -> Option<Finding> {
    let pod = workload.pod;
    let is_secret = |volume: &str| pod.secret_volumes.iter().any(|secret| secret.value == volume);
    let mut keys = pod.containers.iter().flat_map(|container| {
        let paths = container.env.iter().filter(|variable| variable.name.value == "GOOGLE_APPLICATION_CREDENTIALS");
        paths.filter_map(|variable| variable.value).filter(|path| {
            let holds = |mount: &Mount<'_>| path.starts_with(mount.path.value) && is_secret(mount.volume.value);
            container.mounts.iter().any(holds)
        })
    });
    let path = keys.next()?;
    let message = format!("`{name}` takes a key of a service account from a secret");
    let finding = RULE.finding("key-file", path.at, message).severity(Severity::Low);
    Some(finding.help("bind the pod's own account to the service account, and delete the key"))
}

fn exposed(pool: &NodePool<'_>, cluster: Option<&Cluster<'_>>) -> Option<Finding> {
    let finding = match pool.metadata_mode {
        Setting::Known(mode) if !matches!(mode.value, "GKE_METADATA" | "GKE_METADATA_SERVER") => {
            let message = format!("pods on pool `{}` see the metadata of their node, its token among it", pool.name);
            RULE.finding("pool", mode.at, message)
        }
        // Newer clusters hand the setting down to their pools, so this may be in order.
        Setting::Absent if cluster.is_some_and(|cluster| cluster.written.workload_pool.known().is_some()) => {
            let message = format!("pool `{}` does not say what pods see of the metadata server", pool.name);
            RULE.finding("pool-default", pool.config_at, message).severity(Severity::Low).confidence(Confidence::Low)
        }
        _ => return None,
    };
    Some(finding.help(HELP))
}
