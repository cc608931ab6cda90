//! What may be spoken to whom.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::address::AddressSet;
use super::address_map::AddressMap;
use super::interval::Interval;
use super::protocol::Protocol;
use super::transport::Transport;

/// What [`Traffic::transport_to`] lends where nothing may be spoken.
static NOTHING: Transport = Transport::none();

/// A set of pairs of an address and what may be spoken to it. Ranges of addresses share their transport, which is never
/// empty and is cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Traffic {
    map: AddressMap<Arc<Transport>>,
}

impl Traffic {
    /// No traffic.
    #[must_use]
    pub const fn none() -> Self {
        Self { map: AddressMap::empty() }
    }

    /// All traffic to all addresses of both families.
    #[must_use]
    pub fn all() -> Self {
        Self::new(&AddressSet::all(), Transport::all())
    }

    /// The same transport to each of some addresses.
    #[must_use]
    pub fn new(addresses: &AddressSet, transport: Transport) -> Self {
        if transport.is_empty() {
            return Self::none();
        }
        Self::shared(addresses, &Arc::new(transport))
    }

    /// Like [`Traffic::new`], with a transport that is known not to be empty.
    fn shared(addresses: &AddressSet, transport: &Arc<Transport>) -> Self {
        Self { map: addresses.map().map(|()| Arc::clone(transport)) }
    }

    /// The traffic in this set, in the other, or in both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => return other.clone(),
            (_, true) => return self.clone(),
            _ => {}
        }
        let mut both = once_per_pair(Transport::union);
        let map = self.map.combine(&other.map, |left, right| match (left, right) {
            (Some(left), Some(right)) if left != right => both(left, right),
            (left, right) => left.or(right).cloned(),
        });
        Self { map }
    }

    /// The traffic in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        match (self, other) {
            (all, other) | (other, all) if all.is_all() => return other.clone(),
            (none, _) | (_, none) if none.is_empty() => return Self::none(),
            _ => {}
        }
        let mut both = once_per_pair(Transport::intersection);
        Self { map: self.map.combine(&other.map, |left, right| both(left?, right?)) }
    }

    /// The traffic in this set and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return self.clone();
        }
        let mut both = once_per_pair(Transport::difference);
        let map = self.map.combine(&other.map, |left, right| match (left, right) {
            (Some(left), Some(right)) => both(left, right),
            (left, _) => left.cloned(),
        });
        Self { map }
    }

    /// All traffic that is not in this set.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self::all().difference(self)
    }

    /// The union of many sets. Ranges with the same transport are sorted together once, O(n log n); what is left, a set
    /// for each distinct transport, is merged two by two like a tournament.
    #[must_use]
    pub fn union_all(sets: impl IntoIterator<Item = Self>) -> Self {
        let mut round = by_transport(sets);
        while round.len() > 1 {
            round = round.chunks(2).map(pair_union).collect();
        }
        round.pop().unwrap_or_default()
    }

    /// Whether there is no traffic.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Whether there is no traffic that is not in the set.
    #[must_use]
    pub fn is_all(&self) -> bool {
        let of_v4 = |all: &Interval<u32, Arc<Transport>>| (all.first, all.last) == (0, u32::MAX) && all.value.is_all();
        let of_v6 =
            |all: &Interval<u128, Arc<Transport>>| (all.first, all.last) == (0, u128::MAX) && all.value.is_all();
        // What is the same everywhere is one interval.
        self.map.v4.intervals().first().is_some_and(of_v4) && self.map.v6.intervals().first().is_some_and(of_v6)
    }

    /// Whether all traffic of this set is in the other.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.map.is_within(&other.map, |own, other| {
            other.is_some_and(|other| Arc::ptr_eq(own, other) || own.is_subset(other))
        })
    }

    /// The addresses to which anything may be spoken.
    #[must_use]
    pub fn addresses(&self) -> AddressSet {
        AddressSet::from_map(self.map.map(|_| ()))
    }

    /// What may be spoken to an address.
    #[must_use]
    pub fn transport_to(&self, address: IpAddr) -> &Transport {
        self.map.get(address).map_or(&NOTHING, |transport| transport)
    }

    /// The maximal ranges of addresses, both ends included, that share a transport: IPv4 first, then IPv6, ascending.
    pub fn pieces(&self) -> impl Iterator<Item = (IpAddr, IpAddr, &Transport)> {
        self.map.pieces().map(|(first, last, transport)| (first, last, transport.as_ref()))
    }

    /// The traffic to some addresses alone.
    #[must_use]
    pub fn restrict_addresses(&self, addresses: &AddressSet) -> Self {
        Self { map: self.map.combine(addresses.map(), |own, wanted| own.filter(|_| wanted.is_some()).cloned()) }
    }

    /// The traffic over some protocols and ports alone.
    #[must_use]
    pub fn restrict_transport(&self, transport: &Transport) -> Self {
        self.intersection(&Self::new(&AddressSet::all(), transport.clone()))
    }

    /// One packet of the set, for a reader: the lowest address (IPv4 first) with [`Transport::sample`].
    #[must_use]
    pub fn first(&self) -> Option<Sample> {
        let (address, _, transport) = self.pieces().next()?;
        let (protocol, port) = transport.sample()?;
        Some(Sample { address, protocol, port })
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self::none()
    }
}

/// The same traffic as other sets: one for each transport that occurs in them.
fn by_transport(sets: impl IntoIterator<Item = Traffic>) -> Vec<Traffic> {
    let mut ranges = FxHashMap::<Arc<Transport>, (Vec<_>, Vec<_>)>::default();
    for Traffic { map } in sets {
        for interval in map.v4.intervals() {
            ranges.entry(Arc::clone(&interval.value)).or_default().0.push((interval.first, interval.last));
        }
        for interval in map.v6.intervals() {
            ranges.entry(Arc::clone(&interval.value)).or_default().1.push((interval.first, interval.last));
        }
    }
    let set = |(transport, (v4, v6))| Traffic::shared(&AddressSet::from_ranges(v4, v6), &transport);
    ranges.into_iter().map(set).collect()
}

fn pair_union(pair: &[Traffic]) -> Traffic {
    match pair {
        [left, right] => left.union(right),
        alone => alone.first().cloned().unwrap_or_default(),
    }
}

/// An operation that is computed once for each pair of transports it meets: thousands of ranges share a few of them.
/// Pairs are told apart by where they lie in memory, so both operands must outlive it. An empty result is none, because
/// equal sets must be equal values.
fn once_per_pair(
    operation: impl Fn(&Transport, &Transport) -> Transport,
) -> impl FnMut(&Arc<Transport>, &Arc<Transport>) -> Option<Arc<Transport>> {
    let mut known = FxHashMap::default();
    move |left, right| {
        let result = known.entry((Arc::as_ptr(left), Arc::as_ptr(right)));
        let compute = || Some(operation(left, right)).filter(|transport| !transport.is_empty()).map(Arc::new);
        result.or_insert_with(compute).clone()
    }
}

impl fmt::Display for Traffic {
    /// The pieces separated by semicolons, `10.0.0.0-10.0.0.255 TCP 443; 10.0.1.0 all traffic`, or `no traffic`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter.write_str("no traffic");
        }
        for (index, (first, last, transport)) in self.pieces().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}{} {transport}", AddressSet::range(first, last))?;
        }
        Ok(())
    }
}

/// One packet of a set of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sample {
    /// The destination.
    pub address: IpAddr,
    /// The protocol over IP.
    pub protocol: Protocol,
    /// The destination port; none for a protocol without ports.
    pub port: Option<u16>,
}

impl Sample {
    /// What is spoken, whoever to: `TCP 443`.
    #[must_use]
    pub fn spoken(&self) -> String {
        self.port.map_or_else(|| self.protocol.to_string(), |port| format!("{} {port}", self.protocol))
    }
}

impl fmt::Display for Sample {
    /// `203.0.113.10 TCP 443`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.address, self.protocol)?;
        self.port.map_or(Ok(()), |port| write!(formatter, " {port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::PortSet;

    fn to(block: &str, protocol: Protocol, port: u16) -> Traffic {
        let addresses = block.parse::<ipnet::IpNet>().into_iter().collect::<AddressSet>();
        Traffic::new(&addresses, Transport::ports(protocol, PortSet::single(port)))
    }

    #[test]
    fn neighbors_with_the_same_transport_are_one_piece() {
        let halves = to("10.0.0.0/9", Protocol::Tcp, 443).union(&to("10.128.0.0/9", Protocol::Tcp, 443));
        assert_eq!(halves, to("10.0.0.0/8", Protocol::Tcp, 443));
        assert_eq!(halves.to_string(), "10.0.0.0-10.255.255.255 TCP 443");
    }

    #[test]
    fn overlapping_pieces_are_cut() {
        let all = to("10.0.0.0/30", Protocol::Tcp, 443).union(&to("10.0.0.1/32", Protocol::Udp, 53));
        assert_eq!(all.to_string(), "10.0.0.0 TCP 443; 10.0.0.1 TCP 443, UDP 53; 10.0.0.2-10.0.0.3 TCP 443");
        assert_eq!(all.difference(&to("0.0.0.0/0", Protocol::Tcp, 443)), to("10.0.0.1/32", Protocol::Udp, 53));
        assert_eq!(all.addresses().to_string(), "10.0.0.0-10.0.0.3");
    }

    #[test]
    fn the_first_packet_is_the_lowest_address() {
        let both = to("fd00::/8", Protocol::Tcp, 443).union(&to("10.0.0.0/8", Protocol::Udp, 53));
        assert_eq!(both.first().map(|sample| sample.to_string()).as_deref(), Some("10.0.0.0 UDP 53"));
        assert_eq!(Traffic::none().first(), None);
        assert!(Traffic::new(&AddressSet::all(), Transport::none()).is_empty());
    }
}
