//! Containers that can change the rules by which traffic is redirected, or get around them below the sockets that they
//! look at, or take over their node (semantics B.1, rows 5, 6 and 8).

use super::identity::may_be_root;
use super::{Escape, Tier};
use crate::model::{Container, Text, Workload};
use crate::source::Location;
use crate::traffic::Traffic;

/// What a container may do to its network or its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privilege<'a> {
    pub kind: PrivilegeKind,
    /// The container, by name; none where the pod itself has it.
    pub container: Option<&'a str>,
    /// The capability, the folder or the field that gives it.
    pub what: &'a str,
    pub at: Location,
}

/// The kinds of privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrivilegeKind {
    /// It may flush or change the rules of its own network namespace.
    NetAdmin,
    /// It is given the right to packets that no rule sees.
    NetRaw,
    /// It keeps that right, which containers have by default, and may be root.
    NetRawByDefault,
    /// It may become root on its node.
    NodeEscape,
}

impl Privilege<'_> {
    /// The way around the proxy that is certain: what is derived from defaults is not.
    pub(super) fn escape(&self) -> Option<Escape> {
        let reason = match self.kind {
            PrivilegeKind::NetAdmin => "it may change the rules that redirect its traffic",
            PrivilegeKind::NodeEscape => "it may take over its node, where no rule redirects anything",
            PrivilegeKind::NetRaw | PrivilegeKind::NetRawByDefault => return None,
        };
        let tier = Tier::CodeExecution;
        Some(Escape { traffic: Traffic::all(), tier, reason: reason.into(), at: self.at })
    }
}

/// Folders of the node that give whoever may write there the node; everything below those that end in a slash.
const NODE_FOLDERS: [&str; 13] = [
    "/",
    "/var",
    "/var/run",
    "/var/run/",
    "/run",
    "/run/",
    "/var/lib",
    "/var/lib/kubelet",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/etc",
    "/etc/kubernetes",
    "/root",
];

/// What a workload's containers may do, the worst first: one entry a kind and place. What Istio injects is left out.
pub(super) fn privileges<'a>(workload: &'a Workload<'a>) -> Vec<Privilege<'a>> {
    let mut found: Vec<Privilege<'a>> = Vec::new();
    for container in workload.pod.containers.iter().filter(|container| !container.name.starts_with("istio-")) {
        found.extend(of_container(container, workload));
    }
    let of_pod = |what, at| Privilege { kind: PrivilegeKind::NodeEscape, container: None, what, at };
    found.extend(workload.pod.host_pid.filter(|host| host.value).map(|host| of_pod("hostPID", host.at)));
    let paths = workload.pod.host_paths.iter().filter(|path| is_node_folder(path.value));
    found.extend(paths.map(|path| of_pod(path.value, path.at)));
    // Containers come before what the pod shares with its node.
    found.sort_by_key(|privilege| (privilege.kind, privilege.container.is_none(), privilege.at));
    found.dedup_by_key(|privilege| (privilege.kind, privilege.at));
    found
}

fn is_node_folder(path: &str) -> bool {
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    let holds =
        |folder: &&str| path == *folder || (folder.len() > 1 && folder.ends_with('/') && path.starts_with(*folder));
    NODE_FOLDERS.iter().any(holds)
}

fn of_container<'a>(container: &'a Container<'a>, workload: &Workload<'_>) -> Vec<Privilege<'a>> {
    let privilege = |kind, what, at| Privilege { kind, container: Some(container.name.value), what, at };
    let security = &container.security;
    let mut found = Vec::new();
    if let Some(privileged) = security.privileged.filter(|privileged| privileged.value) {
        found.push(privilege(PrivilegeKind::NodeEscape, "privileged", privileged.at));
    }
    for added in &security.capabilities.add {
        let kind = match capability(*added).as_str() {
            "NET_ADMIN" | "ALL" => PrivilegeKind::NetAdmin,
            "NET_RAW" => PrivilegeKind::NetRaw,
            "SYS_ADMIN" | "SYS_MODULE" => PrivilegeKind::NodeEscape,
            _ => continue,
        };
        found.push(privilege(kind, added.value, added.at));
    }
    let drops = |name: &str| security.capabilities.drop.iter().any(|dropped| capability(*dropped) == name);
    let given = found.iter().any(|one| one.kind == PrivilegeKind::NetRaw || one.what == "privileged");
    if !given && !drops("NET_RAW") && !drops("ALL") && may_be_root(container, workload) {
        found.push(privilege(PrivilegeKind::NetRawByDefault, "NET_RAW", container.name.at));
    }
    found
}

/// A capability's name as the kernel has it, without the prefix.
pub(super) fn capability(written: Text<'_>) -> String {
    let name = written.value.to_ascii_uppercase();
    name.strip_prefix("CAP_").map_or_else(|| name.clone(), str::to_owned)
}
