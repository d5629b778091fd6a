//! The keys of one client at one URL: fresh, stale, being fetched, or not to be had.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::cache::{Shared, lock};
use super::error::{FetchError, KeysUnavailable};
use super::flight::{self, Landed, Landing};
use super::settings::Settings;
use super::url::JwksUrl;
use crate::clock::UnixTime;
use crate::event::KeySetNews;
use crate::keys::KeySet;
use crate::port::Answer;
use crate::rejection::ClientFault;

/// Threads read the clock and then come here in any order, so a time may lie this many seconds before the last one. What
/// lies further back says that the clock was moved, and then no age is known.
const DISORDER: u64 = 5;

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

/// What decides whether to fetch.
#[derive(Default)]
struct Control {
    flight: Option<watch::Receiver<Option<Landed>>>,
    /// Counts the invalidations: a fetch that began before one must not land after it.
    generation: u64,
    last_attempt: Option<UnixTime>,
    last_demand: Option<UnixTime>,
    paused_until: u64,
    failures: u32,
    last_error: Option<FetchError>,
    stale_reported: bool,
}

/// A key set with its times. It never changes, it is replaced.
pub(crate) struct Fetched {
    keys: Arc<KeySet>,
    document: usize,
    at: u64,
    refresh_at: u64,
    fresh_until: u64,
}

impl Fetched {
    pub(crate) fn new(keys: KeySet, document: usize, at: UnixTime, fresh_for: u64) -> Self {
        let at = at.as_secs();
        let refresh_at = at.saturating_add(Settings::refresh_after(fresh_for));
        Self { keys: Arc::new(keys), document, at, refresh_at, fresh_until: at.saturating_add(fresh_for) }
    }

    fn is_fresh(&self, now: u64) -> bool {
        self.may_serve(now, 0)
    }

    /// Whether the set is fresh, or has not been longer than so many seconds ago.
    fn may_serve(&self, now: u64, stale_for: u64) -> bool {
        self.at <= now.saturating_add(DISORDER) && now < self.fresh_until.saturating_add(stale_for)
    }

    fn weight(&self) -> usize {
        self.document + self.keys.len() * 2048
    }
}

/// Whether `now` is within so many seconds after `then`.
fn is_within(then: Option<UnixTime>, seconds: u64, now: u64) -> bool {
    let then = then.map(UnixTime::as_secs);
    then.is_some_and(|then| then <= now.saturating_add(DISORDER) && now < then.saturating_add(seconds))
}

impl Control {
    /// A clock that was moved back ends a pause: how much of it is left, nobody knows.
    fn is_paused(&self, now: u64) -> bool {
        let pause = self.paused_until.saturating_sub(self.last_attempt.map_or(0, UnixTime::as_secs));
        is_within(self.last_attempt, pause, now)
    }
}

/// Whether an assertion that was refused for this may have been signed with keys that are newer than ours.
pub(crate) fn may_be_outdated(fault: ClientFault) -> bool {
    matches!(fault, ClientFault::NoKey | ClientFault::AmbiguousKey | ClientFault::WeakKey | ClientFault::BadSignature)
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
    /// The future may be dropped at any time. The fetch goes on for the sake of others.
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
        let time = now.as_secs();
        let mut control = lock(&self.source.control);
        if let Some(fetched) = &*self.source.current.load()
            && fetched.is_fresh(time)
            && !Arc::ptr_eq(&fetched.keys, seen)
        {
            return Answer::Ready(Some(Arc::clone(&fetched.keys)));
        }
        let flight = match &control.flight {
            Some(flight) => flight.clone(),
            None if control.is_paused(time) => return Answer::Ready(None),
            None if is_within(control.last_demand, self.cache.settings.cooldown(), time) => return Answer::Ready(None),
            None => {
                control.last_demand = Some(now);
                let (flight, landing) = self.board(&mut control, now);
                drop(control);
                launch(landing);
                flight
            }
        };
        Answer::later(flight::newer(flight))
    }

    /// What is known of this source.
    pub fn state(&self) -> SourceState {
        let control = lock(&self.source.control);
        let current = self.source.current.load_full();
        let time = |secs: fn(&Fetched) -> u64| current.as_ref().map(|fetched| UnixTime::from_secs(secs(fetched)));
        let failed = control.last_error.is_some();
        SourceState {
            client_id: self.client_id().into(),
            url: self.url().clone(),
            keys: current.as_ref().map(|fetched| Arc::clone(&fetched.keys)),
            fetched_at: time(|fetched| fetched.at),
            fresh_until: time(|fetched| fetched.fresh_until),
            next_refresh: match failed {
                true => Some(UnixTime::from_secs(control.paused_until)),
                false => time(|fetched| fetched.refresh_at),
            },
            last_attempt: control.last_attempt,
            last_error: control.last_error.clone(),
            failures: control.failures,
            fetching: control.flight.is_some(),
        }
    }

    /// See [`KeySetCache::invalidate`](super::KeySetCache::invalidate).
    pub(crate) fn invalidate(&self) {
        let mut control = lock(&self.source.control);
        *control = Control { generation: control.generation + 1, ..Control::default() };
        self.source.current.store(None);
        drop(control);
        self.cache.forget(&self.source);
    }

    /// For keys that are not fresh.
    pub(crate) fn ask(&self, now: UnixTime) -> Answer<Keys> {
        let mut control = lock(&self.source.control);
        // Somebody may have fetched them before the lock was ours.
        if let Some(fetched) = &*self.source.current.load()
            && fetched.is_fresh(now.as_secs())
        {
            return Answer::Ready(Ok(Arc::clone(&fetched.keys)));
        }
        let flight = match &control.flight {
            Some(flight) => flight.clone(),
            None if control.is_paused(now.as_secs()) => {
                drop(control);
                return Answer::Ready(self.fall_back(now));
            }
            None => {
                let (flight, landing) = self.board(&mut control, now);
                drop(control);
                launch(landing);
                flight
            }
        };
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
        launch(landing);
    }

    fn board(&self, control: &mut Control, now: UnixTime) -> (watch::Receiver<Option<Landed>>, Landing) {
        let (sender, receiver) = watch::channel(None);
        control.last_attempt = Some(now);
        control.flight = Some(receiver.clone());
        (receiver, Landing::new(self.clone(), sender, control.generation, now))
    }

    pub(crate) async fn fetch(&self, now: UnixTime) -> Result<Fetched, FetchError> {
        self.cache.fetch(&self.source.url, now).await
    }

    /// Takes in how a fetch has ended; `None` if that is of no interest any more.
    pub(crate) fn land(
        &self,
        fetched: Result<Fetched, FetchError>,
        generation: u64,
        now: UnixTime,
    ) -> Option<Result<Arc<KeySet>, ()>> {
        let mut control = lock(&self.source.control);
        if control.generation != generation {
            return None;
        }
        control.flight = None;
        match fetched {
            Ok(fetched) => {
                *control = Control {
                    generation,
                    last_attempt: Some(now),
                    last_demand: control.last_demand,
                    ..Control::default()
                };
                let fetched = Arc::new(fetched);
                let before = self.source.current.swap(Some(Arc::clone(&fetched)));
                drop(control);
                self.cache.keep(&self.source, fetched.weight());
                self.report_fetched(&fetched, before.as_deref());
                Some(Ok(Arc::clone(&fetched.keys)))
            }
            Err(error) => {
                self.fail(&mut control, &error, now);
                let before = if error.revokes() { self.source.current.swap(None) } else { None };
                let pause = control.paused_until.saturating_sub(now.as_secs());
                drop(control);
                let weight = self.source.current.load().as_ref().map_or(0, |fetched| fetched.weight());
                self.cache.keep(&self.source, weight);
                self.cache
                    .report(&self.source, KeySetNews::Failed { error: &error, retry_in: Duration::from_secs(pause) });
                if before.is_some_and(|before| !before.keys.is_empty()) {
                    self.cache.report(&self.source, KeySetNews::Revoked);
                }
                Some(Err(()))
            }
        }
    }

    /// A fetch that never had its turn is no reason to pause.
    fn fail(&self, control: &mut Control, error: &FetchError, now: UnixTime) {
        control.failures = control.failures.saturating_add(1);
        let pause = match error {
            FetchError::Busy | FetchError::NoRuntime => 0,
            _ => self.cache.settings.pause(control.failures),
        };
        control.paused_until = now.as_secs().saturating_add(pause);
        control.last_error = Some(error.clone());
        control.stale_reported = false;
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
    pub(crate) fn fall_back(&self, now: UnixTime) -> Keys {
        let time = now.as_secs();
        let mut control = lock(&self.source.control);
        let current = self.source.current.load_full();
        if let Some(fetched) = current.filter(|fetched| fetched.may_serve(time, self.cache.settings.stale_for())) {
            let unreported = !std::mem::replace(&mut control.stale_reported, true);
            drop(control);
            self.source.touch(time);
            let expired_for = Duration::from_secs(time.saturating_sub(fetched.fresh_until));
            if unreported && !fetched.is_fresh(time) {
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

/// Outside of all locks: a runtime that is shutting down drops the task at once, and dropping it lands it.
fn launch(landing: Landing) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(landing.fly())),
        Err(_) => landing.land(Err(FetchError::NoRuntime)),
    }
}

impl Source {
    pub(crate) fn new(client_id: &str, url: JwksUrl) -> Self {
        let (current, control) = (ArcSwapOption::empty(), Mutex::default());
        Self { client_id: client_id.into(), url, current, last_used: AtomicU64::new(0), control }
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(crate) fn url(&self) -> &JwksUrl {
        &self.url
    }

    /// Written once a second at most, so that threads do not fight for it.
    fn touch(&self, now: u64) {
        if self.last_used.load(Ordering::Relaxed) != now {
            self.last_used.store(now, Ordering::Relaxed);
        }
    }

    pub(crate) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// Makes room for others. What has failed, and when, stays known.
    pub(crate) fn drop_keys(&self) {
        self.current.store(None);
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("KeySource");
        debug.field("client_id", &self.client_id()).field("url", &self.url().as_str()).finish_non_exhaustive()
    }
}

/// What is known of a source, for whoever runs the endpoint.
#[derive(Clone, Debug)]
pub struct SourceState {
    client_id: Box<str>,
    url: JwksUrl,
    keys: Option<Arc<KeySet>>,
    fetched_at: Option<UnixTime>,
    fresh_until: Option<UnixTime>,
    next_refresh: Option<UnixTime>,
    last_attempt: Option<UnixTime>,
    last_error: Option<FetchError>,
    failures: u32,
    fetching: bool,
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
