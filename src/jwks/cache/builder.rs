//! The builder of a cache: every setting with its default.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::KeySetCache;
use super::config_error::KeySetCacheError;
use super::news::KeySetObserver;
use super::settings::Settings;
use super::shared::Shared;
use crate::jwks::fetch::{AddressGuard, JwksFetch};

/// Configures a [`KeySetCache`].
///
/// Durations must be whole seconds, because they are compared with the time of a
/// [`Clock`](crate::clock::Clock). Only [`timeout`](Self::timeout) can have a fraction.
#[must_use]
pub struct KeySetCacheBuilder {
    fetch: Box<dyn JwksFetch>,
    observer: Option<Box<dyn KeySetObserver>>,
    settings: Settings,
}

impl KeySetCacheBuilder {
    pub(super) fn new(fetch: impl JwksFetch) -> Self {
        Self { fetch: Box::new(fetch), observer: None, settings: Settings::default() }
    }

    /// Applies the caching rules of SMART Backend Services: keys are never used for longer than the
    /// client's `Cache-Control` allows, and never once they are stale.
    ///
    /// Sets the shortest freshness and [`stale_for`](Self::stale_for) to zero.
    pub fn smart(self) -> Self {
        let longest = self.settings.longest;
        self.fresh_between(Duration::ZERO, longest).stale_for(Duration::ZERO)
    }

    /// Sets bounds on the time for which a set is fresh. They limit the lifetime that the client's
    /// server announces. In whole seconds, at most 7 days. Default: 60 s and 1 h.
    ///
    /// If a client's server forbids caching, it is asked at most once a second, even if the
    /// shortest time is zero.
    pub fn fresh_between(mut self, shortest: Duration, longest: Duration) -> Self {
        (self.settings.shortest, self.settings.longest) = (shortest, longest);
        self
    }

    /// Sets how long a set is fresh if the client's server announces nothing. In whole seconds,
    /// at most 7 days. Default: 300 s.
    pub fn fresh_by_default(mut self, time: Duration) -> Self {
        self.settings.unannounced = time;
        self
    }

    /// Sets the minimum time between two fetches of one URL that are caused by an assertion: by a
    /// `kid` that is not in the set, or by a signature that does not verify. In whole seconds, at
    /// most 7 days. Default: 30 s.
    ///
    /// The time is that of the URL, not of each client, so an attacker who names many clients
    /// causes no more fetches. The set that is fetched for one client serves the others too, so
    /// none has keys that are older than this time while another asks for new ones.
    pub fn cooldown(mut self, time: Duration) -> Self {
        self.settings.cooldown = time;
        self
    }

    /// Sets how long a stale set stays in use while fetches fail. In whole seconds, at most 7
    /// days. Default: 1 h.
    ///
    /// A client removes a stolen key by publishing a set without it. A thief who can also silence
    /// the client's server, or the network in between, keeps the key valid for this time. If the
    /// time is short, an outage of the client's server soon refuses the client's requests.
    pub fn stale_for(mut self, time: Duration) -> Self {
        self.settings.stale_for = time;
        self
    }

    /// Sets the pause after a first failed fetch, and the longest pause. In whole seconds, at
    /// most 7 days. Default: 2 s and 300 s.
    ///
    /// The pause doubles with each failure. It is shortened at random by up to a half, so that many
    /// nodes do not retry simultaneously. A `Retry-After` of the statuses 429 and 503 lengthens it,
    /// up to the longest pause; it never shortens it.
    pub fn retry_between(mut self, first: Duration, longest: Duration) -> Self {
        (self.settings.first_pause, self.settings.longest_pause) = (first, longest);
        self
    }

    /// Sets the maximum time of a whole fetch, from the look-up of the host name to the last byte.
    /// At most 60 s. Default: 3 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = time;
        self
    }

    /// Sets the maximum size of a document in bytes. Default:
    /// [`keys::MAX_BYTES`](crate::keys::MAX_BYTES).
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_bytes = bytes;
        self
    }

    /// Sets the maximum number of keys in a document. Default:
    /// [`keys::MAX_KEYS`](crate::keys::MAX_KEYS).
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.settings.max_keys = keys;
        self
    }

    /// Sets the maximum number of key sets in memory, one for each URL. Default: 10,000.
    ///
    /// When the limit is reached, a set that has not been used for long is dropped. It is fetched
    /// again when it is needed.
    pub fn max_sets(mut self, sets: usize) -> Self {
        self.settings.max_sets = sets;
        self
    }

    /// Sets the maximum memory for all key sets in bytes. Default: 64 MiB.
    ///
    /// A set counts as four times its document, plus 1 KiB for each key, plus 1 KiB.
    pub fn max_memory(mut self, bytes: usize) -> Self {
        self.settings.max_memory = bytes;
        self
    }

    /// Sets the maximum number of concurrent fetches. Default: 256.
    ///
    /// Further fetches wait for a slot for at most the [`timeout`](Self::timeout) of a fetch.
    pub fn max_fetches(mut self, fetches: usize) -> Self {
        self.settings.max_fetches = fetches;
        self
    }

    /// Sets the maximum number of concurrent fetches from one host, so that a slow host does not
    /// hold up the others, and is not asked more than it permits. Default: 16.
    pub fn max_fetches_per_host(mut self, fetches: usize) -> Self {
        self.settings.max_fetches_per_host = fetches;
        self
    }

    /// Blames the authorization server's own network once this many different hosts in a row have
    /// not responded. Default: the client is always blamed.
    ///
    /// A request whose keys cannot be fetched is then answered with 503, until any host responds.
    pub fn blame_own_network_after(mut self, hosts: NonZeroUsize) -> Self {
        self.settings.silent_hosts = Some(hosts);
        self
    }

    /// Sets which hosts and addresses may be fetched from. Default: [`AddressGuard::default`].
    pub fn guard(mut self, guard: AddressGuard) -> Self {
        self.settings.guard = Arc::new(guard);
        self
    }

    /// Reports every fetch to `events`, which can be any
    /// [`EventSink`](crate::event::EventSink), as [`Event::KeySet`](crate::event::Event::KeySet).
    /// Default: none.
    pub fn events(mut self, events: impl KeySetObserver) -> Self {
        self.observer = Some(Box::new(events));
        self
    }

    /// Builds the cache.
    ///
    /// # Errors
    ///
    /// A time or a size that must be positive is zero, a time is not in whole seconds or too long,
    /// or the longest freshness is shorter than the shortest.
    pub fn build(self) -> Result<KeySetCache, KeySetCacheError> {
        self.settings.check()?;
        Ok(KeySetCache(Arc::new(Shared::new(self.fetch, self.observer, self.settings))))
    }
}

impl fmt::Debug for KeySetCacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySetCacheBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
