//! A fetched key set with its times.

use std::sync::Arc;
use std::time::Duration;

use super::settings::Settings;
use crate::clock::UnixTime;
use crate::jose::keys::KeySet;
use crate::jwks::fetch::FetchError;
use crate::order::Number;

/// Threads read the clock and arrive here in any order, so a time may lie this far before a
/// recorded one. A time even further back means that the clock was set back. The age of the keys is
/// then unknown.
pub(super) const DISORDER: Duration = Duration::from_secs(5);

/// A fetch without keys.
#[derive(Debug)]
pub(super) struct FailedFetch {
    pub(super) error: FetchError,
    /// How long the server does not want to be asked again.
    pub(super) retry_after: Option<Duration>,
}

impl From<FetchError> for FailedFetch {
    fn from(error: FetchError) -> Self {
        Self { error, retry_after: None }
    }
}

/// A fetched key set. It is never changed, only replaced.
pub(super) struct FetchedKeys {
    pub(super) keys: Arc<KeySet>,
    pub(super) number: Number,
    document_bytes: usize,
    pub(super) fetched_at: UnixTime,
    pub(super) refresh_at: UnixTime,
    pub(super) fresh_until: UnixTime,
}

/// The times and the size of a fetched document.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) number: Number,
    pub(super) document_bytes: usize,
    pub(super) fetched_at: UnixTime,
    pub(super) fresh_for: Duration,
}

impl FetchedKeys {
    pub(super) fn new(keys: KeySet, arrival: Arrival) -> Self {
        let Arrival { number, document_bytes, fetched_at, fresh_for } = arrival;
        let refresh_at = fetched_at + Settings::refresh_after(fresh_for);
        let fresh_until = fetched_at + fresh_for;
        Self { keys: Arc::new(keys), number, document_bytes, fetched_at, refresh_at, fresh_until }
    }

    pub(super) fn is_fresh(&self, now: UnixTime) -> bool {
        self.may_serve(now, Duration::ZERO)
    }

    /// Whether the set is fresh, or went stale less than `stale_for` ago.
    pub(super) fn may_serve(&self, now: UnixTime, stale_for: Duration) -> bool {
        self.fetched_at <= now + DISORDER && now < self.fresh_until + stale_for
    }

    /// Roughly the memory of the set in bytes. A parsed key takes a few times the size of its text,
    /// and a fixed amount on top, and so does the reason for a skipped one.
    pub(super) fn weight(&self) -> usize {
        self.document_bytes * 4 + self.keys.len() * 1024 + self.keys.skipped().len() * 512
    }
}
