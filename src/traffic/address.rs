//! Sets of IP addresses.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};

use super::address_map::AddressMap;
use super::interval::{IntervalMap, in_both, in_either, in_left_only, write_ranges};

/// A set of IPv4 and IPv6 addresses. The families are kept apart: `0.0.0.0/0` holds no IPv6 address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddressSet {
    map: AddressMap<()>,
}

impl AddressSet {
    /// No address.
    #[must_use]
    pub const fn empty() -> Self {
        Self { map: AddressMap::empty() }
    }

    /// Every address of both families.
    #[must_use]
    pub fn all() -> Self {
        Self::from_ranges(vec![(0, u32::MAX)], vec![(0, u128::MAX)])
    }

    /// Every IPv4 address.
    #[must_use]
    pub fn all_v4() -> Self {
        Self::from_ranges(vec![(0, u32::MAX)], Vec::new())
    }

    /// Every IPv6 address.
    #[must_use]
    pub fn all_v6() -> Self {
        Self::from_ranges(Vec::new(), vec![(0, u128::MAX)])
    }

    /// The addresses from `first` to `last`, both included; none if they are reversed or of different families.
    #[must_use]
    pub fn range(first: IpAddr, last: IpAddr) -> Self {
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                Self::from_ranges(vec![(first.to_bits(), last.to_bits())], Vec::new())
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                Self::from_ranges(Vec::new(), vec![(first.to_bits(), last.to_bits())])
            }
            _ => Self::empty(),
        }
    }

    /// The union of ranges in any order, as numbers.
    pub(super) fn from_ranges(v4: Vec<(u32, u32)>, v6: Vec<(u128, u128)>) -> Self {
        Self { map: AddressMap { v4: IntervalMap::from_ranges(v4), v6: IntervalMap::from_ranges(v6) } }
    }

    /// The set of the addresses that a map is defined for.
    pub(super) const fn from_map(map: AddressMap<()>) -> Self {
        Self { map }
    }

    pub(super) const fn map(&self) -> &AddressMap<()> {
        &self.map
    }

    /// The addresses in this set, in the other, or in both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { map: self.map.combine(&other.map, in_either) }
    }

    /// The addresses in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { map: self.map.combine(&other.map, in_both) }
    }

    /// The addresses in this set and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { map: self.map.combine(&other.map, in_left_only) }
    }

    /// The addresses of both families that are not in this set.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self::all().difference(self)
    }

    /// Whether no address is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Whether every address of this set is in the other.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.map.is_within(&other.map, |(), other| other.is_some())
    }

    /// Whether the address is in the set.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.map.get(address).is_some()
    }

    /// The lowest IPv4 address, or the lowest IPv6 address where there is no IPv4 address.
    #[must_use]
    pub fn first(&self) -> Option<IpAddr> {
        self.ranges().next().map(|(first, _)| first)
    }

    /// The maximal ranges, both ends included: IPv4 first, then IPv6, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        self.map.pieces().map(|(first, last, ())| (first, last))
    }

    /// The fewest blocks that hold exactly the addresses of the set: IPv4 first, then IPv6, ascending.
    #[must_use]
    pub fn to_cidrs(&self) -> Vec<IpNet> {
        self.ranges().flat_map(|(first, last)| blocks(first, last)).collect()
    }

    /// The ranges as a user would write them, separated by commas: `10.0.0.0/8` where a range is one block, and
    /// `10.0.0.1-10.0.0.9` where it is not. `none` if the set is empty.
    #[must_use]
    pub fn cidr_text(&self) -> String {
        if self.is_empty() {
            return "none".to_owned();
        }
        let ranges = self.ranges().map(|(first, last)| {
            let mut blocks = blocks(first, last);
            match (blocks.next(), blocks.next()) {
                (Some(only), None) => only.to_string(),
                _ => format!("{first}-{last}"),
            }
        });
        ranges.collect::<Vec<_>>().join(",")
    }
}

/// The fewest blocks that make up a range.
fn blocks(first: IpAddr, last: IpAddr) -> impl Iterator<Item = IpNet> {
    let subnets = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Some(IpSubnets::V4(Ipv4Subnets::new(first, last, 0))),
        (IpAddr::V6(first), IpAddr::V6(last)) => Some(IpSubnets::V6(Ipv6Subnets::new(first, last, 0))),
        // No range of a set spans both families.
        _ => None,
    };
    subnets.into_iter().flatten()
}

impl Default for AddressSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<IpNet> for AddressSet {
    /// All addresses of the block, whose host bits are ignored.
    fn from(block: IpNet) -> Self {
        Self::range(block.network(), block.broadcast())
    }
}

impl From<IpAddr> for AddressSet {
    fn from(address: IpAddr) -> Self {
        Self::range(address, address)
    }
}

impl FromIterator<IpNet> for AddressSet {
    /// The union of the blocks, sorted once: O(n log n).
    fn from_iter<I: IntoIterator<Item = IpNet>>(blocks: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for block in blocks {
            match block {
                IpNet::V4(block) => v4.push((block.network().to_bits(), block.broadcast().to_bits())),
                IpNet::V6(block) => v6.push((block.network().to_bits(), block.broadcast().to_bits())),
            }
        }
        Self::from_ranges(v4, v6)
    }
}

impl FromIterator<AddressSet> for AddressSet {
    /// The union of the sets, sorted once: O(n log n) in the number of their ranges.
    fn from_iter<I: IntoIterator<Item = AddressSet>>(sets: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for set in sets {
            v4.extend(set.map.v4.intervals().iter().map(|interval| (interval.first, interval.last)));
            v6.extend(set.map.v6.intervals().iter().map(|interval| (interval.first, interval.last)));
        }
        Self::from_ranges(v4, v6)
    }
}

impl fmt::Display for AddressSet {
    /// The ranges separated by commas, `0.0.0.0-9.255.255.255,10.0.0.1`, or `none`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ranges(formatter, self.ranges())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(blocks: &[&str]) -> AddressSet {
        blocks.iter().filter_map(|block| block.parse::<IpNet>().ok()).collect()
    }

    #[test]
    fn the_families_are_kept_apart() {
        let v4 = set(&["0.0.0.0/0"]);
        assert_eq!(v4, AddressSet::all_v4());
        assert_eq!(v4.complement(), AddressSet::all_v6());
        assert_eq!(v4.union(&set(&["::/0"])), AddressSet::all());
        assert_eq!(AddressSet::all_v6().first(), "::".parse().ok());
        assert!(!AddressSet::all_v6().contains(IpAddr::from([10, 0, 0, 1])));
    }

    #[test]
    fn ranges_print_with_both_ends() {
        let holed = AddressSet::all_v4().difference(&set(&["10.0.0.0/8"]));
        assert_eq!(holed.to_string(), "0.0.0.0-9.255.255.255,11.0.0.0-255.255.255.255");
        assert_eq!(set(&["10.0.0.1/32", "fd00::/127"]).to_string(), "10.0.0.1,fd00::-fd00::1");
        assert_eq!(AddressSet::empty().to_string(), "none");
    }

    #[test]
    fn a_range_that_is_one_block_prints_as_one() {
        assert_eq!(set(&["10.0.0.0/9", "10.128.0.0/9", "::/0"]).cidr_text(), "10.0.0.0/8,::/0");
        assert_eq!(set(&["10.0.0.4/32", "10.0.0.5/32", "10.0.0.6/32"]).cidr_text(), "10.0.0.4-10.0.0.6");
        assert_eq!(AddressSet::all().cidr_text(), "0.0.0.0/0,::/0");
    }

    #[test]
    fn blocks_lose_their_host_bits() {
        assert_eq!(set(&["10.1.2.3/8"]), set(&["10.0.0.0/8"]));
        assert_eq!("10.1.2.3/8".parse::<IpNet>().map(AddressSet::from), Ok(set(&["10.0.0.0/8"])));
    }
}
