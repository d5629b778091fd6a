//! A running fetch, and the requests that wait for it.

use std::future::Future;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::fetched::{FailedFetch, FetchNumber, FetchedKeys};
use super::outcome::FetchOutcome;
use crate::jwks::fetch::FetchError;

/// What a [`FetchTask`] fetches, and where it records the result.
pub(super) trait FetchJob: Send + Sync + 'static {
    fn fetch(&self) -> impl Future<Output = Result<FetchedKeys, FailedFetch>> + Send;

    fn record(self, result: Result<FetchedKeys, FailedFetch>) -> FetchOutcome;
}

/// A fetch that others can wait for. Dropping it does not end the fetch.
#[derive(Clone)]
pub(super) struct RunningFetch {
    number: FetchNumber,
    receiver: watch::Receiver<Option<FetchOutcome>>,
}

impl RunningFetch {
    pub(super) fn number(&self) -> FetchNumber {
        self.number
    }

    pub(super) async fn outcome(mut self) -> FetchOutcome {
        match self.receiver.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(FetchOutcome::Failed),
            // Recording the result panicked, for example in an event sink.
            Err(_) => FetchOutcome::Failed,
        }
    }
}

/// The task of one fetch. It always records a result, even if it panics or is dropped.
#[must_use = "a task runs once it is spawned"]
pub(super) struct FetchTask<J: FetchJob>(Option<Started<J>>);

struct Started<J> {
    job: J,
    sender: watch::Sender<Option<FetchOutcome>>,
}

impl<J: FetchJob> FetchTask<J> {
    pub(super) fn new(number: FetchNumber, job: J) -> (RunningFetch, Self) {
        let (sender, receiver) = watch::channel(None);
        (RunningFetch { number, receiver }, Self(Some(Started { job, sender })))
    }

    /// Call this without holding a lock: a runtime that is shutting down drops the task right here,
    /// and dropping it records a failure.
    pub(super) fn spawn(self) {
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.run())),
            Err(_) => self.finish(Err(FetchError::NoRuntime.into())),
        }
    }

    async fn run(self) {
        let result = match &self.0 {
            Some(started) => started.job.fetch().await,
            None => return,
        };
        self.finish(result);
    }

    fn finish(mut self, result: Result<FetchedKeys, FailedFetch>) {
        if let Some(started) = self.0.take() {
            started.finish(result);
        }
    }
}

impl<J: FetchJob> Drop for FetchTask<J> {
    fn drop(&mut self) {
        if let Some(started) = self.0.take() {
            started.finish(Err(FetchError::Aborted.into()));
        }
    }
}

impl<J: FetchJob> Started<J> {
    fn finish(self, result: Result<FetchedKeys, FailedFetch>) {
        let outcome = self.job.record(result);
        // An error only means that no request is waiting.
        let _ = self.sender.send(Some(outcome));
    }
}
