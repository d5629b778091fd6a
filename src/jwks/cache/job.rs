//! One fetch of a document, and what is recorded of its result.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::control::Control;
use super::document::Document;
use super::fetched::{FailedFetch, FetchedKeys};
use super::member::Member;
use super::news::KeySetNews;
use super::outcome::{FetchOutcome, RunningFetch};
use super::shared::Shared;
use crate::clock::UnixTime;
use crate::flight::{Flight, Job, Lost};
use crate::jwks::fetch::FetchError;
use crate::lock::lock;
use crate::order::Number;
use crate::timer::timer;

pub(super) struct DocumentFetch {
    document: Arc<Document>,
    /// The client whose request is the cause.
    cause: Arc<Member>,
    cache: Arc<Shared>,
    number: Number,
    started_at: UnixTime,
    started: Instant,
}

impl DocumentFetch {
    /// Prepares a fetch of the document whose `control` this is. The caller spawns the task after
    /// it has released the lock.
    pub(super) fn start(
        document: &Arc<Document>,
        cause: &Arc<Member>,
        cache: &Arc<Shared>,
        control: &mut Control,
        now: UnixTime,
    ) -> (RunningFetch, Flight<Self>) {
        let number = cache.order.next();
        control.start(number, now);
        let (document, cause, cache) = (Arc::clone(document), Arc::clone(cause), Arc::clone(cache));
        let job = Self { document, cause, cache, number, started_at: now, started: Instant::now() };
        let (running, task) = Flight::new(number, job);
        control.running = Some(running.clone());
        (running, task)
    }

    /// Whether the result counts: no later fetch has ended before, and some client has not been
    /// invalidated since this one started.
    fn is_wanted(&self) -> bool {
        self.document.newest() < self.number && self.document.has_use_for(self.number)
    }

    fn record_success(&self, fetched: FetchedKeys) -> FetchOutcome {
        let mut control = lock(&self.document.control);
        control.end(self.number);
        if !self.is_wanted() {
            return FetchOutcome::Failed;
        }
        control.record_success();
        let fetched = Arc::new(fetched);
        let previous = self.document.replace(Arc::clone(&fetched));
        self.cache.keep(&self.document, fetched.weight());
        drop(control);
        self.report_fetched(&fetched, previous.as_deref());
        FetchOutcome::Fetched(Arc::clone(&fetched.keys))
    }

    fn record_failure(&self, failed: &FailedFetch) -> FetchOutcome {
        let mut control = lock(&self.document.control);
        control.end(self.number);
        if !self.is_wanted() {
            return FetchOutcome::Failed;
        }
        // The clock was read when the fetch started; the fetch has taken a while since.
        let now = self.started_at + self.started.elapsed();
        let retry_in = control.record_failure(failed, now, &self.cache.settings);
        let error = &failed.error;
        let revoked = if error.revokes() { self.document.revoke(self.number) } else { None };
        let weight = self.document.current.load().as_ref().map_or(0, |fetched| fetched.weight());
        self.cache.keep(&self.document, weight);
        drop(control);
        let is_revoked = revoked.is_some_and(|revoked| !revoked.keys.is_empty());
        let failed = std::iter::once(KeySetNews::Failed { error, retry_in });
        self.report(failed.chain(is_revoked.then_some(KeySetNews::Revoked)));
        FetchOutcome::Failed
    }

    fn report_fetched(&self, fetched: &FetchedKeys, previous: Option<&FetchedKeys>) {
        let (keys, fresh_for) = (&*fetched.keys, fetched.fresh_until - fetched.fetched_at);
        let is_revoked = keys.is_empty() && previous.is_some_and(|previous| !previous.keys.is_empty());
        let news = std::iter::once(KeySetNews::Fetched { keys, fresh_for });
        let news = news.chain(keys.skipped().iter().map(KeySetNews::Skipped));
        self.report(news.chain(is_revoked.then_some(KeySetNews::Revoked)));
    }

    fn report<'a>(&self, news: impl Iterator<Item = KeySetNews<'a>>) {
        self.cache.report(&self.document, &self.cause, Some(self.started.elapsed()), news);
    }
}

impl Job for DocumentFetch {
    type Output = Result<FetchedKeys, FailedFetch>;
    type Outcome = FetchOutcome;

    async fn run(&self) -> Self::Output {
        // Without a timer, nothing would bound the time of the fetch.
        if timer(Duration::ZERO).is_none() {
            return Err(FetchError::NoRuntime.into());
        }
        self.cache.fetch(self.document.url(), self.number, self.started_at).await
    }

    fn record(self, output: Result<Self::Output, Lost>) -> FetchOutcome {
        let lost = |lost| match lost {
            Lost::NoRuntime => FetchError::NoRuntime,
            Lost::Aborted => FetchError::Aborted,
        };
        match output.unwrap_or_else(|why| Err(lost(why).into())) {
            Ok(fetched) => self.record_success(fetched),
            Err(failed) => self.record_failure(&failed),
        }
    }
}
