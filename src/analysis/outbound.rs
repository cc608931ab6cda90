//! What each workload's proxy does with destinations that it does not know: the Sidecar that applies, then the mesh
//! (semantics C.6).

use super::capture::{Capture, Injection};
use super::routing::Sidecars;
use crate::model::{Estate, OutboundMode, OutboundPolicy, Sidecar, Workload};
use crate::source::Location;

/// What a workload's proxy does with destinations that it does not know.
#[derive(Clone, Copy, Debug)]
pub struct Outbound<'a> {
    pub mode: OutboundMode,
    /// Where the mode comes from.
    pub origin: Origin<'a>,
}

/// Where an outbound mode comes from.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// A Sidecar that sets it.
    Sidecar(&'a Sidecar<'a>, OutboundPolicy),
    /// The mesh configuration sets it.
    Mesh(OutboundPolicy),
    /// Nothing sets it, and everything that could is in the input: Istio's default.
    Default,
    /// No sidecar proxy that obeys it, or the input does not say.
    None,
}

impl Outbound<'_> {
    /// The place that sets the mode, where one does.
    #[must_use]
    pub fn at(&self) -> Option<Location> {
        match self.origin {
            Origin::Sidecar(_, policy) | Origin::Mesh(policy) => Some(policy.at),
            Origin::Default | Origin::None => None,
        }
    }

    /// Whether unknown destinations are passed on.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.mode, OutboundMode::AllowAny | OutboundMode::AllowAnyDynamicDns)
    }
}

/// Works out the mode of every workload, by its index.
pub(super) fn outbound<'a>(estate: &'a Estate<'a>, capture: &[Capture<'_>]) -> Vec<Outbound<'a>> {
    let sidecars = Sidecars::new(estate);
    let of = |(workload, capture): (&Workload<'_>, &Capture<'_>)| of_workload(workload, capture, &sidecars, estate);
    estate.workloads.iter().zip(capture).map(of).collect()
}

fn of_workload<'a>(
    workload: &Workload<'_>,
    capture: &Capture<'_>,
    sidecars: &Sidecars<'a>,
    estate: &'a Estate<'a>,
) -> Outbound<'a> {
    let obeys = !workload.is_gateway && matches!(capture.injection, Injection::In { .. } | Injection::Unknown { .. });
    if !obeys {
        return Outbound { mode: OutboundMode::Unknown, origin: Origin::None };
    }
    let of_mesh = || match estate.mesh.outbound {
        Some(policy) => Outbound { mode: policy.mode, origin: Origin::Mesh(policy) },
        None if estate.mesh.configured || estate.evidence.mesh_is_complete() => {
            Outbound { mode: OutboundMode::AllowAny, origin: Origin::Default }
        }
        None => Outbound { mode: OutboundMode::Unknown, origin: Origin::None },
    };
    let candidates = sidecars.of(estate.namespace_of(workload).name, Some(workload.labels));
    let mut modes = candidates.into_iter().map(|sidecar| match sidecar.outbound {
        Some(policy) => Outbound { mode: policy.mode, origin: Origin::Sidecar(sidecar, policy) },
        // A Sidecar without a mode has the mesh's, never that of another Sidecar.
        None => of_mesh(),
    });
    // The oldest of several matching Sidecars counts; where the input does not tell their ages, the worse reading.
    let counted = if estate.mesh.oldest_first { modes.next() } else { modes.max_by_key(Outbound::is_open) };
    counted.unwrap_or_else(of_mesh)
}
