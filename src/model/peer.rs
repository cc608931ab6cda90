//! Peer authentication: how strictly workloads ask their peers for a certificate of the mesh (semantics C.10); and request
//! authentication: whose tokens they take.

use super::{Labels, TargetRef, Text};
use crate::resource::istio::{self, Setting};
use crate::source::{Location, Spanned};

/// What a workload asks of its peers. UNSET, the enum's zero, inherits and is no mode of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerMode {
    Disable,
    Permissive,
    Strict,
    Unknown,
}

impl PeerMode {
    fn of(setting: Setting<'_>) -> Option<Self> {
        match setting.value.map_or("UNSET", |mode| mode.value) {
            "UNSET" => None,
            "DISABLE" => Some(Self::Disable),
            "PERMISSIVE" => Some(Self::Permissive),
            "STRICT" => Some(Self::Strict),
            _ => Some(Self::Unknown),
        }
    }

    /// The mode's word in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "DISABLE",
            Self::Permissive => "PERMISSIVE",
            Self::Strict => "STRICT",
            Self::Unknown => "?",
        }
    }
}

/// How strictly workloads ask their peers for a certificate.
#[derive(Clone, Debug)]
pub struct PeerAuthentication<'a> {
    pub namespace: &'a str,
    pub name: Text<'a>,
    /// None is the whole namespace, or the mesh from the root namespace.
    pub selector: Option<&'a Labels<'a>>,
    /// None inherits.
    pub mode: Option<(PeerMode, Location)>,
    /// Modes of single ports of the pods, which only a policy with a selector has.
    pub ports: Vec<(i64, PeerMode, Location)>,
}

pub(super) fn peer_authentication<'a>(
    written: &'a istio::PeerAuthentication<'a>,
    name: Text<'a>,
    namespace: &'a str,
) -> PeerAuthentication<'a> {
    let selector = written.selector.as_ref().filter(|labels| !labels.is_empty());
    let port = |(port, setting): &(i64, Setting<'a>)| Some((*port, PeerMode::of(*setting)?, setting.at()));
    let ports = written.ports.iter().filter_map(port).filter(|_| selector.is_some());
    PeerAuthentication {
        namespace,
        name,
        selector,
        mode: written.mode.and_then(|setting| Some((PeerMode::of(setting)?, setting.at()))),
        ports: ports.collect(),
    }
}

/// Whose tokens proxies take. A request with another token is refused; one without a token passes, and has no claims.
#[derive(Clone, Debug)]
pub struct RequestAuthentication<'a> {
    pub namespace: &'a str,
    pub name: Text<'a>,
    pub selector: Option<&'a Labels<'a>>,
    pub targets: Option<&'a Spanned<Vec<TargetRef<'a>>>>,
    /// Without any, no token is looked at.
    pub issuers: &'a [Text<'a>],
}

pub(super) fn request_authentication<'a>(
    written: &'a istio::RequestAuthentication<'a>,
    name: Text<'a>,
    namespace: &'a str,
) -> RequestAuthentication<'a> {
    RequestAuthentication {
        namespace,
        name,
        selector: written.selector.as_ref().filter(|labels| !labels.is_empty()),
        targets: written.targets.as_ref(),
        issuers: &written.issuers,
    }
}
