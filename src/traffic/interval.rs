//! Sorted, disjoint intervals of integers, each with a value: the one core under ports, addresses and traffic.

use std::fmt;

/// An integer that intervals can be made of.
pub(super) trait Key: Copy + Ord {
    const MAX: Self;

    /// The next integer, or the same one at the end.
    fn after(self) -> Self;

    /// The integer before, or the same one at the start.
    fn before(self) -> Self;
}

impl Key for u16 {
    const MAX: Self = Self::MAX;

    fn after(self) -> Self {
        self.saturating_add(1)
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }
}

impl Key for u32 {
    const MAX: Self = Self::MAX;

    fn after(self) -> Self {
        self.saturating_add(1)
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }
}

impl Key for u128 {
    const MAX: Self = Self::MAX;

    fn after(self) -> Self {
        self.saturating_add(1)
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }
}

/// All integers from `first` to `last`, both included, and the value that they share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Interval<K, V> {
    pub(super) first: K,
    pub(super) last: K,
    pub(super) value: V,
}

/// A piecewise constant partial function from integers to values. The intervals are sorted, disjoint and as long as
/// can be: neighbors that touch differ in their values. So equal functions are equal values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct IntervalMap<K, V> {
    intervals: Vec<Interval<K, V>>,
}

impl<K, V> IntervalMap<K, V> {
    pub(super) const fn empty() -> Self {
        Self { intervals: Vec::new() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }

    pub(super) fn intervals(&self) -> &[Interval<K, V>] {
        &self.intervals
    }
}

impl<K: Key, V> IntervalMap<K, V> {
    /// The value at a key, found in logarithmic time.
    pub(super) fn get(&self, key: K) -> Option<&V> {
        let index = self.intervals.partition_point(|interval| interval.last < key);
        self.intervals.get(index).filter(|interval| interval.first <= key).map(|interval| &interval.value)
    }

    /// Walks two maps at once: every stretch on which both are constant and at least one is defined.
    pub(super) fn sweep<'a, W>(&'a self, other: &'a IntervalMap<K, W>) -> Sweep<'a, K, V, W> {
        Sweep { left: &self.intervals, right: &other.intervals, reached: None }
    }

    /// The map whose value at each key is computed from the values that the two have there.
    pub(super) fn combine<W, X: Eq>(
        &self,
        other: &IntervalMap<K, W>,
        mut value: impl FnMut(Option<&V>, Option<&W>) -> Option<X>,
    ) -> IntervalMap<K, X> {
        let mut result = IntervalMap { intervals: Vec::with_capacity(self.intervals.len().max(other.intervals.len())) };
        for piece in self.sweep(other) {
            if let Some(value) = value(piece.left, piece.right) {
                result.push(Interval { first: piece.first, last: piece.last, value });
            }
        }
        result
    }

    /// The same keys with other values; neighbors whose values become equal become one.
    pub(super) fn map<W: Eq>(&self, value: impl Fn(&V) -> W) -> IntervalMap<K, W> {
        let mut result = IntervalMap { intervals: Vec::with_capacity(self.intervals.len()) };
        for interval in &self.intervals {
            result.push(Interval { first: interval.first, last: interval.last, value: value(&interval.value) });
        }
        result
    }

    /// Appends an interval that lies above all others.
    fn push(&mut self, next: Interval<K, V>)
    where
        V: Eq,
    {
        match self.intervals.last_mut() {
            Some(end) if end.last.after() == next.first && end.value == next.value => end.last = next.last,
            _ => self.intervals.push(next),
        }
    }
}

impl<K: Key> IntervalMap<K, ()> {
    /// The set of the integers in any of the ranges, which may come in any order, overlap, or be empty (reversed).
    pub(super) fn from_ranges(mut ranges: Vec<(K, K)>) -> Self {
        ranges.sort_unstable();
        let mut intervals: Vec<Interval<K, ()>> = Vec::new();
        for (first, last) in ranges.into_iter().filter(|(first, last)| first <= last) {
            match intervals.last_mut() {
                Some(end) if first <= end.last.after() => end.last = end.last.max(last),
                _ => intervals.push(Interval { first, last, value: () }),
            }
        }
        Self { intervals }
    }

    pub(super) fn is_subset(&self, other: &Self) -> bool {
        self.sweep(other).all(|piece| piece.right.is_some() || piece.left.is_none())
    }
}

/// The value of a union, for [`IntervalMap::combine`].
pub(super) fn in_either(left: Option<&()>, right: Option<&()>) -> Option<()> {
    left.or(right).copied()
}

/// The value of an intersection, for [`IntervalMap::combine`].
pub(super) fn in_both(left: Option<&()>, right: Option<&()>) -> Option<()> {
    left.and(right).copied()
}

/// The value of a difference, for [`IntervalMap::combine`].
pub(super) fn in_left_only(left: Option<&()>, right: Option<&()>) -> Option<()> {
    if right.is_none() { left.copied() } else { None }
}

/// Writes ranges as `80,443,8000-8100`, or `none` where there is none.
pub(super) fn write_ranges<T: fmt::Display + PartialEq>(
    formatter: &mut fmt::Formatter<'_>,
    ranges: impl Iterator<Item = (T, T)>,
) -> fmt::Result {
    let mut separator = "";
    for (first, last) in ranges {
        write!(formatter, "{separator}{first}")?;
        if first != last {
            write!(formatter, "-{last}")?;
        }
        separator = ",";
    }
    if separator.is_empty() { formatter.write_str("none") } else { Ok(()) }
}

/// A stretch of keys with the values that two maps have on it.
pub(super) struct Piece<'a, K, V, W> {
    pub(super) first: K,
    pub(super) last: K,
    pub(super) left: Option<&'a V>,
    pub(super) right: Option<&'a W>,
}

/// The walk over two maps; what lies behind is cut off the slices.
pub(super) struct Sweep<'a, K, V, W> {
    left: &'a [Interval<K, V>],
    right: &'a [Interval<K, W>],
    /// The last key of the piece before.
    reached: Option<K>,
}

impl<'a, K: Key, V, W> Iterator for Sweep<'a, K, V, W> {
    type Item = Piece<'a, K, V, W>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = |first: K| self.reached.map_or(first, |reached| first.max(reached.after()));
        let left = self.left.first().map(|interval| start(interval.first));
        let right = self.right.first().map(|interval| start(interval.first));
        let first = match (left, right) {
            (Some(left), Some(right)) => left.min(right),
            (left, right) => left.or(right)?,
        };
        let (left_end, left) = stretch(self.left, first);
        let (right_end, right) = stretch(self.right, first);
        let last = left_end.min(right_end);
        self.left = beyond(self.left, last);
        self.right = beyond(self.right, last);
        self.reached = Some(last);
        Some(Piece { first, last, left, right })
    }
}

/// How far a map stays as it is at a key, and its value there. No interval may end before the key.
fn stretch<K: Key, V>(intervals: &[Interval<K, V>], key: K) -> (K, Option<&V>) {
    match intervals.first() {
        None => (K::MAX, None),
        Some(interval) if interval.first <= key => (interval.last, Some(&interval.value)),
        Some(interval) => (interval.first.before(), None),
    }
}

/// What is left when everything up to a key has been walked over.
fn beyond<K: Key, V>(intervals: &[Interval<K, V>], key: K) -> &[Interval<K, V>] {
    match intervals {
        [head, rest @ ..] if head.last <= key => rest,
        all => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(u16, u16)]) -> IntervalMap<u16, ()> {
        IntervalMap::from_ranges(ranges.to_vec())
    }

    #[test]
    fn ranges_that_touch_become_one() {
        assert_eq!(set(&[(5, 9), (0, 2), (3, 4), (7, 20), (30, 29)]), set(&[(0, 20)]));
        assert_eq!(set(&[(0, 2), (4, 5)]).intervals().len(), 2);
    }

    #[test]
    fn the_ends_of_the_key_space_are_ordinary_keys() {
        let all = set(&[(0, u16::MAX)]);
        let ends = set(&[(0, 0), (u16::MAX, u16::MAX)]);
        let middle = set(&[(1, u16::MAX - 1)]);
        assert_eq!(all.combine(&ends, in_left_only), middle);
        assert_eq!(ends.combine(&middle, in_either), all);
        assert_eq!(all.combine(&ends, in_both), ends);
        assert!(ends.is_subset(&all) && !all.is_subset(&ends));
    }

    #[test]
    fn values_decide_whether_neighbors_merge() {
        let low = set(&[(0, 9)]).map(|()| 'a');
        let high = set(&[(10, 19)]).map(|()| 'b');
        let both = low.combine(&high, |left, right| left.or(right).copied());
        assert_eq!(both.intervals().len(), 2);
        assert_eq!(both.get(9), Some(&'a'));
        assert_eq!(both.get(10), Some(&'b'));
        assert_eq!(both.get(20), None);
        assert_eq!(both.map(|_| ()), set(&[(0, 19)]));
    }
}
