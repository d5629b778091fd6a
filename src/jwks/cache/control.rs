//! Whether a source may be fetched, by what came of it before.

use tokio::sync::watch;

use super::fetched::DISORDER;
use super::flight::Landed;
use crate::clock::UnixTime;
use crate::jwks::fetch::FetchError;

#[derive(Default)]
pub(super) struct Control {
    /// The fetch that is under way.
    pub(super) flight: Option<watch::Receiver<Option<Landed>>>,
    /// Counts the invalidations: a fetch that began before one must not land after it.
    pub(super) generation: u64,
    pub(super) last_attempt: Option<UnixTime>,
    /// When newer keys were last fetched because some assertion did not fit those that were there.
    pub(super) last_demand: Option<UnixTime>,
    pub(super) paused_until: u64,
    pub(super) failures: u32,
    pub(super) last_error: Option<FetchError>,
    pub(super) stale_reported: bool,
}

impl Control {
    /// A clock that was moved back ends a pause: how much of it is left, nobody knows.
    pub(super) fn is_paused(&self, now: u64) -> bool {
        let pause = self.paused_until.saturating_sub(self.last_attempt.map_or(0, UnixTime::as_secs));
        is_within(self.last_attempt, pause, now)
    }

    pub(super) fn is_cooling_down(&self, cooldown: u64, now: u64) -> bool {
        is_within(self.last_demand, cooldown, now)
    }

    /// All but the demand is forgotten: who can have a fetch succeed shall not be able to have another at once.
    pub(super) fn succeed(&mut self) {
        let Self { generation, last_attempt, last_demand, .. } = *self;
        *self = Self { generation, last_attempt, last_demand, ..Self::default() };
    }

    pub(super) fn fail(&mut self, error: &FetchError, paused_until: u64) {
        self.flight = None;
        self.paused_until = paused_until;
        self.last_error = Some(error.clone());
        self.stale_reported = false;
    }

    pub(super) fn invalidate(&mut self) {
        *self = Self { generation: self.generation + 1, ..Self::default() };
    }
}

/// Whether `now` is within so many seconds after `then`.
fn is_within(then: Option<UnixTime>, seconds: u64, now: u64) -> bool {
    let then = then.map(UnixTime::as_secs);
    then.is_some_and(|then| then <= now.saturating_add(DISORDER) && now < then.saturating_add(seconds))
}
