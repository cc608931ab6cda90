//! Where requests go: who sees what, which virtual service decides, and over which hops traffic leaves (semantics C.6, C.7).

mod central;
mod exempt;
mod listeners;

use super::egress::Egress;
use crate::model::Estate;

pub use exempt::is_google;
pub use listeners::{Admission, admission, configures, names, taken};

/// What follows for routes from an estate.
#[derive(Debug)]
pub struct Routing<'a> {
    /// The namespaces from which egress is governed, sorted.
    central: Vec<&'a str>,
    /// The Gateway objects that open listeners on egress proxies, by index, ascending.
    pub gateways: Vec<usize>,
}

impl Routing<'_> {
    /// Whether egress is governed from a namespace: the platform's own, and those in which egress gateways run.
    #[must_use]
    pub fn is_central(&self, namespace: &str) -> bool {
        self.central.contains(&namespace)
    }
}

/// Works out the routes of an estate.
pub(super) fn routing<'a>(estate: &'a Estate<'a>, egress: &Egress<'a>) -> Routing<'a> {
    Routing { central: central::namespaces(estate, egress), gateways: listeners::of_egress(estate, egress) }
}
