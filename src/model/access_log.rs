//! What the mesh is told to write down about what passes its proxies.

use super::Text;
use crate::resource::istio::{self, AccessLogging, MeshAccessLog};
use crate::resource::{Kind, Labels, Resource};
use crate::source::Location;

/// The settings of access logs, in the order of the input.
#[derive(Clone, Debug, Default)]
pub struct AccessLogs<'a> {
    /// What each mesh configuration of the input says.
    pub mesh: Vec<MeshLog<'a>>,
    pub telemetries: Vec<Telemetry<'a>>,
}

/// What a mesh configuration says of access logs.
#[derive(Clone, Debug)]
pub struct MeshLog<'a> {
    pub written: &'a MeshAccessLog<'a>,
    /// The object that holds the configuration.
    pub at: Location,
    /// Whether the installation's profile writes a log where nothing is said.
    pub on_by_default: bool,
}

/// A Telemetry that speaks of access logs.
#[derive(Clone, Debug)]
pub struct Telemetry<'a> {
    pub namespace: &'a str,
    pub name: Text<'a>,
    /// None makes it the namespace's own.
    pub selector: Option<&'a Labels<'a>>,
    pub entries: &'a [AccessLogging<'a>],
}

impl MeshLog<'_> {
    /// Whether the configuration names a file for the log.
    #[must_use]
    pub fn has_file(&self) -> bool {
        self.written.file.map_or(self.on_by_default, |file| !file.is_empty())
    }
}

/// Collects the settings of access logs.
pub(super) fn access_logs<'a>(list: &'a [Resource<'a>]) -> AccessLogs<'a> {
    let mut found = AccessLogs::default();
    for resource in list {
        let at = resource.meta.name.at;
        match &resource.kind {
            Kind::MeshConfig(config) if config.found => {
                found.mesh.push(MeshLog { written: &config.access_log, at, on_by_default: false });
            }
            Kind::Operator(operator) => {
                let on_by_default = operator.profile.is_some_and(|profile| profile.value == "demo");
                let logs = operator.meshes.iter().map(|mesh| MeshLog { written: &mesh.access_log, at, on_by_default });
                found.mesh.extend(logs);
            }
            Kind::Telemetry(written) => found.telemetries.extend(telemetry(written, resource)),
            _ => {}
        }
    }
    found
}

/// One that is attached to other objects than workloads does not speak of the proxies of a Gateway.
fn telemetry<'a>(written: &'a istio::Telemetry<'a>, resource: &'a Resource<'a>) -> Option<Telemetry<'a>> {
    let is_of_workloads = !written.has_targets && !written.access_logging.is_empty();
    is_of_workloads.then_some(Telemetry {
        namespace: resource.namespace?.value,
        name: resource.meta.name,
        selector: written.selector.as_ref().filter(|labels| !labels.is_empty()),
        entries: &written.access_logging,
    })
}
