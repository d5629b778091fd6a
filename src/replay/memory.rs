//! Single use within one process: bounded, and closed rather than forgetful when it is full.
//!
//! Sharded open addressing. A slot holds two keyed 64-bit hashes, of the client and of the `jti`, and the second at which it
//! may be forgotten; nothing is kept of the identifiers themselves. Every insert clears a few expired slots in passing, so
//! there is no sweeper to wait for, and only one shard at a time is ever rebuilt.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Admission, Admitted, ReplayKey, ReplayStore};
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::port::{Answer, PortError};

/// Remembers spent assertions in the memory of this process.
///
/// Its capacity is a promise about memory, some forty bytes an entry and a hundred for each client that has any. Size it as
/// the accepted requests of a second times the seconds that an assertion lives. When it is full, or a client has used up its share, further assertions are refused as
/// unavailable (503) until older ones have expired: to forget a live one would let it in twice.
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
    shards: Box<[Mutex<Shard>]>,
    clients: Box<[Mutex<HashMap<u64, Share>>]>,
    client_hasher: RandomState,
    jti_hasher: RandomState,
    capacity: usize,
    per_client: usize,
    live: AtomicUsize,
}

/// Growing a shard moves all of its entries while others wait for it, so it is kept small.
const ENTRIES_PER_SHARD: usize = 8192;
const CLIENT_SHARDS: usize = 64;
/// Slots cleared in passing by each insert.
const SWEPT: usize = 4;

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
        let shards = (capacity / ENTRIES_PER_SHARD).next_power_of_two().min(4096);
        Ok(Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            clients: (0..CLIENT_SHARDS).map(|_| Mutex::default()).collect(),
            client_hasher: RandomState::new(),
            jti_hasher: RandomState::new(),
            capacity,
            per_client: capacity.div_ceil(2),
            live: AtomicUsize::new(0),
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

    /// The number of assertions that are remembered, counting those that have expired and are not cleared yet.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    fn digest(&self, key: ReplayKey<'_>) -> Digest {
        let client = self.client_hasher.hash_one(key.client_id());
        let jti = self.jti_hasher.hash_one(key.jti());
        Digest { client, jti }
    }

    fn shard(&self, digest: Digest) -> MutexGuard<'_, Shard> {
        lock(&self.shards, digest.spread())
    }

    fn insert(&self, digest: Digest, until: UnixTime, now: UnixTime) -> Admitted {
        let until = seconds(until).and_then(NonZeroU32::new);
        let (Some(until), Some(now)) = (until, seconds(now)) else {
            return Err(PortError::new("the assertion expires before 1970 or after 2106"));
        };
        let mut shard = self.shard(digest);
        if until.get() <= now.max(shard.forgotten) {
            return Err(PortError::new("the assertion expired before it could be recorded; has the clock moved?"));
        }
        if shard.find(digest).is_some_and(|slot| slot.is_live(now)) {
            return Ok(Admission::Replayed);
        }
        shard.sweep(now, |slot| self.release(slot, now));
        self.reserve(&mut shard, now)?;
        if let Err(error) = self.charge(digest.client, until.get(), now) {
            self.live.fetch_sub(1, Ordering::Relaxed);
            return Err(error);
        }
        shard.insert(Slot { digest, until }, now, |slot| self.release(slot, now));
        Ok(Admission::Fresh)
    }

    /// Takes a place for one more entry, clearing what has expired here, and then elsewhere, if there seems to be none.
    fn reserve(&self, shard: &mut Shard, now: u32) -> Result<(), PortError> {
        if self.try_reserve() {
            return Ok(());
        }
        shard.clear_expired(now, |slot| self.release(slot, now));
        // Not waited for: two threads that each held what the other wants would wait for ever.
        let mut others = self.shards.iter().filter_map(|other| other.try_lock().ok());
        while !self.try_reserve() {
            let full = || PortError::new("the replay store is full; raise its capacity");
            others.next().ok_or_else(full)?.clear_expired(now, |slot| self.release(slot, now));
        }
        Ok(())
    }

    fn try_reserve(&self) -> bool {
        let grown = |live: usize| (live < self.capacity).then_some(live + 1);
        self.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
    }

    /// Counts one more live assertion of this client.
    fn charge(&self, client: u64, until: u32, now: u32) -> Result<(), PortError> {
        let mut clients = lock(&self.clients, client);
        let share = clients.entry(client).or_default();
        share.expire(now);
        if share.count >= self.per_client {
            return Err(PortError::new("the client has used up its share of the replay store"));
        }
        share.add(until);
        Ok(())
    }

    fn release(&self, slot: Slot, now: u32) {
        self.live.fetch_sub(1, Ordering::Relaxed);
        let mut clients = lock(&self.clients, slot.digest.client);
        if let Entry::Occupied(share) = clients.entry(slot.digest.client)
            && share.get().is_spent(now)
        {
            share.remove();
        }
    }
}

impl ReplayStore for MemoryReplay {
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool> {
        let digest = self.digest(key);
        let slot = self.shard(digest).find(digest);
        Some(slot.is_some_and(|slot| seconds(now).is_some_and(|now| slot.is_live(now))))
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<Admitted> {
        Answer::Ready(self.insert(self.digest(key), until, now))
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

/// Locks the member that `hash` falls on. No code panics under these locks; were one poisoned, its data would be whole.
#[expect(clippy::indexing_slicing, reason = "a remainder is less than the length, and no list here is empty")]
fn lock<T>(mutexes: &[Mutex<T>], hash: u64) -> MutexGuard<'_, T> {
    let index = hash as usize % mutexes.len();
    mutexes[index].lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many live assertions a client has, by the second at which they expire. It is time that ends them here, not the
/// clearing of their slots, which may come later.
#[derive(Default)]
struct Share {
    count: usize,
    /// Ordered.
    by_expiry: VecDeque<(u32, usize)>,
}

impl Share {
    fn add(&mut self, until: u32) {
        self.count += 1;
        let place = self.by_expiry.partition_point(|(expiry, _)| *expiry < until);
        match self.by_expiry.get_mut(place) {
            Some((expiry, count)) if *expiry == until => *count += 1,
            _ => self.by_expiry.insert(place, (until, 1)),
        }
    }

    fn expire(&mut self, now: u32) {
        let spent = self.by_expiry.partition_point(|(expiry, _)| *expiry <= now);
        self.count -= self.by_expiry.drain(..spent).map(|(_, count)| count).sum::<usize>();
    }

    /// Whether nothing of it is live, so that it can be dropped.
    fn is_spent(&self, now: u32) -> bool {
        self.by_expiry.back().is_none_or(|(expiry, _)| *expiry <= now)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Digest {
    client: u64,
    jti: u64,
}

impl Digest {
    /// Both hashes in one. Clients that all use the same `jti` must not meet in one place.
    fn spread(self) -> u64 {
        self.client.rotate_left(32) ^ self.jti
    }
}

#[derive(Clone, Copy)]
struct Slot {
    digest: Digest,
    until: NonZeroU32,
}

impl Slot {
    fn is_live(self, now: u32) -> bool {
        self.until.get() > now
    }
}

/// Slots with linear probing. Removing one moves later ones up, so there are no tombstones.
#[derive(Default)]
struct Shard {
    slots: Vec<Option<Slot>>,
    len: usize,
    /// Where the next sweep goes on.
    hand: usize,
    /// No slot expires before this.
    earliest: u32,
    /// The latest expiry of what has been cleared. After a slower thread or a clock that went backwards, whatever expires
    /// no later than this may have been here, and is not let in again.
    forgotten: u32,
}

impl Shard {
    fn home(&self, digest: Digest) -> usize {
        // The upper bits choose the place: the lower ones have chosen the shard.
        let product = u128::from(digest.spread()) * self.slots.len() as u128;
        (product >> 64) as usize
    }

    fn after(&self, index: usize) -> usize {
        if index + 1 < self.slots.len() { index + 1 } else { 0 }
    }

    fn slot(&self, index: usize) -> Option<Slot> {
        self.slots.get(index).copied().flatten()
    }

    fn set(&mut self, index: usize, slot: Option<Slot>) {
        if let Some(place) = self.slots.get_mut(index) {
            *place = slot;
        }
    }

    fn find(&self, digest: Digest) -> Option<Slot> {
        let mut index = self.home(digest);
        while let Some(slot) = self.slot(index) {
            if slot.digest == digest {
                return Some(slot);
            }
            index = self.after(index);
        }
        None
    }

    /// Inserts a slot whose digest is not here, or only in a slot that has expired.
    fn insert(&mut self, slot: Slot, now: u32, release: impl Fn(Slot)) {
        self.remove_digest(slot.digest, &release);
        if (self.len + 1) * 8 > self.slots.len() * 7 {
            self.rebuild(self.slots.len() + self.slots.len() / 2 + 16, now, release);
        }
        let until = slot.until.get();
        self.earliest = if self.len == 0 { until } else { self.earliest.min(until) };
        self.place(slot);
    }

    fn place(&mut self, slot: Slot) {
        let mut index = self.home(slot.digest);
        while self.slot(index).is_some() {
            index = self.after(index);
        }
        self.set(index, Some(slot));
        self.len += 1;
    }

    fn remove_digest(&mut self, digest: Digest, release: impl Fn(Slot)) {
        let mut index = self.home(digest);
        while let Some(slot) = self.slot(index) {
            if slot.digest == digest {
                self.forget(slot, release);
                return self.remove(index);
            }
            index = self.after(index);
        }
    }

    fn forget(&mut self, slot: Slot, release: impl Fn(Slot)) {
        self.forgotten = self.forgotten.max(slot.until.get());
        release(slot);
    }

    /// Empties a slot and moves up those behind it that would no longer be found.
    fn remove(&mut self, mut hole: usize) {
        let mut index = self.after(hole);
        while let Some(slot) = self.slot(index) {
            let home = self.home(slot.digest);
            let reachable = if hole < index { hole < home && home <= index } else { hole < home || home <= index };
            if !reachable {
                self.set(hole, Some(slot));
                hole = index;
            }
            index = self.after(index);
        }
        self.set(hole, None);
        self.len -= 1;
    }

    /// Clears expired slots among the next few.
    fn sweep(&mut self, now: u32, release: impl Fn(Slot)) {
        for _ in 0..SWEPT.min(self.slots.len()) {
            match self.slot(self.hand) {
                Some(slot) if !slot.is_live(now) => {
                    self.forget(slot, &release);
                    self.remove(self.hand);
                }
                _ => self.hand = self.after(self.hand),
            }
        }
    }

    /// Clears all expired slots, unless it is known that there are none.
    fn clear_expired(&mut self, now: u32, release: impl Fn(Slot)) {
        if self.len > 0 && self.earliest <= now {
            self.rebuild(self.slots.len(), now, release);
        }
    }

    fn rebuild(&mut self, size: usize, now: u32, release: impl Fn(Slot)) {
        let old = std::mem::replace(&mut self.slots, vec![None; size]);
        (self.len, self.hand, self.earliest) = (0, 0, u32::MAX);
        for slot in old.into_iter().flatten() {
            if slot.is_live(now) {
                self.earliest = self.earliest.min(slot.until.get());
                self.place(slot);
            } else {
                self.forget(slot, &release);
            }
        }
    }
}
