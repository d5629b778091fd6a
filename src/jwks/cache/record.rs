//! What is stored about one source.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;

use super::control::Control;
use super::fetched::FetchedKeys;
use crate::clock::UnixTime;
use crate::jose::keys::KeySet;
use crate::jwks::fetch::JwksUrl;

/// The keys of one client at one URL. While they are fresh, requests touch only `current` and
/// `last_used`, without a lock.
pub(super) struct SourceRecord {
    client_id: Box<str>,
    url: JwksUrl,
    pub(super) current: ArcSwapOption<FetchedKeys>,
    last_used: AtomicU64,
    pub(super) control: Mutex<Control>,
}

impl SourceRecord {
    pub(super) fn new(client_id: &str, url: JwksUrl) -> Self {
        let (current, control) = (ArcSwapOption::empty(), Mutex::default());
        Self { client_id: client_id.into(), url, current, last_used: AtomicU64::new(0), control }
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(super) fn url(&self) -> &JwksUrl {
        &self.url
    }

    pub(super) fn fresh(&self, now: UnixTime) -> Option<Arc<KeySet>> {
        let current = self.current.load();
        current.as_ref().filter(|fetched| fetched.is_fresh(now)).map(|fetched| Arc::clone(&fetched.keys))
    }

    /// Writes at most once a second, so that threads do not contend for the cache line.
    pub(super) fn touch(&self, now: UnixTime) {
        let now = now.as_secs();
        if self.last_used.load(Ordering::Relaxed) != now {
            self.last_used.store(now, Ordering::Relaxed);
        }
    }

    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// Drops the keys to free memory. What is known about failures stays.
    pub(super) fn drop_keys(&self) {
        self.current.store(None);
    }
}
