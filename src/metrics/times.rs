//! The histograms of outcomes: how long they took, and how old the assertions were.

use std::sync::OnceLock;
use std::time::Duration;

use ::metrics::{Histogram, SharedString};

use super::facade::Facade;
use super::requests::Outcome;
use super::series::{AGE, DURATION, REMAINING, REPLAY_DURATION, STEP_DURATION, Series};
use crate::clock::UnixTime;
use crate::event::StepTimes;
use crate::identity::VerifiedClaims;

/// Reads the time of one step.
type Time = fn(&StepTimes) -> Option<Duration>;

const STEPS: [(&str, Time); 5] = [
    ("body", StepTimes::body),
    ("registry", StepTimes::registry),
    ("keys", StepTimes::keys),
    ("signature", StepTimes::signature),
    ("replay", StepTimes::replay),
];

#[derive(Debug, Default)]
pub(super) struct Times {
    outcomes: [OnceLock<Histogram>; Outcome::COUNT],
    steps: [OnceLock<Histogram>; STEPS.len()],
    replay: OnceLock<Histogram>,
    age: OnceLock<Histogram>,
    remaining: OnceLock<Histogram>,
}

impl Times {
    /// Records how long a request took. Without a total, nothing was timed.
    pub(super) fn record(&self, facade: &Facade, store: &'static str, outcome: Outcome, times: StepTimes) {
        let Some(total) = times.total() else { return };
        if let Some(slot) = self.outcomes.get(outcome as usize) {
            record(facade, slot, &DURATION, Some(outcome.name()), total.as_secs_f64());
        }
        for ((step, time), slot) in STEPS.iter().zip(&self.steps) {
            if let Some(time) = time(&times) {
                record(facade, slot, &STEP_DURATION, Some(step), time.as_secs_f64());
            }
        }
        if let Some(time) = times.replay() {
            record(facade, &self.replay, &REPLAY_DURATION, Some(store), time.as_secs_f64());
        }
    }

    /// Records how old an accepted assertion is, and how long it would still be valid.
    pub(super) fn record_dates(&self, facade: &Facade, claims: &VerifiedClaims, now: UnixTime) {
        if let Some(issued_at) = claims.issued_at() {
            record(facade, &self.age, &AGE, None, seconds_from(issued_at, now));
        }
        if let Some(expires_at) = claims.expires_at() {
            record(facade, &self.remaining, &REMAINING, None, seconds_from(now, expires_at));
        }
    }
}

fn record(facade: &Facade, slot: &OnceLock<Histogram>, series: &Series, value: Option<&'static str>, seconds: f64) {
    let values = value.map(SharedString::from);
    slot.get_or_init(|| facade.histogram(series, values)).record(seconds);
}

/// The time from `start` to `end`, which may be negative.
fn seconds_from(start: UnixTime, end: UnixTime) -> f64 {
    end.as_secs() as f64 - start.as_secs() as f64
}
