//! When the entries that were cleared expired, for a clock that goes back.
//!
//! An assertion whose entry was cleared is only seen again if the clock has gone back. It must not
//! be accepted then, and nothing but its expiry tells that it may be one of them. With one
//! number, the latest expiry of all, every assertion would be refused for a day after a clock that
//! was a day ahead. So the expiries are kept as ranges. Those that were cleared while the clock
//! was right and those that were cleared while it was wrong lie apart, and what expires in between
//! was never cleared.
//!
//! Each shard has the range to which it adds, under the lock of the shard. As long as the clock
//! goes on steadily, that is the only one. If a shard clears an entry that expires at another time,
//! it puts its range aside, among those of all shards, and begins another one.

use std::mem;
use std::sync::Mutex;

use crate::lock::lock;

/// Expiries, or ranges, that are this many seconds from each other are in one range: the difference
/// is no wrong clock.
const APART: u32 = 640;

/// Beyond this number, the two earliest ranges become one. That refuses more, never less.
const MOST: usize = 32;

/// The expiries from the first to the last, both included. Zero is no expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    from: u32,
    to: u32,
}

impl Range {
    #[inline]
    pub(super) fn has(self, expiry: u32) -> bool {
        self.from <= expiry && expiry <= self.to
    }

    /// Returns the end of the range that forbids this expiry, if this one or any other does.
    pub(super) fn end_of(self, expiry: u32, others: &Cleared) -> Option<u32> {
        if self.forbids(expiry) { Some(self.to) } else { others.end_of(expiry) }
    }

    /// Forbids some earlier expiries too, which costs nothing: they are in the past when the clock
    /// is right. A `jti` may come with an earlier expiry than the one that was recorded, for
    /// example if verifiers with different clock skews share the store.
    fn forbids(self, expiry: u32) -> bool {
        self.from.saturating_sub(APART) <= expiry && expiry <= self.to
    }

    fn is_near(self, other: Self) -> bool {
        other.from <= self.to.saturating_add(APART) && self.from <= other.to.saturating_add(APART)
    }

    fn with(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }
}

/// The ranges that shards have put aside, in order.
#[derive(Debug, Default)]
pub(super) struct Cleared(Mutex<Vec<Range>>);

impl Cleared {
    /// Adds an expiry to the range of a shard, or begins another one with it.
    #[cold]
    pub(super) fn add(&self, range: &mut Range, expiry: u32) {
        let one = Range { from: expiry, to: expiry };
        if *range == Range::default() {
            *range = one;
        } else if range.is_near(one) {
            *range = range.with(one);
        } else {
            self.put_aside(mem::replace(range, one));
        }
    }

    fn put_aside(&self, range: Range) {
        let mut ranges = lock(&self.0);
        ranges.push(range);
        ranges.sort_unstable();
        ranges.dedup_by(|later, earlier| {
            let near = earlier.is_near(*later);
            if near {
                *earlier = earlier.with(*later);
            }
            near
        });
        if ranges.len() > MOST
            && let [first, second, ..] = ranges.as_mut_slice()
        {
            *second = first.with(*second);
            ranges.remove(0);
        }
    }

    fn end_of(&self, expiry: u32) -> Option<u32> {
        lock(&self.0).iter().find(|range| range.forbids(expiry)).map(|range| range.to)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;
    use crate::port::Answer;
    use crate::replay::{Admission, MemoryReplay, ReplayKey, ReplayStore};

    fn after(noted: impl IntoIterator<Item = u32>) -> (Range, Cleared) {
        let (mut range, cleared) = (Range::default(), Cleared::default());
        for expiry in noted {
            cleared.add(&mut range, expiry);
        }
        (range, cleared)
    }

    #[test]
    fn a_range_has_all_that_was_noted_and_no_wide_gap() {
        let noted = [64_000, 64_100, 64_700, 200_000, 199_400, 64_000, u32::MAX, 1];
        let (range, cleared) = after(noted);
        for expiry in noted {
            assert!(range.end_of(expiry, &cleared).is_some(), "{expiry}");
        }
        assert_eq!(range.end_of(64_500, &cleared), Some(64_700), "a narrow gap");
        assert_eq!(range.end_of(63_360, &cleared), Some(64_700), "an earlier expiry of the same `jti`");
        for expiry in [2, 63_359, 64_701, 150_000, 198_759, 200_001, 300_000, u32::MAX - 641] {
            assert_eq!(range.end_of(expiry, &cleared), None, "{expiry}");
        }
    }

    #[test]
    fn the_number_of_ranges_is_bounded() {
        let day = 86_400;
        let (range, cleared) = after((1..1_000).map(|number| number * day));
        assert_eq!(lock(&cleared.0).len(), MOST);
        for number in 1..1_000 {
            assert!(range.end_of(number * day, &cleared).is_some(), "{number}");
        }
        assert_eq!(range.end_of(998 * day - day / 2, &cleared), None, "the latest gaps are kept");
    }

    #[test]
    fn nothing_is_put_aside_while_the_clock_goes_on() {
        let store = MemoryReplay::new(1_000).unwrap();
        // Of all lifetimes, so that the expiries of cleared entries are in no order.
        for number in 0..20_000_u64 {
            let (jti, now) = (number.to_string(), 1_700_000_000 + number / 5);
            let until = UnixTime::from_secs(now + 1 + number * 7 % 300);
            let key = ReplayKey::new("https://as.example.com", "a", &jti);
            let admitted = store.admit(key, until, UnixTime::from_secs(now));
            assert!(matches!(admitted, Answer::Ready(Ok(Admission::Fresh))), "{number}");
        }
        assert_eq!(*lock(&store.cleared.0), []);
    }
}
