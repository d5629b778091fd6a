//! The cache of key sets. It decides when to fetch a set, how long to keep it, and what to do when
//! a fetch fails.
//!
//! Given a client id, a URL and the time, the cache returns keys or the reason why there are none.
//! It fetches through [`fetch`](super::fetch) and reports to an observer. It must not use requests
//! or assertions.
//!
//! A [`Document`](document::Document) is the key set at one URL, for all clients that have
//! registered the URL. A [`KeySource`] is the handle of one client, a
//! [`Member`](member::Member), to its document. All documents of a cache live in a
//! [`Table`](table::Table), within bounds. [`Control`](control::Control) decides whether a document
//! may be fetched now, and a [`Flight`](crate::flight::Flight) performs the fetch.

mod builder;
mod config_error;
mod control;
mod counts;
mod document;
mod fetched;
mod job;
mod member;
mod news;
mod outcome;
mod settings;
mod shared;
mod silence;
mod source;
mod state;
mod table;
mod unavailable;

use std::fmt;
use std::sync::Arc;

pub use builder::KeySetCacheBuilder;
pub use config_error::KeySetCacheError;
pub use counts::KeySetCounts;
pub use news::{KeySetEvent, KeySetNews, KeySetObserver};
pub(crate) use settings::Settings;
pub use source::{KeySource, KeysResult};
pub use state::SourceState;
pub use unavailable::KeysUnavailable;

use shared::Shared;

use super::fetch::{JwksFetch, JwksUrl, UrlError};
use crate::clock::UnixTime;
use crate::lock::lock;

/// The key sets of all clients that publish theirs at a URL. Cheap to clone; clones share
/// everything.
///
/// The [module page](super) has an example and lists when the cache fetches.
#[derive(Clone)]
pub struct KeySetCache(Arc<Shared>);

/// The result of a [prefetch](KeySetCache::prefetch).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prefetched {
    /// The number of sources that have keys now.
    pub ready: usize,
    /// The number of sources that have none. See [`KeySource::state`] for the reason.
    pub failed: usize,
}

impl KeySetCache {
    /// Returns a builder of a cache that fetches with `fetch`.
    pub fn builder(fetch: impl JwksFetch) -> KeySetCacheBuilder {
        KeySetCacheBuilder::new(fetch)
    }

    /// Returns the source of this client's keys at `url`, and creates it if it does not exist.
    /// Fetches nothing yet.
    ///
    /// # Errors
    ///
    /// The [guard](KeySetCacheBuilder::guard) refuses the URL.
    pub fn source(&self, client_id: &str, url: &JwksUrl) -> Result<KeySource, UrlError> {
        self.0.settings.guard.judge_url(url)?;
        let document = lock(&self.0.table).document(url);
        let member = document.join(client_id, &self.0.order);
        Ok(KeySource::new(member, document, Arc::clone(&self.0)))
    }

    /// Returns all sources that are in use or have keys, in no particular order.
    pub fn sources(&self) -> Vec<KeySource> {
        let documents = lock(&self.0.table).documents();
        let sources = documents.into_iter().flat_map(|document| {
            let sources = document.present().into_iter();
            sources.map(move |member| KeySource::new(member, Arc::clone(&document), Arc::clone(&self.0)))
        });
        sources.collect()
    }

    /// Fetches the keys of every source whose keys are missing or stale, for example before the
    /// server accepts connections. Runs at most [`max_fetches`](KeySetCacheBuilder::max_fetches)
    /// concurrently.
    pub async fn prefetch(&self, now: UnixTime) -> Prefetched {
        let mut prefetched = Prefetched::default();
        for sources in self.sources().chunks(self.0.settings.max_fetches) {
            let answers: Vec<_> = sources.iter().map(|source| source.keys(now)).collect();
            for answer in answers {
                match answer.get().await {
                    Ok(_) => prefetched.ready += 1,
                    Err(_) => prefetched.failed += 1,
                }
            }
        }
        prefetched
    }

    /// Drops the keys of a client immediately, from all its URLs. The next request fetches them
    /// again, and a fetch that is running does not bring the old ones back. Other clients of the
    /// same URLs keep their keys until the new ones arrive. Returns the number of the client's
    /// sources that the cache knows. It need not know any: a source that is created later gets no
    /// keys from before this call either.
    ///
    /// Requests of the client that are waiting for keys are answered that they are
    /// [superseded](KeysUnavailable::is_superseded).
    pub fn invalidate(&self, client_id: &str) -> usize {
        // Recorded first, for documents that the client joins from here on.
        let first = self.0.order.invalidate(client_id);
        let documents = lock(&self.0.table).documents();
        let sources = documents.into_iter().filter_map(|document| {
            let member = document.member(client_id)?;
            Some(KeySource::new(member, document, Arc::clone(&self.0)))
        });
        sources.map(|source| source.invalidate_before(first)).count()
    }

    /// Returns how many key sets are in which state, of all URLs that are in use or kept. It takes
    /// a lock for each, so call it for gauges and not for every request.
    pub fn counts(&self, now: UnixTime) -> KeySetCounts {
        let documents = lock(&self.0.table).documents();
        let mut counts = KeySetCounts::default();
        for document in documents {
            counts.add(&document, self.0.settings.stale_for, now);
        }
        counts
    }

    /// Returns the number of key sets in memory, one for each URL that has been fetched.
    pub fn kept_sources(&self) -> usize {
        lock(&self.0.table).kept()
    }

    /// Returns the bytes that these sets count for. See
    /// [`max_memory`](KeySetCacheBuilder::max_memory).
    pub fn kept_bytes(&self) -> usize {
        lock(&self.0.table).weight()
    }
}

impl fmt::Debug for KeySetCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("KeySetCache");
        debug
            .field("kept_sources", &self.kept_sources())
            .field("kept_bytes", &self.kept_bytes())
            .finish_non_exhaustive()
    }
}
