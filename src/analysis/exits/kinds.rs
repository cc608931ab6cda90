//! The words in which ways out are told (contract: `paths`).

use super::step::Step;
use crate::finding::Decision;

/// By which way traffic leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// Around the proxy, from a node that is not the gateway's.
    Direct,
    /// Through the workload's own proxy, past the gateway.
    Sidecar,
    /// Through the egress gateway.
    Gateway,
    /// From a node that is kept for the egress gateway.
    GatewayNode,
    /// By another workload that lets itself be used.
    Pivot,
    /// In what Google's APIs store.
    GoogleApi,
    /// To networks that are connected to the cluster's.
    Private,
    /// In the names that resolvers are asked for.
    Dns,
}

impl Via {
    /// Every way, in the order in which they are listed.
    pub const ALL: [Self; 8] = [
        Self::Direct,
        Self::Sidecar,
        Self::Gateway,
        Self::GatewayNode,
        Self::Pivot,
        Self::GoogleApi,
        Self::Private,
        Self::Dns,
    ];

    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Sidecar => "sidecar",
            Self::Gateway => "gateway",
            Self::GatewayNode => "gateway-node",
            Self::Pivot => "pivot",
            Self::GoogleApi => "google-api",
            Self::Private => "private",
            Self::Dns => "dns",
        }
    }
}

/// The kind of a destination (semantics C.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Internet,
    InternetV6,
    /// A host by its name.
    Host,
    GoogleApi,
    Metadata,
    Private,
    Dns,
}

impl Class {
    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internet => "internet",
            Self::InternetV6 => "internet-v6",
            Self::Host => "host",
            Self::GoogleApi => "google-api",
            Self::Metadata => "metadata",
            Self::Private => "private",
            Self::Dns => "dns",
        }
    }
}

/// Whether a way is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// No layer blocks it.
    Open,
    /// None blocks it for certain, and at least one cannot be decided.
    Unknown,
    /// At least one layer blocks it.
    Closed,
}

impl Verdict {
    /// Every verdict, the worst first.
    pub const ALL: [Self; 3] = [Self::Open, Self::Unknown, Self::Closed];

    /// What the steps of a way come to.
    pub(super) fn of(steps: &[Step]) -> Self {
        let has = |decision| steps.iter().any(|step| step.decision == decision);
        match (has(Decision::Deny), has(Decision::Unknown)) {
            (true, _) => Self::Closed,
            (false, true) => Self::Unknown,
            (false, false) => Self::Open,
        }
    }

    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Unknown => "unknown",
            Self::Closed => "closed",
        }
    }
}

/// A layer that can stop traffic, in the order in which traffic meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Control {
    Mesh,
    NetworkPolicy,
    Authorization,
    Admission,
    Scheduling,
    Firewall,
    Nat,
}

impl Control {
    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::NetworkPolicy => "network-policy",
            Self::Authorization => "authorization",
            Self::Admission => "admission",
            Self::Scheduling => "scheduling",
            Self::Firewall => "firewall",
            Self::Nat => "nat",
        }
    }
}
