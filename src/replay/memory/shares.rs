//! The number of live assertions of each client, so that one client cannot fill the store.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

/// The shares of some clients, by the hash of the client.
#[derive(Default)]
pub(super) struct Shares(HashMap<u64, Share, BuildHasherDefault<IdentityHasher>>);

impl Shares {
    /// Counts one more live assertion of this client. Returns `false` if it already has `most`.
    pub(super) fn charge(&mut self, client: u64, until: u32, now: u32, most: usize) -> bool {
        if let Some(share) = self.0.get_mut(&client) {
            return share.add(until, now, most);
        }
        self.provide_place(now);
        self.0.entry(client).or_default().add(until, now, most)
    }

    /// When the map is full, drops the shares without a live assertion. The capacity that this
    /// frees pays for the pass over all of them.
    fn provide_place(&mut self, now: u32) {
        let Self(shares) = self;
        if shares.len() == shares.capacity() {
            shares.retain(|_, share| !share.is_spent(now));
            shares.shrink_to(shares.len() * 2);
            shares.reserve(shares.len() + 1);
        }
    }
}

/// An identity hash, for keys that already are keyed hashes.
#[derive(Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
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

/// The number of live assertions of a client, by the second at which they expire. They expire here
/// by time, independently of when their slots are cleared.
#[derive(Default)]
struct Share {
    /// The sum of the counts below.
    count: usize,
    /// Pairs of expiry and count, ordered by expiry.
    by_expiry: VecDeque<(u32, u32)>,
}

impl Share {
    /// Counts one more. Returns `false` if there already are `most`.
    fn add(&mut self, until: u32, now: u32, most: usize) -> bool {
        // Expired assertions need to be uncounted only when the share is used up.
        if self.count >= most {
            self.expire(now);
        }
        if self.count >= most {
            return false;
        }
        self.count += 1;
        match self.by_expiry.back_mut() {
            Some((expiry, count)) if *expiry == until && *count < u32::MAX => *count += 1,
            _ => self.add_at(until, now),
        }
        true
    }

    fn add_at(&mut self, until: u32, now: u32) {
        if self.by_expiry.len() == self.by_expiry.capacity() {
            self.expire(now);
        }
        let place = self.by_expiry.partition_point(|(expiry, _)| *expiry <= until);
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

    /// Returns whether no assertion is live, so that the share can be dropped.
    fn is_spent(&self, now: u32) -> bool {
        self.by_expiry.back().is_none_or(|(expiry, _)| *expiry <= now)
    }
}
