//! Which doors are alike in which respect: what is found out at one of them holds at the others, whoever asks.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::beyond::Sides;
use super::doors::Door;
use crate::analysis::authorization;
use crate::analysis::exits::kinds::Control;
use crate::analysis::exits::step::Step;
use crate::finding::Decision;

/// For each door, by its index, the number of those that are like it.
pub(super) struct Alike {
    /// One proxy and the same ports of its pods: the same network policies decide.
    pub arrival: Vec<usize>,
    /// What looks the same from outside, wherever it leads: the same authorization policies decide.
    pub face: Vec<usize>,
    /// One listener, and the same decisions beyond it: they differ in name only.
    pub shape: Vec<usize>,
    /// One host outside, at one port.
    pub end: Vec<usize>,
}

impl Alike {
    pub(super) fn new(doors: &[Door<'_, '_>], sides: &[Sides]) -> Self {
        let shape = |(door, sides): (&Door<'_, '_>, &Sides)| {
            let onward: Vec<(Control, Decision)> = sides.onward.iter().map(Step::decided).collect();
            (door.proxy, std::ptr::from_ref(door.server).addr(), door.pod_ports.clone(), onward)
        };
        let face = |door: &Door<'_, '_>| {
            let chain = authorization::chain(door.server);
            (door.proxy, door.server.mode, chain, door.pod_ports.clone(), door.asked.clone())
        };
        Self {
            arrival: numbered(doors.iter().map(|door| (door.proxy, &door.pod_ports))),
            face: numbered(doors.iter().map(face)),
            shape: numbered(doors.iter().zip(sides).map(shape)),
            end: numbered(doors.iter().map(|door| (&door.upstream, door.leaves))),
        }
    }
}

/// A number for each key, the same for equal ones; smaller than the count of keys.
fn numbered<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut known = FxHashMap::default();
    let number = |key| {
        let next = known.len();
        *known.entry(key).or_insert(next)
    };
    keys.map(number).collect()
}
