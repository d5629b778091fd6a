//! How long the steps of a request took.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;

/// How long a request took, and its steps. A step that was not reached has no time, and neither has
/// any step if no sink [needs times](super::EventSink::needs_times).
///
/// The steps are those of the figure on the [crate page](crate) that can wait or are expensive. The
/// time of a step includes its waits. What is between the steps is in the total alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTimes {
    total: Option<Duration>,
    body: Option<Duration>,
    registry: Option<Duration>,
    keys: Option<Duration>,
    signature: Option<Duration>,
    replay: Option<Duration>,
}

impl StepTimes {
    /// Returns the time from the arrival of the request's head until its outcome. This includes a
    /// wait for the inner service. Without a layer, it begins with the verification.
    pub fn total(&self) -> Option<Duration> {
        self.total
    }

    /// Returns the time in which the body was read.
    pub fn body(&self) -> Option<Duration> {
        self.body
    }

    /// Returns the time in which the registry was asked for the client.
    pub fn registry(&self) -> Option<Duration> {
        self.registry
    }

    /// Returns the time in which the client's keys were fetched, and one of them was chosen.
    pub fn keys(&self) -> Option<Duration> {
        self.keys
    }

    /// Returns the time in which the signature was checked.
    pub fn signature(&self) -> Option<Duration> {
        self.signature
    }

    /// Returns the time in which the replay store was asked: the look before the signature check,
    /// and the admission.
    pub fn replay(&self) -> Option<Duration> {
        self.replay
    }

    fn of(&mut self, step: TimedStep) -> &mut Option<Duration> {
        match step {
            TimedStep::Body => &mut self.body,
            TimedStep::Registry => &mut self.registry,
            TimedStep::Keys => &mut self.keys,
            TimedStep::Signature => &mut self.signature,
            TimedStep::Replay => &mut self.replay,
        }
    }
}

/// A step that is timed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TimedStep {
    Body,
    Registry,
    Keys,
    Signature,
    Replay,
}

/// Times the steps of one request. It exists only if a sink needs times, and nothing else reads the
/// time of steps.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    start: Instant,
    /// A future that borrows the stopwatch must be `Send`. No two threads use it at a time.
    laps: Mutex<Laps>,
}

#[derive(Debug, Default)]
struct Laps {
    /// The step that is running, and its start.
    running: Option<(TimedStep, Instant)>,
    times: StepTimes,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), laps: Mutex::default() }
    }

    /// Ends the step that is running, and starts `step`.
    #[cold]
    pub(crate) fn enter(&self, step: TimedStep) {
        let now = Instant::now();
        let mut laps = lock(&self.laps);
        laps.end(now);
        laps.running = Some((step, now));
    }

    /// Ends the step that is running, if any.
    #[cold]
    pub(crate) fn leave(&self) {
        lock(&self.laps).end(Instant::now());
    }

    /// Ends the step that is running, and returns the times so far.
    pub(crate) fn read(&self) -> StepTimes {
        let now = Instant::now();
        let mut laps = lock(&self.laps);
        laps.end(now);
        StepTimes { total: Some(now - self.start), ..laps.times }
    }
}

impl Laps {
    /// Adds to the time of the step: one that was repeated after a wait has the sum.
    fn end(&mut self, now: Instant) {
        let Some((step, start)) = self.running.take() else { return };
        let time = self.times.of(step);
        *time = Some(time.unwrap_or_default() + (now - start));
    }
}
