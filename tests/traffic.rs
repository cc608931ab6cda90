//! The laws of the set algebra, and each operation against a naive reading, address by address and port by port.
//!
//! Edges are where interval code goes wrong, so the generated intervals begin and end near a few fixed places, and the
//! points asked about are all of those places and their neighbors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use palisade::traffic::{AddressSet, PortSet, Protocol, ProtocolSet, Traffic, Transport};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Ports at and around the places where the generated ranges begin and end.
const PORTS: [u16; 12] = [0, 1, 2, 79, 80, 81, 443, 444, 8000, 8001, 65534, 65535];

/// Offsets of addresses at and around the places where the generated ranges begin and end.
const BITS: [u32; 12] =
    [0, 1, 2, 0x0a00_0000, 0x0a00_0001, 0x0a00_00ff, 0x0a00_0100, 0x7fff_ffff, 0x8000_0000, !2, !1, !0];

const PROTOCOLS: [Protocol; 7] = [
    Protocol::Tcp,
    Protocol::Udp,
    Protocol::Sctp,
    Protocol::ICMP,
    Protocol::Other(0),
    Protocol::Other(128),
    Protocol::Other(255),
];

fn v4(bits: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(bits))
}

/// The same places at both ends of the IPv6 space.
fn v6(bits: u32) -> IpAddr {
    let low = u128::from(bits);
    IpAddr::V6(Ipv6Addr::from_bits(if bits < 0x8000_0000 { low } else { low | !u128::from(u32::MAX) }))
}

fn points() -> impl Iterator<Item = IpAddr> {
    BITS.into_iter().map(v4).chain(BITS.into_iter().map(v6))
}

fn port_range() -> impl Strategy<Value = (u16, u16)> {
    (select(&PORTS[..]), select(&PORTS[..])).prop_map(|(one, other)| (one.min(other), one.max(other)))
}

fn ports() -> impl Strategy<Value = PortSet> {
    vec(port_range(), 0..4).prop_map(|ranges| {
        ranges.into_iter().fold(PortSet::empty(), |all, (first, last)| all.union(&PortSet::range(first, last)))
    })
}

fn address_range() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    let bits = || (select(&BITS[..]), select(&BITS[..])).prop_map(|(one, other)| (one.min(other), one.max(other)));
    (bits(), any::<bool>()).prop_map(
        |((first, last), wide)| {
            if wide { (v6(first), v6(last)) } else { (v4(first), v4(last)) }
        },
    )
}

fn addresses() -> impl Strategy<Value = AddressSet> {
    vec(address_range(), 0..4)
        .prop_map(|ranges| ranges.into_iter().map(|(first, last)| AddressSet::range(first, last)).collect())
}

fn transport() -> impl Strategy<Value = Transport> {
    let one = prop_oneof![
        3 => (select(&PROTOCOLS[..]), ports()).prop_map(|(protocol, ports)| Transport::ports(protocol, ports)),
        1 => select(&PROTOCOLS[..]).prop_map(Transport::protocol),
        1 => Just(Transport::protocols(ProtocolSet::all())),
        1 => Just(Transport::all()),
    ];
    vec(one, 0..3).prop_map(|parts| parts.iter().fold(Transport::none(), |all, part| all.union(part)))
}

fn parts() -> impl Strategy<Value = Vec<(AddressSet, Transport)>> {
    vec((addresses(), transport()), 0..4)
}

fn traffic() -> impl Strategy<Value = Traffic> {
    parts().prop_map(|parts| Traffic::union_all(parts.into_iter().map(|(to, what)| Traffic::new(&to, what))))
}

fn block() -> impl Strategy<Value = IpNet> {
    let narrow = (select(&BITS[..]), 0..=32u8)
        .prop_filter_map("prefix", |(bits, prefix)| Ipv4Net::new(Ipv4Addr::from_bits(bits), prefix).ok())
        .prop_map(IpNet::V4);
    let wide = (select(&BITS[..]), 0..=128u8)
        .prop_filter_map("prefix", |(bits, prefix)| match v6(bits) {
            IpAddr::V6(address) => Ipv6Net::new(address, prefix).ok(),
            IpAddr::V4(_) => None,
        })
        .prop_map(IpNet::V6);
    prop_oneof![narrow, wide]
}

/// A kind of set, as the laws see it.
struct Algebra<S> {
    none: S,
    all: S,
    union: fn(&S, &S) -> S,
    intersection: fn(&S, &S) -> S,
    difference: fn(&S, &S) -> S,
    complement: fn(&S) -> S,
    is_subset: fn(&S, &S) -> bool,
    is_empty: fn(&S) -> bool,
}

/// The laws of sets. They are checked by `==`, so they also say that however a set was built, it is the same value.
fn laws<S: PartialEq + std::fmt::Debug>(algebra: &Algebra<S>, a: &S, b: &S, c: &S) -> Result<(), TestCaseError> {
    let Algebra { none, all, union, intersection, difference, complement, is_subset, is_empty } = algebra;
    for (operation, neutral, absorbing) in [(union, none, all), (intersection, all, none)] {
        prop_assert_eq!(operation(a, b), operation(b, a));
        prop_assert_eq!(operation(&operation(a, b), c), operation(a, &operation(b, c)));
        prop_assert_eq!(&operation(a, a), a);
        prop_assert_eq!(&operation(a, neutral), a);
        prop_assert_eq!(&operation(a, absorbing), absorbing);
    }
    prop_assert_eq!(intersection(a, &union(b, c)), union(&intersection(a, b), &intersection(a, c)));
    prop_assert_eq!(&intersection(a, &union(a, b)), a);
    prop_assert_eq!(&complement(&complement(a)), a);
    prop_assert_eq!(complement(&union(a, b)), intersection(&complement(a), &complement(b)));
    prop_assert_eq!(complement(&intersection(a, b)), union(&complement(a), &complement(b)));
    prop_assert_eq!(difference(a, b), intersection(a, &complement(b)));
    prop_assert_eq!(&union(&difference(a, b), &intersection(a, b)), a);
    prop_assert_eq!(difference(&difference(a, b), c), difference(a, &union(b, c)));
    prop_assert!(is_empty(&intersection(&difference(a, b), b)));
    prop_assert_eq!(is_subset(a, b), is_empty(&difference(a, b)));
    prop_assert_eq!(is_subset(a, b), union(a, b) == *b);
    prop_assert_eq!(is_subset(a, b) && is_subset(b, a), a == b);
    prop_assert!(is_subset(&intersection(a, b), a) && is_subset(a, &union(a, b)));
    prop_assert_eq!(is_empty(a), a == none);
    Ok(())
}

fn of_ports() -> Algebra<PortSet> {
    Algebra {
        none: PortSet::empty(),
        all: PortSet::all(),
        union: PortSet::union,
        intersection: PortSet::intersection,
        difference: PortSet::difference,
        complement: PortSet::complement,
        is_subset: PortSet::is_subset,
        is_empty: PortSet::is_empty,
    }
}

fn of_addresses() -> Algebra<AddressSet> {
    Algebra {
        none: AddressSet::empty(),
        all: AddressSet::all(),
        union: AddressSet::union,
        intersection: AddressSet::intersection,
        difference: AddressSet::difference,
        complement: AddressSet::complement,
        is_subset: AddressSet::is_subset,
        is_empty: AddressSet::is_empty,
    }
}

fn of_transports() -> Algebra<Transport> {
    Algebra {
        none: Transport::none(),
        all: Transport::all(),
        union: Transport::union,
        intersection: Transport::intersection,
        difference: Transport::difference,
        complement: Transport::complement,
        is_subset: Transport::is_subset,
        is_empty: Transport::is_empty,
    }
}

fn of_traffic() -> Algebra<Traffic> {
    Algebra {
        none: Traffic::none(),
        all: Traffic::all(),
        union: Traffic::union,
        intersection: Traffic::intersection,
        difference: Traffic::difference,
        complement: Traffic::complement,
        is_subset: Traffic::is_subset,
        is_empty: Traffic::is_empty,
    }
}

/// Every way to ask a transport about one packet.
fn packets() -> impl Iterator<Item = (Protocol, Option<u16>)> {
    let ported = |protocol| PORTS.into_iter().filter(|port| *port > 0).map(move |port| (protocol, Some(port)));
    PROTOCOLS.into_iter().flat_map(ported)
}

/// Asks two sets, and what the operations made of them, about the same member.
fn agree<S>(algebra: &Algebra<S>, a: &S, b: &S, has: impl Fn(&S) -> bool) -> Result<(), TestCaseError> {
    let (in_a, in_b) = (has(a), has(b));
    prop_assert_eq!(has(&(algebra.union)(a, b)), in_a || in_b);
    prop_assert_eq!(has(&(algebra.intersection)(a, b)), in_a && in_b);
    prop_assert_eq!(has(&(algebra.difference)(a, b)), in_a && !in_b);
    prop_assert_eq!(has(&(algebra.complement)(a)), !in_a);
    prop_assert!(!(algebra.is_subset)(a, b) || !in_a || in_b);
    Ok(())
}

/// Whether ranges are sorted, lie apart, and are as long as they can be.
fn is_canonical(ranges: &[(u128, u128)]) -> bool {
    ranges.iter().all(|(first, last)| first <= last)
        && ranges.windows(2).all(|pair| matches!(pair, [(_, end), (start, _)] if end + 1 < *start))
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

proptest! {
    #[test]
    fn ports_obey_the_laws(a in ports(), b in ports(), c in ports()) {
        laws(&of_ports(), &a, &b, &c)?;
    }

    #[test]
    fn addresses_obey_the_laws(a in addresses(), b in addresses(), c in addresses()) {
        laws(&of_addresses(), &a, &b, &c)?;
    }

    #[test]
    fn transports_obey_the_laws(a in transport(), b in transport(), c in transport()) {
        laws(&of_transports(), &a, &b, &c)?;
    }

    #[test]
    fn traffic_obeys_the_laws(a in traffic(), b in traffic(), c in traffic()) {
        laws(&of_traffic(), &a, &b, &c)?;
    }

    #[test]
    fn port_ranges_hold_their_ports(ranges in vec(port_range(), 0..6), other in ports()) {
        let set = ranges.iter().fold(PortSet::empty(), |all, (first, last)| all.union(&PortSet::range(*first, *last)));
        for port in PORTS.into_iter().filter(|port| *port > 0) {
            prop_assert_eq!(set.contains(port), ranges.iter().any(|(first, last)| (*first..=*last).contains(&port)));
            agree(&of_ports(), &set, &other, |set| set.contains(port))?;
        }
        prop_assert!(!set.contains(0) && !set.complement().contains(0));
        let listed = set.ranges().map(|(first, last)| (first.into(), last.into())).collect::<Vec<_>>();
        prop_assert!(is_canonical(&listed));
    }

    #[test]
    fn address_ranges_hold_their_addresses(ranges in vec(address_range(), 0..6), other in addresses()) {
        let set = ranges.iter().map(|(first, last)| AddressSet::range(*first, *last)).collect::<AddressSet>();
        for point in points() {
            // IpAddr orders every IPv4 address before every IPv6 address, so no range spans both.
            prop_assert_eq!(set.contains(point), ranges.iter().any(|(first, last)| (*first..=*last).contains(&point)));
            agree(&of_addresses(), &set, &other, |set| set.contains(point))?;
        }
        let (narrow, wide): (Vec<_>, Vec<_>) = set.ranges().partition(|(first, _)| first.is_ipv4());
        for family in [narrow, wide] {
            let listed = family.into_iter().map(|(first, last)| (bits(first), bits(last))).collect::<Vec<_>>();
            prop_assert!(is_canonical(&listed));
        }
        prop_assert_eq!(set.first(), ranges.iter().map(|(first, _)| *first).min());
    }

    #[test]
    fn blocks_hold_their_addresses(blocks in vec(block(), 0..6)) {
        let set = blocks.iter().copied().collect::<AddressSet>();
        for point in points() {
            prop_assert_eq!(set.contains(point), blocks.iter().any(|block| block.contains(&point)));
        }
        let folded = blocks.iter().fold(AddressSet::empty(), |all, block| all.union(&AddressSet::from(*block)));
        prop_assert_eq!(&set, &folded);
        prop_assert_eq!(set.to_cidrs(), IpNet::aggregate(&blocks.iter().map(IpNet::trunc).collect()));
    }

    #[test]
    fn sets_of_addresses_come_back_from_their_blocks(set in addresses()) {
        let blocks = set.to_cidrs();
        prop_assert_eq!(&blocks.iter().copied().collect::<AddressSet>(), &set);
        prop_assert!(blocks.is_sorted());
    }

    #[test]
    fn transports_are_sets_of_packets(a in transport(), b in transport()) {
        for (protocol, port) in packets() {
            agree(&of_transports(), &a, &b, |set| set.contains(protocol, port))?;
        }
        for protocol in PROTOCOLS {
            prop_assert_eq!(a.contains(protocol, None), Transport::protocol(protocol).is_subset(&a));
        }
        match a.sample() {
            Some((protocol, port)) => prop_assert!(a.contains(protocol, port)),
            None => prop_assert!(a.is_empty()),
        }
    }

    #[test]
    fn traffic_is_a_set_of_packets(parts in parts(), other in traffic()) {
        let set = Traffic::union_all(parts.iter().map(|(to, what)| Traffic::new(to, what.clone())));
        for point in points() {
            let to_here = parts.iter().filter(|(to, _)| to.contains(point));
            let wanted = to_here.fold(Transport::none(), |all, (_, what)| all.union(what));
            prop_assert_eq!(set.transport_to(point), &wanted);
            for (protocol, port) in packets() {
                agree(&of_traffic(), &set, &other, |set| set.transport_to(point).contains(protocol, port))?;
            }
        }
    }

    #[test]
    fn pieces_make_up_their_traffic(set in traffic()) {
        let again = set.pieces().map(|(first, last, what)| Traffic::new(&AddressSet::range(first, last), what.clone()));
        prop_assert_eq!(&Traffic::union_all(again), &set);
        for ((_, end, what), (start, _, next)) in set.pieces().zip(set.pieces().skip(1)) {
            prop_assert!(end < start && !what.is_empty() && !next.is_empty());
            let touch = end.is_ipv4() == start.is_ipv4() && bits(end) + 1 == bits(start);
            prop_assert!(!touch || what != next);
        }
    }

    #[test]
    fn the_order_of_a_union_changes_nothing(parts in vec(traffic(), 0..7)) {
        let one_by_one = parts.iter().fold(Traffic::none(), |all, part| all.union(part));
        let backward = Traffic::union_all(parts.iter().rev().cloned());
        prop_assert_eq!(&Traffic::union_all(parts), &one_by_one);
        prop_assert_eq!(&backward, &one_by_one);
    }

    #[test]
    fn restricting_is_intersecting(set in traffic(), to in addresses(), what in transport()) {
        let both = set.intersection(&Traffic::new(&to, what.clone()));
        prop_assert_eq!(&set.restrict_addresses(&to).restrict_transport(&what), &both);
        prop_assert_eq!(&set.restrict_transport(&what).restrict_addresses(&to), &both);
        prop_assert_eq!(set.restrict_addresses(&to).addresses(), set.addresses().intersection(&to));
        prop_assert_eq!(Traffic::new(&to, Transport::all()).addresses(), to);
    }

    #[test]
    fn the_first_packet_is_in_the_set(set in traffic()) {
        match set.first() {
            None => prop_assert!(set.is_empty()),
            Some(packet) => {
                prop_assert_eq!(Some(packet.address), set.addresses().first());
                prop_assert!(set.transport_to(packet.address).contains(packet.protocol, packet.port));
            }
        }
    }

    #[test]
    fn printed_ports_are_read_back(set in ports()) {
        let text = set.to_string();
        let ranges = text.split(',').filter(|range| *range != "none").map(str::parse::<PortSet>);
        let read = ranges.collect::<Result<Vec<_>, _>>().map_err(|fault| TestCaseError::fail(fault.to_string()))?;
        prop_assert_eq!(read.iter().fold(PortSet::empty(), |all, range| all.union(range)), set);
    }

    #[test]
    fn printed_addresses_are_read_back(set in addresses()) {
        let text = set.to_string();
        let mut read = AddressSet::empty();
        for range in text.split(',').filter(|range| *range != "none") {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (Ok(first), Ok(last)) = (first.parse(), last.parse()) else {
                return Err(TestCaseError::fail(text));
            };
            read = read.union(&AddressSet::range(first, last));
        }
        prop_assert_eq!(&read, &set);
    }

    #[test]
    fn protocols_are_read_back(number in any::<u8>()) {
        let protocol = Protocol::from_number(number);
        prop_assert_eq!(protocol.number(), number);
        prop_assert_eq!(number.to_string().parse(), Ok(protocol));
        let name = protocol.to_string();
        prop_assert_eq!(name.strip_prefix("protocol ").unwrap_or(&name).parse(), Ok(protocol));
    }

    #[test]
    fn reading_never_panics(text in "\\PC{0,12}", digits in "[0-9+-]{0,12}") {
        for text in [text, digits] {
            if let Ok(ports) = text.parse::<PortSet>() {
                prop_assert!(ports.ranges().count() <= 1);
            }
            if let Ok(protocol) = text.parse::<Protocol>() {
                prop_assert_eq!(Protocol::from_number(protocol.number()), protocol);
            }
        }
    }
}
