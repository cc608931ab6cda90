//! Istio's kinds as written. Enum zeros and absent fields get their meaning in the lowering (semantics C.0).

mod authorization;
mod destination_rule;
mod extension;
mod gateway;
mod injection;
mod installation;
mod mesh_config;
mod operator;
mod service_entry;
mod sidecar;
mod telemetry;
mod virtual_service;

pub use authorization::{
    AuthorizationPolicy, AuthorizationRule, Condition, Operation, PeerAuthentication, RequestAuthentication, Source,
    TargetRef,
};
pub use destination_rule::{ClientTls, DestinationRule, PortTls, Subset, TrafficPolicy};
pub use extension::Extension;
pub use gateway::{Gateway, Server, ServerTls};
pub use injection::{CniConfig, InjectionValues, Injector, ProxyConfig, ProxyVariables};
pub use mesh_config::{ExtensionProvider, MeshConfig};
pub use operator::{Operator, OperatorGateway};
pub use service_entry::{ServiceEntry, ServiceEntryPort, WorkloadEntry};
pub use sidecar::{Sidecar, SidecarEgress};
pub use telemetry::{AccessLogging, MeshAccessLog, Telemetry};
pub use virtual_service::{Delegate, Destination, Route, RouteKind, RouteMatch, VirtualService};

pub(super) use authorization::{authorization_policy, peer_authentication, request_authentication};
pub(super) use destination_rule::destination_rule;
pub(super) use extension::{envoy_filter, plugin};
pub(super) use gateway::gateway;
pub(super) use injection::{cni_config, injector, proxy_config, proxy_variables};
pub(super) use installation::installation;
pub(super) use mesh_config::mesh_config;
pub(super) use operator::operator;
pub(super) use service_entry::{service_entry, workload_entry, workload_group};
pub(super) use sidecar::sidecar;
pub(super) use telemetry::telemetry;
pub(super) use virtual_service::virtual_service;

use super::reader::{Labels, Reader, Text};
use crate::source::{Location, Node};

/// A setting that may be absent, present but empty, or have a value: in Istio these mean three things.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The key of the block that holds the setting.
    pub key_at: Location,
    /// The value, where it is written.
    pub value: Option<Text<'a>>,
}

impl Setting<'_> {
    /// The place of the value, or of the block that leaves it out.
    #[must_use]
    pub fn at(&self) -> Location {
        self.value.map_or(self.key_at, |value| value.at)
    }
}

/// The `mode` in the block at a key, such as `tls` or `outboundTrafficPolicy`.
fn mode_at<'a>(reader: &mut Reader, node: Node<'a>, key: &str) -> Option<Setting<'a>> {
    let entry = node.entry(key).filter(|entry| !entry.value.is_null())?;
    let block = reader.mapping(entry.value)?;
    Some(Setting { key_at: entry.key.at(), value: reader.text_at(block, "mode") })
}

/// The labels of a workload selector, under `matchLabels` or `labels`; none where there is no selector.
fn workload_selector<'a>(reader: &mut Reader, spec: Node<'a>, key: &str, labels: &str) -> Option<Labels<'a>> {
    let selector = reader.mapping_at(spec, key)?;
    Some(reader.labels_at(selector, labels))
}
