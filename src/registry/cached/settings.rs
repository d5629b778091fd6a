//! The settings of a cache, and the checks of their values.

use std::time::Duration;

use crate::setting::{Setting, SettingError, at_most, no_longer_than, positive};

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) fresh_for: Duration,
    pub(super) absent_for: Duration,
    pub(super) stale_for: Duration,
    pub(super) timeout: Duration,
    pub(super) max_clients: usize,
    pub(super) max_absences: usize,
    pub(super) max_look_ups: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_secs(5),
            absent_for: Duration::from_secs(1),
            stale_for: Duration::from_secs(60),
            timeout: Duration::from_secs(2),
            max_clients: 100_000,
            max_absences: 10_000,
            max_look_ups: 1_024,
        }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), SettingError> {
        /// Below what a semaphore can hold.
        const MOST_LOOK_UPS: usize = 1 << 20;
        const HOUR: Duration = Duration::from_secs(60 * 60);
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        const MINUTE: Duration = Duration::from_secs(60);
        positive(Setting::CachedFreshFor, self.fresh_for)?;
        no_longer_than(Setting::CachedFreshFor, self.fresh_for, HOUR)?;
        no_longer_than(Setting::CachedAbsentFor, self.absent_for, HOUR)?;
        no_longer_than(Setting::CachedStaleFor, self.stale_for, DAY)?;
        positive(Setting::CachedTimeout, self.timeout)?;
        no_longer_than(Setting::CachedTimeout, self.timeout, MINUTE)?;
        positive(Setting::CachedMaxClients, self.max_clients)?;
        positive(Setting::CachedMaxAbsences, self.max_absences)?;
        positive(Setting::CachedMaxLookUps, self.max_look_ups)?;
        at_most(Setting::CachedMaxLookUps, self.max_look_ups, MOST_LOOK_UPS)
    }
}
