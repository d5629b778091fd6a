//! Work that several requests wait for together. It goes on if they are dropped.

use std::future::Future;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::order::Number;

/// What a [`Flight`] does, and where it records the result.
pub(crate) trait Job: Send + Sync + 'static {
    type Output: Send;
    /// What those who wait for it are told.
    type Outcome: Clone + Send + Sync + 'static;

    fn run(&self) -> impl Future<Output = Self::Output> + Send;

    fn record(self, output: Result<Self::Output, Lost>) -> Self::Outcome;
}

/// Why a job has no output.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// There is no Tokio runtime to run it on.
    NoRuntime,
    /// It panicked, or the runtime has shut down.
    Aborted,
}

/// A flight that others can wait for. Dropping it does not end the flight.
#[derive(Clone)]
pub(crate) struct Running<O> {
    number: Number,
    receiver: watch::Receiver<Option<O>>,
}

impl<O: Clone> Running<O> {
    pub(crate) fn number(&self) -> Number {
        self.number
    }

    /// Returns `None` if recording the result panicked, for example in an event sink.
    pub(crate) async fn outcome(mut self) -> Option<O> {
        match self.receiver.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            Err(_) => None,
        }
    }
}

/// The task of one job. It always records a result, even if it panics or is dropped.
#[must_use = "a task runs once it is spawned"]
pub(crate) struct Flight<J: Job>(Option<Started<J>>);

struct Started<J: Job> {
    job: J,
    sender: watch::Sender<Option<J::Outcome>>,
}

impl<J: Job> Flight<J> {
    pub(crate) fn new(number: Number, job: J) -> (Running<J::Outcome>, Self) {
        let (sender, receiver) = watch::channel(None);
        (Running { number, receiver }, Self(Some(Started { job, sender })))
    }

    /// Call this without holding a lock: a runtime that is shutting down drops the task right here,
    /// and dropping it records a failure.
    pub(crate) fn spawn(self) {
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.run())),
            Err(_) => self.finish(Err(Lost::NoRuntime)),
        }
    }

    async fn run(self) {
        let output = match &self.0 {
            Some(started) => started.job.run().await,
            None => return,
        };
        self.finish(Ok(output));
    }

    fn finish(mut self, output: Result<J::Output, Lost>) {
        if let Some(started) = self.0.take() {
            started.finish(output);
        }
    }
}

impl<J: Job> Drop for Flight<J> {
    fn drop(&mut self) {
        if let Some(started) = self.0.take() {
            started.finish(Err(Lost::Aborted));
        }
    }
}

impl<J: Job> Started<J> {
    fn finish(self, output: Result<J::Output, Lost>) {
        let outcome = self.job.record(output);
        // An error only means that no request is waiting.
        let _ = self.sender.send(Some(outcome));
    }
}
