//! A shard of the store: buckets of four entries, each on one cache line. Nearly every operation
//! needs one bucket.
//!
//! An entry goes into the bucket that its hash selects, or into the next one that is not full.
//! Every bucket that it skipped is marked, and a look continues past marked buckets only. So a slot
//! can be used again as soon as its entry has expired. Most buckets are neither full nor marked.
//! The branch predictor then lets the processor go ahead while the cache line is still on its way.

use std::mem;
use std::ops::ControlFlow;

use super::cleared::{Cleared, Range};
use crate::replay::hash::KeyHash;

/// The part of a key that is stored: 96 bits of its hash. Among ten million entries, one collides
/// with a given other with a probability of 1 in 10²²; a fresh assertion is then refused. A
/// collision never makes a replay acceptable.
#[derive(Clone, Copy)]
struct Digest {
    /// Without the lowest bit, which selected the shard.
    first: u32,
    /// Selects the bucket.
    second: u32,
    third: u32,
}

impl Digest {
    #[inline]
    fn of(hash: KeyHash) -> Self {
        Self { first: first(hash), second: second(hash), third: third(hash) }
    }
}

fn first(hash: KeyHash) -> u32 {
    hash.low as u32
}

fn second(hash: KeyHash) -> u32 {
    (hash.low >> 32) as u32
}

fn third(hash: KeyHash) -> u32 {
    hash.high as u32
}

/// The number of slots of a bucket.
const SLOTS: usize = 4;

/// Marks a bucket that was full when an entry was placed behind it.
const PASSED: u32 = 1;

/// Four slots, stored column by column: slot `i` is element `i` of each array.
#[derive(Clone)]
#[repr(align(64))]
struct Bucket {
    /// Without the lowest bit, which is [`PASSED`] in the first element.
    first: [u32; SLOTS],
    /// The second at which an entry may be dropped. Zero for an empty slot.
    until: [u32; SLOTS],
    second: [u32; SLOTS],
    third: [u32; SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    const EMPTY: Self = Self { first: [0; SLOTS], until: [0; SLOTS], second: [0; SLOTS], third: [0; SLOTS] };

    fn is_passed(&self) -> bool {
        let [first, ..] = self.first;
        first & PASSED != 0
    }

    fn pass(&mut self) {
        let [first, ..] = &mut self.first;
        *first |= PASSED;
    }

    /// Returns the slots that may hold this hash, as bits.
    fn alike(&self, hash: KeyHash) -> u32 {
        mask(&self.first, |kept| kept | PASSED == first(hash) | PASSED)
    }

    #[inline(always)]
    fn find(&self, hash: KeyHash) -> Option<usize> {
        let mut alike = self.alike(hash);
        while alike != 0 {
            let slot = lowest(alike);
            if self.second.get(slot) == Some(&second(hash)) && self.third.get(slot) == Some(&third(hash)) {
                return Some(slot);
            }
            alike &= alike - 1;
        }
        None
    }

    /// Returns a slot without a live entry.
    fn free(&self, now: u32) -> Option<usize> {
        let free = mask(&self.until, |until| until <= now);
        (free != 0).then(|| lowest(free))
    }

    #[expect(clippy::indexing_slicing, reason = "slots come from a mask of as many bits")]
    fn is_live(&self, slot: usize, now: u32) -> bool {
        self.until[slot] > now
    }

    /// Returns the expiry of the entry that was there, or zero.
    #[expect(clippy::indexing_slicing, reason = "slots come from a mask of as many bits")]
    fn fill(&mut self, slot: usize, digest: Digest, until: u32) -> u32 {
        self.first[slot] = digest.first & !PASSED | self.first[slot] & PASSED;
        self.second[slot] = digest.second;
        self.third[slot] = digest.third;
        mem::replace(&mut self.until[slot], until)
    }

    fn entries(&self) -> impl Iterator<Item = (Digest, u32)> {
        let digests = self.first.iter().zip(&self.second).zip(&self.third);
        let digests = digests.map(|((&first, &second), &third)| Digest { first, second, third });
        digests.zip(self.until).filter(|(_, until)| *until != 0)
    }
}

/// Returns a bit for each lane that matches, without a branch.
fn mask(lanes: &[u32; SLOTS], matches: impl Fn(u32) -> bool) -> u32 {
    const BITS: [u32; SLOTS] = [1, 2, 4, 8];
    lanes.iter().zip(BITS).fold(0, |mask, (lane, bit)| mask | bit & u32::from(matches(*lane)).wrapping_neg())
}

fn lowest(mask: u32) -> usize {
    mask.trailing_zeros() as usize % SLOTS
}

/// The entry exists and is live.
pub(super) struct Spent;

/// A slot for an entry that does not exist yet.
#[derive(Clone, Copy)]
pub(super) struct Vacancy {
    bucket: usize,
    slot: usize,
}

/// The expiries that a live entry can have. One that expires earlier has expired. One that expires
/// later than any assertion can is from a clock that was ahead, and would take its place until
/// then.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) now: u32,
    pub(super) latest: u32,
}

impl Span {
    fn has(self, until: u32) -> bool {
        until > self.now && until <= self.latest
    }
}

pub(super) struct Shard {
    buckets: Box<[Bucket]>,
    /// The number of entries, including expired ones.
    pub(super) len: u32,
    /// How many more entries it may hold.
    pub(super) places: u32,
    /// The number of expired entries that were overwritten since the last rebuild.
    replaced: u32,
    /// A lower bound of all expiries. The entry that had this expiry may have been overwritten.
    earliest: u32,
    /// An upper bound of all expiries.
    latest: u32,
    /// The latest expiry of any cleared entry. An assertion that expires later was not cleared.
    pub(super) forgotten: u32,
    /// When the entries that it cleared last expired.
    pub(super) cleared: Range,
    /// Additional buckets. Their number differs from shard to shard, so that not all shards fill up
    /// at the same time.
    extra: u32,
}

impl Shard {
    pub(super) fn new(index: usize) -> Self {
        let extra = 1 + index as u32 / 2 % 4;
        Self {
            buckets: Box::default(),
            len: 0,
            places: 0,
            replaced: 0,
            earliest: u32::MAX,
            latest: 0,
            forgotten: 0,
            cleared: Range::default(),
            extra,
        }
    }

    /// Returns whether an entry of this hash is live.
    #[inline]
    pub(super) fn is_spent(&self, hash: KeyHash, now: u32) -> bool {
        let mut at = self.home(second(hash));
        for _ in 0..self.buckets.len() {
            let Some(bucket) = self.buckets.get(at) else { break };
            match bucket.find(hash) {
                Some(slot) => return bucket.is_live(slot, now),
                None if bucket.is_passed() => at = self.next(at),
                None => break,
            }
        }
        false
    }

    /// Returns where an entry of this hash goes, unless there is a live one.
    #[inline(always)]
    pub(super) fn seek(&self, hash: KeyHash, now: u32) -> ControlFlow<Spent, Option<Vacancy>> {
        let home = self.home(second(hash));
        if let Some(bucket) = self.buckets.get(home)
            && bucket.alike(hash) == 0
            && !bucket.is_passed()
            && let Some(slot) = bucket.free(now)
        {
            return ControlFlow::Continue(Some(Vacancy { bucket: home, slot }));
        }
        self.seek_on(hash, now)
    }

    #[inline(never)]
    fn seek_on(&self, hash: KeyHash, now: u32) -> ControlFlow<Spent, Option<Vacancy>> {
        let mut at = self.home(second(hash));
        let (mut vacancy, mut may_be_here) = (None, true);
        for _ in 0..self.buckets.len() {
            let Some(bucket) = self.buckets.get(at) else { break };
            if may_be_here && let Some(slot) = bucket.find(hash) {
                return match bucket.is_live(slot, now) {
                    true => ControlFlow::Break(Spent),
                    false => ControlFlow::Continue(Some(Vacancy { bucket: at, slot })),
                };
            }
            vacancy = vacancy.or_else(|| Some(Vacancy { bucket: at, slot: bucket.free(now)? }));
            may_be_here &= bucket.is_passed();
            if !may_be_here && vacancy.is_some() {
                break;
            }
            at = self.next(at);
        }
        ControlFlow::Continue(vacancy)
    }

    /// Returns the bucket that the second part of a digest selects.
    fn home(&self, second: u32) -> usize {
        let product = u64::from(second) * self.buckets.len() as u64;
        (product >> 32) as usize
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 < self.buckets.len() { at + 1 } else { 0 }
    }

    /// Returns whether the shard should be rebuilt before the next insert: eleven of sixteen slots
    /// are in use, or more entries have been overwritten than there are.
    pub(super) fn is_worn(&self) -> bool {
        4 * self.len as usize >= 11 * self.buckets.len() || self.replaced > self.len
    }

    /// Returns whether an entry there needs a place that the shard does not have. An entry in the
    /// slot of an expired one needs none.
    pub(super) fn lacks_place(&self, vacancy: Option<Vacancy>) -> bool {
        self.places == 0 && !vacancy.is_some_and(|Vacancy { bucket, slot }| self.has_entry(bucket, slot))
    }

    fn has_entry(&self, bucket: usize, slot: usize) -> bool {
        self.buckets.get(bucket).and_then(|bucket| bucket.until.get(slot)).is_some_and(|until| *until != 0)
    }

    /// Puts an entry into the slot that [`seek`](Self::seek) returned.
    #[inline(always)]
    pub(super) fn fill(&mut self, vacancy: Vacancy, hash: KeyHash, until: u32, cleared: &Cleared) {
        let expired = self.put(vacancy, Digest::of(hash), until);
        self.forget(expired, cleared);
        self.replaced += u32::from(expired != 0);
        self.places -= u32::from(expired == 0);
    }

    /// Notes the expiry of an entry that is cleared, unless it is zero.
    #[inline]
    fn forget(&mut self, expired: u32, cleared: &Cleared) {
        if expired != 0 && !self.cleared.has(expired) {
            self.forgotten = self.forgotten.max(expired);
            cleared.add(&mut self.cleared, expired);
        }
    }

    /// Returns the expiry of the entry that was there, or zero.
    #[inline]
    fn put(&mut self, vacancy: Vacancy, digest: Digest, until: u32) -> u32 {
        let home = self.home(digest.second);
        if home != vacancy.bucket {
            self.pass(home, vacancy.bucket);
        }
        let bucket = self.buckets.get_mut(vacancy.bucket);
        let expired = bucket.map_or(0, |bucket| bucket.fill(vacancy.slot, digest, until));
        self.len += u32::from(expired == 0);
        self.earliest = self.earliest.min(until);
        self.latest = self.latest.max(until);
        expired
    }

    /// Marks the buckets from `at` up to `end`, which is not marked.
    #[inline(never)]
    fn pass(&mut self, mut at: usize, end: usize) {
        while at != end {
            self.buckets.get_mut(at).into_iter().for_each(Bucket::pass);
            at = self.next(at);
        }
    }

    /// Clears the expired entries, if there are any, and returns their number.
    pub(super) fn clear_expired(&mut self, span: Span, cleared: &Cleared) -> usize {
        if self.earliest <= span.now {
            self.earliest = self.expiries().min().unwrap_or(u32::MAX);
        }
        if self.earliest <= span.now || self.latest > span.latest { self.rebuild(span, cleared) } else { 0 }
    }

    /// Returns whether an entry has expired.
    pub(super) fn has_expired(&self, span: Span) -> bool {
        self.expiries().any(|until| !span.has(until))
    }

    pub(super) fn count_live(&self, span: Span) -> usize {
        self.expiries().filter(|until| span.has(*until)).count()
    }

    fn expiries(&self) -> impl Iterator<Item = u32> {
        self.buckets.iter().flat_map(|bucket| bucket.until).filter(|until| *until != 0)
    }

    /// Moves the live entries into as many buckets as leave room to grow by a quarter: 29 bytes per
    /// entry. Old and new buckets are visited in the order of the hashes, so memory is read once,
    /// sequentially. Returns the number of entries that had expired.
    pub(super) fn rebuild(&mut self, span: Span, cleared: &Cleared) -> usize {
        let live = self.count_live(span);
        let count = (live + live * 4 / 5).div_ceil(SLOTS) + self.extra as usize;
        let old = mem::replace(&mut self.buckets, vec![Bucket::EMPTY; count].into_boxed_slice());
        let expired = self.len as usize - live;
        (self.len, self.replaced, self.earliest, self.latest) = (0, 0, u32::MAX, 0);
        for (digest, until) in old.iter().flat_map(Bucket::entries) {
            if span.has(until) {
                self.put_back(digest, until);
            } else {
                self.forget(until, cleared);
            }
        }
        expired
    }

    /// Inserts an entry that is known not to exist.
    fn put_back(&mut self, digest: Digest, until: u32) {
        let mut at = self.home(digest.second);
        for _ in 0..self.buckets.len() {
            let Some(bucket) = self.buckets.get(at) else { break };
            if let Some(slot) = bucket.free(0) {
                self.put(Vacancy { bucket: at, slot }, digest, until);
                break;
            }
            at = self.next(at);
        }
    }
}
