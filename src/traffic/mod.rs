//! Set algebra: addresses, ports, protocols, hosts. Sets of what may be spoken to whom, as exact values.
//!
//! Every set is canonical: two that hold the same members are `==`, whatever way they were built, and every operation
//! answers with a canonical set again. Nothing in this room knows of clusters, meshes or firewalls.
//!
//! - [`AddressSet`]: IPv4 and IPv6 addresses; [`PortSet`]: ports; [`ProtocolSet`]: protocols that have no ports.
//! - [`Transport`]: what may be spoken to one address.
//! - [`Traffic`]: what may be spoken to each address.
//! - [`HostPattern`]: names of hosts, with a leading wildcard.

mod address;
mod address_map;
mod host;
mod interval;
mod ports;
mod protocol;
mod set;
mod transport;

pub use address::AddressSet;
pub use host::HostPattern;
pub use ports::{InvalidPorts, PortSet};
pub use protocol::{Protocol, ProtocolSet, UnknownProtocol};
pub use set::{Sample, Traffic};
pub use transport::Transport;
