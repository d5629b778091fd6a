//! Whether a document may be fetched, given how its earlier fetches ended.

use std::time::Duration;

use super::fetched::{DISORDER, FailedFetch};
use super::outcome::RunningFetch;
use super::settings::Settings;
use crate::clock::UnixTime;
use crate::jwks::fetch::FetchError;
use crate::order::Number;

#[derive(Default)]
pub(super) struct Control {
    /// The fetch that started last, if it is running. Earlier ones may be running too: an
    /// invalidation does not wait for them.
    pub(super) running: Option<RunningFetch>,
    /// The fetch that started last.
    pub(super) started: Number,
    pub(super) last_attempt: Option<UnixTime>,
    /// The last fetch that an assertion caused because it did not fit fresh keys.
    pub(super) last_demand: Option<UnixTime>,
    pub(super) paused_until: Option<UnixTime>,
    pub(super) failures: u32,
    pub(super) last_error: Option<FetchError>,
    pub(super) stale_reported: bool,
}

impl Control {
    /// Setting the clock back ends a pause: the remaining time is unknown.
    pub(super) fn is_paused(&self, now: UnixTime) -> bool {
        match (self.last_attempt, self.paused_until) {
            (Some(attempt), Some(until)) => is_within(attempt, until - attempt, now),
            _ => false,
        }
    }

    pub(super) fn is_cooling_down(&self, cooldown: Duration, now: UnixTime) -> bool {
        self.last_demand.is_some_and(|demand| is_within(demand, cooldown, now))
    }

    pub(super) fn start(&mut self, fetch: Number, now: UnixTime) {
        self.last_attempt = Some(now);
        self.started = fetch;
    }

    pub(super) fn end(&mut self, fetch: Number) {
        self.running = self.running.take().filter(|running| running.number() != fetch);
    }

    /// Resets the state that failed fetches have left. Keeps `last_demand`: a successful fetch does
    /// not end the cool-down.
    pub(super) fn record_success(&mut self) {
        let Self { started, last_attempt, last_demand, .. } = *self;
        *self = Self { running: self.running.take(), started, last_attempt, last_demand, ..Self::default() };
    }

    /// Returns the pause before the next attempt. A server can prolong it up to the longest pause,
    /// and never shorten it. A server that was not asked has not failed, so the next request may
    /// try again.
    pub(super) fn record_failure(&mut self, failed: &FailedFetch, now: UnixTime, settings: &Settings) -> Duration {
        let FailedFetch { error, retry_after } = failed;
        let pause = if error.is_before_asking() {
            // Nor does the attempt count for the cool-down, if it was the demand. The server is
            // still asked no more than once in each.
            self.last_demand = self.last_demand.filter(|demand| Some(*demand) != self.last_attempt);
            Duration::ZERO
        } else {
            self.failures = self.failures.saturating_add(1);
            settings.pause(self.failures).max(retry_after.unwrap_or_default().min(settings.longest_pause))
        };
        // An attempt that did not ask the server neither begins a pause nor ends one.
        if !pause.is_zero() {
            self.paused_until = Some(now + pause);
        }
        self.last_error = Some(error.clone());
        self.stale_reported = false;
        pause
    }

    /// Discards how fetches ended, for a document that no client uses any more.
    pub(super) fn forget(&mut self) {
        *self = Self { running: self.running.take(), started: self.started, ..Self::default() };
    }
}

/// Whether `now` is less than `length` after `start`.
fn is_within(start: UnixTime, length: Duration, now: UnixTime) -> bool {
    start <= now + DISORDER && now < start + length
}
