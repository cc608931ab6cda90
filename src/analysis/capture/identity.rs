//! Containers that run, or can come to run, as the user or group of the proxy, whose own traffic is never redirected
//! (semantics B.1, rows 1 to 3).

use std::borrow::Cow;

use super::privilege::capability;
use super::{Escape, Tier};
use crate::model::{Container, Text, Workload};
use crate::source::{Location, Spanned};
use crate::traffic::Traffic;

/// The user and group of Istio's proxy.
const PROXY: i64 = 1337;

/// A container that passes for the proxy, or can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyIdentity {
    pub kind: ProxyIdentityKind,
    /// The container, by name.
    pub container: String,
    /// The id that is set, or the place of the pod that leaves open who it runs as.
    pub at: Location,
}

/// How a container passes for the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyIdentityKind {
    User,
    Group,
    /// It may run as root with the right to change its user.
    CanSetUser,
    /// It may make a program that runs with the proxy's group.
    SetGroupFile,
}

impl ProxyIdentity {
    pub(super) fn escape(&self) -> Escape {
        let (tier, reason): (Tier, Cow<'static, str>) = match self.kind {
            ProxyIdentityKind::User => {
                (Tier::Application, "it runs as user 1337, whose traffic passes for the proxy's".into())
            }
            ProxyIdentityKind::Group => {
                (Tier::Application, "it runs as group 1337, whose traffic passes for the proxy's".into())
            }
            ProxyIdentityKind::CanSetUser => (
                Tier::CodeExecution,
                "it may be root and become user 1337, whose traffic passes for the proxy's".into(),
            ),
            ProxyIdentityKind::SetGroupFile => (
                Tier::CodeExecution,
                "it may make a program of group 1337, whose traffic passes for the proxy's".into(),
            ),
        };
        Escape { traffic: Traffic::all(), tier, reason, at: self.at }
    }
}

/// The containers of a workload that pass for the proxy, the surest first: one entry a kind and container.
pub(super) fn identities(workload: &Workload<'_>) -> Vec<ProxyIdentity> {
    let containers = || workload.pod.containers.iter().filter(|container| container.name.value != "istio-proxy");
    let mut found: Vec<ProxyIdentity> = Vec::new();
    for container in containers() {
        let identity = |kind, at| ProxyIdentity { kind, container: container.name.value.to_owned(), at };
        let user = container.security.run_as_user.or(workload.pod.security.run_as_user);
        let group = container.security.run_as_group.or(workload.pod.security.run_as_group);
        found.extend(is_proxy(user).map(|at| identity(ProxyIdentityKind::User, at)));
        found.extend(is_proxy(group).map(|at| identity(ProxyIdentityKind::Group, at)));
        if can_set_user(container, workload) {
            let at = user.map_or(container.name.at, |user| user.at);
            found.push(identity(ProxyIdentityKind::CanSetUser, at));
        } else if let Some(at) = group_of_files(workload).filter(|_| may_escalate(container)) {
            found.push(identity(ProxyIdentityKind::SetGroupFile, at));
        }
    }
    // What stands in the pod's own context is one fault, however many containers share it.
    found.sort_by_key(|identity| (identity.kind as u8, identity.at));
    found.dedup_by_key(|identity| (identity.kind as u8, identity.at));
    found
}

fn is_proxy(id: Option<Spanned<i64>>) -> Option<Location> {
    id.filter(|id| id.value == PROXY).map(|id| id.at)
}

/// Whether a container may run as root. An image's default user may be root.
pub(super) fn may_be_root(container: &Container<'_>, workload: &Workload<'_>) -> bool {
    let pod = &workload.pod.security;
    let user = container.security.run_as_user.or(pod.run_as_user).map(|user| user.value);
    let non_root = container.security.run_as_non_root.or(pod.run_as_non_root).is_some_and(|flag| flag.value);
    user == Some(0) || user.is_none() && !non_root
}

/// Whether a container may run as root and keep the capability to change its user.
fn can_set_user(container: &Container<'_>, workload: &Workload<'_>) -> bool {
    let has = |list: &[Text<'_>], name: &str| list.iter().any(|one| capability(*one) == name);
    let written = &container.security.capabilities;
    let adds = |name: &str| has(&written.add, name);
    let keeps = |name: &str| adds(name) || adds("ALL") || !(has(&written.drop, name) || has(&written.drop, "ALL"));
    may_be_root(container, workload) && (keeps("SETUID") || keeps("SETGID"))
}

/// The proxy's group among those that the pod's files may have.
fn group_of_files(workload: &Workload<'_>) -> Option<Location> {
    let security = &workload.pod.security;
    let supplemental = security.supplemental_groups.iter().copied();
    security.fs_group.into_iter().chain(supplemental).find_map(|group| is_proxy(Some(group)))
}

fn may_escalate(container: &Container<'_>) -> bool {
    container.security.allow_privilege_escalation.is_none_or(|allowed| allowed.value)
}
