//! The verdict on one set of traffic that has to pass some layers, each of which lets a set through for certain and
//! another one possibly.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::kinds::Control;
use super::step::What;
use crate::finding::Decision;
use crate::traffic::{Sample, Traffic};

/// A layer as it stands in the way.
#[derive(Clone, Debug)]
pub(super) struct Gate<'g> {
    pub control: Control,
    /// What passes for certain.
    pub certain: Cow<'g, Traffic>,
    /// What may pass: all else is denied for certain.
    pub possible: Cow<'g, Traffic>,
    /// What decides, for the witness.
    pub what: What,
}

impl<'g> Gate<'g> {
    /// A layer of which both sets are known.
    pub(super) fn new(control: Control, certain: &'g Traffic, possible: &'g Traffic, what: What) -> Self {
        Self { control, certain: Cow::Borrowed(certain), possible: Cow::Borrowed(possible), what }
    }

    /// A layer that decides about everything alike.
    pub(super) fn whole(control: Control, decision: Decision, what: What) -> Self {
        static ALL: LazyLock<Traffic> = LazyLock::new(Traffic::all);
        static NONE: Traffic = Traffic::none();
        let all = |yes: bool| Cow::Borrowed(if yes { &*ALL } else { &NONE });
        let passes = matches!(decision, Decision::Allow | Decision::NotCaptured);
        Self { control, certain: all(passes), possible: all(decision != Decision::Deny), what }
    }

    /// What the layer does with a packet.
    pub(super) fn decision(&self, sample: &Sample) -> Decision {
        if holds(&self.certain, sample) {
            Decision::Allow
        } else if holds(&self.possible, sample) {
            Decision::Unknown
        } else {
            Decision::Deny
        }
    }
}

/// Whether a packet is in a set.
pub(super) fn holds(traffic: &Traffic, sample: &Sample) -> bool {
    traffic.transport_to(sample.address).contains(sample.protocol, sample.port)
}

/// What of some traffic passes all layers for certain, and what may.
pub(super) fn passing(wanted: &Traffic, gates: &[Gate<'_>]) -> (Traffic, Traffic) {
    let through = |sets: &mut dyn Iterator<Item = &Traffic>| {
        sets.fold(wanted.clone(), |left, set| if left.is_empty() { left } else { left.intersection(set) })
    };
    (through(&mut gates.iter().map(|gate| &*gate.certain)), through(&mut gates.iter().map(|gate| &*gate.possible)))
}

/// The packet of some traffic, none of which may pass, that the fewest layers deny for certain; and how many those are.
pub(super) fn weakest(denied: &Traffic, gates: &[Gate<'_>]) -> Option<(usize, Sample)> {
    if denied.is_empty() {
        return None;
    }
    let count = gates.len().min(16);
    let mut choices: Vec<u32> = (1..1u32 << count).collect();
    choices.sort_by_key(|choice| (choice.count_ones(), *choice));
    choices.into_iter().find_map(|choice| {
        let others = gates.iter().enumerate().filter(|(index, _)| *index >= count || choice & (1 << index) == 0);
        let rest = others.fold(
            denied.clone(),
            |left, (_, gate)| {
                if left.is_empty() { left } else { left.intersection(&gate.possible) }
            },
        );
        Some((choice.count_ones() as usize, rest.first()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{AddressSet, PortSet, Protocol, Transport};

    fn web() -> Traffic {
        Traffic::new(&AddressSet::all_v4(), Transport::ports(Protocol::Tcp, [80, 443].into_iter().collect()))
    }

    fn gate(possible: Traffic) -> Gate<'static> {
        Gate {
            control: Control::Firewall,
            certain: Cow::Owned(possible.clone()),
            possible: Cow::Owned(possible),
            what: What::Policies,
        }
    }

    #[test]
    fn the_weakest_packet_is_the_one_that_fewest_layers_deny() {
        let but_443 = Traffic::all()
            .difference(&Traffic::all().restrict_transport(&Transport::ports(Protocol::Tcp, PortSet::single(443))));
        let found = weakest(&web(), &[gate(Traffic::none()), gate(but_443)]);
        let found = found.map(|(count, sample)| (count, sample.to_string()));
        assert_eq!(found, Some((1, "0.0.0.0 TCP 80".to_owned())));
        let found = weakest(&web(), &[gate(Traffic::none()), gate(Traffic::all()), gate(Traffic::none())]);
        assert_eq!(found.map(|(count, _)| count), Some(2));
    }

    #[test]
    fn layers_that_block_only_together_are_one_control() {
        let only = |port| Traffic::all().restrict_transport(&Transport::ports(Protocol::Tcp, PortSet::single(port)));
        let gates = [gate(only(80)), gate(only(443))];
        assert!(passing(&web(), &gates).1.is_empty());
        assert_eq!(weakest(&web(), &gates).map(|(count, _)| count), Some(1));
    }
}
