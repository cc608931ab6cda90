//! The TLS modes of listeners and clients, with Istio's enum zeros applied (semantics C.0).

use super::mesh::Visibility;
use super::{Labels, Text};
use crate::resource::istio::{self, Setting};
use crate::source::Location;

/// What a gateway's listener does about TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerMode {
    /// No `tls` block: nothing is encrypted and nobody identified.
    Plaintext,
    /// The gateway forwards TLS that it cannot read; the enum's zero.
    Passthrough,
    Simple,
    Mutual,
    OptionalMutual,
    IstioMutual,
    AutoPassthrough,
    Unknown,
}

impl ServerMode {
    /// The mode of a `tls` block.
    pub(super) fn of(setting: Setting<'_>) -> Self {
        match setting.value.map_or("PASSTHROUGH", |mode| mode.value) {
            "PASSTHROUGH" => Self::Passthrough,
            "SIMPLE" => Self::Simple,
            "MUTUAL" => Self::Mutual,
            "OPTIONAL_MUTUAL" => Self::OptionalMutual,
            "ISTIO_MUTUAL" => Self::IstioMutual,
            "AUTO_PASSTHROUGH" => Self::AutoPassthrough,
            _ => Self::Unknown,
        }
    }
}

/// What a client does about TLS; `DISABLE` is the enum's zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMode {
    Disable,
    Simple,
    Mutual,
    IstioMutual,
    Unknown,
}

impl ClientMode {
    /// Whether a proxy in this mode wraps what it sends in TLS for a server outside of the mesh.
    #[must_use]
    pub fn originates(self) -> bool {
        matches!(self, Self::Simple | Self::Mutual)
    }

    /// The mode's word in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "DISABLE",
            Self::Simple => "SIMPLE",
            Self::Mutual => "MUTUAL",
            Self::IstioMutual => "ISTIO_MUTUAL",
            Self::Unknown => "?",
        }
    }
}

/// A client's TLS settings.
#[derive(Clone, Copy, Debug)]
pub struct ClientTls<'a> {
    pub mode: ClientMode,
    /// Whether the block leaves the mode out.
    pub defaulted: bool,
    /// The mode, or the block that leaves it out.
    pub at: Location,
    /// The key of the block: where a field that it leaves out would stand.
    pub block_at: Location,
    pub sni: Option<Text<'a>>,
    /// The file of the authorities to trust.
    pub authority: Option<Text<'a>>,
    /// The secret that holds certificates, which only some proxies can read.
    pub credential: Option<Text<'a>>,
    /// A certificate or key to show to the server.
    pub certificate: Option<Text<'a>>,
    /// Where it says not to look at the server's certificate.
    pub skip_verify: Option<Location>,
    /// Where it names what the server's certificate must be for.
    pub names: Option<Location>,
}

impl ClientTls<'_> {
    /// Whether it says something of certificates, which goes with some modes and not with others.
    #[must_use]
    pub fn has_certificates(&self) -> bool {
        let named = [self.authority, self.credential, self.certificate].iter().any(Option::is_some);
        named || self.names.is_some() || self.skip_verify.is_some()
    }
}

/// The TLS settings at one level: a destination rule's own, or a subset's.
#[derive(Clone, Debug, Default)]
pub struct TlsLayer<'a> {
    /// The key `trafficPolicy`, where there is one.
    pub at: Option<Location>,
    pub base: Option<ClientTls<'a>>,
    /// Settings of single ports, which replace the whole policy above them for that port, TLS or no TLS.
    pub ports: Vec<(i64, Option<ClientTls<'a>>, Location)>,
}

impl<'a> TlsLayer<'a> {
    /// Every block of TLS settings in the layer, with the port that it is for.
    pub fn blocks(&self) -> impl Iterator<Item = (Option<i64>, ClientTls<'a>)> {
        let ports = self.ports.iter().filter_map(|(port, tls, _)| Some((Some(*port), (*tls)?)));
        self.base.map(|tls| (None, tls)).into_iter().chain(ports)
    }
}

/// A destination rule.
#[derive(Clone, Debug)]
pub struct DestinationRule<'a> {
    pub namespace: &'a str,
    pub name: Text<'a>,
    /// The host as a fully qualified name: a short one is of the rule's own namespace.
    pub host: String,
    pub host_at: Location,
    pub visibility: Visibility<'a>,
    /// Only proxies of the rule's namespace with these labels use it.
    pub workload_selector: Option<&'a Labels<'a>>,
    pub tls: TlsLayer<'a>,
    pub subsets: Vec<(Text<'a>, TlsLayer<'a>)>,
}

impl<'a> DestinationRule<'a> {
    /// Every block of TLS settings in the rule, with the port that it is for.
    pub fn blocks(&self) -> impl Iterator<Item = (Option<i64>, ClientTls<'a>)> {
        self.tls.blocks().chain(self.subsets.iter().flat_map(|(_, layer)| layer.blocks()))
    }
}

fn client_tls<'a>(written: &istio::ClientTls<'a>) -> ClientTls<'a> {
    let mode = match written.mode.value.map_or("DISABLE", |mode| mode.value) {
        "DISABLE" => ClientMode::Disable,
        "SIMPLE" => ClientMode::Simple,
        "MUTUAL" => ClientMode::Mutual,
        "ISTIO_MUTUAL" => ClientMode::IstioMutual,
        _ => ClientMode::Unknown,
    };
    ClientTls {
        mode,
        defaulted: written.mode.value.is_none(),
        at: written.mode.at(),
        block_at: written.mode.key_at,
        sni: written.sni,
        authority: written.authority,
        credential: written.credential,
        certificate: written.certificate,
        skip_verify: written.skip_verify.filter(|skip| skip.value).map(|skip| skip.at),
        names: written.names,
    }
}

fn layer<'a>(written: Option<&istio::TrafficPolicy<'a>>) -> TlsLayer<'a> {
    let Some(policy) = written else { return TlsLayer::default() };
    let ports = policy.ports.iter().filter_map(|one| Some((one.port?.value, one.tls.as_ref().map(client_tls), one.at)));
    TlsLayer { at: Some(policy.at), base: policy.tls.as_ref().map(client_tls), ports: ports.collect() }
}

pub(super) fn destination_rule<'a>(
    written: &'a istio::DestinationRule<'a>,
    name: Text<'a>,
    namespace: &'a str,
    visibility: Visibility<'a>,
) -> DestinationRule<'a> {
    DestinationRule {
        namespace,
        name,
        host: full_host(written.host.value, namespace),
        host_at: written.host.at,
        visibility,
        workload_selector: written.workload_selector.as_ref(),
        tls: layer(written.policy.as_ref()),
        subsets: written.subsets.iter().map(|subset| (subset.name, layer(subset.policy.as_ref()))).collect(),
    }
}

/// A host as Istio resolves it: a name without dots is a service of the object's own namespace.
pub(super) fn full_host(host: &str, namespace: &str) -> String {
    if host.contains('.') || host == "*" { host.to_owned() } else { format!("{host}.{namespace}.svc.cluster.local") }
}
