//! The keys of one client at one URL, as the verifier asks for them.

use std::fmt;
use std::sync::{Arc, TryLockError};

use tokio::time::Instant;

use super::control::Control;
use super::fetched::FetchedKeys;
use super::news::KeySetNews;
use super::outcome::FetchOutcome;
use super::record::SourceRecord;
use super::running::{FetchJob, FetchTask, RunningFetch};
use super::shared::Shared;
use super::state::SourceState;
use super::unavailable::KeysUnavailable;
use crate::clock::UnixTime;
use crate::jose::keys::KeySet;
use crate::jwks::fetch::{FetchError, JwksUrl};
use crate::lock::lock;
use crate::port::Answer;

/// The keys of a source, or the reason why there are none.
pub type KeysResult = Result<Arc<KeySet>, KeysUnavailable>;

/// The keys of one client at one URL. Cheap to clone; clones are the same source.
#[derive(Clone)]
pub struct KeySource {
    record: Arc<SourceRecord>,
    cache: Arc<Shared>,
}

impl KeySource {
    pub(super) fn new(record: Arc<SourceRecord>, cache: Arc<Shared>) -> Self {
        Self { record, cache }
    }

    /// Returns the client whose keys these are.
    pub fn client_id(&self) -> &str {
        self.record.client_id()
    }

    /// Returns the URL from which the keys are fetched.
    pub fn url(&self) -> &JwksUrl {
        self.record.url()
    }

    /// Returns the keys: immediately if they are fresh, otherwise when a fetch has ended. A fetch
    /// that is already running is shared.
    ///
    /// The future may be dropped at any time. The fetch then continues for other waiting requests.
    /// It runs as a task of the Tokio runtime in which this method is called.
    ///
    /// If the client is invalidated during the wait, the answer is an error that
    /// [`is_superseded`](KeysUnavailable::is_superseded): keys from before the invalidation are
    /// never returned after it.
    pub fn keys(&self, now: UnixTime) -> Answer<KeysResult> {
        let current = self.record.current.load();
        match &*current {
            Some(fetched) if fetched.is_fresh(now) => {
                self.record.touch(now);
                if now >= fetched.refresh_at {
                    self.refresh_in_background(now);
                }
                Answer::Ready(Ok(Arc::clone(&fetched.keys)))
            }
            _ => self.refresh(now),
        }
    }

    /// Returns keys that are newer than `seen`, for an assertion whose key is missing from `seen`
    /// or does not verify it. `None` if there are none, or if a fetch would come too soon after the
    /// last one.
    pub fn newer(&self, seen: &Arc<KeySet>, now: UnixTime) -> Answer<Option<Arc<KeySet>>> {
        self.record.touch(now);
        let mut control = lock(&self.record.control);
        if let Some(keys) = self.record.fresh(now).filter(|keys| !Arc::ptr_eq(keys, seen)) {
            return Answer::Ready(Some(keys));
        }
        if let Some(running) = &control.running {
            return Answer::later(newer_keys(running.clone()));
        }
        if control.is_paused(now) || control.is_cooling_down(self.cache.settings.cooldown, now) {
            return Answer::Ready(None);
        }
        control.last_demand = Some(now);
        let (running, task) = self.start_fetch(&mut control, now);
        drop(control);
        task.spawn();
        Answer::later(newer_keys(running))
    }

    /// Returns what is known about this source.
    pub fn state(&self) -> SourceState {
        let control = lock(&self.record.control);
        let current = self.record.current.load_full();
        let time = |of: fn(&FetchedKeys) -> UnixTime| current.as_deref().map(of);
        SourceState {
            client_id: self.client_id().into(),
            url: self.url().clone(),
            keys: current.as_ref().map(|fetched| Arc::clone(&fetched.keys)),
            fetched_at: time(|fetched| fetched.fetched_at),
            fresh_until: time(|fetched| fetched.fresh_until),
            next_refresh: match control.last_error {
                Some(_) => control.paused_until,
                None => time(|fetched| fetched.refresh_at),
            },
            last_attempt: control.last_attempt,
            last_error: control.last_error.clone(),
            failures: control.failures,
            fetching: control.running.is_some(),
        }
    }

    /// See [`KeySetCache::invalidate`](crate::jwks::KeySetCache::invalidate).
    pub(crate) fn invalidate(&self) {
        let mut control = lock(&self.record.control);
        control.invalidate();
        self.record.current.store(None);
        drop(control);
        self.cache.remove(&self.record);
    }

    /// For keys that are not fresh: waits for a fetch, or falls back if none is allowed now.
    fn refresh(&self, now: UnixTime) -> Answer<KeysResult> {
        self.record.touch(now);
        let mut control = lock(&self.record.control);
        // A fetch may have ended while this thread waited for the lock.
        if let Some(keys) = self.record.fresh(now) {
            return Answer::Ready(Ok(keys));
        }
        if let Some(running) = &control.running {
            return Answer::later(self.clone().keys_after(running.clone(), now));
        }
        if control.is_paused(now) {
            drop(control);
            return Answer::Ready(self.fall_back(now));
        }
        let (running, task) = self.start_fetch(&mut control, now);
        drop(control);
        task.spawn();
        Answer::later(self.clone().keys_after(running, now))
    }

    /// For keys that are fresh but will soon be stale. If the lock is taken, another thread is
    /// already handling the same source.
    fn refresh_in_background(&self, now: UnixTime) {
        let mut control = match self.record.control.try_lock() {
            Ok(control) => control,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if control.running.is_some() || control.is_paused(now) {
            return;
        }
        let (_, task) = self.start_fetch(&mut control, now);
        drop(control);
        task.spawn();
    }

    /// Prepares a fetch. The caller spawns the task after it has released the lock.
    fn start_fetch(&self, control: &mut Control, now: UnixTime) -> (RunningFetch, FetchTask<SourceFetch>) {
        let source = self.clone();
        let job = SourceFetch { source, generation: control.generation, started_at: now, started: Instant::now() };
        let (running, task) = FetchTask::new(job);
        control.last_attempt = Some(now);
        control.running = Some(running.clone());
        (running, task)
    }

    async fn keys_after(self, running: RunningFetch, now: UnixTime) -> KeysResult {
        match running.outcome().await {
            FetchOutcome::Fetched(keys) => Ok(keys),
            FetchOutcome::Failed => self.fall_back(now),
            FetchOutcome::Superseded => Err(KeysUnavailable::superseded()),
        }
    }

    fn record_success(&self, fetched: FetchedKeys, generation: u64) -> FetchOutcome {
        let mut control = lock(&self.record.control);
        if control.generation != generation {
            return FetchOutcome::Superseded;
        }
        control.record_success();
        let fetched = Arc::new(fetched);
        let previous = self.record.current.swap(Some(Arc::clone(&fetched)));
        drop(control);
        self.cache.keep(&self.record, fetched.weight());
        self.report_fetched(&fetched, previous.as_deref());
        FetchOutcome::Fetched(Arc::clone(&fetched.keys))
    }

    fn record_failure(&self, error: &FetchError, generation: u64, now: UnixTime) -> FetchOutcome {
        let mut control = lock(&self.record.control);
        if control.generation != generation {
            return FetchOutcome::Superseded;
        }
        let retry_in = control.record_failure(error, now, &self.cache.settings);
        let revoked = if error.revokes() { self.record.current.swap(None) } else { None };
        drop(control);
        self.cache.keep(&self.record, self.record.current.load().as_ref().map_or(0, |fetched| fetched.weight()));
        self.cache.report(&self.record, KeySetNews::Failed { error, retry_in });
        if revoked.is_some_and(|revoked| !revoked.keys.is_empty()) {
            self.cache.report(&self.record, KeySetNews::Revoked);
        }
        FetchOutcome::Failed
    }

    fn report_fetched(&self, fetched: &FetchedKeys, previous: Option<&FetchedKeys>) {
        let fresh_for = fetched.fresh_until - fetched.fetched_at;
        self.cache.report(&self.record, KeySetNews::Fetched { keys: &fetched.keys, fresh_for });
        for key in fetched.keys.skipped() {
            self.cache.report(&self.record, KeySetNews::Skipped(key));
        }
        if fetched.keys.is_empty() && previous.is_some_and(|previous| !previous.keys.is_empty()) {
            self.cache.report(&self.record, KeySetNews::Revoked);
        }
    }

    /// Returns what is available without a fetch: stale keys if they may still be used, otherwise
    /// the last error.
    fn fall_back(&self, now: UnixTime) -> KeysResult {
        let mut control = lock(&self.record.control);
        let current = self.record.current.load_full();
        if let Some(fetched) = current.filter(|fetched| fetched.may_serve(now, self.cache.settings.stale_for)) {
            let reported = fetched.is_fresh(now) || std::mem::replace(&mut control.stale_reported, true);
            drop(control);
            self.record.touch(now);
            if !reported {
                self.cache.report(&self.record, KeySetNews::Stale { expired_for: now - fetched.fresh_until });
            }
            return Ok(Arc::clone(&fetched.keys));
        }
        let error = control.last_error.clone().unwrap_or(FetchError::Aborted);
        drop(control);
        let is_server_fault = error.is_server_fault() || error.is_silence() && self.cache.is_cut_off();
        Err(KeysUnavailable { error, is_server_fault })
    }
}

async fn newer_keys(running: RunningFetch) -> Option<Arc<KeySet>> {
    match running.outcome().await {
        FetchOutcome::Fetched(keys) => Some(keys),
        FetchOutcome::Failed | FetchOutcome::Superseded => None,
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("KeySource");
        debug.field("client_id", &self.client_id()).field("url", &self.url().as_str()).finish_non_exhaustive()
    }
}

/// One fetch for a source.
struct SourceFetch {
    source: KeySource,
    generation: u64,
    started_at: UnixTime,
    started: Instant,
}

impl FetchJob for SourceFetch {
    async fn fetch(&self) -> Result<FetchedKeys, FetchError> {
        self.source.cache.fetch(self.source.url(), self.started_at).await
    }

    fn record(self, result: Result<FetchedKeys, FetchError>) -> FetchOutcome {
        match result {
            Ok(fetched) => self.source.record_success(fetched, self.generation),
            Err(error) => {
                // The clock was read when the fetch started; the fetch has taken a while since.
                let now = self.started_at + self.started.elapsed();
                self.source.record_failure(&error, self.generation, now)
            }
        }
    }
}
