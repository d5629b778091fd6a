//! What all sources of a cache share: the fetcher, the limits, the bounds, and the suspicion that our own network is down.

mod control;
mod fetched;
mod flight;
mod news;
mod settings;
mod slots;
mod source;
mod state;
mod table;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::time::timeout;

pub use news::{KeySetEvent, KeySetNews, KeySetObserver};
pub use settings::KeySetCacheBuilder;
pub use source::{KeySource, Keys};
pub use state::SourceState;

use fetched::Fetched;
use settings::Settings;
use slots::Slots;
use source::Source;
use table::Table;

pub use super::fetch::KeysUnavailable;
use super::fetch::{FetchError, JwksUrl, UrlError, answer, freshness};
use super::{JwksFetch, JwksRequest};
use crate::clock::UnixTime;
use crate::lock::lock;

/// The key sets of all clients that publish theirs at a URL. Cheap to clone; clones share everything.
///
/// The [module page](super) has an example and says when it fetches.
#[derive(Clone)]
pub struct KeySetCache(Arc<Shared>);

pub(crate) struct Shared {
    fetch: Box<dyn JwksFetch>,
    observer: Option<Box<dyn KeySetObserver>>,
    pub(crate) settings: Settings,
    table: Mutex<Table>,
    slots: Slots,
    /// Hosts that have been silent since one last answered.
    silent: Mutex<HashSet<Box<str>>>,
}

/// How a [prefetch](KeySetCache::prefetch) went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefetched {
    /// Sources that have keys now.
    pub ready: usize,
    /// Sources that have none; [`KeySource::state`] says why.
    pub failed: usize,
}

impl KeySetCache {
    /// Starts to configure a cache that fetches by `fetch`.
    pub fn builder(fetch: impl JwksFetch) -> KeySetCacheBuilder {
        KeySetCacheBuilder::new(fetch)
    }

    pub(crate) fn from_builder(builder: KeySetCacheBuilder) -> Self {
        let KeySetCacheBuilder { fetch, observer, settings } = builder;
        let slots = Slots::new(settings.max_fetches, settings.max_fetches_per_host);
        let (table, silent) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Shared { fetch, observer, settings, table, slots, silent }))
    }

    /// The source of this client's keys at `url`: the one that there is already, if there is one. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// The [guard](KeySetCacheBuilder::guard) does not let anybody fetch from this URL.
    pub fn source(&self, client_id: &str, url: &JwksUrl) -> Result<KeySource, UrlError> {
        self.0.settings.guard.admit(url)?;
        let source = lock(&self.0.table).source(client_id, url);
        Ok(KeySource::new(source, Arc::clone(&self.0)))
    }

    /// All sources that are in use or have keys, in no particular order.
    pub fn sources(&self) -> Vec<KeySource> {
        let sources = lock(&self.0.table).sources();
        sources.into_iter().map(|source| KeySource::new(source, Arc::clone(&self.0))).collect()
    }

    /// Fetches the keys of every source that has none or only old ones: before you serve, say. Not more at a time than
    /// [`max_fetches`](KeySetCacheBuilder::max_fetches).
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

    /// Forgets the keys of a client at once, whatever URLs they came from. The next request fetches them anew, and a fetch
    /// that was under way does not bring the old ones back. Returns how many sources the client has.
    pub fn invalidate(&self, client_id: &str) -> usize {
        let sources = self.sources().into_iter().filter(|source| source.client_id() == client_id);
        sources.map(|source| source.invalidate()).count()
    }

    /// How many sources are in memory because they were fetched.
    pub fn kept_sources(&self) -> usize {
        lock(&self.0.table).kept()
    }

    /// How many bytes these count with; see [`max_memory`](KeySetCacheBuilder::max_memory).
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

impl Shared {
    /// One fetch, from the wait for its turn to the parsed keys.
    pub(crate) async fn fetch(&self, url: &JwksUrl, now: UnixTime) -> Result<Fetched, FetchError> {
        let fetched = self.attempt(url, now).await;
        let mut silent = lock(&self.silent);
        match &fetched {
            Err(error) if error.is_silence() => {
                if silent.len() < self.settings.silent_hosts.map_or(0, usize::from) {
                    silent.insert(url.host().into());
                }
            }
            Ok(_) => silent.clear(),
            Err(error) if error.is_answer() => silent.clear(),
            Err(_) => {}
        }
        fetched
    }

    async fn attempt(&self, url: &JwksUrl, now: UnixTime) -> Result<Fetched, FetchError> {
        let Settings { timeout: time, max_bytes, max_keys, .. } = self.settings;
        let request = JwksRequest { url: url.clone(), max_bytes, guard: Arc::clone(&self.settings.guard) };
        let _slot = self.slots.take(url.host(), time).await?;
        let response = timeout(time, self.fetch.fetch(request)).await.unwrap_or(Err(FetchError::Timeout))?;
        let keys = answer::parse(&response, max_bytes, max_keys)?;
        let fresh_for = self.settings.fresh_for(freshness::lifetime(response.headers(), now));
        Ok(Fetched::new(keys, response.body().len(), now, fresh_for))
    }

    /// Whether a host's silence is taken for ours.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.settings.silent_hosts.is_some_and(|hosts| lock(&self.silent).len() >= hosts.get())
    }

    pub(crate) fn keep(&self, source: &Arc<Source>, weight: usize) {
        lock(&self.table).keep(source, weight, self.settings.max_sets, self.settings.max_memory);
    }

    pub(crate) fn forget(&self, source: &Arc<Source>) {
        lock(&self.table).remove(source);
    }

    pub(crate) fn report(&self, source: &Source, news: KeySetNews<'_>) {
        if let Some(observer) = &self.observer {
            observer.observe(KeySetEvent::new(source.client_id(), source.url().as_str(), news));
        }
    }
}
