//! The assertions of one client that the store was asked about and has not answered yet.
//!
//! If the future of such a question is dropped, or the answer is an error, the store may have the
//! assertion or not. Its place in the share stays taken. The same assertion can be sent again and
//! again, and the store can have it only once. So it takes no second place.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// An assertion as the store would record it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    /// A keyed hash of its client.
    pub(super) client: u64,
    /// A keyed hash of what it is known by.
    pub(super) key: u64,
    /// The second at which it expires. One `jti` may be signed with several: the store then
    /// records one of them, and which is unknown.
    pub(super) until: u32,
}

/// Each of these has taken one place. The value is whether it was asked about more than once.
#[derive(Default)]
pub(super) struct Unanswered(HashMap<Entry, bool, BuildHasherDefault<IdentityHasher>>);

impl Unanswered {
    /// Returns whether the entry has taken its place already. Another question about it then shares
    /// that place.
    pub(super) fn share(&mut self, entry: Entry) -> bool {
        // The map is empty where stores answer immediately.
        !self.0.is_empty() && self.0.get_mut(&entry).map(|shared| *shared = true).is_some()
    }

    /// Adds an entry, which has taken a place.
    pub(super) fn add(&mut self, entry: Entry) {
        self.0.insert(entry, false);
    }

    /// Removes an entry that the store has recorded. Its place stays taken.
    pub(super) fn confirm(&mut self, entry: Entry) {
        self.0.remove(&entry);
    }

    /// Removes an entry that its only question has not recorded. Returns whether its place is free
    /// now: if there was another question, that one may have recorded it.
    pub(super) fn withdraw(&mut self, entry: Entry) -> bool {
        let alone = self.0.get(&entry) == Some(&false);
        if alone {
            self.0.remove(&entry);
        }
        alone
    }

    /// Removes the entries whose places are free because of their expiry.
    pub(super) fn retain(&mut self, is_live: impl Fn(u32) -> bool) {
        self.0.retain(|entry, _| is_live(entry.until));
    }
}

/// An identity hash, for keys that already are keyed hashes.
#[derive(Default)]
pub(super) struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 ^= hash;
    }

    fn write_u32(&mut self, number: u32) {
        self.0 ^= u64::from(number);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
