//! Which servers of Gateways can be open together on one port (semantics C.7): plain HTTP beside plain HTTP, TLS beside TLS
//! for other hosts. Of those that cannot, the first one counts.

use super::Text;
use super::route::{Server, ServerProtocol};
use super::tls::ServerMode;
use crate::source::Location;

/// Why two servers exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clash {
    /// One takes TLS and the other plain text, or one requests and the other plain connections.
    Protocol,
    /// Both take TLS for the same host.
    Host,
    /// Both take plain connections, which nothing tells apart.
    Connections,
}

/// A server that an earlier one of its Gateway keeps from being opened.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut {
    pub port: Option<i64>,
    /// Its first host, or its first key.
    pub at: Location,
    pub clash: Clash,
    /// The server that counts.
    pub by: Location,
}

/// What a port is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Tls,
    Requests,
    Connections,
}

fn purpose(server: &Server<'_>) -> Option<Use> {
    match (server.mode, server.protocol) {
        (ServerMode::Plaintext, ServerProtocol::Http) => Some(Use::Requests),
        (ServerMode::Plaintext, ServerProtocol::Tcp) => Some(Use::Connections),
        // Without TLS settings these are rejected, or not known.
        (ServerMode::Plaintext, _) => None,
        _ => Some(Use::Tls),
    }
}

/// Why two servers on the same port of the same pods exclude each other; none where they do not. Hosts are compared by
/// name: a wildcard and a name below it are told apart.
#[must_use]
pub fn clash(one: &Server<'_>, other: &Server<'_>) -> Option<Clash> {
    match (purpose(one)?, purpose(other)?) {
        (Use::Connections, Use::Connections) => Some(Clash::Connections),
        (Use::Tls, Use::Tls) => {
            let is_shared = |host: &Text<'_>| other.hosts.iter().any(|others| bare(*others) == bare(*host));
            one.hosts.iter().any(is_shared).then_some(Clash::Host)
        }
        (own, others) if own != others => Some(Clash::Protocol),
        _ => None,
    }
}

/// The name in an entry of `hosts`, without the namespace.
fn bare(host: Text<'_>) -> &str {
    host.value.split_once('/').map_or(host.value, |(_, name)| name)
}

/// Splits the servers of one Gateway, in their order, into those that are opened and those that are not.
pub(super) fn opened<'a>(servers: Vec<Server<'a>>) -> (Vec<Server<'a>>, Vec<LeftOut>) {
    let (mut open, mut left_out): (Vec<Server<'a>>, Vec<LeftOut>) = (Vec::new(), Vec::new());
    for server in servers {
        let same_port = |other: &&Server<'_>| server.port.is_some() && other.port == server.port;
        let earlier = open.iter().filter(same_port).find_map(|other| Some((clash(&server, other)?, other.at)));
        match earlier {
            Some((clash, by)) => {
                let at = server.hosts.first().map_or(server.at, |host| host.at);
                left_out.push(LeftOut { port: server.port, at, clash, by });
            }
            None => open.push(server),
        }
    }
    (open, left_out)
}
