//! The keys of one client at one URL: fresh, stale, being fetched, or not to be had.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::Shared;
use super::control::Control;
use super::fetched::Fetched;
use super::flight::{self, Landed, Landing};
use super::news::KeySetNews;
use super::state::SourceState;
use crate::clock::UnixTime;
use crate::jose::keys::KeySet;
use crate::jwks::fetch::JwksUrl;
use crate::jwks::fetch::{FetchError, KeysUnavailable};
use crate::lock::lock;
use crate::port::Answer;

/// The keys of a source, or why there are none.
pub type Keys = Result<Arc<KeySet>, KeysUnavailable>;

/// The keys of one client at one URL. Cheap to clone; clones are the same source.
#[derive(Clone)]
pub struct KeySource {
    source: Arc<Source>,
    cache: Arc<Shared>,
}

pub(crate) struct Source {
    client_id: Box<str>,
    url: JwksUrl,
    /// All that a request touches while the keys are fresh.
    current: ArcSwapOption<Fetched>,
    last_used: AtomicU64,
    control: Mutex<Control>,
}

impl KeySource {
    pub(crate) fn new(source: Arc<Source>, cache: Arc<Shared>) -> Self {
        Self { source, cache }
    }

    /// The client whose keys these are.
    pub fn client_id(&self) -> &str {
        &self.source.client_id
    }

    /// Where they are fetched from.
    pub fn url(&self) -> &JwksUrl {
        &self.source.url
    }

    /// The keys, at once if they are fresh; else when a fetch has ended, the one that is under way if there is one.
    ///
    /// The future may be dropped at any time. The fetch goes on for the sake of others, as a task of the Tokio runtime in which
    /// this is called.
    pub fn keys(&self, now: UnixTime) -> Answer<Keys> {
        let time = now.as_secs();
        let current = self.source.current.load();
        match &*current {
            Some(fetched) if fetched.is_fresh(time) => {
                self.source.touch(time);
                if time >= fetched.refresh_at {
                    self.refresh_behind(now);
                }
                Answer::Ready(Ok(Arc::clone(&fetched.keys)))
            }
            _ => self.ask(now),
        }
    }

    /// Newer keys than `seen`, in which an assertion's key was not found or did not verify; `None` if there are none, or
    /// may be none so soon.
    pub fn newer(&self, seen: &Arc<KeySet>, now: UnixTime) -> Answer<Option<Arc<KeySet>>> {
        let (time, cooldown) = (now.as_secs(), self.cache.settings.cooldown());
        self.source.touch(time);
        let mut control = lock(&self.source.control);
        if let Some(keys) = self.source.fresh(time).filter(|keys| !Arc::ptr_eq(keys, seen)) {
            return Answer::Ready(Some(keys));
        }
        if let Some(flight) = &control.flight {
            return Answer::later(flight::newer(flight.clone()));
        }
        if control.is_paused(time) || control.is_cooling_down(cooldown, time) {
            return Answer::Ready(None);
        }
        control.last_demand = Some(now);
        let (flight, landing) = self.board(&mut control, now);
        drop(control);
        landing.launch();
        Answer::later(flight::newer(flight))
    }

    /// What is known of this source.
    pub fn state(&self) -> SourceState {
        let control = lock(&self.source.control);
        let current = self.source.current.load_full();
        let time = |secs: fn(&Fetched) -> u64| current.as_ref().map(|fetched| UnixTime::from_secs(secs(fetched)));
        SourceState {
            client_id: self.client_id().into(),
            url: self.url().clone(),
            keys: current.as_ref().map(|fetched| Arc::clone(&fetched.keys)),
            fetched_at: time(|fetched| fetched.at),
            fresh_until: time(|fetched| fetched.fresh_until),
            next_refresh: match control.last_error {
                Some(_) => Some(UnixTime::from_secs(control.paused_until)),
                None => time(|fetched| fetched.refresh_at),
            },
            last_attempt: control.last_attempt,
            last_error: control.last_error.clone(),
            failures: control.failures,
            fetching: control.flight.is_some(),
        }
    }

    /// See [`KeySetCache::invalidate`](crate::jwks::KeySetCache::invalidate).
    pub(crate) fn invalidate(&self) {
        let mut control = lock(&self.source.control);
        control.invalidate();
        self.source.current.store(None);
        drop(control);
        self.cache.forget(&self.source);
    }

    /// For keys that are not fresh.
    pub(super) fn ask(&self, now: UnixTime) -> Answer<Keys> {
        self.source.touch(now.as_secs());
        let mut control = lock(&self.source.control);
        // Somebody may have fetched them before the lock was ours.
        if let Some(keys) = self.source.fresh(now.as_secs()) {
            return Answer::Ready(Ok(keys));
        }
        if let Some(flight) = &control.flight {
            return Answer::later(flight::keys(self.clone(), flight.clone(), now));
        }
        if control.is_paused(now.as_secs()) {
            drop(control);
            return Answer::Ready(self.fall_back(now));
        }
        let (flight, landing) = self.board(&mut control, now);
        drop(control);
        landing.launch();
        Answer::later(flight::keys(self.clone(), flight, now))
    }

    /// For keys that are fresh and will soon not be. Whoever finds the lock taken leaves it to whoever holds it.
    fn refresh_behind(&self, now: UnixTime) {
        let mut control = match self.source.control.try_lock() {
            Ok(control) => control,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if control.flight.is_some() || control.is_paused(now.as_secs()) {
            return;
        }
        let (_, landing) = self.board(&mut control, now);
        drop(control);
        landing.launch();
    }

    /// Begins a fetch, which must be launched once the lock is released.
    fn board(&self, control: &mut Control, now: UnixTime) -> (watch::Receiver<Option<Landed>>, Landing) {
        let (sender, receiver) = watch::channel(None);
        control.last_attempt = Some(now);
        control.flight = Some(receiver.clone());
        (receiver, Landing::new(self.clone(), sender, control.generation, now))
    }

    pub(super) async fn fetch(&self, now: UnixTime) -> Result<Fetched, FetchError> {
        self.cache.fetch(&self.source.url, now).await
    }

    /// Takes in what a fetch has brought, unless the source was invalidated meanwhile.
    pub(super) fn land(&self, fetched: Fetched, generation: u64) -> Landed {
        let mut control = lock(&self.source.control);
        if control.generation != generation {
            return Landed::Superseded;
        }
        control.succeed();
        let fetched = Arc::new(fetched);
        let before = self.source.current.swap(Some(Arc::clone(&fetched)));
        drop(control);
        self.cache.keep(&self.source, fetched.weight());
        self.report_fetched(&fetched, before.as_deref());
        Landed::Fetched(Arc::clone(&fetched.keys))
    }

    /// Takes in that a fetch has failed at `now`, unless the source was invalidated meanwhile.
    pub(super) fn crash(&self, error: &FetchError, generation: u64, now: u64) -> Landed {
        let mut control = lock(&self.source.control);
        if control.generation != generation {
            return Landed::Superseded;
        }
        control.failures = control.failures.saturating_add(1);
        // A fetch that never had its turn is no reason to wait for longer.
        let pause = match error {
            FetchError::Busy | FetchError::NoRuntime => 0,
            _ => self.cache.settings.pause(control.failures),
        };
        control.fail(error, now.saturating_add(pause));
        let revoked = if error.revokes() { self.source.current.swap(None) } else { None };
        drop(control);
        self.cache.keep(&self.source, self.source.current.load().as_ref().map_or(0, |fetched| fetched.weight()));
        self.cache.report(&self.source, KeySetNews::Failed { error, retry_in: Duration::from_secs(pause) });
        if revoked.is_some_and(|revoked| !revoked.keys.is_empty()) {
            self.cache.report(&self.source, KeySetNews::Revoked);
        }
        Landed::Failed
    }

    fn report_fetched(&self, fetched: &Fetched, before: Option<&Fetched>) {
        let fresh_for = Duration::from_secs(fetched.fresh_until - fetched.at);
        self.cache.report(&self.source, KeySetNews::Fetched { keys: &fetched.keys, fresh_for });
        for key in fetched.keys.skipped() {
            self.cache.report(&self.source, KeySetNews::Skipped(key));
        }
        if fetched.keys.is_empty() && before.is_some_and(|before| !before.keys.is_empty()) {
            self.cache.report(&self.source, KeySetNews::Revoked);
        }
    }

    /// What is to be had without a fetch: the old keys, if they may still serve, or else the last error.
    pub(super) fn fall_back(&self, now: UnixTime) -> Keys {
        let time = now.as_secs();
        let mut control = lock(&self.source.control);
        let current = self.source.current.load_full();
        if let Some(fetched) = current.filter(|fetched| fetched.may_serve(time, self.cache.settings.stale_for())) {
            let reported = fetched.is_fresh(time) || std::mem::replace(&mut control.stale_reported, true);
            drop(control);
            self.source.touch(time);
            let expired_for = Duration::from_secs(time.saturating_sub(fetched.fresh_until));
            if !reported {
                self.cache.report(&self.source, KeySetNews::Stale { expired_for });
            }
            return Ok(Arc::clone(&fetched.keys));
        }
        let error = control.last_error.clone().unwrap_or(FetchError::Aborted);
        drop(control);
        let ours = error.is_ours() || error.is_silence() && self.cache.is_cut_off();
        Err(KeysUnavailable { error, ours })
    }
}

impl Source {
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

    fn fresh(&self, now: u64) -> Option<Arc<KeySet>> {
        let current = self.current.load();
        current.as_ref().filter(|fetched| fetched.is_fresh(now)).map(|fetched| Arc::clone(&fetched.keys))
    }

    /// Written once a second at most, so that threads do not fight for it.
    fn touch(&self, now: u64) {
        if self.last_used.load(Ordering::Relaxed) != now {
            self.last_used.store(now, Ordering::Relaxed);
        }
    }

    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// Makes room for others. What has failed, and when, stays known.
    pub(super) fn drop_keys(&self) {
        self.current.store(None);
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("KeySource");
        debug.field("client_id", &self.client_id()).field("url", &self.url().as_str()).finish_non_exhaustive()
    }
}
