//! The settings of a cache, and the times that follow from them.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::config_error::KeySetCacheError;
use crate::jose::keys;
use crate::jwks::fetch::AddressGuard;
use crate::setting::{Setting, no_longer_than, positive, whole_seconds};

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The bounds of freshness.
    pub(crate) shortest: Duration,
    pub(super) longest: Duration,
    /// The freshness of a set if its server announces none.
    pub(super) unannounced: Duration,
    pub(super) cooldown: Duration,
    pub(crate) stale_for: Duration,
    pub(super) first_pause: Duration,
    pub(super) longest_pause: Duration,
    pub(super) timeout: Duration,
    pub(super) max_bytes: usize,
    pub(super) max_keys: usize,
    pub(super) max_sets: usize,
    pub(super) max_memory: usize,
    pub(super) max_fetches: usize,
    pub(super) max_fetches_per_host: usize,
    pub(super) silent_hosts: Option<NonZeroUsize>,
    pub(crate) guard: Arc<AddressGuard>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shortest: Duration::from_secs(60),
            longest: Duration::from_secs(60 * 60),
            unannounced: Duration::from_secs(300),
            cooldown: Duration::from_secs(30),
            stale_for: Duration::from_secs(60 * 60),
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(300),
            timeout: Duration::from_secs(3),
            max_bytes: keys::MAX_BYTES,
            max_keys: keys::MAX_KEYS,
            max_sets: 10_000,
            max_memory: 64 * 1024 * 1024,
            max_fetches: 256,
            max_fetches_per_host: 16,
            silent_hosts: None,
            guard: Arc::default(),
        }
    }
}

/// A key that a client has removed must not stay in use for longer.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Like the longest `port_timeout`: no request waits longer.
const LONGEST_FETCH: Duration = Duration::from_secs(60);

impl Settings {
    pub(super) fn check(&self) -> Result<(), KeySetCacheError> {
        let times = [
            (Setting::FreshBetween, self.shortest),
            (Setting::FreshBetween, self.longest),
            (Setting::FreshByDefault, self.unannounced),
            (Setting::Cooldown, self.cooldown),
            (Setting::StaleFor, self.stale_for),
            (Setting::RetryBetween, self.first_pause),
            (Setting::RetryBetween, self.longest_pause),
        ];
        for (setting, time) in times {
            whole_seconds(setting, time)?;
            no_longer_than(setting, time, LONGEST)?;
        }
        no_longer_than(Setting::FetchTimeout, self.timeout, LONGEST_FETCH)?;
        positive(Setting::FreshBetween, self.longest)?;
        positive(Setting::Cooldown, self.cooldown)?;
        positive(Setting::RetryBetween, self.first_pause)?;
        positive(Setting::FetchTimeout, self.timeout)?;
        positive(Setting::MaxBytes, self.max_bytes)?;
        positive(Setting::MaxKeys, self.max_keys)?;
        positive(Setting::MaxSets, self.max_sets)?;
        positive(Setting::MaxMemory, self.max_memory)?;
        positive(Setting::MaxFetches, self.max_fetches)?;
        positive(Setting::MaxFetchesPerHost, self.max_fetches_per_host)?;
        match self.longest < self.shortest {
            true => Err(KeySetCacheError::FreshnessReversed { shortest: self.shortest, longest: self.longest }),
            false => Ok(()),
        }
    }

    /// How long a set is fresh if its server announced this lifetime. At least one second, the
    /// resolution of the clock.
    pub(super) fn fresh_for(&self, announced: Option<Duration>) -> Duration {
        let time = announced.unwrap_or(self.unannounced);
        time.clamp(self.shortest, self.longest).max(Duration::from_secs(1))
    }

    /// How long after a fetch to refresh in the background: four fifths of the freshness, minus a
    /// random part, so that sets that were fetched together drift apart. A freshness under 10 s has
    /// no background refresh: it would be fetched almost constantly.
    pub(super) fn refresh_after(fresh_for: Duration) -> Duration {
        let secs = fresh_for.as_secs();
        Duration::from_secs(match secs {
            0..10 => secs,
            _ => secs / 5 * 4 - random_up_to(secs / 10),
        })
    }

    /// The pause before the next attempt after this many failures.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        let doubled = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
        let pause = self.first_pause.as_secs().saturating_mul(doubled).min(self.longest_pause.as_secs());
        Duration::from_secs((pause - random_up_to(pause / 2)).max(1))
    }
}

/// Random enough to spread nodes over time. Nothing depends on it being unpredictable.
fn random_up_to(most: u64) -> u64 {
    RandomState::new().hash_one(()) % most.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh_for(settings: &Settings, announced: Option<u64>) -> u64 {
        settings.fresh_for(announced.map(Duration::from_secs)).as_secs()
    }

    #[test]
    fn freshness_is_clamped_both_ways() {
        let settings = Settings::default();
        for (announced, expected) in [
            (None, 300),
            (Some(0), 60),
            (Some(59), 60),
            (Some(60), 60),
            (Some(61), 61),
            (Some(3599), 3599),
            (Some(3600), 3600),
            (Some(3601), 3600),
            (Some(u64::MAX), 3600),
        ] {
            assert_eq!(fresh_for(&settings, announced), expected, "{announced:?}");
        }
        let smart = Settings { shortest: Duration::ZERO, ..settings };
        for (announced, expected) in [(None, 300), (Some(0), 1), (Some(1), 1), (Some(2), 2), (Some(3601), 3600)] {
            assert_eq!(fresh_for(&smart, announced), expected, "{announced:?}");
        }
        let short = Settings { longest: Duration::from_secs(100), ..smart };
        assert_eq!(fresh_for(&short, None), 100);
    }

    #[test]
    fn the_pause_doubles_up_to_its_limit_and_is_jittered_by_half() {
        let settings = Settings::default();
        for (failures, full) in
            [(1, 2), (2, 4), (3, 8), (7, 128), (8, 256), (9, 300), (64, 300), (65, 300), (u32::MAX, 300)]
        {
            let pauses: Vec<_> = (0..200).map(|_| settings.pause(failures).as_secs()).collect();
            assert!(pauses.iter().all(|pause| (full / 2..=full).contains(pause)), "{failures}: {pauses:?}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{failures}: no jitter");
        }
        let shortest = Settings { first_pause: Duration::from_secs(1), ..settings };
        assert_eq!(shortest.pause(1), Duration::from_secs(1));
    }

    #[test]
    fn a_refresh_comes_before_the_end_and_not_too_early() {
        for fresh_for in [10, 60, 300, 3600] {
            for _ in 0..200 {
                let refresh = Settings::refresh_after(Duration::from_secs(fresh_for)).as_secs();
                assert!((fresh_for * 7 / 10..=fresh_for * 4 / 5).contains(&refresh), "{refresh} of {fresh_for}");
            }
        }
        for fresh_for in [1, 2, 9] {
            let fresh_for = Duration::from_secs(fresh_for);
            assert_eq!(Settings::refresh_after(fresh_for), fresh_for);
        }
    }
}
