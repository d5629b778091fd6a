//! Single use within one process, in bounded memory. A full store refuses new assertions and never
//! drops a key that is still needed.
//!
//! The store is a sharded hash table. An entry takes sixteen bytes: 96 bits of a keyed hash over
//! the key, and the second at which it may be dropped. The identifiers themselves are not
//! kept. A new entry takes the slot of an expired one. A shard without a free slot is rebuilt
//! without its expired entries, larger or smaller than before, so no background task is needed.
//! Shards are small, and only one is rebuilt at a time.
//!
//! In a large store, the cost of an operation depends on how many cache misses it causes. There is
//! one. Everything else is next to the lock of the shard.

mod cleared;
mod shard;

use std::fmt;
use std::mem;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use self::cleared::Cleared;
use self::shard::{Shard, Span, Vacancy};
use super::hash::KeyHash;
use super::{Admission, AdmitResult, Occupancy, ReplayKey, ReplayStore, StoreFact};
use crate::clock::UnixTime;
use crate::event::{Event, EventSink, Warning};
use crate::lock::lock;
use crate::port::{Answer, Health, PortError, PortErrorKind};
use crate::replay::ReplayConfigError;
use crate::setting::{Setting, positive};

/// Remembers spent assertions in the memory of this process.
///
/// **A restart empties it.** An assertion that was accepted before a restart is accepted once
/// more after it, until it expires: for slightly over five minutes under the rules of Redox, SMART
/// and FAPI 2.0, and for an hour under those of RFC 7523 and OpenID Connect. Each deployment is a
/// restart. To prevent it, use
/// [`refuse_issued_before`](crate::VerifierBuilder::refuse_issued_before), or a store that outlives
/// the process.
///
/// The capacity bounds the memory: about 30 bytes for each live assertion. Size it as the accepted
/// requests per second times the lifetime of an assertion in seconds. When the store is full,
/// further assertions are refused as unavailable (503) until older ones have expired. If a live one
/// were dropped, it could be used twice.
///
/// If the clock goes back, assertions whose entries were dropped look valid again. The store knows
/// when these expired, and refuses assertions that could be among them (503). After a clock that
/// was far ahead and is right again, that lasts for one lifetime of an assertion, and it happens
/// again while the clock passes the time that was wrong. After a clock that was ahead by less than
/// a lifetime and eleven minutes, it lasts until that time is over. See [`events`](Self::events)
/// and [what a wrong clock costs](crate::manual::decisions).
///
/// ```
/// use tower_client_assertion::clock::UnixTime;
/// use tower_client_assertion::port::Answer;
/// use tower_client_assertion::replay::{
///     Admission, MemoryReplay, ReplayKey, ReplayStore,
/// };
///
/// let store = MemoryReplay::new(100_000)?;
/// let key = ReplayKey::new("https://as.example.com", "clinic-7", "a1b2c3");
/// let now = UnixTime::from_secs(1_700_000_000);
/// let until = UnixTime::from_secs(1_700_000_311);
///
/// let admitted = store.admit(key, until, now);
/// assert!(matches!(admitted, Answer::Ready(Ok(Admission::Fresh))));
/// let admitted = store.admit(key, until, now);
/// assert!(matches!(admitted, Answer::Ready(Ok(Admission::Replayed))));
/// # Ok::<(), tower_client_assertion::ConfigError>(())
/// ```
pub struct MemoryReplay {
    shards: Box<[Padded<Shard>]>,
    capacity: usize,
    per_client: usize,
    /// Capacity that no shard has taken yet, in entries.
    places: AtomicUsize,
    cleared: Cleared,
    /// The longest time for which an assertion was to be remembered, in seconds.
    longest: AtomicU32,
    events: Option<Box<dyn EventSink>>,
    /// When the last warning about the clock was given, in seconds.
    warned: AtomicU32,
}

/// A rebuild moves all entries of a shard while other threads wait for it, so shards are small.
const ENTRIES_PER_SHARD: usize = 4096;
/// Bounds the memory of empty shards, however large the capacity is.
const MAX_SHARDS: usize = 1 << 16;
/// The number of places that a shard takes in one step, so that threads seldom contend for the
/// counter.
const PLACES: u32 = 16;

/// A value behind a lock, alone in its cache line.
#[repr(align(64))]
struct Padded<T>(Mutex<T>);

const _: () = assert!(size_of::<Padded<Shard>>() == 64);

impl MemoryReplay {
    /// Creates a store of at most `capacity` live assertions. A verifier allows one client a
    /// sixteenth of them.
    ///
    /// # Errors
    ///
    /// Fails if the capacity is zero.
    pub fn new(capacity: usize) -> Result<Self, ReplayConfigError> {
        positive(Setting::ReplayCapacity, capacity)?;
        // At least two: the index of the shard stands for a bit that entries do not store.
        let shards = (capacity / ENTRIES_PER_SHARD).clamp(2, MAX_SHARDS).next_power_of_two();
        Ok(Self {
            shards: (0..shards).map(|index| Padded(Mutex::new(Shard::new(index)))).collect(),
            capacity,
            per_client: (capacity / 16).max(1),
            places: AtomicUsize::new(capacity),
            cleared: Cleared::default(),
            longest: AtomicU32::new(0),
            events: None,
            warned: AtomicU32::new(0),
        })
    }

    /// Sets how many live assertions a verifier allows one client: see
    /// [`admissions_per_client`](ReplayStore::admissions_per_client). Default: a sixteenth of the
    /// capacity, at least one.
    ///
    /// # Errors
    ///
    /// Fails if the count is zero.
    pub fn per_client(mut self, count: usize) -> Result<Self, ReplayConfigError> {
        positive(Setting::ReplayPerClient, count)?;
        self.per_client = count;
        Ok(self)
    }

    /// Reports to `events` that the clock has gone back, at most once a minute. Default: no
    /// reports.
    #[must_use]
    pub fn events(mut self, events: impl EventSink) -> Self {
        self.events = Some(Box::new(events));
        self
    }

    /// Returns the number of entries, including those that have expired and are not cleared yet.
    ///
    /// It locks every shard in turn, which takes some microseconds: call it for a gauge, not for
    /// every request.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len as usize).sum()
    }

    /// Returns how many live assertions the store can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns whether the store has no entry at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether there is a place for one more entry, or an expired entry to clear for it.
    fn has_room(&self, now: UnixTime) -> bool {
        let span = seconds(now).map(|now| self.span(now));
        self.len() < self.capacity || span.is_some_and(|span| self.shards.iter().any(|it| it.lock().has_expired(span)))
    }

    fn shard(&self, hash: KeyHash) -> MutexGuard<'_, Shard> {
        choose(&self.shards, hash.low).lock()
    }

    /// Returns whether an assertion that expires at `until` may have been cleared. Such an
    /// assertion is only seen again if the clock went back.
    pub(super) fn may_have_forgotten(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> bool {
        let (Some(until), Some(now)) = (seconds(until), seconds(now)) else { return true };
        let (forgotten, cleared) = {
            let shard = self.shard(key.hash);
            (shard.forgotten, shard.cleared)
        };
        if until > forgotten {
            return false;
        }
        let Some(end) = cleared.end_of(until, &self.cleared) else { return false };
        self.warn(now, end);
        true
    }

    fn insert(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> AdmitResult {
        let until = seconds(until).filter(|until| *until > 0);
        let (Some(until), Some(now)) = (until, seconds(now)) else {
            return Err(PortError::new("the assertion expires before 1970 or after 2106"));
        };
        let hash = key.hash;
        let mut shard = self.shard(hash);
        if until <= now {
            return Err(expired());
        }
        if until <= shard.forgotten
            && let Some(end) = shard.cleared.end_of(until, &self.cleared)
        {
            // A sink may look at the store.
            drop(shard);
            self.warn(now, end);
            return Err(expired());
        }
        let ControlFlow::Continue(mut vacancy) = shard.seek(hash, now) else {
            return Ok(Admission::Replayed);
        };
        if shard.lacks_place(vacancy) || shard.is_worn() {
            vacancy = self.make_room(&mut shard, hash, now)?;
        }
        let vacancy = vacancy.ok_or_else(full)?;
        if until - now > self.longest.load(Ordering::Relaxed) {
            self.longest.fetch_max(until - now, Ordering::Relaxed);
        }
        shard.fill(vacancy, hash, until, &self.cleared);
        Ok(Admission::Fresh)
    }

    /// Returns the limits between which an entry is live.
    fn span(&self, now: u32) -> Span {
        /// In seconds. No thread is as late as this.
        const LATE: u32 = 600;
        let longest = self.longest.load(Ordering::Relaxed);
        Span { now, latest: now.saturating_add(longest).saturating_add(LATE) }
    }

    /// Warns unless a thread that is late is explanation enough.
    #[cold]
    fn warn(&self, now: u32, end: u32) {
        /// In seconds. A thread is seldom later.
        const LATE: u32 = 10;
        /// Between two warnings, in seconds.
        const PAUSE: u32 = 60;
        let Some(events) = self.events.as_deref().filter(|_| end > now.saturating_add(LATE)) else { return };
        let warned = self.warned.load(Ordering::Relaxed);
        // A clock that goes back further warns again.
        if (warned..warned.saturating_add(PAUSE)).contains(&now) {
            return;
        }
        self.warned.store(now, Ordering::Relaxed);
        let message = format!(
            "the clock went back: the store has already dropped entries that expire within the next {} s; until then, \
             it refuses assertions that could be among them",
            end - now
        );
        events.record(&Event::Warning(Warning::new("replay", &message)));
    }

    #[cold]
    fn make_room(&self, shard: &mut Shard, hash: KeyHash, now: u32) -> Result<Option<Vacancy>, PortError> {
        self.provide_place(shard, now)?;
        if shard.is_worn() {
            self.places.fetch_add(shard.rebuild(self.span(now), &self.cleared), Ordering::Relaxed);
        }
        Ok(shard.seek(hash, now).continue_value().flatten())
    }

    /// Reserves a place for one more entry in the shard. If there seems to be none, clears expired
    /// entries here and then in other shards.
    fn provide_place(&self, shard: &mut Shard, now: u32) -> Result<(), PortError> {
        if shard.places > 0 || self.give_places(shard) {
            return Ok(());
        }
        self.places.fetch_add(shard.clear_expired(self.span(now), &self.cleared), Ordering::Relaxed);
        // `try_lock`, because two threads that each hold a shard and wait for the other's would
        // deadlock.
        let mut others = self.shards.iter().filter_map(|other| other.0.try_lock().ok());
        while !self.give_places(shard) {
            let mut other = others.next().ok_or_else(full)?;
            let found = other.clear_expired(self.span(now), &self.cleared) + mem::take(&mut other.places) as usize;
            self.places.fetch_add(found, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Gives places to a shard that has none, if there are any left.
    fn give_places(&self, shard: &mut Shard) -> bool {
        let less = |places: usize| Some(places.saturating_sub(PLACES as usize));
        let before = self.places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or_default();
        shard.places += before.min(PLACES as usize) as u32;
        shard.places > 0
    }
}

impl ReplayStore for MemoryReplay {
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool> {
        let hash = key.hash;
        Some(seconds(now).is_some_and(|now| self.shard(hash).is_spent(hash, now)))
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(self.insert(key, until, now))
    }

    fn admissions_per_client(&self) -> usize {
        self.per_client
    }

    /// Counts the live entries, a shard at a time: some milliseconds for a million.
    fn occupancy(&self, now: UnixTime) -> Option<Occupancy> {
        let span = self.span(seconds(now)?);
        let entries = self.shards.iter().map(|shard| shard.lock().count_live(span)).sum();
        Some(Occupancy { entries, capacity: self.capacity })
    }

    /// Returns that the store is healthy, unless it is full of live entries.
    fn health(&self, now: UnixTime) -> Answer<Health> {
        Answer::Ready(match self.has_room(now) {
            true => Health::Healthy,
            false => Health::Unhealthy(full()),
        })
    }

    fn about(&self) -> Vec<StoreFact> {
        vec![StoreFact::OneProcess, StoreFact::NeverEvicts]
    }
}

impl fmt::Debug for MemoryReplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("MemoryReplay");
        debug.field("capacity", &self.capacity).field("per_client", &self.per_client);
        debug.field("len", &self.len()).finish_non_exhaustive()
    }
}

fn seconds(time: UnixTime) -> Option<u32> {
    u32::try_from(time.as_secs()).ok()
}

fn expired() -> PortError {
    PortError::new("the assertion expired before it could be recorded; has the clock moved?")
}

fn full() -> PortError {
    PortError::new("the replay store is full; raise its capacity").with_kind(PortErrorKind::Full)
}

/// Returns the member that `hash` selects.
#[expect(
    clippy::indexing_slicing,
    reason = "a bit that the mask lets through is one of an index, and no list here is empty"
)]
fn choose<T>(among: &[T], hash: u64) -> &T {
    // The number of members is a power of two.
    &among[hash as usize & (among.len() - 1)]
}

impl<T> Padded<T> {
    fn lock(&self) -> MutexGuard<'_, T> {
        lock(&self.0)
    }
}
