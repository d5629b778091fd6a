//! A fetched key set with its times.

use std::sync::Arc;

use super::settings::Settings;
use crate::clock::UnixTime;
use crate::jose::keys::KeySet;

/// Threads read the clock and then come here in any order, so a time may lie this many seconds before the last one. What
/// lies further back says that the clock was moved, and then no age is known.
pub(super) const DISORDER: u64 = 5;

/// It never changes, it is replaced.
pub(crate) struct Fetched {
    pub(super) keys: Arc<KeySet>,
    document: usize,
    pub(super) at: u64,
    pub(super) refresh_at: u64,
    pub(super) fresh_until: u64,
}

impl Fetched {
    pub(super) fn new(keys: KeySet, document: usize, at: UnixTime, fresh_for: u64) -> Self {
        let at = at.as_secs();
        let refresh_at = at.saturating_add(Settings::refresh_after(fresh_for));
        Self { keys: Arc::new(keys), document, at, refresh_at, fresh_until: at.saturating_add(fresh_for) }
    }

    pub(super) fn is_fresh(&self, now: u64) -> bool {
        self.may_serve(now, 0)
    }

    /// Whether the set is fresh, or has not been longer than so many seconds ago.
    pub(super) fn may_serve(&self, now: u64, stale_for: u64) -> bool {
        self.at <= now.saturating_add(DISORDER) && now < self.fresh_until.saturating_add(stale_for)
    }

    /// About the bytes that it takes: a parsed key is a few times as large as its text, and more than its text alone.
    pub(super) fn weight(&self) -> usize {
        self.document * 4 + self.keys.len() * 1024
    }
}
