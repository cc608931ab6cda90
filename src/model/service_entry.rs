//! Hosts that the mesh knows without a service of the cluster behind them.

use super::mesh::{Exports, Visibility};
use super::{Labels, Text};
use crate::resource::Resource;
use crate::resource::istio;
use crate::source::Location;
use crate::traffic::HostPattern;

/// A host outside of the cluster, or on a VM, that the mesh knows.
#[derive(Clone, Debug)]
pub struct ServiceEntry<'a> {
    pub namespace: &'a str,
    /// Where the namespace is said; none where nothing says it.
    pub namespace_at: Option<Location>,
    pub name: Text<'a>,
    pub labels: &'a Labels<'a>,
    pub hosts: Vec<Text<'a>>,
    /// Whether the host is outside of the mesh, which is the zero value.
    pub external: bool,
    pub visibility: Visibility<'a>,
    /// What is written of it; empty where it has the mesh's default.
    pub export_to: &'a [Text<'a>],
    /// Virtual addresses or ranges by which the hosts are known besides their names.
    pub addresses: &'a [Text<'a>],
    pub ports: Vec<EntryPort<'a>>,
    pub resolution: Resolution,
    /// The resolution, or the key `spec` of an entry that leaves it out.
    pub resolution_at: Location,
    pub endpoints: &'a [istio::WorkloadEntry<'a>],
    /// The pods and workload entries behind the hosts, where it selects any.
    pub workload_selector: Option<&'a Labels<'a>>,
    /// The key `spec`: where a field that it leaves out would stand.
    pub spec_at: Location,
}

/// A port of a service entry.
#[derive(Clone, Copy, Debug)]
pub struct EntryPort<'a> {
    pub number: i64,
    /// The port behind the host, where it is another one.
    pub target: Option<i64>,
    pub protocol: PortProtocol,
    /// The protocol, or the number of a port that names none.
    pub at: Location,
    pub name: Option<Text<'a>>,
}

/// How the proxy finds the address behind a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It does not: the client's own address is used. The enum's zero (semantics C.0).
    None,
    Static,
    Dns,
    DnsRoundRobin,
    /// Whatever the request names is looked up.
    DynamicDns,
    Unknown,
}

impl Resolution {
    fn of(written: Option<Text<'_>>) -> Self {
        match written.map_or("NONE", |text| text.value) {
            "NONE" => Self::None,
            "STATIC" => Self::Static,
            "DNS" => Self::Dns,
            "DNS_ROUND_ROBIN" => Self::DnsRoundRobin,
            "DYNAMIC_DNS" => Self::DynamicDns,
            _ => Self::Unknown,
        }
    }

    /// Whether the proxy looks the host's own name up.
    #[must_use]
    pub fn is_dns(self) -> bool {
        matches!(self, Self::Dns | Self::DnsRoundRobin)
    }
}

/// What a port speaks, as far as the proxy treats protocols alike (semantics C.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortProtocol {
    Http,
    /// TLS and HTTPS: the proxy sees the name that the client asks for, and nothing else.
    Tls,
    Tcp,
    Udp,
    /// Not named: the proxy finds out whether it is HTTP.
    Auto,
}

impl PortProtocol {
    /// The protocol of Istio's name for it, in whatever case.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" => Self::Http,
            "HTTPS" | "TLS" => Self::Tls,
            "TCP" | "MONGO" | "MYSQL" | "REDIS" => Self::Tcp,
            "UDP" => Self::Udp,
            _ => Self::Auto,
        }
    }

    /// The protocol of a service's port: the one it declares, else the one that its name starts with.
    #[must_use]
    pub fn of_service(transport: Option<&str>, declared: Option<&str>, name: Option<&str>) -> Self {
        if transport == Some("UDP") {
            return Self::Udp;
        }
        let declared = declared.map(|text| match text {
            "kubernetes.io/h2c" | "kubernetes.io/ws" => "HTTP",
            "kubernetes.io/wss" => "HTTPS",
            other => other,
        });
        let prefix = |name: &'static str, text: &str| {
            text == name || text.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))
        };
        let by_name = |text: &str| {
            let known = ["grpc-web", "http2", "http", "https", "grpc", "tls", "tcp", "mongo", "mysql", "redis", "udp"];
            known.into_iter().find(|known| prefix(known, text))
        };
        declared.or_else(|| by_name(name?)).map_or(Self::Auto, Self::named)
    }
}

impl ServiceEntry<'_> {
    /// Whether one of its hosts stands for every name that a pattern stands for.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        let host = HostPattern::new(host);
        self.hosts.iter().any(|own| host.subset_of(&HostPattern::new(own.value)))
    }

    /// The entry of `exportTo` that opens it to everybody, else the first one, or the spec that leaves them out.
    #[must_use]
    pub fn export_at(&self) -> Location {
        let everybody = self.export_to.iter().find(|one| one.value == "*");
        everybody.or(self.export_to.first()).map_or(self.spec_at, |one| one.at)
    }
}

pub(super) fn service_entry<'a>(
    written: &'a istio::ServiceEntry<'a>,
    resource: &'a Resource<'a>,
    namespace: &'a str,
    exports: &Exports<'a>,
) -> ServiceEntry<'a> {
    let meta = &resource.meta;
    ServiceEntry {
        namespace,
        namespace_at: resource.namespace_at(),
        name: meta.name,
        labels: &meta.labels,
        hosts: written.hosts.clone(),
        external: written.location.is_none_or(|location| location.value != "MESH_INTERNAL"),
        visibility: exports.of_service(&written.export_to, namespace),
        export_to: &written.export_to,
        addresses: &written.addresses,
        ports: written.ports.iter().map(entry_port).collect(),
        resolution: Resolution::of(written.resolution),
        resolution_at: written.resolution.map_or(meta.spec_at, |text| text.at),
        endpoints: &written.endpoints,
        workload_selector: written.workload_selector.as_ref().filter(|labels| !labels.is_empty()),
        spec_at: meta.spec_at,
    }
}

fn entry_port<'a>(written: &istio::ServiceEntryPort<'a>) -> EntryPort<'a> {
    EntryPort {
        number: written.number.value,
        target: written.target.map(|target| target.value),
        protocol: written.protocol.map_or(PortProtocol::Auto, |text| PortProtocol::named(text.value)),
        at: written.protocol.map_or(written.number.at, |text| text.at),
        name: written.name,
    }
}
