//! What may be spoken to one address.

use std::fmt;

use super::ports::PortSet;
use super::protocol::{Protocol, ProtocolSet};

/// A set of protocols and, for those that have ports, of ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Transport {
    tcp: PortSet,
    udp: PortSet,
    sctp: PortSet,
    other: ProtocolSet,
}

/// The ports to show first: the ones that say most to a reader, as far as they are in the set.
const TELLING: [(Protocol, &[u16]); 3] =
    [(Protocol::Tcp, &[443, 80]), (Protocol::Udp, &[443, 53]), (Protocol::Sctp, &[])];

impl Transport {
    /// Nothing may be spoken.
    #[must_use]
    pub const fn none() -> Self {
        Self::protocols(ProtocolSet::empty())
    }

    /// Every protocol on every port.
    #[must_use]
    pub fn all() -> Self {
        Self { tcp: PortSet::all(), udp: PortSet::all(), sctp: PortSet::all(), other: ProtocolSet::all() }
    }

    /// One protocol on some ports. A protocol without ports is meant as a whole, unless there are no ports at all.
    #[must_use]
    pub fn ports(protocol: Protocol, ports: PortSet) -> Self {
        let mut transport = Self::none();
        match Protocol::from_number(protocol.number()) {
            Protocol::Tcp => transport.tcp = ports,
            Protocol::Udp => transport.udp = ports,
            Protocol::Sctp => transport.sctp = ports,
            Protocol::Other(_) if ports.is_empty() => {}
            other @ Protocol::Other(_) => transport.other = ProtocolSet::single(other),
        }
        transport
    }

    /// One protocol on all of its ports.
    #[must_use]
    pub fn protocol(protocol: Protocol) -> Self {
        Self::ports(protocol, PortSet::all())
    }

    /// Some protocols without ports.
    #[must_use]
    pub const fn protocols(other: ProtocolSet) -> Self {
        Self { tcp: PortSet::empty(), udp: PortSet::empty(), sctp: PortSet::empty(), other }
    }

    /// What one of the two allows.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            tcp: self.tcp.union(&other.tcp),
            udp: self.udp.union(&other.udp),
            sctp: self.sctp.union(&other.sctp),
            other: self.other.union(other.other),
        }
    }

    /// What both allow.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self {
            tcp: self.tcp.intersection(&other.tcp),
            udp: self.udp.intersection(&other.udp),
            sctp: self.sctp.intersection(&other.sctp),
            other: self.other.intersection(other.other),
        }
    }

    /// What this one allows and the other does not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self {
            tcp: self.tcp.difference(&other.tcp),
            udp: self.udp.difference(&other.udp),
            sctp: self.sctp.difference(&other.sctp),
            other: self.other.difference(other.other),
        }
    }

    /// What this one does not allow.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self::all().difference(self)
    }

    /// Whether nothing may be spoken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.udp.is_empty() && self.sctp.is_empty() && self.other.is_empty()
    }

    /// Whether everything may be spoken.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.tcp.is_all() && self.udp.is_all() && self.sctp.is_all() && self.other.is_all()
    }

    /// Whether the other allows all that this one allows.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.tcp.is_subset(&other.tcp)
            && self.udp.is_subset(&other.udp)
            && self.sctp.is_subset(&other.sctp)
            && self.other.is_subset(other.other)
    }

    /// Whether a protocol may be spoken on a port. Without a port: whether on all of its ports. For a protocol without
    /// ports the port is ignored.
    #[must_use]
    pub fn contains(&self, protocol: Protocol, port: Option<u16>) -> bool {
        match (self.ports_of(protocol), port) {
            (Some(ports), Some(port)) => ports.contains(port),
            (Some(ports), None) => ports.is_all(),
            (None, _) => self.other.contains(protocol),
        }
    }

    /// The ports on which a protocol may be spoken; nothing for a protocol without ports.
    #[must_use]
    pub const fn ports_of(&self, protocol: Protocol) -> Option<&PortSet> {
        match Protocol::from_number(protocol.number()) {
            Protocol::Tcp => Some(&self.tcp),
            Protocol::Udp => Some(&self.udp),
            Protocol::Sctp => Some(&self.sctp),
            Protocol::Other(_) => None,
        }
    }

    /// The protocols without ports that may be spoken.
    #[must_use]
    pub const fn other(&self) -> ProtocolSet {
        self.other
    }

    /// One protocol and port of the set, the one that says most to a reader: TCP 443, TCP 80, the lowest TCP port,
    /// UDP 443, UDP 53, the lowest UDP port, the lowest SCTP port, ICMP, the lowest other protocol.
    #[must_use]
    pub fn sample(&self) -> Option<(Protocol, Option<u16>)> {
        let with_port = TELLING.iter().find_map(|(protocol, telling)| {
            let ports = self.ports_of(*protocol)?;
            let port = telling.iter().copied().find(|port| ports.contains(*port)).or_else(|| ports.first())?;
            Some((*protocol, Some(port)))
        });
        with_port.or_else(|| {
            let icmp = Some(Protocol::ICMP).filter(|icmp| self.other.contains(*icmp));
            icmp.or_else(|| self.other.iter().next()).map(|protocol| (protocol, None))
        })
    }
}

impl fmt::Display for Transport {
    /// `TCP 80,443, UDP 53, ICMP`; a protocol alone means all of its ports. `all traffic` and `no traffic` at the ends.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return formatter.write_str("all traffic");
        }
        if self.is_empty() {
            return formatter.write_str("no traffic");
        }
        let mut separator = "";
        let ported = [(Protocol::Tcp, &self.tcp), (Protocol::Udp, &self.udp), (Protocol::Sctp, &self.sctp)];
        for (protocol, ports) in ported {
            if ports.is_empty() {
                continue;
            }
            write!(formatter, "{separator}{protocol}")?;
            if !ports.is_all() {
                write!(formatter, " {ports}")?;
            }
            separator = ", ";
        }
        if self.other.is_empty() { Ok(()) } else { write!(formatter, "{separator}{}", self.other) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> Transport {
        Transport::ports(Protocol::Tcp, [80, 443].into_iter().collect())
    }

    #[test]
    fn everything_is_the_union_of_its_parts() {
        let parts = [
            Transport::protocol(Protocol::Tcp),
            Transport::protocol(Protocol::Udp),
            Transport::protocol(Protocol::Sctp),
            Transport::protocols(ProtocolSet::all()),
        ];
        let union = parts.iter().fold(Transport::none(), |all, part| all.union(part));
        assert_eq!(union, Transport::all());
        assert_eq!(union.complement(), Transport::none());
    }

    #[test]
    fn a_number_means_the_protocol_that_it_names() {
        assert_eq!(Transport::protocol(Protocol::Other(6)), Transport::protocol(Protocol::Tcp));
        assert!(web().contains(Protocol::Other(6), Some(443)));
        assert!(!web().contains(Protocol::Tcp, None));
        assert!(Transport::protocol(Protocol::ICMP).contains(Protocol::ICMP, None));
        assert!(Transport::ports(Protocol::ICMP, PortSet::empty()).is_empty());
    }

    #[test]
    fn samples_say_most_to_a_reader() {
        let tcp = |first, last| Transport::ports(Protocol::Tcp, PortSet::range(first, last));
        let dns = Transport::ports(Protocol::Udp, PortSet::range(50, 60));
        let icmp = Transport::protocol(Protocol::ICMP);
        assert_eq!(Transport::all().sample(), Some((Protocol::Tcp, Some(443))));
        assert_eq!(tcp(1, 100).sample(), Some((Protocol::Tcp, Some(80))));
        assert_eq!(tcp(8000, 8100).union(&dns).sample(), Some((Protocol::Tcp, Some(8000))));
        assert_eq!(dns.union(&icmp).sample(), Some((Protocol::Udp, Some(53))));
        assert_eq!(Transport::protocols(ProtocolSet::all()).sample(), Some((Protocol::ICMP, None)));
        assert_eq!(Transport::none().sample(), None);
    }

    #[test]
    fn transports_print_protocol_by_protocol() {
        let dns = Transport::ports(Protocol::Udp, PortSet::single(53));
        let gre = Transport::protocol(Protocol::Other(47));
        assert_eq!(web().union(&dns).to_string(), "TCP 80,443, UDP 53");
        assert_eq!(Transport::protocol(Protocol::Tcp).union(&gre).to_string(), "TCP, GRE");
        assert_eq!(gre.to_string(), "GRE");
        assert_eq!(Transport::all().difference(&dns).to_string(), "TCP, UDP 1-52,54-65535, SCTP, other protocols");
        assert_eq!(Transport::all().to_string(), "all traffic");
        assert_eq!(Transport::none().to_string(), "no traffic");
    }
}
