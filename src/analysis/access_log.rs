//! What an egress proxy writes down about what passes it: Telemetry objects from the mesh's root down to the proxy's own,
//! and where there are none the mesh configuration.

use std::collections::BTreeMap;

use super::egress::EgressProxy;
use crate::model::{Estate, MeshLog, Telemetry, Text};
use crate::source::Location;

/// What is known of a proxy's access log.
#[derive(Clone, Copy, Debug)]
pub enum AccessLog<'a> {
    /// Everything is logged.
    Full,
    /// The mesh configuration leaves the log out, or names no file: at that place, or where the mesh is configured.
    Off { empty: Option<Location>, mesh: Option<Location> },
    /// A Telemetry switches the log off.
    Disabled { by: Text<'a>, at: Location },
    /// A Telemetry picks what is logged.
    Filtered { by: Text<'a>, at: Location },
    /// The input does not say.
    Unknown,
}

/// What an egress proxy logs.
#[must_use]
pub fn access_log<'a>(proxy: &EgressProxy<'a>, estate: &Estate<'a>) -> AccessLog<'a> {
    let logs = &estate.access_logs;
    let telemetries: Vec<&Telemetry<'a>> = applicable(proxy, estate);
    let defaults: Vec<&str> =
        logs.mesh.iter().flat_map(|mesh| &mesh.written.default_providers).map(|name| name.value).collect();
    if !telemetries.is_empty() || !defaults.is_empty() {
        return by_telemetry(&telemetries, &defaults);
    }
    // One configuration may be laid over another: what one leaves out, another may say.
    let empty = logs.mesh.iter().find(|mesh| mesh.written.file.is_some() && !mesh.has_file());
    let any_file = logs.mesh.iter().any(MeshLog::has_file);
    match empty.or(logs.mesh.first().filter(|_| !any_file)) {
        Some(mesh) => off(mesh),
        None if any_file => AccessLog::Full,
        None if estate.evidence.mesh_is_complete() => AccessLog::Off { empty: None, mesh: None },
        None => AccessLog::Unknown,
    }
}

fn off<'a>(mesh: &MeshLog<'a>) -> AccessLog<'a> {
    AccessLog::Off { empty: mesh.written.file.map(|file| file.at), mesh: Some(mesh.at) }
}

/// The Telemetry objects that speak of a proxy, from the widest to the narrowest: the mesh's, the namespace's, the
/// workload's own.
fn applicable<'e, 'a>(proxy: &EgressProxy<'a>, estate: &'e Estate<'a>) -> Vec<&'e Telemetry<'a>> {
    let namespace = proxy.namespaces.first().copied().unwrap_or_default();
    let root = estate.mesh.root_namespace;
    let rank = |telemetry: &Telemetry<'a>| match telemetry.selector {
        None if telemetry.namespace == root => Some(0),
        None if telemetry.namespace == namespace => Some(1),
        Some(labels) if telemetry.namespace == namespace => {
            proxy.labels.is_some_and(|own| labels.is_subset(own)).then_some(2)
        }
        _ => None,
    };
    let mut ranked: Vec<_> =
        estate.access_logs.telemetries.iter().filter_map(|telemetry| Some((rank(telemetry)?, telemetry))).collect();
    ranked.sort_by_key(|(rank, telemetry)| (*rank, telemetry.name.value, telemetry.name.at));
    ranked.into_iter().map(|(_, telemetry)| telemetry).collect()
}

/// What one provider of logs is told.
#[derive(Clone, Copy)]
enum Told<'a> {
    Everything,
    Nothing(Text<'a>, Location),
    Some(Text<'a>, Location),
}

/// Entries are taken in order: the providers that the last one names are in use, and each is told by the last entry that
/// speaks of it. An entry that names none speaks of those before it.
fn by_telemetry<'a>(telemetries: &[&Telemetry<'a>], defaults: &[&'a str]) -> AccessLog<'a> {
    let mut told: BTreeMap<&str, Told<'a>> = BTreeMap::new();
    let mut current: Vec<&'a str> = defaults.to_vec();
    if telemetries.is_empty() {
        return AccessLog::Full;
    }
    for telemetry in telemetries {
        let entries = telemetry.entries.iter();
        // A gateway is the client of what it forwards to.
        let of_clients = entries.filter(|entry| entry.mode.is_none_or(|mode| mode.value != "SERVER"));
        for entry in of_clients {
            if !entry.providers.is_empty() {
                current = entry.providers.iter().map(|name| name.value).collect();
                told.retain(|name, _| current.contains(name));
            }
            let off = entry.disabled.filter(|disabled| disabled.value);
            let says = match (off, entry.filter) {
                (Some(off), _) => Told::Nothing(telemetry.name, off.at),
                (None, Some(filter)) => Told::Some(telemetry.name, filter.at),
                (None, None) => Told::Everything,
            };
            told.extend(current.iter().map(|name| (*name, says)));
            // Switching off what has no provider yet switches off what the mesh configuration would write.
            if current.is_empty() && off.is_some() {
                told.insert("", says);
            }
        }
    }
    let most = told.values().min_by_key(|told| match told {
        Told::Everything => 0,
        Told::Some(..) => 1,
        Told::Nothing(..) => 2,
    });
    match most {
        Some(Told::Everything) => AccessLog::Full,
        Some(Told::Some(by, at)) => AccessLog::Filtered { by: *by, at: *at },
        Some(Told::Nothing(by, at)) => AccessLog::Disabled { by: *by, at: *at },
        None => AccessLog::Unknown,
    }
}
