//! The state that all documents of a cache share: the fetcher, the settings, the bounds, and the
//! hosts that have not responded.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::document::Document;
use super::fetched::{Arrival, FailedFetch, FetchedKeys};
use super::member::Member;
use super::news::{KeySetEvent, KeySetNews, KeySetObserver};
use super::settings::Settings;
use super::silence::SilentHosts;
use super::table::Table;
use crate::clock::UnixTime;
use crate::jwks::fetch::slots::Slots;
use crate::jwks::fetch::{FetchError, FetchFact, JwksFetch, JwksRequest, JwksUrl, freshness, response};
use crate::lock::lock;
use crate::order::{Number, Order};

pub(super) struct Shared {
    fetch: Box<dyn JwksFetch>,
    observer: Option<Box<dyn KeySetObserver>>,
    pub(super) settings: Settings,
    pub(super) table: Mutex<Table>,
    slots: Slots,
    pub(super) silent: SilentHosts,
    pub(super) order: Order,
}

impl Shared {
    pub(super) fn new(
        fetch: Box<dyn JwksFetch>,
        observer: Option<Box<dyn KeySetObserver>>,
        settings: Settings,
    ) -> Self {
        let slots = Slots::new(settings.max_fetches, settings.max_fetches_per_host);
        let silent = SilentHosts::new(settings.silent_hosts);
        let (table, order) = (Mutex::default(), Order::default());
        Self { fetch, observer, settings, table, slots, silent, order }
    }

    /// Returns what the fetcher tells about itself.
    pub(super) fn about_fetch(&self) -> Vec<FetchFact> {
        self.fetch.about()
    }

    /// Performs one fetch, from the wait for a slot to the parsed keys.
    pub(super) async fn fetch(&self, url: &JwksUrl, number: Number, now: UnixTime) -> Result<FetchedKeys, FailedFetch> {
        let fetched = self.attempt(url, number, now).await;
        self.silent.record(url.host(), fetched.as_ref().err().map(|failed| &failed.error));
        fetched
    }

    async fn attempt(&self, url: &JwksUrl, number: Number, now: UnixTime) -> Result<FetchedKeys, FailedFetch> {
        let Settings { timeout: time, max_bytes, max_keys, .. } = self.settings;
        let _slot = self.slots.acquire(url.host(), time).await?;
        let deadline = Instant::now() + time;
        let request = JwksRequest::new(url.clone(), max_bytes, Arc::clone(&self.settings.guard), deadline);
        let response = timeout_at(deadline, self.fetch.fetch(request)).await.unwrap_or(Err(FetchError::Timeout));
        let response = response.map_err(|error| error.without_query(url))?;
        let keys = response::parse(&response, max_bytes, max_keys)
            .map_err(|error| FailedFetch { error, retry_after: freshness::retry_after(&response, now) })?;
        let fresh_for = self.settings.fresh_for(freshness::lifetime(response.headers(), now));
        let arrival = Arrival { number, document_bytes: response.body().len(), fetched_at: now, fresh_for };
        Ok(FetchedKeys::new(keys, arrival))
    }

    pub(super) fn keep(&self, document: &Arc<Document>, weight: usize) {
        lock(&self.table).keep(document, weight, self.settings.max_sets, self.settings.max_memory);
    }

    pub(super) fn remove(&self, document: &Arc<Document>) {
        lock(&self.table).remove(document);
    }

    /// Reports `news`, which a request of `cause` has brought about, by a fetch that `took` this
    /// long.
    pub(super) fn report<'a>(
        &self,
        document: &Document,
        cause: &Member,
        took: Option<Duration>,
        news: impl Iterator<Item = KeySetNews<'a>>,
    ) {
        let Some(observer) = &self.observer else { return };
        let (client_id, clients, url) = (cause.client_id(), &*document.present(), document.url());
        for news in news {
            observer.observe(KeySetEvent { client_id, clients, url, news, took });
        }
    }
}
