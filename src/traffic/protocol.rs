//! Protocols over IP.

use std::error::Error;
use std::fmt;
use std::iter::successors;
use std::str::FromStr;

/// A protocol over IP, told apart by its number (IANA, 0 to 255).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Number 6.
    Tcp,
    /// Number 17.
    Udp,
    /// Number 132.
    Sctp,
    /// Any protocol without ports, by its number. [`Protocol::from_number`] never puts 6, 17 or 132 here.
    Other(u8),
}

/// The names that are read and printed, lower case; the first name of a number is the one printed.
const NAMES: [(&str, u8); 11] = [
    ("tcp", 6),
    ("udp", 17),
    ("sctp", 132),
    ("icmp", 1),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("esp", 50),
    ("ah", 51),
    ("ipip", 4),
    ("gre", 47),
    ("igmp", 2),
];

impl Protocol {
    /// The Internet Control Message Protocol, number 1.
    pub const ICMP: Self = Self::Other(1);

    /// The same for IPv6, number 58.
    pub const ICMP_V6: Self = Self::Other(58);

    /// The protocol of a number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            132 => Self::Sctp,
            other => Self::Other(other),
        }
    }

    /// The number of the protocol.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for Protocol {
    /// `TCP`, `ICMPv6`, or `protocol 99` where the number has no name here.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number();
        match NAMES.iter().find(|(_, named)| *named == number) {
            Some((_, 58)) => formatter.write_str("ICMPv6"),
            Some((name, _)) => formatter.write_str(&name.to_ascii_uppercase()),
            None => write!(formatter, "protocol {number}"),
        }
    }
}

/// A text that is neither the name nor the number of a protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProtocol {
    /// The text as given.
    pub text: String,
}

impl fmt::Display for UnknownProtocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` is not a protocol", self.text)
    }
}

impl Error for UnknownProtocol {}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    /// Reads a name in any case or a decimal number; `all` is not a protocol.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, number)| *number);
        let number = named.or_else(|| if text.starts_with('+') { None } else { text.parse().ok() });
        number.map(Self::from_number).ok_or_else(|| UnknownProtocol { text: text.to_owned() })
    }
}

/// A set of protocols without ports: every number from 0 to 255 except TCP, UDP and SCTP, which never are members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProtocolSet {
    /// Number `n` is bit `n`.
    low: u128,
    /// Number `n` is bit `n - 128`.
    high: u128,
}

impl ProtocolSet {
    /// No protocol.
    #[must_use]
    pub const fn empty() -> Self {
        Self { low: 0, high: 0 }
    }

    /// Every protocol without ports.
    #[must_use]
    pub const fn all() -> Self {
        Self { low: !(1 << 6 | 1 << 17), high: !(1 << (132 - 128)) }
    }

    /// One protocol; none if it has ports.
    #[must_use]
    pub const fn single(protocol: Protocol) -> Self {
        let number = protocol.number();
        let bit = 1 << (number % 128);
        let only = if number < 128 { Self { low: bit, high: 0 } } else { Self { low: 0, high: bit } };
        only.intersection(Self::all())
    }

    /// The protocols in this set, in the other, or in both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self { low: self.low | other.low, high: self.high | other.high }
    }

    /// The protocols in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self { low: self.low & other.low, high: self.high & other.high }
    }

    /// The protocols in this set and not in the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self { low: self.low & !other.low, high: self.high & !other.high }
    }

    /// The protocols without ports that are not in this set.
    #[must_use]
    pub fn complement(self) -> Self {
        Self::all().difference(self)
    }

    /// Whether no protocol is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::empty()
    }

    /// Whether every protocol without ports is in the set.
    #[must_use]
    pub fn is_all(self) -> bool {
        self == Self::all()
    }

    /// Whether every protocol of this set is in the other.
    #[must_use]
    pub fn is_subset(self, other: Self) -> bool {
        self.difference(other).is_empty()
    }

    /// Whether the protocol is in the set; never so for one that has ports.
    #[must_use]
    pub fn contains(self, protocol: Protocol) -> bool {
        !Self::single(protocol).intersection(self).is_empty()
    }

    /// The protocols by ascending number.
    pub fn iter(self) -> impl Iterator<Item = Protocol> {
        let Self { low, high } = self;
        bits(low).chain(bits(high).map(|number| number + 128)).map(Protocol::from_number)
    }
}

/// The numbers of the bits that are set, ascending.
fn bits(set: u128) -> impl Iterator<Item = u8> {
    let rest = |rest: &u128| Some(rest & (rest - 1)).filter(|rest| *rest != 0);
    let first = Some(set).filter(|set| *set != 0);
    // Below 128, which fits.
    successors(first, rest).filter_map(|rest| u8::try_from(rest.trailing_zeros()).ok())
}

impl fmt::Display for ProtocolSet {
    /// `ICMP, ESP, protocol 99, protocols 140-150`; `other protocols` for all of them, or `none`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter.write_str("none");
        }
        if self.is_all() {
            return formatter.write_str("other protocols");
        }
        let numbers = self.iter().map(Protocol::number).collect::<Vec<_>>();
        let runs = numbers.chunk_by(|number, next| number.checked_add(1) == Some(*next));
        formatter.write_str(&runs.map(run_text).collect::<Vec<_>>().join(", "))
    }
}

/// Three neighbors or more print as a range; fewer still read better by name.
fn run_text(run: &[u8]) -> String {
    match run {
        [first, _, .., last] => format!("protocols {first}-{last}"),
        few => few.iter().map(|number| Protocol::from_number(*number).to_string()).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read() {
        for (text, protocol) in [
            ("tcp", Protocol::Tcp),
            ("UDP", Protocol::Udp),
            ("132", Protocol::Sctp),
            ("6", Protocol::Tcp),
            ("icmp", Protocol::ICMP),
            ("ICMPv6", Protocol::Other(58)),
            ("ipv6-icmp", Protocol::Other(58)),
            ("58", Protocol::Other(58)),
            ("ipip", Protocol::Other(4)),
            ("0", Protocol::Other(0)),
        ] {
            assert_eq!(text.parse(), Ok(protocol));
        }
        for wrong in ["", "all", "256", "-1", "+6", "tcp "] {
            assert_eq!(wrong.parse::<Protocol>(), Err(UnknownProtocol { text: wrong.to_owned() }));
        }
    }

    #[test]
    fn named_protocols_print_as_they_are_read() {
        for (name, number) in NAMES {
            let protocol = Protocol::from_number(number);
            assert_eq!(name.parse(), Ok(protocol));
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
        }
        assert_eq!(Protocol::Other(99).to_string(), "protocol 99");
    }

    #[test]
    fn protocols_with_ports_are_never_members() {
        let all = ProtocolSet::all();
        assert_eq!(all.iter().count(), 253);
        for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Other(6)] {
            assert!(!all.contains(protocol));
            assert!(ProtocolSet::single(protocol).is_empty());
        }
        assert_eq!(all.iter().map(ProtocolSet::single).fold(ProtocolSet::empty(), ProtocolSet::union), all);
    }

    #[test]
    fn sets_print_names_and_ranges() {
        let members = |numbers: &[u8]| {
            let single = |number: &u8| ProtocolSet::single(Protocol::from_number(*number));
            numbers.iter().map(single).fold(ProtocolSet::empty(), ProtocolSet::union)
        };
        assert_eq!(members(&[1, 50, 51, 99]).to_string(), "ICMP, ESP, AH, protocol 99");
        assert_eq!(members(&[253, 254, 255]).to_string(), "protocols 253-255");
        assert_eq!(ProtocolSet::all().to_string(), "other protocols");
        assert_eq!(ProtocolSet::empty().to_string(), "none");
    }
}
