//! A fetched key set with its times.

use std::sync::Arc;
use std::time::Duration;

use super::settings::Settings;
use crate::clock::UnixTime;
use crate::jose::keys::KeySet;

/// Threads read the clock and arrive here in any order, so a time may lie this far before a
/// recorded one. A time even further back means that the clock was set back. The age of the keys is
/// then unknown.
pub(super) const DISORDER: Duration = Duration::from_secs(5);

/// A fetched key set. It is never changed, only replaced.
pub(super) struct FetchedKeys {
    pub(super) keys: Arc<KeySet>,
    document_bytes: usize,
    pub(super) fetched_at: UnixTime,
    pub(super) refresh_at: UnixTime,
    pub(super) fresh_until: UnixTime,
}

impl FetchedKeys {
    pub(super) fn new(keys: KeySet, document_bytes: usize, fetched_at: UnixTime, fresh_for: Duration) -> Self {
        let refresh_at = fetched_at + Settings::refresh_after(fresh_for);
        Self { keys: Arc::new(keys), document_bytes, fetched_at, refresh_at, fresh_until: fetched_at + fresh_for }
    }

    pub(super) fn is_fresh(&self, now: UnixTime) -> bool {
        self.may_serve(now, Duration::ZERO)
    }

    /// Whether the set is fresh, or went stale less than `stale_for` ago.
    pub(super) fn may_serve(&self, now: UnixTime, stale_for: Duration) -> bool {
        self.fetched_at <= now + DISORDER && now < self.fresh_until + stale_for
    }

    /// Roughly the memory of the set in bytes. A parsed key takes a few times the size of its text,
    /// and a fixed amount on top.
    pub(super) fn weight(&self) -> usize {
        self.document_bytes * 4 + self.keys.len() * 1024
    }
}
