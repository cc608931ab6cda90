//! stub
use crate::model::{Estate, OutboundMode};
use crate::source::Location;

/// What a workload's proxy does with destinations that it does not know.
#[derive(Clone, Debug)]
pub struct Outbound<'a> {
    pub mode: OutboundMode,
    /// The place that decides, where something in the input does.
    pub at: Option<Location>,
    marker: std::marker::PhantomData<&'a ()>,
}

pub(super) fn outbound<'a>(estate: &'a Estate<'a>) -> Vec<Outbound<'a>> {
    estate
        .workloads
        .iter()
        .map(|_| Outbound { mode: OutboundMode::Unknown, at: None, marker: std::marker::PhantomData })
        .collect()
}
