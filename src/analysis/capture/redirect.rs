//! What is redirected to an injected proxy: the order of semantics B.1, in which an exclusion can never be undone.

use std::borrow::Cow;

use ipnet::IpNet;

use super::{Escape, Tier, tcp};
use crate::model::{CaptureDefaults, Estate, ProxyVariables, Text, Workload};
use crate::traffic::{AddressSet, PortSet, Protocol, Traffic, Transport};

/// A setting that keeps traffic from the proxy.
#[derive(Clone, Debug)]
pub struct Exclusion<'a> {
    pub kind: ExclusionKind,
    /// The value that is set, with its place.
    pub value: Text<'a>,
    /// The TCP traffic that is not redirected because of it.
    pub traffic: Traffic,
    /// Whether the value could be read; where not, it is taken to exclude everything.
    pub understood: bool,
    /// Whether it holds for every pod that says nothing itself, rather than being the pod's own.
    pub mesh_wide: bool,
}

/// Which setting it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExclusionKind {
    Ports,
    Ranges,
    /// Only some ranges are redirected, or none.
    IncludeRanges,
    Interfaces,
    /// An injection template without redirection.
    Template,
    /// Redirection is switched off, for the pod or the whole mesh.
    ModeNone,
    /// Addresses that pass for the pod's own loopback.
    Loopback,
}

impl Exclusion<'_> {
    pub(super) fn escape(&self) -> Escape {
        let reason: Cow<'static, str> = match self.kind {
            ExclusionKind::Ports => format!("ports `{}` are not redirected to its proxy", self.value.value).into(),
            ExclusionKind::Ranges => format!("addresses `{}` are not redirected to its proxy", self.value.value).into(),
            ExclusionKind::IncludeRanges if self.value.is_empty() => "no address is redirected to its proxy".into(),
            ExclusionKind::IncludeRanges => format!("only `{}` is redirected to its proxy", self.value.value).into(),
            ExclusionKind::Interfaces => format!("interfaces `{}` are not redirected", self.value.value).into(),
            ExclusionKind::Template => "its injection template redirects nothing".into(),
            ExclusionKind::ModeNone => "redirection to its proxy is switched off".into(),
            ExclusionKind::Loopback => format!("addresses `{}` pass for its own loopback", self.value.value).into(),
        };
        Escape { traffic: self.traffic.clone(), tier: Tier::Application, reason, at: self.value.at }
    }
}

const PREFIX: &str = "traffic.sidecar.istio.io/";

/// The settings of a workload, or of the mesh where it has none, that keep outbound TCP from its proxy.
pub(super) fn exclusions<'a>(workload: &'a Workload<'a>, estate: &'a Estate<'a>) -> Vec<Exclusion<'a>> {
    let defaults = &estate.mesh.injection.defaults;
    let own = |name: &str| workload.annotation(&format!("{PREFIX}{name}"));
    // What a pod says of a setting, even nothing, takes the place of what the mesh says.
    let either = |name: &str, default: Option<Text<'a>>| match own(name) {
        Some(value) => (Some(value), false),
        None => (default, true),
    };
    let filled = |(value, mesh_wide): (Option<Text<'a>>, bool)| {
        value.filter(|value| !value.trim().is_empty()).map(|value| (value, mesh_wide))
    };
    let (included_ports, _) = either("includeOutboundPorts", defaults.include_ports);
    let (included_ranges, of_mesh) = either("includeOutboundIPRanges", defaults.include_ranges);
    let found = [
        filled((own("excludeInterfaces"), false)).map(|(value, _)| everything(ExclusionKind::Interfaces, value)),
        filled(either("excludeOutboundPorts", defaults.exclude_ports)).map(|(value, all)| ports(value).of_mesh(all)),
        filled(either("excludeOutboundIPRanges", defaults.exclude_ranges))
            .map(|(value, all)| ranges(value).of_mesh(all)),
        included_ranges.and_then(|value| included(value, included_ports)).map(|one| one.of_mesh(of_mesh)),
        without_redirection(workload, defaults),
        mode_none(workload, defaults),
        loopback(workload, estate),
    ];
    found.into_iter().flatten().collect()
}

/// The settings of the mesh that keep outbound TCP of every pod from its proxy that says nothing itself.
#[must_use]
pub fn mesh_wide<'a>(defaults: &CaptureDefaults<'a>) -> Vec<Exclusion<'a>> {
    let filled = |value: Option<Text<'a>>| value.filter(|value| !value.trim().is_empty());
    let off = defaults.interception_mode.filter(|mode| mode.value == "NONE");
    let found = [
        filled(defaults.exclude_ports).map(ports),
        filled(defaults.exclude_ranges).map(ranges),
        defaults.include_ranges.and_then(|value| included(value, defaults.include_ports)),
        off.map(|off| everything(ExclusionKind::ModeNone, off)),
        defaults.template.map(|template| everything(ExclusionKind::Template, template)),
        variable(LOOPBACK, defaults).and_then(beyond_loopback),
    ];
    found.into_iter().flatten().map(|one| one.of_mesh(true)).collect()
}

impl Exclusion<'_> {
    fn of_mesh(self, mesh_wide: bool) -> Self {
        Self { mesh_wide, ..self }
    }
}

fn everything(kind: ExclusionKind, value: Text<'_>) -> Exclusion<'_> {
    exclusion(kind, value, Some(tcp().clone()))
}

fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn port_set(value: &str) -> Option<PortSet> {
    if items(value).any(|item| item == "*") {
        return Some(PortSet::all());
    }
    items(value).map(|item| item.parse::<u16>().ok()).collect()
}

fn address_set(value: &str) -> Option<AddressSet> {
    if items(value).any(|item| item == "*") {
        return Some(AddressSet::all());
    }
    items(value).map(|item| item.parse::<IpNet>().ok()).collect()
}

/// A value that cannot be read is taken to exclude everything: the worse reading.
fn exclusion(kind: ExclusionKind, value: Text<'_>, traffic: Option<Traffic>) -> Exclusion<'_> {
    let understood = traffic.is_some();
    Exclusion { kind, value, traffic: traffic.unwrap_or_else(|| tcp().clone()), understood, mesh_wide: false }
}

fn ports(value: Text<'_>) -> Exclusion<'_> {
    let tcp_to = |ports| Traffic::all().restrict_transport(&Transport::ports(Protocol::Tcp, ports));
    exclusion(ExclusionKind::Ports, value, port_set(value.value).map(tcp_to))
}

fn ranges(value: Text<'_>) -> Exclusion<'_> {
    let traffic = address_set(value.value).map(|addresses| tcp().restrict_addresses(&addresses));
    exclusion(ExclusionKind::Ranges, value, traffic)
}

/// What a list of ranges leaves out. Listed ports are redirected whatever their addresses. A list of one family of
/// addresses says nothing of the other, which most clusters do not have.
fn included<'a>(value: Text<'a>, ports: Option<Text<'a>>) -> Option<Exclusion<'a>> {
    let listed = ports.and_then(|ports| port_set(ports.value)).unwrap_or_default();
    let kept = Traffic::all().restrict_transport(&Transport::ports(Protocol::Tcp, listed));
    let traffic = address_set(value.value).map(|addresses| {
        let of_family =
            |all: AddressSet| if addresses.intersection(&all).is_empty() { AddressSet::empty() } else { all };
        let families = of_family(AddressSet::all_v4()).union(&of_family(AddressSet::all_v6()));
        let asked = if addresses.is_empty() { AddressSet::all() } else { families };
        tcp().difference(&kept).restrict_addresses(&asked.difference(&addresses))
    });
    let is_complete = traffic.as_ref().is_some_and(Traffic::is_empty);
    (!is_complete).then(|| exclusion(ExclusionKind::IncludeRanges, value, traffic))
}

/// The templates of a workload without the one that redirects: those that it asks for, else the mesh's.
fn without_redirection<'a>(workload: &'a Workload<'a>, defaults: &CaptureDefaults<'a>) -> Option<Exclusion<'a>> {
    if workload.is_gateway {
        return None;
    }
    let own = workload.annotation("inject.istio.io/templates").filter(|templates| !templates.trim().is_empty());
    let Some(own) = own else {
        return defaults.template.map(|template| everything(ExclusionKind::Template, template).of_mesh(true));
    };
    let redirects = items(own.value).any(|name| name == "sidecar");
    (!redirects).then(|| everything(ExclusionKind::Template, own))
}

/// The interception mode NONE, of the pod before that of the mesh.
fn mode_none<'a>(workload: &'a Workload<'a>, defaults: &CaptureDefaults<'a>) -> Option<Exclusion<'a>> {
    let configured = || workload.pod.proxy.as_ref().and_then(|proxy| proxy.interception_mode);
    let own = workload.annotation("sidecar.istio.io/interceptionMode").or_else(configured);
    let (mode, mesh_wide) = own.map_or((defaults.interception_mode, true), |own| (Some(own), false));
    let off = mode.filter(|mode| mode.value == "NONE")?;
    Some(everything(ExclusionKind::ModeNone, off).of_mesh(mesh_wide))
}

/// The variable by which destinations pass for loopback, which is never redirected.
pub(super) const LOOPBACK: &str = "ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR";

/// Addresses beyond the loopback's own that pass for it. Of what says so, an object for some pods counts before the pod's
/// annotation, and that before an object for its namespace or the mesh.
fn loopback<'a>(workload: &'a Workload<'a>, estate: &'a Estate<'a>) -> Option<Exclusion<'a>> {
    let root = estate.mesh.root_namespace;
    let by_object = |is_meant: &dyn Fn(&ProxyVariables<'_>) -> bool| {
        let mut meant =
            estate.mesh.injection.variables.iter().filter(|one| is_meant(one) && sets_variables(one, workload, estate));
        meant.find_map(|one| one.list.get(LOOPBACK))
    };
    let of_some = by_object(&|one| one.selector.is_some());
    let own = || workload.pod.proxy.as_ref().and_then(|proxy| proxy.metadata.get(LOOPBACK));
    let of_all = || by_object(&|one| one.namespace != root).or_else(|| by_object(&|_| true));
    match (of_some, own()) {
        (None, Some(own)) => beyond_loopback(own),
        (of_some, _) => {
            let set = of_some.or_else(of_all).or_else(|| variable(LOOPBACK, &estate.mesh.injection.defaults))?;
            beyond_loopback(set).map(|one| one.of_mesh(true))
        }
    }
}

/// Whether an object sets the variables of a workload's proxies.
#[must_use]
pub fn sets_variables(variables: &ProxyVariables<'_>, workload: &Workload<'_>, estate: &Estate<'_>) -> bool {
    let namespace = estate.namespace_of(workload).name;
    let is_near = variables.namespace == namespace
        || variables.namespace == estate.mesh.root_namespace && variables.selector.is_none();
    is_near && variables.selector.is_none_or(|own| own.is_subset(workload.labels))
}

/// A variable of all proxies.
fn variable<'a>(name: &str, defaults: &CaptureDefaults<'a>) -> Option<Text<'a>> {
    defaults.metadata.iter().find(|(own, _)| own.value == name).map(|(_, value)| *value)
}

fn beyond_loopback(value: Text<'_>) -> Option<Exclusion<'_>> {
    let own: Option<AddressSet> = "127.0.0.0/8".parse::<IpNet>().ok().map(AddressSet::from);
    let beyond = |held: AddressSet| own.as_ref().map_or_else(|| held.clone(), |own| held.difference(own));
    let traffic = address_set(value.value).map(|held| tcp().restrict_addresses(&beyond(held)));
    let is_harmless = traffic.as_ref().is_some_and(Traffic::is_empty);
    (!is_harmless).then(|| exclusion(ExclusionKind::Loopback, value, traffic))
}
