//! The state of a source, for operators.

use std::sync::Arc;

use crate::clock::UnixTime;
use crate::jose::keys::KeySet;
use crate::jwks::fetch::{FetchError, JwksUrl};

/// The state of a [`KeySource`](crate::jwks::KeySource), for operators. The attempts and the failures
/// are those of its URL, for all clients that have registered it.
#[derive(Clone, Debug)]
pub struct SourceState {
    pub(super) client_id: Box<str>,
    pub(super) url: JwksUrl,
    pub(super) keys: Option<Arc<KeySet>>,
    pub(super) fetched_at: Option<UnixTime>,
    pub(super) fresh_until: Option<UnixTime>,
    pub(super) next_refresh: Option<UnixTime>,
    pub(super) last_attempt: Option<UnixTime>,
    pub(super) last_error: Option<FetchError>,
    pub(super) failures: u32,
    pub(super) fetching: bool,
}

impl SourceState {
    /// Returns the client whose keys these are.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the URL from which the keys are fetched.
    pub fn url(&self) -> &JwksUrl {
        &self.url
    }

    /// Returns the keys that were fetched last, fresh or stale. The set also lists the skipped
    /// keys, each with the reason.
    pub fn keys(&self) -> Option<&KeySet> {
        self.keys.as_deref()
    }

    /// Returns when the fetch of these keys started.
    pub fn fetched_at(&self) -> Option<UnixTime> {
        self.fetched_at
    }

    /// Returns when the keys become stale.
    pub fn fresh_until(&self) -> Option<UnixTime> {
        self.fresh_until
    }

    /// Returns the time after which a request causes a fetch: shortly before the keys become stale,
    /// or after the pause that follows a failure. `None` if the next request causes one.
    pub fn next_refresh(&self) -> Option<UnixTime> {
        self.next_refresh
    }

    /// Returns when the last fetch of the URL started, whether or not it succeeded.
    pub fn last_attempt(&self) -> Option<UnixTime> {
        self.last_attempt
    }

    /// Returns why the last fetch of the URL failed, or `None` if it succeeded.
    pub fn last_error(&self) -> Option<&FetchError> {
        self.last_error.as_ref()
    }

    /// Returns how many fetches of the URL have failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns whether a fetch of the URL is running.
    pub fn is_fetching(&self) -> bool {
        self.fetching
    }
}
