//! Single use within one process: bounded, and closed rather than forgetful when it is full.
//!
//! Sharded open addressing. A slot holds two keyed 64-bit hashes, of the client and of the `jti`, and the second at which it
//! may be forgotten, in twenty bytes; nothing is kept of the identifiers themselves. A shard that has no room left is rebuilt
//! without what has expired, larger or smaller than it was, so there is no sweeper to wait for. Shards are small, and only
//! one at a time is ever rebuilt.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::mem;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Admission, Admitted, ReplayKey, ReplayStore};
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::port::{Answer, PortError};

/// Remembers spent assertions in the memory of this process.
///
/// Its capacity is a promise about memory: some 35 bytes for each live assertion, and some hundred for each client that has
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
    shards: Box<[Mutex<Shard>]>,
    clients: Box<[Mutex<Shares>]>,
    client_hasher: RandomState,
    jti_hasher: RandomState,
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
const PLACES: usize = 16;

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
        // Never zero, and a power of two: whichever low bits of a hash choose the shard, all shards are as likely.
        let shards = (capacity / ENTRIES_PER_SHARD).min(MAX_SHARDS).next_power_of_two();
        Ok(Self {
            shards: (0..shards).map(|index| Mutex::new(Shard::new(index))).collect(),
            clients: (0..shards).map(|_| Mutex::default()).collect(),
            client_hasher: RandomState::new(),
            jti_hasher: RandomState::new(),
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
        self.shards.iter().map(|shard| lock(shard).len).sum()
    }

    fn digest(&self, key: ReplayKey<'_>) -> Digest {
        let client = hash(&self.client_hasher, key.client_id());
        let jti = hash(&self.jti_hasher, key.jti());
        Digest { client, jti }
    }

    fn shard(&self, digest: Digest) -> MutexGuard<'_, Shard> {
        lock(choose(&self.shards, digest.spread()))
    }

    /// Whether an assertion that expires then may have been here, and is not any more. Only a clock that went back lets one
    /// come again.
    pub(super) fn may_have_forgotten(&self, key: ReplayKey<'_>, until: UnixTime) -> bool {
        let forgotten = self.shard(self.digest(key)).forgotten;
        seconds(until).is_none_or(|until| until <= forgotten)
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
        self.provide_place(&mut shard, now)?;
        self.charge(digest.client, until.get(), now)?;
        let cleared = shard.insert(Slot::new(digest, until), now);
        self.places.fetch_add(cleared, Ordering::Relaxed);
        Ok(Admission::Fresh)
    }

    /// Sees that the shard has a place for one more entry, clearing what has expired here, and then elsewhere, if there
    /// seems to be none.
    fn provide_place(&self, shard: &mut Shard, now: u32) -> Result<(), PortError> {
        if shard.places > 0 || self.give_places(shard) {
            return Ok(());
        }
        self.places.fetch_add(shard.clear_expired(now), Ordering::Relaxed);
        // Not waited for: two threads that each held what the other wants would wait for ever.
        let mut others = self.shards.iter().filter_map(|other| other.try_lock().ok());
        while !self.give_places(shard) {
            let full = || PortError::new("the replay store is full; raise its capacity");
            let mut other = others.next().ok_or_else(full)?;
            let found = other.clear_expired(now) + mem::take(&mut other.places);
            self.places.fetch_add(found, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Lets a shard that has no places have some, if there are any.
    fn give_places(&self, shard: &mut Shard) -> bool {
        let less = |places: usize| Some(places.saturating_sub(PLACES));
        let before = self.places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or_default();
        shard.places += before.min(PLACES);
        shard.places > 0
    }

    /// Counts one more live assertion of this client.
    fn charge(&self, client: u64, until: u32, now: u32) -> Result<(), PortError> {
        // The lower bits choose the place within the map.
        let mut shares = lock(choose(&self.clients, client >> 32));
        match shares.of(client, now).add(until, now, self.per_client) {
            true => Ok(()),
            false => Err(PortError::new("the client has used up its share of the replay store")),
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

/// SipHash marks the end of a text by itself: it needs no other mark.
fn hash(hasher: &RandomState, text: &str) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The member that `hash` falls on.
#[expect(clippy::indexing_slicing, reason = "a remainder is less than the length, and no list here is empty")]
fn choose<T>(among: &[T], hash: u64) -> &T {
    &among[hash as usize % among.len()]
}

/// No code panics under these locks; were one poisoned, its data would be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The shares of some clients, by the hash of the client.
#[derive(Default)]
struct Shares(HashMap<u64, Share, BuildHasherDefault<AsItIs>>);

impl Shares {
    /// The share of this client. Those of which nothing is live are dropped whenever the map is full, and the room that
    /// is then left pays for having looked at all of them.
    fn of(&mut self, client: u64, now: u32) -> &mut Share {
        let shares = &mut self.0;
        if shares.len() == shares.capacity() && !shares.contains_key(&client) {
            shares.retain(|_, share| !share.is_spent(now));
            shares.shrink_to(shares.len() * 2);
            shares.reserve(shares.len() + 1);
        }
        shares.entry(client).or_default()
    }
}

/// Hashes keys that are keyed hashes already: to themselves.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// How many live assertions a client has, by the second at which they expire. It is time that ends them here, not the
/// clearing of their slots, which may come later.
#[derive(Default)]
struct Share {
    /// Of all those below.
    count: usize,
    /// Ordered.
    by_expiry: VecDeque<(u32, u32)>,
}

impl Share {
    /// Counts one more, unless there are as many as there may be.
    fn add(&mut self, until: u32, now: u32, most: usize) -> bool {
        // Where there is room, what has expired can wait.
        if self.count >= most || self.by_expiry.len() == self.by_expiry.capacity() {
            self.expire(now);
        }
        if self.count >= most {
            return false;
        }
        self.count += 1;
        self.add_at(until);
        true
    }

    fn add_at(&mut self, until: u32) {
        // What comes last mostly expires last.
        let last = self.by_expiry.back().is_none_or(|(expiry, _)| *expiry <= until);
        let place =
            if last { self.by_expiry.len() } else { self.by_expiry.partition_point(|(expiry, _)| *expiry <= until) };
        match place.checked_sub(1).and_then(|before| self.by_expiry.get_mut(before)) {
            Some((expiry, count)) if *expiry == until && *count < u32::MAX => *count += 1,
            _ => self.by_expiry.insert(place, (until, 1)),
        }
    }

    fn expire(&mut self, now: u32) {
        while let Some(&(expiry, count)) = self.by_expiry.front()
            && expiry <= now
        {
            self.count -= count as usize;
            self.by_expiry.pop_front();
        }
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

/// In bytes, so that none are lost to alignment: one of these, or none, takes twenty.
#[derive(Clone, Copy)]
struct Slot {
    client: [u8; 8],
    jti: [u8; 8],
    until: NonZeroU32,
}

const _: () = assert!(size_of::<Option<Slot>>() == 20);

impl Slot {
    fn new(Digest { client, jti }: Digest, until: NonZeroU32) -> Self {
        Self { client: client.to_ne_bytes(), jti: jti.to_ne_bytes(), until }
    }

    fn digest(self) -> Digest {
        Digest { client: u64::from_ne_bytes(self.client), jti: u64::from_ne_bytes(self.jti) }
    }

    fn is_live(self, now: u32) -> bool {
        self.until.get() > now
    }
}

/// Slots with linear probing. Nothing is ever removed from among them: a shard is rebuilt without what has expired.
struct Shard {
    slots: Vec<Option<Slot>>,
    len: usize,
    /// How many entries it may still take in.
    places: usize,
    /// The slots that it is given beyond those that its entries need. They differ from shard to shard, so that not all of
    /// them are full at the same time.
    extra: usize,
    /// No slot expires before this.
    earliest: u32,
    /// The latest expiry of what has been cleared. After a slower thread or a clock that went backwards, whatever expires
    /// no later than this may have been here, and is not let in again.
    forgotten: u32,
}

impl Shard {
    fn new(index: usize) -> Self {
        Self { slots: Vec::new(), len: 0, places: 0, extra: 32 + index % 8, earliest: u32::MAX, forgotten: 0 }
    }

    fn home(&self, digest: Digest) -> usize {
        // The upper bits choose the place: the lower ones have chosen the shard.
        let product = u128::from(digest.spread()) * self.slots.len() as u128;
        (product >> 64) as usize
    }

    /// Where this digest is, or else where it would be put. There always is an empty slot, unless there are none at all.
    fn position(&self, digest: Digest) -> usize {
        let mut index = self.home(digest);
        while self.slot(index).is_some_and(|slot| slot.digest() != digest) {
            index = if index + 1 < self.slots.len() { index + 1 } else { 0 };
        }
        index
    }

    fn slot(&self, index: usize) -> Option<Slot> {
        self.slots.get(index).copied().flatten()
    }

    fn find(&self, digest: Digest) -> Option<Slot> {
        self.slot(self.position(digest))
    }

    /// Takes in a slot whose digest is not here, or only in a slot that has expired. Returns how many entries were cleared
    /// to make room.
    fn insert(&mut self, slot: Slot, now: u32) -> usize {
        // At four fifths, a look that finds nothing passes by a dozen slots; they lie side by side.
        let full = (self.len + 1) * 5 > self.slots.len() * 4;
        let cleared = if full { self.rebuild(now) } else { 0 };
        self.earliest = self.earliest.min(slot.until.get());
        match self.place(slot) {
            Some(expired) => self.forget(expired),
            None => self.places -= 1,
        }
        cleared
    }

    /// Puts a slot where it belongs, and returns what was there under the same digest.
    fn place(&mut self, slot: Slot) -> Option<Slot> {
        let index = self.position(slot.digest());
        let before = self.slots.get_mut(index)?.replace(slot);
        self.len += usize::from(before.is_none());
        before
    }

    fn forget(&mut self, slot: Slot) {
        self.forgotten = self.forgotten.max(slot.until.get());
    }

    /// Clears all that has expired, unless it is known that nothing has. Returns how much it was.
    fn clear_expired(&mut self, now: u32) -> usize {
        if self.len > 0 && self.earliest <= now { self.rebuild(now) } else { 0 }
    }

    /// Moves what is live to as many slots as it needs to grow by a fifth: 30 bytes an entry. Slots come and go in the
    /// order of their homes, so memory is passed through but once. Returns how many were not live.
    fn rebuild(&mut self, now: u32) -> usize {
        let live = self.slots.iter().flatten().filter(|slot| slot.is_live(now)).count();
        let cleared = self.len - live;
        let old = mem::replace(&mut self.slots, vec![None; live + live / 2 + self.extra]);
        (self.len, self.earliest) = (0, u32::MAX);
        for slot in old.into_iter().flatten() {
            if slot.is_live(now) {
                self.earliest = self.earliest.min(slot.until.get());
                self.place(slot);
            } else {
                self.forget(slot);
            }
        }
        cleared
    }
}
