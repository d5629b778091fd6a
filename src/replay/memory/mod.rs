//! Single use within one process: bounded, and closed rather than forgetful when it is full.
//!
//! Sharded hashing. Of an entry, 96 bits of a keyed hash over client and `jti` are kept, and the second at which it may be
//! forgotten, in sixteen bytes; nothing is kept of the identifiers themselves. A new entry takes the place of one that has
//! expired, and a shard that has no room left is rebuilt without what has expired, larger or smaller than it was, so there is no
//! sweeper to wait for. Shards are small, and only one at a time is ever rebuilt.
//!
//! In a large store, what an operation costs is the lines of memory that no cache holds. There is one: what else it needs lies
//! beside the lock of its shard, or in the share of its client.

mod shard;
mod shares;

use std::fmt;
use std::mem;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::shard::{Shard, Vacancy};
use self::shares::Shares;
use super::hash::KeyHash;
use super::{Admission, Admitted, ReplayKey, ReplayStore};
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::port::{Answer, PortError};

/// Remembers spent assertions in the memory of this process.
///
/// Its capacity is a promise about memory: some 30 bytes for each live assertion, and some hundred for each client that has
/// any. Size it as the accepted requests of a second times the seconds that an assertion lives. When it is full, or a client
/// has used up its share, further assertions are refused as unavailable (503) until older ones have expired: to forget a live
/// one would let it in twice.
///
/// Should the clock go backwards, an assertion that expires no later than one that has been cleared is refused too: it may
/// itself have been cleared.
///
/// ```
/// use tower_client_assertion::clock::UnixTime;
/// use tower_client_assertion::port::Answer;
/// use tower_client_assertion::replay::{Admission, MemoryReplay, ReplayKey, ReplayStore};
///
/// let store = MemoryReplay::new(100_000)?;
/// let key = ReplayKey::new("clinic-7", "a1b2c3");
/// let (now, until) = (UnixTime::from_secs(1_700_000_000), UnixTime::from_secs(1_700_000_311));
///
/// assert!(matches!(store.admit(key, until, now), Answer::Ready(Ok(Admission::Fresh))));
/// assert!(matches!(store.admit(key, until, now), Answer::Ready(Ok(Admission::Replayed))));
/// # Ok::<(), tower_client_assertion::ConfigError>(())
/// ```
pub struct MemoryReplay {
    shards: Box<[Apart<Shard>]>,
    clients: Box<[Apart<Shares>]>,
    capacity: usize,
    per_client: usize,
    /// Places for entries that no shard has taken yet.
    places: AtomicUsize,
}

/// Rebuilding a shard moves all of its entries while others wait for it, so it is kept small.
const ENTRIES_PER_SHARD: usize = 4096;
/// However large the capacity, this much is spent on empty shards at most.
const MAX_SHARDS: usize = 1 << 16;
/// Places that a shard takes at once, so that threads seldom meet at the counter.
const PLACES: u32 = 16;

/// Behind a lock, and on a cache line with it that nothing else is on.
#[derive(Default)]
#[repr(align(64))]
struct Apart<T>(Mutex<T>);

const _: () = assert!(size_of::<Apart<Shard>>() == 64 && size_of::<Apart<Shares>>() == 64);

impl MemoryReplay {
    /// A store of at most `capacity` live assertions, half of them of one client.
    ///
    /// # Errors
    ///
    /// The capacity is zero.
    pub fn new(capacity: usize) -> Result<Self, ConfigError> {
        if capacity == 0 {
            return Err(ConfigError::Zero { setting: "replay capacity" });
        }
        // Two at least: which one it is tells a bit that entries leave out.
        let shards = (capacity / ENTRIES_PER_SHARD).clamp(2, MAX_SHARDS).next_power_of_two();
        Ok(Self {
            shards: (0..shards).map(|index| Apart(Mutex::new(Shard::new(index)))).collect(),
            clients: (0..shards).map(|_| Apart::default()).collect(),
            capacity,
            per_client: capacity.div_ceil(2),
            places: AtomicUsize::new(capacity),
        })
    }

    /// Lets one client have at most `count` live assertions. Default: half of the capacity.
    ///
    /// # Errors
    ///
    /// The count is zero.
    pub fn per_client(mut self, count: usize) -> Result<Self, ConfigError> {
        if count == 0 {
            return Err(ConfigError::Zero { setting: "replay capacity per client" });
        }
        self.per_client = count;
        Ok(self)
    }

    /// The number of assertions that are remembered, counting those that have expired and are not cleared yet. Looks at
    /// every part of the store, which takes some microseconds: ask it for a gauge, not for every request.
    pub fn live(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len as usize).sum()
    }

    fn shard(&self, hash: KeyHash) -> MutexGuard<'_, Shard> {
        lock(choose(&self.shards, hash.low))
    }

    /// Whether an assertion that expires then may have been here, and is not any more. Only a clock that went back lets one
    /// come again.
    pub(super) fn may_have_forgotten(&self, key: ReplayKey<'_>, until: UnixTime) -> bool {
        let forgotten = self.shard(key.hash).forgotten;
        seconds(until).is_none_or(|until| until <= forgotten)
    }

    fn insert(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Admitted {
        let until = seconds(until).filter(|until| *until > 0);
        let (Some(until), Some(now)) = (until, seconds(now)) else {
            return Err(PortError::new("the assertion expires before 1970 or after 2106"));
        };
        let hash = key.hash;
        let mut shard = self.shard(hash);
        if until <= now.max(shard.forgotten) {
            return Err(PortError::new("the assertion expired before it could be recorded; has the clock moved?"));
        }
        let ControlFlow::Continue(mut vacancy) = shard.seek(hash, now) else {
            return Ok(Admission::Replayed);
        };
        if shard.lacks_place(vacancy) || shard.is_worn() {
            vacancy = self.make_room(&mut shard, hash, now)?;
        }
        let vacancy = vacancy.ok_or_else(full)?;
        self.charge(hash.client, until, now)?;
        shard.fill(vacancy, hash, until);
        Ok(Admission::Fresh)
    }

    #[cold]
    fn make_room(&self, shard: &mut Shard, hash: KeyHash, now: u32) -> Result<Option<Vacancy>, PortError> {
        self.provide_place(shard, now)?;
        if shard.is_worn() {
            self.places.fetch_add(shard.rebuild(now), Ordering::Relaxed);
        }
        Ok(shard.seek(hash, now).continue_value().flatten())
    }

    /// Sees that the shard has a place for one more entry, clearing what has expired here, and then elsewhere, if there
    /// seems to be none.
    fn provide_place(&self, shard: &mut Shard, now: u32) -> Result<(), PortError> {
        if shard.places > 0 || self.give_places(shard) {
            return Ok(());
        }
        self.places.fetch_add(shard.clear_expired(now), Ordering::Relaxed);
        // Not waited for: two threads that each held what the other wants would wait for ever.
        let mut others = self.shards.iter().filter_map(|other| other.0.try_lock().ok());
        while !self.give_places(shard) {
            let mut other = others.next().ok_or_else(full)?;
            let found = other.clear_expired(now) + mem::take(&mut other.places) as usize;
            self.places.fetch_add(found, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Lets a shard that has no places have some, if there are any.
    fn give_places(&self, shard: &mut Shard) -> bool {
        let less = |places: usize| Some(places.saturating_sub(PLACES as usize));
        let before = self.places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or_default();
        shard.places += before.min(PLACES as usize) as u32;
        shard.places > 0
    }

    /// Counts one more live assertion of this client.
    fn charge(&self, client: u64, until: u32, now: u32) -> Result<(), PortError> {
        // The lower bits choose the place within the map.
        let mut shares = lock(choose(&self.clients, client >> 32));
        match shares.charge(client, until, now, self.per_client) {
            true => Ok(()),
            false => Err(PortError::new("the client has used up its share of the replay store")),
        }
    }
}

impl ReplayStore for MemoryReplay {
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool> {
        let hash = key.hash;
        Some(seconds(now).is_some_and(|now| self.shard(hash).is_spent(hash, now)))
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<Admitted> {
        Answer::Ready(self.insert(key, until, now))
    }
}

impl fmt::Debug for MemoryReplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("MemoryReplay");
        debug.field("capacity", &self.capacity).field("per_client", &self.per_client);
        debug.field("live", &self.live()).finish_non_exhaustive()
    }
}

fn seconds(time: UnixTime) -> Option<u32> {
    u32::try_from(time.as_secs()).ok()
}

fn full() -> PortError {
    PortError::new("the replay store is full; raise its capacity")
}

/// The member that `hash` falls on.
#[expect(
    clippy::indexing_slicing,
    reason = "a bit that the mask lets through is one of an index, and no list here is empty"
)]
fn choose<T>(among: &[T], hash: u64) -> &T {
    // Their number is a power of two.
    &among[hash as usize & (among.len() - 1)]
}

/// No code panics under these locks; were one poisoned, its data would be whole.
fn lock<T>(Apart(mutex): &Apart<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
