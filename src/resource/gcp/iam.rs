//! Who may do what in the cloud: service accounts, bindings, audit settings, perimeters.

use super::view::{Listed, Reference, Setting, View};
use crate::resource::reader::Text;

/// A Google service account.
#[derive(Clone, Debug)]
pub struct ServiceAccount<'a> {
    /// The account's id, which starts its e-mail address.
    pub id: Setting<&'a str>,
    pub email: Setting<&'a str>,
}

/// Grants of roles, as one object makes them.
#[derive(Clone, Debug)]
pub struct Grants<'a> {
    /// What the roles are granted on.
    pub target: Option<Reference<'a>>,
    pub bindings: Listed<Grant<'a>>,
    pub audit: Listed<AuditLog<'a>>,
}

/// A role for some members.
#[derive(Clone, Debug)]
pub struct Grant<'a> {
    pub role: Setting<&'a str>,
    pub members: Vec<Text<'a>>,
    /// Members that are references to service accounts, or that are open.
    pub accounts: Vec<Reference<'a>>,
    pub condition: Setting<()>,
}

/// What access to a service's data is logged.
#[derive(Clone, Debug)]
pub struct AuditLog<'a> {
    pub service: Setting<&'a str>,
    pub kinds: Listed<Text<'a>>,
}

/// A service perimeter of VPC Service Controls.
#[derive(Clone, Debug)]
pub struct Perimeter<'a> {
    pub resources: Listed<Reference<'a>>,
    pub services: Listed<Text<'a>>,
    /// Whether the perimeter only reports.
    pub dry_run: Setting<bool>,
}

pub(super) fn service_account(view: View<'_>) -> ServiceAccount<'_> {
    ServiceAccount { id: view.text(&["accountId", "resourceID"]), email: view.text(&["email"]) }
}

/// A policy of bindings, or one binding or member.
pub(super) fn grants(view: View<'_>) -> Grants<'_> {
    let bindings = view.list(&["bindings"]);
    let bindings = if bindings.at.is_some() {
        bindings.map(grant)
    } else if view.get(&["role"]).is_there() {
        Listed { items: vec![grant(view)], at: None, unknown: None }
    } else {
        Listed::default()
    };
    let target = view
        .reference(&["resourceRef"])
        .or_else(|| view.reference(&["serviceAccountId", "project", "bucket", "folder", "orgId"]));
    Grants { target, bindings, audit: audit(view) }
}

fn grant(view: View<'_>) -> Grant<'_> {
    let members = view.get(&["members"]).each();
    let mut items: Vec<Text<'_>> = Vec::new();
    let mut accounts = Vec::new();
    for member in members.into_iter().chain([view.get(&["member"]), view.get(&["memberFrom"])]) {
        let account = member
            .block(&["serviceAccountRef", "memberFrom"])
            .or_block(member.block(&["memberFrom"]), &["serviceAccountRef"]);
        match (member, account) {
            (View::Absent, _) => {}
            (View::Unknown(_), _) => accounts.extend(member.as_reference()),
            (View::Present(_), View::Absent) => items.extend(member.text(&["member"]).or(member.as_text()).known()),
            (View::Present(_), account) => accounts.extend(account.as_reference()),
        }
    }
    Grant { role: view.text(&["role"]), members: items, accounts, condition: view.block(&["condition"]).presence() }
}

fn audit<'a>(view: View<'a>) -> Listed<AuditLog<'a>> {
    let configs = view.list(&["auditConfigs"]);
    let read = |item: View<'a>| {
        let logs = item.list(&["auditLogConfigs", "auditLogConfig"]);
        let kinds = logs.items.iter().filter_map(|log| log.text(&["logType"]).known()).collect();
        AuditLog {
            service: item.text(&["service"]),
            kinds: Listed { items: kinds, at: logs.at, unknown: logs.unknown },
        }
    };
    if configs.at.is_some() {
        return configs.map(read);
    }
    let alone = view.get(&["auditLogConfigs", "auditLogConfig"]).is_there();
    Listed { items: alone.then(|| read(view)).into_iter().collect(), at: None, unknown: None }
}

pub(super) fn perimeter<'a>(view: View<'a>) -> Perimeter<'a> {
    let status = view.block(&["status"]);
    let resources = status.list(&["resources"]);
    let read = |item: &View<'a>| item.reference(&["projectRef"]).or_else(|| item.as_reference());
    Perimeter {
        resources: Listed {
            items: resources.items.iter().filter_map(read).collect(),
            at: resources.at,
            unknown: resources.unknown,
        },
        services: status.texts(&["restrictedServices"]),
        dry_run: view.flag(&["useExplicitDryRunSpec"]),
    }
}
