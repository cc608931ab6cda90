//! Sidecars: what the proxies of a namespace, or of some of its workloads, know (semantics C.6).

use std::cell::LazyCell;

use super::mesh::{OutboundMode, OutboundPolicy, outbound};
use super::{Labels, Text};
use crate::resource::{Meta, istio};
use crate::source::Location;
use crate::traffic::HostPattern;

/// What the proxies of a namespace, or of some of its workloads, know.
#[derive(Clone, Debug)]
pub struct Sidecar<'a> {
    pub namespace: &'a str,
    pub name: Text<'a>,
    /// None makes it the namespace's default.
    pub selector: Option<&'a Labels<'a>>,
    /// None inherits the mesh's mode, and never that of another Sidecar.
    pub outbound: Option<OutboundPolicy>,
    /// The listeners; where there is none, everything that is visible is known.
    pub egress: Vec<EgressListener<'a>>,
    /// The key `spec`: where a field that it leaves out would stand.
    pub spec_at: Location,
}

/// A listener of a Sidecar and what it imports.
#[derive(Clone, Debug)]
pub struct EgressListener<'a> {
    pub imports: Vec<Import<'a>>,
    /// The only port that it is for; every port where absent.
    pub port: Option<i64>,
    /// `captureMode`, where it is written.
    pub capture_mode: Option<Text<'a>>,
    pub at: Location,
}

/// An entry of `hosts`, such as `istio-egress/*`: where objects must stand, and what hosts they must be for.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    pub from: ImportFrom<'a>,
    pub host: HostPattern<'a>,
    /// Whether the hosts are left out rather than taken in; newer versions only (semantics C.13).
    pub excludes: bool,
    pub written: Text<'a>,
}

/// The namespace in an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportFrom<'a> {
    /// `*`
    Any,
    /// A name; `.` is the namespace of the Sidecar's proxies and not of the Sidecar.
    Namespace(&'a str),
    Own,
    /// `~`: nothing.
    Nothing,
}

impl<'a> Import<'a> {
    /// The meaning of an entry. One without a namespace is rejected by Istio and read as of any.
    fn of(written: Text<'a>) -> Self {
        let (namespace, host) = written.value.split_once('/').unwrap_or(("*", written.value));
        let (namespace, excludes) = match namespace.strip_prefix('~') {
            Some(rest) if !rest.is_empty() => (rest, true),
            _ => (namespace, false),
        };
        let from = match namespace {
            "*" => ImportFrom::Any,
            "." => ImportFrom::Own,
            "~" => ImportFrom::Nothing,
            name => ImportFrom::Namespace(name),
        };
        Self { from, host: HostPattern::new(host), excludes, written }
    }

    /// Whether objects of a namespace are meant, seen from a proxy in another.
    #[must_use]
    pub fn takes_from(&self, namespace: &str, proxy: &str) -> bool {
        match self.from {
            ImportFrom::Any => true,
            ImportFrom::Namespace(name) => name == namespace,
            ImportFrom::Own => namespace == proxy,
            ImportFrom::Nothing => false,
        }
    }
}

impl Sidecar<'_> {
    /// Whether proxies of a namespace import an object that stands somewhere and is for a host.
    #[must_use]
    pub fn imports(&self, namespace: &str, host: &str, proxy: &str) -> bool {
        if self.egress.is_empty() {
            return true;
        }
        // Most imports are of other namespaces.
        let host = LazyCell::new(|| HostPattern::new(host));
        let of = |import: &&Import<'_>| import.takes_from(namespace, proxy) && import.host.matches(&host);
        self.egress.iter().any(|listener| {
            let mut found = listener.imports.iter().filter(of).peekable();
            found.peek().is_some() && found.all(|import| !import.excludes)
        })
    }
}

pub(super) fn sidecar<'a>(written: &'a istio::Sidecar<'a>, meta: &Meta<'a>, namespace: &'a str) -> Sidecar<'a> {
    let listener = |one: &'a istio::SidecarEgress<'a>| EgressListener {
        imports: one.hosts.iter().map(|host| Import::of(*host)).collect(),
        port: one.port.map(|port| port.value),
        capture_mode: one.capture_mode,
        at: one.at,
    };
    Sidecar {
        namespace,
        name: meta.name,
        selector: written.workload_selector.as_ref().filter(|labels| !labels.is_empty()),
        outbound: written.outbound.map(|setting| outbound(setting, OutboundMode::RegistryOnly)),
        egress: written.egress.iter().map(listener).collect(),
        spec_at: meta.spec_at,
    }
}
