//! When the entries that were cleared expired, for a clock that goes back.
//!
//! An assertion whose entry was cleared is only seen again if the clock has gone back. It must not
//! be accepted then, and nothing but its expiry tells that it may be one of them. With one
//! number, the latest expiry of all, every assertion would be refused for a day after a clock that
//! was a day ahead. So the expiries are kept as ranges. Those that were cleared while the clock
//! was right and those that were cleared while it was wrong lie apart, and what expires in between
//! was never cleared.

use std::sync::Mutex;

use crate::lock::lock;

/// Expiries are kept in blocks of this many seconds, so that a shard seldom has a new one to note.
const BLOCK: u32 = 64;

/// Ranges that are this close to each other are one: the difference is no wrong clock.
const APART: u32 = 10 * BLOCK;

/// Beyond this number, the two earliest ranges become one. That refuses more, never less.
const MOST: usize = 32;

/// Ranges of expiries, in order. The ends belong to them.
#[derive(Debug, Default)]
pub(super) struct Cleared(Mutex<Vec<(u32, u32)>>);

impl Cleared {
    /// Returns the block of an expiry. Expiries of one block need to be noted once.
    pub(super) fn block(expiry: u32) -> u32 {
        expiry / BLOCK
    }

    /// Notes that an entry with this expiry has been cleared.
    #[cold]
    pub(super) fn note(&self, expiry: u32) {
        let from = expiry - expiry % BLOCK;
        let mut ranges = lock(&self.0);
        ranges.push((from, from.saturating_add(BLOCK - 1)));
        ranges.sort_unstable();
        ranges.dedup_by(|later, range| {
            let near = later.0 <= range.1.saturating_add(APART);
            if near {
                range.1 = range.1.max(later.1);
            }
            near
        });
        if ranges.len() > MOST
            && let [first, second, ..] = ranges.as_mut_slice()
        {
            second.0 = first.0;
            ranges.remove(0);
        }
    }

    /// Returns the end of the range with this expiry, if it is in any.
    pub(super) fn end_of(&self, expiry: u32) -> Option<u32> {
        lock(&self.0).iter().find(|(from, to)| (*from..=*to).contains(&expiry)).map(|(_, to)| *to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_all_that_was_noted_and_no_wide_gap() {
        let cleared = Cleared::default();
        let noted = [64_000, 64_100, 64_700, 200_000, 199_400, 64_000, u32::MAX, 0];
        for expiry in noted {
            cleared.note(expiry);
        }
        for expiry in noted {
            assert!(cleared.end_of(expiry).is_some(), "{expiry}");
        }
        assert_eq!(cleared.end_of(64_500), Some(64_703), "a narrow gap");
        for expiry in [63_999, 64_704, 150_000, 300_000, 64] {
            assert_eq!(cleared.end_of(expiry), None, "{expiry}");
        }
    }

    #[test]
    fn the_number_of_ranges_is_bounded() {
        let cleared = Cleared::default();
        let day = 86_400;
        for number in 0..1_000 {
            cleared.note(number * day);
        }
        assert_eq!(lock(&cleared.0).len(), MOST);
        for number in 0..1_000 {
            assert!(cleared.end_of(number * day).is_some(), "{number}");
        }
        assert_eq!(cleared.end_of(999 * day - day / 2), None, "the latest gaps are kept");
    }
}
