//! stub
use crate::model::Estate;

/// Which pools each workload can land on.
#[derive(Debug)]
pub struct Placement {}

pub(super) fn placement(_estate: &Estate<'_>) -> Placement {
    Placement {}
}
