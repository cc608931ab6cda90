//! What is redirected to an injected proxy: the order of semantics B.1, in which an exclusion can never be undone.

use std::borrow::Cow;

use ipnet::IpNet;

use super::{Escape, Tier, tcp};
use crate::model::{Estate, Text, Workload};
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
}

impl Exclusion<'_> {
    pub(super) fn escape(&self, _: &Workload<'_>) -> Escape {
        let reason: Cow<'static, str> = match self.kind {
            ExclusionKind::Ports => format!("ports `{}` are not redirected to its proxy", self.value.value).into(),
            ExclusionKind::Ranges => format!("addresses `{}` are not redirected to its proxy", self.value.value).into(),
            ExclusionKind::IncludeRanges if self.value.is_empty() => "no address is redirected to its proxy".into(),
            ExclusionKind::IncludeRanges => format!("only `{}` is redirected to its proxy", self.value.value).into(),
            ExclusionKind::Interfaces => format!("interfaces `{}` are not redirected", self.value.value).into(),
            ExclusionKind::Template => "its injection template redirects nothing".into(),
            ExclusionKind::ModeNone => "redirection to its proxy is switched off".into(),
        };
        Escape { traffic: self.traffic.clone(), tier: Tier::Application, reason, at: self.value.at }
    }
}

const PREFIX: &str = "traffic.sidecar.istio.io/";

/// The settings of a workload that keep outbound TCP from its proxy.
pub(super) fn exclusions<'a>(workload: &'a Workload<'a>, estate: &'a Estate<'a>) -> Vec<Exclusion<'a>> {
    let everything = |kind| move |value| Exclusion { kind, value, traffic: tcp().clone(), understood: true };
    let annotation = |name: &str| workload.annotation(&format!("{PREFIX}{name}"));
    let set = |name: &str| annotation(name).filter(|value| !value.trim().is_empty());
    let included_ports = set("includeOutboundPorts");
    let found = [
        set("excludeInterfaces").map(everything(ExclusionKind::Interfaces)),
        set("excludeOutboundPorts").map(ports),
        set("excludeOutboundIPRanges").map(ranges),
        annotation("includeOutboundIPRanges").and_then(|value| included(value, included_ports)),
        without_redirection(workload).map(everything(ExclusionKind::Template)),
        mode_none(workload, estate).map(everything(ExclusionKind::ModeNone)),
    ];
    found.into_iter().flatten().collect()
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
    Exclusion { kind, value, traffic: traffic.unwrap_or_else(|| tcp().clone()), understood }
}

fn ports(value: Text<'_>) -> Exclusion<'_> {
    let tcp_to = |ports| Traffic::all().restrict_transport(&Transport::ports(Protocol::Tcp, ports));
    exclusion(ExclusionKind::Ports, value, port_set(value.value).map(tcp_to))
}

fn ranges(value: Text<'_>) -> Exclusion<'_> {
    let traffic = address_set(value.value).map(|addresses| tcp().restrict_addresses(&addresses));
    exclusion(ExclusionKind::Ranges, value, traffic)
}

/// What a list of ranges leaves out. Listed ports are redirected whatever their addresses.
fn included<'a>(value: Text<'a>, ports: Option<Text<'a>>) -> Option<Exclusion<'a>> {
    let listed = ports.and_then(|ports| port_set(ports.value)).unwrap_or_default();
    let kept = Traffic::all().restrict_transport(&Transport::ports(Protocol::Tcp, listed));
    let traffic =
        address_set(value.value).map(|addresses| tcp().difference(&kept).restrict_addresses(&addresses.complement()));
    let is_complete = traffic.as_ref().is_some_and(Traffic::is_empty);
    (!is_complete).then(|| exclusion(ExclusionKind::IncludeRanges, value, traffic))
}

/// The list of templates of a workload that is injected without the one that redirects.
fn without_redirection<'a>(workload: &'a Workload<'a>) -> Option<Text<'a>> {
    let templates = workload.annotation("inject.istio.io/templates").filter(|_| !workload.is_gateway)?;
    let is_named = !templates.trim().is_empty();
    (is_named && !items(templates.value).any(|name| name == "sidecar")).then_some(templates)
}

/// The interception mode NONE, of the pod before that of the mesh.
fn mode_none<'a>(workload: &'a Workload<'a>, estate: &'a Estate<'a>) -> Option<Text<'a>> {
    if let Some(mode) = workload.annotation("sidecar.istio.io/interceptionMode") {
        return (mode.value == "NONE").then_some(mode);
    }
    if let Some(config) = workload.annotation("proxy.istio.io/config")
        && let Some(mode) = configured_mode(config.value)
    {
        return (mode == "NONE").then_some(config);
    }
    estate.mesh.interception_mode.filter(|mode| mode.value == "NONE")
}

/// The interception mode in the text of a proxy configuration, which is YAML or JSON and has the key once at most.
fn configured_mode(config: &str) -> Option<&str> {
    let after = config.split_once("interceptionMode")?.1;
    let value = after.trim_start_matches(['"', '\'', ' ', ':']);
    Some(value.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default())
}
