//! Sets of ports.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use super::interval::{IntervalMap, in_both, in_either, in_left_only, write_ranges};

/// A set of ports. The universe is 1 to 65535: nothing listens on port 0, and a range that names it starts at 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortSet {
    map: IntervalMap<u16, ()>,
}

impl PortSet {
    /// No port.
    #[must_use]
    pub const fn empty() -> Self {
        Self { map: IntervalMap::empty() }
    }

    /// Every port, 1 to 65535.
    #[must_use]
    pub fn all() -> Self {
        Self::range(1, u16::MAX)
    }

    /// One port; none for port 0.
    #[must_use]
    pub fn single(port: u16) -> Self {
        Self::range(port, port)
    }

    /// The ports from `first` to `last`, both included; none if they are reversed.
    #[must_use]
    pub fn range(first: u16, last: u16) -> Self {
        Self { map: IntervalMap::from_ranges(vec![(first.max(1), last)]) }
    }

    /// The ports in this set, in the other, or in both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { map: self.map.combine(&other.map, in_either) }
    }

    /// The ports in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { map: self.map.combine(&other.map, in_both) }
    }

    /// The ports in this set and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { map: self.map.combine(&other.map, in_left_only) }
    }

    /// The ports that are not in this set.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self::all().difference(self)
    }

    /// Whether no port is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Whether every port is in the set.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.ranges().next() == Some((1, u16::MAX))
    }

    /// Whether every port of this set is in the other.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.map.is_subset(&other.map)
    }

    /// Whether the port is in the set.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.map.get(port).is_some()
    }

    /// The lowest port.
    #[must_use]
    pub fn first(&self) -> Option<u16> {
        self.ranges().next().map(|(first, _)| first)
    }

    /// The maximal ranges, both ends included, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = (u16, u16)> {
        self.map.intervals().iter().map(|interval| (interval.first, interval.last))
    }
}

impl Default for PortSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl FromIterator<u16> for PortSet {
    fn from_iter<I: IntoIterator<Item = u16>>(ports: I) -> Self {
        let ranges = ports.into_iter().filter(|port| *port > 0).map(|port| (port, port)).collect();
        Self { map: IntervalMap::from_ranges(ranges) }
    }
}

impl fmt::Display for PortSet {
    /// The ranges separated by commas, `80,443,8000-8100`, or `none`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ranges(formatter, self.ranges())
    }
}

/// A text that is neither a port nor a range of ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPorts {
    /// The text as given.
    pub text: String,
}

impl fmt::Display for InvalidPorts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` is not a port or range of ports", self.text)
    }
}

impl Error for InvalidPorts {}

impl FromStr for PortSet {
    type Err = InvalidPorts;

    /// Reads one port, `80`, or one range, `8000-8100`. `0-65535` is every port; a reversed range is an error.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self::range(first, last)),
            _ => Err(InvalidPorts { text: text.to_owned() }),
        }
    }
}

fn port(text: &str) -> Option<u16> {
    // The standard parser would also take a plus sign.
    if text.starts_with('+') { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_port_or_one_range_is_read() {
        assert_eq!("80".parse(), Ok(PortSet::single(80)));
        assert_eq!("8000-8100".parse(), Ok(PortSet::range(8000, 8100)));
        assert_eq!("0-65535".parse(), Ok(PortSet::all()));
        for wrong in ["", "-", "80-", "-80", "+80", "80,443", "443-80", "65536", " 80", "http", "1-2-3"] {
            assert_eq!(wrong.parse::<PortSet>(), Err(InvalidPorts { text: wrong.to_owned() }));
        }
    }

    #[test]
    fn port_zero_is_outside_of_the_universe() {
        assert!(PortSet::single(0).is_empty());
        assert!(!PortSet::all().contains(0));
        assert_eq!(PortSet::empty().complement(), PortSet::all());
        assert!(PortSet::range(0, u16::MAX).is_all());
        assert!([0].into_iter().collect::<PortSet>().is_empty());
    }

    #[test]
    fn ports_print_as_ranges() {
        let ports = [443, 80, 8000, 8001].into_iter().collect::<PortSet>();
        assert_eq!(ports.to_string(), "80,443,8000-8001");
        assert_eq!(PortSet::all().to_string(), "1-65535");
        assert_eq!(PortSet::empty().to_string(), "none");
        assert_eq!(ports.complement().to_string(), "1-79,81-442,444-7999,8002-65535");
    }
}
