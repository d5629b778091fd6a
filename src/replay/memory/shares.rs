//! How many live assertions each client has, so that none takes the places of all.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

/// The shares of some clients, by the hash of the client.
#[derive(Default)]
pub(super) struct Shares(HashMap<u64, Share, BuildHasherDefault<AsItIs>>);

impl Shares {
    /// Counts one more live assertion of this client, unless it has as many as it may have.
    pub(super) fn charge(&mut self, client: u64, until: u32, now: u32, most: usize) -> bool {
        if let Some(share) = self.0.get_mut(&client) {
            return share.add(until, now, most);
        }
        self.provide_place(now);
        self.0.entry(client).or_default().add(until, now, most)
    }

    /// Drops the shares of which nothing is live whenever the map is full. The room that is then left pays for having looked
    /// at all of them.
    fn provide_place(&mut self, now: u32) {
        let Self(shares) = self;
        if shares.len() == shares.capacity() {
            shares.retain(|_, share| !share.is_spent(now));
            shares.shrink_to(shares.len() * 2);
            shares.reserve(shares.len() + 1);
        }
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

    /// Whether nothing of it is live, so that it can be dropped.
    fn is_spent(&self, now: u32) -> bool {
        self.by_expiry.back().is_none_or(|(expiry, _)| *expiry <= now)
    }
}
