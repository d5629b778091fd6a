//! How many key sets are in which state, for operators.

use std::time::Duration;

use super::document::Document;
use crate::clock::UnixTime;
use crate::lock::lock;

/// How many key sets are in which state. A key set is that of one URL, for all clients that have
/// registered the URL. Each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySetCounts {
    /// Sets whose keys are fresh.
    pub fresh: usize,
    /// Sets whose keys are not fresh, without a failure. The next request fetches them.
    pub stale: usize,
    /// Sets whose last fetch failed, with or without keys that can still be used.
    pub failing: usize,
    /// Sets that have no keys, and whose fetch has not failed: none was needed yet, or they were
    /// dropped.
    pub absent: usize,
    /// How long ago the first of those failing sets went stale whose keys are still used. `None` if
    /// there is none.
    pub oldest_stale: Option<Duration>,
}

impl KeySetCounts {
    pub(super) fn add(&mut self, document: &Document, stale_for: Duration, now: UnixTime) {
        let current = document.current.load();
        let is_fresh = current.as_ref().is_some_and(|fetched| fetched.is_fresh(now));
        if lock(&document.control).last_error.is_some() {
            self.failing += 1;
            let in_use = current.as_ref().filter(|fetched| !is_fresh && fetched.may_serve(now, stale_for));
            self.oldest_stale = self.oldest_stale.max(in_use.map(|fetched| now - fetched.fresh_until));
        } else if is_fresh {
            self.fresh += 1;
        } else if current.is_some() {
            self.stale += 1;
        } else {
            self.absent += 1;
        }
    }
}
