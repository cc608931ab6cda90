//! Piecewise constant functions from IP addresses to values, IPv4 and IPv6 side by side.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::interval::{Interval, IntervalMap, Piece};

/// A value for each address of a set. The families are kept apart: an IPv4 address is never its mapped IPv6 address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AddressMap<V> {
    pub(super) v4: IntervalMap<u32, V>,
    pub(super) v6: IntervalMap<u128, V>,
}

impl<V> AddressMap<V> {
    pub(super) const fn empty() -> Self {
        Self { v4: IntervalMap::empty(), v6: IntervalMap::empty() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    pub(super) fn get(&self, address: IpAddr) -> Option<&V> {
        match address {
            IpAddr::V4(address) => self.v4.get(address.to_bits()),
            IpAddr::V6(address) => self.v6.get(address.to_bits()),
        }
    }

    /// See [`IntervalMap::combine`].
    pub(super) fn combine<W, X: Eq>(
        &self,
        other: &AddressMap<W>,
        mut value: impl FnMut(Option<&V>, Option<&W>) -> Option<X>,
    ) -> AddressMap<X> {
        AddressMap { v4: self.v4.combine(&other.v4, &mut value), v6: self.v6.combine(&other.v6, &mut value) }
    }

    /// See [`IntervalMap::map`].
    pub(super) fn map<W: Eq>(&self, value: impl Fn(&V) -> W) -> AddressMap<W> {
        AddressMap { v4: self.v4.map(&value), v6: self.v6.map(&value) }
    }

    /// Whether the two are in a relation at every address that this one has a value for.
    pub(super) fn is_within(&self, other: &Self, holds: impl Fn(&V, Option<&V>) -> bool) -> bool {
        self.v4.sweep(&other.v4).all(|piece| piece_holds(&piece, &holds))
            && self.v6.sweep(&other.v6).all(|piece| piece_holds(&piece, &holds))
    }

    /// The maximal ranges, both ends included, with their values: IPv4 first, then IPv6, ascending.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (IpAddr, IpAddr, &V)> {
        self.v4.intervals().iter().map(v4_piece).chain(self.v6.intervals().iter().map(v6_piece))
    }
}

fn piece_holds<K, V>(piece: &Piece<'_, K, V, V>, holds: impl Fn(&V, Option<&V>) -> bool) -> bool {
    piece.left.is_none_or(|left| holds(left, piece.right))
}

fn v4_piece<V>(interval: &Interval<u32, V>) -> (IpAddr, IpAddr, &V) {
    let address = |bits| IpAddr::V4(Ipv4Addr::from_bits(bits));
    (address(interval.first), address(interval.last), &interval.value)
}

fn v6_piece<V>(interval: &Interval<u128, V>) -> (IpAddr, IpAddr, &V) {
    let address = |bits| IpAddr::V6(Ipv6Addr::from_bits(bits));
    (address(interval.first), address(interval.last), &interval.value)
}
