//! Where requests go: who sees what, which virtual service decides, and over which hops traffic leaves (semantics C.6, C.7).

mod breadth;
mod central;
mod clients;
mod detours;
mod exempt;
mod flows;
mod hosts;
mod listeners;
mod onward;
mod resolver;
mod scope;

use super::capture::Capture;
use super::egress::Egress;
use crate::model::{Estate, GatewayReference};

pub use breadth::{Breadth, breadth};
pub use clients::Client;
pub use exempt::is_google;
pub use flows::{Flow, Target, Unrouted, Way};
pub use hosts::{Doubt, Outside};
pub use listeners::{Admission, Admitted, admissions, configures, leads_to_gateway, names, taken, takes};
pub use onward::{Onward, onward};
pub use resolver::delegate;
pub use scope::{PulledIn, Sidecars};

/// What follows for routes from an estate.
#[derive(Debug)]
pub struct Routing<'a> {
    /// The namespaces from which egress is governed, sorted.
    central: Vec<&'a str>,
    /// The Gateway objects that open listeners on egress proxies, by index, ascending.
    pub gateways: Vec<usize>,
    /// The hosts that are registered as outside of the mesh.
    pub outside: Outside<'a>,
    /// Who sends.
    pub clients: Vec<Client<'a>>,
    /// Where each client sends what is meant for each host outside that it knows.
    pub flows: Vec<Flow<'a>>,
}

impl Routing<'_> {
    /// Whether egress is governed from a namespace: the platform's own, and those in which egress gateways run.
    #[must_use]
    pub fn is_central(&self, namespace: &str) -> bool {
        self.central.contains(&namespace)
    }

    /// Whether a gateway opens listeners on egress proxies.
    #[must_use]
    pub fn is_egress(&self, gateway: GatewayReference<'_>, estate: &Estate<'_>) -> bool {
        self.gateways.iter().any(|&index| estate.mesh.gateways[index].reference() == gateway)
    }
}

/// Works out the routes of an estate.
pub(super) fn routing<'a>(estate: &'a Estate<'a>, egress: &Egress<'a>, capture: &[Capture<'_>]) -> Routing<'a> {
    let clients = clients::clients(estate, capture, &Sidecars::new(estate));
    Routing {
        central: central::namespaces(estate, egress),
        gateways: listeners::of_egress(estate, egress),
        outside: Outside::new(estate),
        flows: flows::flows(estate, egress, &clients),
        clients,
    }
}
