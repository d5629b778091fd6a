//! What is known of a source, for whoever runs the endpoint.

use std::sync::Arc;

use crate::clock::UnixTime;
use crate::jose::keys::KeySet;
use crate::jwks::fetch::FetchError;
use crate::jwks::fetch::JwksUrl;

/// What is known of a source, for whoever runs the endpoint.
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
    /// The client whose keys these are.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Where they are fetched from.
    pub fn url(&self) -> &JwksUrl {
        &self.url
    }

    /// The keys that were fetched last, fresh or not, each with its `kid`; and those that were skipped, each with the reason.
    pub fn keys(&self) -> Option<&KeySet> {
        self.keys.as_deref()
    }

    /// When the fetch of these keys began.
    pub fn fetched_at(&self) -> Option<UnixTime> {
        self.fetched_at
    }

    /// From when on the keys are stale.
    pub fn fresh_until(&self) -> Option<UnixTime> {
        self.fresh_until
    }

    /// From when on a request causes a fetch: ahead of time, or after a failure. `None` if the next one does.
    pub fn next_refresh(&self) -> Option<UnixTime> {
        self.next_refresh
    }

    /// When the last fetch began, whether it succeeded or not.
    pub fn last_attempt(&self) -> Option<UnixTime> {
        self.last_attempt
    }

    /// Why the last fetch failed; `None` if it succeeded.
    pub fn last_error(&self) -> Option<&FetchError> {
        self.last_error.as_ref()
    }

    /// How many fetches have failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether a fetch is under way.
    pub fn is_fetching(&self) -> bool {
        self.fetching
    }
}
