//! The keys of one client at one URL, as the verifier asks for them.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, MutexGuard, TryLockError};
use std::task::Poll;

use super::control::Control;
use super::document::Document;
use super::fetched::FetchedKeys;
use super::job::DocumentFetch;
use super::member::Member;
use super::news::KeySetNews;
use super::outcome::{FetchOutcome, RunningFetch};
use super::settings::Settings;
use super::shared::Shared;
use super::state::SourceState;
use super::unavailable::KeysUnavailable;
use crate::clock::UnixTime;
use crate::jose::keys::KeySet;
use crate::jwks::fetch::{FetchError, FetchFact, JwksUrl};
use crate::lock::lock;
use crate::order::Number;
use crate::port::Answer;

/// The keys of a source, or the reason why there are none.
pub type KeysResult = Result<Arc<KeySet>, KeysUnavailable>;

/// The keys of one client at one URL. Cheap to clone; clones are the same source.
///
/// The clients that have registered one URL share its key set and each fetch of it. Everything else
/// is their own: to [invalidate](crate::jwks::KeySetCache::invalidate) one leaves the keys of the
/// others in use.
#[derive(Clone)]
pub struct KeySource {
    member: Arc<Member>,
    document: Arc<Document>,
    cache: Arc<Shared>,
}

impl KeySource {
    pub(super) fn new(member: Arc<Member>, document: Arc<Document>, cache: Arc<Shared>) -> Self {
        Self { member, document, cache }
    }

    /// Returns the client whose keys these are.
    pub fn client_id(&self) -> &str {
        self.member.client_id()
    }

    /// Returns the URL from which the keys are fetched.
    pub fn url(&self) -> &JwksUrl {
        self.document.url()
    }

    /// Returns the keys: immediately if they are fresh, otherwise when a fetch has ended. A fetch
    /// that is already running is shared, with other clients of the same URL too.
    ///
    /// The future may be dropped at any time. The fetch then continues for other waiting requests.
    /// It runs as a task of the Tokio runtime in which this method is called.
    ///
    /// If the client is invalidated during the wait, the answer is an error that
    /// [`is_superseded`](KeysUnavailable::is_superseded): keys from before the invalidation are
    /// never returned after it.
    pub fn keys(&self, now: UnixTime) -> Answer<KeysResult> {
        let current = self.document.current.load();
        match &*current {
            Some(fetched) if fetched.is_fresh(now) && self.member.accepts(fetched.number) => {
                self.document.touch(now);
                if now >= fetched.refresh_at {
                    self.refresh_in_background(now);
                }
                Answer::Ready(Ok(Arc::clone(&fetched.keys)))
            }
            _ => self.refresh(now),
        }
    }

    /// Returns the keys like [`keys`](Self::keys), but waits for no fetch as long as stale keys may
    /// be used: for a second decision on a request, which may hold what others need.
    pub(crate) fn keys_at_hand(&self, now: UnixTime) -> Answer<KeysResult> {
        let usable = self.accepted().filter(|fetched| fetched.may_serve(now, self.cache.settings.stale_for));
        match usable {
            Some(fetched) if !fetched.is_fresh(now) => {
                self.document.touch(now);
                self.refresh_in_background(now);
                Answer::Ready(Ok(Arc::clone(&fetched.keys)))
            }
            _ => self.keys(now),
        }
    }

    /// Returns what [`keys`](Self::keys) answers without a fetch, or `None` if only a fetch can
    /// tell. This changes nothing: no fetch, no report, and the keys are kept no longer for it.
    pub(crate) fn known(&self, now: UnixTime) -> Option<KeysResult> {
        let usable = self.accepted().filter(|fetched| fetched.may_serve(now, self.cache.settings.stale_for));
        if let Some(fetched) = usable {
            return Some(Ok(Arc::clone(&fetched.keys)));
        }
        let control = lock(&self.document.control);
        let waits = self.acceptable(&control).is_some() || !self.must_pause(&control, now);
        let error = control.last_error.clone().filter(|_| !waits)?;
        drop(control);
        Some(Err(self.unavailable(error)))
    }

    /// Returns whether a request that is refused because of the keys that are [known](Self::known)
    /// has asked for others before: whether [`keys`](Self::keys) or [`newer`](Self::newer) waits
    /// for a fetch. One that has fetched the keys itself asks for no others, so keys of this second
    /// or later are the newest. This changes nothing.
    pub(crate) fn would_fetch(&self, now: UnixTime) -> bool {
        if self.accepted().is_some_and(|fetched| fetched.fetched_at >= now) {
            return false;
        }
        let control = lock(&self.document.control);
        let is_asked = self.fresh(now).is_none() || !control.is_cooling_down(self.cache.settings.cooldown, now);
        self.acceptable(&control).is_some() || is_asked && !self.must_pause(&control, now)
    }

    /// Returns keys that are newer than `seen`, for an assertion whose key is missing from `seen`
    /// or does not verify it. `None` if there are none, or if a fetch would come too soon after the
    /// last one.
    pub fn newer(&self, seen: &Arc<KeySet>, now: UnixTime) -> Answer<Option<Arc<KeySet>>> {
        self.document.touch(now);
        let mut control = lock(&self.document.control);
        if let Some(keys) = self.fresh(now).filter(|keys| !Arc::ptr_eq(keys, seen)) {
            return Answer::Ready(Some(keys));
        }
        if let Some(running) = self.acceptable(&control) {
            return Answer::later(self.clone().keys_newer(running));
        }
        if self.must_pause(&control, now) || control.is_cooling_down(self.cache.settings.cooldown, now) {
            return Answer::Ready(None);
        }
        control.last_demand = Some(now);
        let running = self.fetch(control, now);
        Answer::later(self.clone().keys_newer(running))
    }

    /// Returns a number that grows whenever this source is invalidated. Do not accept an assertion
    /// by keys that were returned before the number grew: what the client registered may have
    /// changed.
    pub fn generation(&self) -> u64 {
        self.member.accepts_from().0
    }

    /// Returns the settings of its cache, for a report about them.
    pub(crate) fn settings(&self) -> &Settings {
        &self.cache.settings
    }

    /// Returns what the fetcher of its cache tells about itself, for a report.
    pub(crate) fn about_fetch(&self) -> Vec<FetchFact> {
        self.cache.about_fetch()
    }

    /// Returns whether `other` is the same client's keys at the same URL.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.member, &other.member) && Arc::ptr_eq(&self.document, &other.document)
    }

    /// Returns what is known about this source.
    pub fn state(&self) -> SourceState {
        let control = lock(&self.document.control);
        let current = self.accepted();
        let time = |of: fn(&FetchedKeys) -> UnixTime| current.as_deref().map(of);
        SourceState {
            client_id: self.client_id().into(),
            url: self.url().clone(),
            keys: current.as_ref().map(|fetched| Arc::clone(&fetched.keys)),
            fetched_at: time(|fetched| fetched.fetched_at),
            fresh_until: time(|fetched| fetched.fresh_until),
            next_refresh: match control.last_error {
                Some(_) => control.paused_until.filter(|_| self.member.accepts(control.started)),
                None => time(|fetched| fetched.refresh_at),
            },
            last_attempt: control.last_attempt,
            last_error: control.last_error.clone(),
            failures: control.failures,
            fetching: control.running.is_some(),
        }
    }

    /// See [`KeySetCache::invalidate`](crate::jwks::KeySetCache::invalidate). The other sources of
    /// the client keep their keys.
    pub(crate) fn invalidate(&self) {
        self.invalidate_before(self.cache.order.next());
    }

    pub(super) fn invalidate_before(&self, first: Number) {
        if self.document.invalidate(&self.member, first) {
            self.cache.remove(&self.document);
        }
    }

    /// The keys, fresh or not, unless they are from before an invalidation of this client.
    fn accepted(&self) -> Option<Arc<FetchedKeys>> {
        self.document.current.load_full().filter(|fetched| self.member.accepts(fetched.number))
    }

    fn fresh(&self, now: UnixTime) -> Option<Arc<KeySet>> {
        self.accepted().filter(|fetched| fetched.is_fresh(now)).map(|fetched| Arc::clone(&fetched.keys))
    }

    /// The running fetch, unless it is from before an invalidation of this client.
    fn acceptable(&self, control: &Control) -> Option<RunningFetch> {
        control.running.clone().filter(|running| self.member.accepts(running.number()))
    }

    /// Whether the pause after a failure holds. One attempt is permitted after each invalidation.
    fn must_pause(&self, control: &Control, now: UnixTime) -> bool {
        control.is_paused(now) && self.member.accepts(control.started)
    }

    /// For keys that are not fresh: waits for a fetch, or falls back if none is allowed now.
    fn refresh(&self, now: UnixTime) -> Answer<KeysResult> {
        self.document.touch(now);
        let control = lock(&self.document.control);
        // A fetch may have ended while this thread waited for the lock.
        if let Some(keys) = self.fresh(now) {
            return Answer::Ready(Ok(keys));
        }
        if let Some(running) = self.acceptable(&control) {
            return Answer::later(self.clone().keys_after(running, now));
        }
        if self.must_pause(&control, now) {
            drop(control);
            return Answer::Ready(self.fall_back(now));
        }
        let running = self.fetch(control, now);
        Answer::later(self.clone().keys_after(running, now))
    }

    /// For keys that are fresh but will soon be stale. If the lock is taken, another thread is
    /// already handling the same document.
    fn refresh_in_background(&self, now: UnixTime) {
        let control = match self.document.control.try_lock() {
            Ok(control) => control,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if control.running.is_none() && !control.is_paused(now) {
            self.fetch(control, now);
        }
    }

    fn fetch(&self, mut control: MutexGuard<'_, Control>, now: UnixTime) -> RunningFetch {
        let (running, task) = DocumentFetch::start(&self.document, &self.member, &self.cache, &mut control, now);
        drop(control);
        task.spawn();
        running
    }

    async fn keys_after(self, running: RunningFetch, now: UnixTime) -> KeysResult {
        match self.unless_invalidated(running).await {
            Some(FetchOutcome::Fetched(keys)) => Ok(keys),
            Some(FetchOutcome::Failed) => self.fall_back(now),
            None => Err(KeysUnavailable::superseded()),
        }
    }

    async fn keys_newer(self, running: RunningFetch) -> Option<Arc<KeySet>> {
        match self.unless_invalidated(running).await {
            Some(FetchOutcome::Fetched(keys)) => Some(keys),
            Some(FetchOutcome::Failed) | None => None,
        }
    }

    /// Waits for a fetch, but returns `None` as soon as the client is invalidated. The invalidation
    /// is looked for last, so it counts even if both have happened.
    async fn unless_invalidated(&self, running: RunningFetch) -> Option<FetchOutcome> {
        let mut invalidated = pin!(self.member.refuses(running.number()));
        let mut outcome = pin!(running.outcome());
        poll_fn(|cx| {
            let ended = outcome.as_mut().poll(cx);
            match invalidated.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => ended.map(|outcome| Some(outcome.unwrap_or(FetchOutcome::Failed))),
            }
        })
        .await
    }

    /// Returns what is available without a fetch: stale keys if they may still be used, otherwise
    /// the last error.
    fn fall_back(&self, now: UnixTime) -> KeysResult {
        let mut control = lock(&self.document.control);
        let stale = self.accepted().filter(|fetched| fetched.may_serve(now, self.cache.settings.stale_for));
        if let Some(fetched) = stale {
            let reported = fetched.is_fresh(now) || std::mem::replace(&mut control.stale_reported, true);
            drop(control);
            self.document.touch(now);
            if !reported {
                let stale = KeySetNews::Stale { expired_for: now - fetched.fresh_until };
                self.cache.report(&self.document, &self.member, None, std::iter::once(stale));
            }
            return Ok(Arc::clone(&fetched.keys));
        }
        let error = control.last_error.clone().unwrap_or(FetchError::Aborted);
        drop(control);
        Err(self.unavailable(error))
    }

    fn unavailable(&self, error: FetchError) -> KeysUnavailable {
        let is_server_fault = error.is_server_fault() || error.is_silence() && self.cache.silent.is_cut_off();
        KeysUnavailable { error, is_server_fault }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("KeySource");
        debug.field("client_id", &self.client_id()).field("url", &self.url().without_query()).finish_non_exhaustive()
    }
}
